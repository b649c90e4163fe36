//! The whole API of the server: what may be called, and how.
//!
//! Portainer does not serve a description of it (portainer/portainer#9172). The project publishes one
//! for each version and edition, which the setting `api_schema` may name.

use std::time::Duration;

use homelab_backend::Env;
use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, OneServer, Operation, Place, Rules, Source, Verb,
    WholeApi, Withheld, known,
};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;
use homelab_upstream::{Client, ClientConfig};
use serde_json::Value;

use crate::client::Portainer;
use crate::hidden;
use crate::tools::power;

/// How long a change may take; `call_api` itself ends after 90 seconds.
const CHANGE: Duration = Duration::from_secs(80);

/// The description of the whole API.
pub(crate) struct Description {
    /// Where it is, if the settings say so.
    source: Option<Source>,
    /// Fetches it; it has no credentials.
    client: Client,
    /// The setting's full name.
    setting: String,
    book: Book,
}

impl Description {
    pub(crate) fn new(instance: &str, source: Option<Source>, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            source,
            client: env.client(ClientConfig::new(instance))?,
            setting: format!("servers.{instance}.api_schema"),
            book: Book::new(instance, env),
        })
    }
}

const COVERS: &[Cover] = &[
    Cover::new("list_stacks", Verb::Get, "/stacks").with(&["filters"]),
    Cover::new("get_stack", Verb::Get, "/stacks/{id}"),
    Cover::new("get_stack_file", Verb::Get, "/stacks/{id}/file").with(&["version", "commitHash"]),
    Cover::new("start_stack", Verb::Post, "/stacks/{id}/start").with(&["endpointId"]),
    Cover::new("stop_stack", Verb::Post, "/stacks/{id}/stop").with(&["endpointId"]),
    Cover::new("delete_stack", Verb::Delete, "/stacks/{id}").with(&["endpointId"]),
    Cover::new("list_endpoints", Verb::Get, "/endpoints").with(&[
        "start", "limit", "sort", "order", "search", "name", "groupIds", "status", "types",
        "tagIds",
    ]),
    Cover::new("list_endpoints", Verb::Get, "/endpoints/{id}"),
    // The tool takes name, addresses, group and tags out of a body that holds access rights too.
    Cover::new("manage_endpoints", Verb::Put, "/endpoints/{id}"),
    Cover::new("manage_endpoints", Verb::Delete, "/endpoints/{id}"),
    Cover::new("manage_endpoints", Verb::Post, "/endpoints/{id}/snapshot"),
    Cover::new("get_resource_usage", Verb::Get, "/docker/{id}/dashboard"),
];

/// Reads of which none answers variables, a key, a file's content or a log.
const READS: &[&str] = &[
    "/docker/{environmentId}/containers/{containerId}/gpus",
    "/docker/{environmentId}/containers/{containerId}/image_status",
    "/docker/{environmentId}/images",
    "/docker/{environmentId}/services/{serviceId}/image_status",
    "/edge_groups/**",
    "/endpoint_groups/**",
    "/endpoints/summary",
    "/endpoints/{id}/dockerhub/{registryId}",
    "/kubernetes/{id}/ingresscontrollers",
    "/kubernetes/{id}/max_resource_limits",
    "/kubernetes/{id}/metrics/**",
    "/kubernetes/{id}/namespaces",
    "/kubernetes/{id}/nodes_limits",
    "/kubernetes/{id}/rbac_enabled",
    "/motd",
    "/resource_controls/**",
    "/roles",
    "/settings/public",
    "/stacks/{id}/images_status",
    "/status",
    "/system/info",
    "/system/nodes",
    "/system/status",
    "/system/version",
    "/tags",
    "/team_memberships",
    "/teams/**",
    "/users",
    "/users/me",
    "/users/me/auth/**",
    "/users/{id}",
    "/users/{id}/memberships",
];

const NO_LOGIN: &str =
    "access tokens and passwords are made by the owner, on the server's own page";
const NO_PROXY: &str = "an engine is not called through Portainer, whose proxy passes on everything: \
     configure it as a `docker` server, whose tools know what a call does";
const DEPLOY: &str = "`deploy_stack` deploys: it looks at the file first, and keeps the variables that a \
     call does not name";
const NO_EDGE: &str = "edge stacks and jobs run on every host of their groups: their owner makes them on \
     the server's own page";
const NO_FILE: &str = "files and archives are not read or written from here";
const SECRETS: &str = "its answer holds secrets";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/endpoints/{id}/docker/**", NO_PROXY),
    Withheld::any("/endpoints/{id}/kubernetes/**", NO_PROXY),
    Withheld::any("/endpoints/{id}/azure/**", NO_PROXY),
    Withheld::any("/endpoints/{id}/storidge/**", NO_PROXY),
    Withheld::any("/endpoints/{id}/edge/**", NO_PROXY),
    Withheld::any("/endpoints/agent/**", NO_PROXY),
    Withheld::any("/websocket/**", "consoles cannot be used from here"),
    Withheld::any("/stacks/create/**", DEPLOY),
    Withheld::on(Verb::Post, "/stacks", DEPLOY),
    Withheld::on(Verb::Put, "/stacks/{id}", DEPLOY),
    Withheld::any("/stacks/{id}/git/redeploy", DEPLOY),
    // Whoever knows it can deploy.
    Withheld::any(
        "/stacks/webhooks/**",
        "the address of a webhook is a secret",
    ),
    Withheld::any("/webhooks/**", "the address of a webhook is a secret"),
    Withheld::on(Verb::Post, "/edge_stacks", NO_EDGE),
    Withheld::any("/edge_stacks/create/**", NO_EDGE),
    Withheld::on(Verb::Put, "/edge_stacks/{id}", NO_EDGE),
    Withheld::any("/edge_jobs/**", NO_EDGE),
    Withheld::on(
        Verb::Post,
        "/endpoints",
        "`manage_endpoints` adds one: the call is a form",
    ),
    Withheld::on(
        Verb::Delete,
        "/endpoints",
        "`manage_endpoints` removes one after the other, and no cluster with it",
    ),
    Withheld::any("/auth/**", NO_LOGIN),
    Withheld::any("/users/{id}/tokens/**", NO_LOGIN),
    Withheld::any("/users/{id}/passwd", NO_LOGIN),
    Withheld::any("/users/{id}/gitcredentials/**", NO_LOGIN),
    Withheld::any("/users/{id}/helm/**", NO_LOGIN),
    Withheld::any("/users/admin/**", NO_LOGIN),
    Withheld::any("/cloud/credentials/**", NO_LOGIN),
    Withheld::any("/ldap/**", NO_LOGIN),
    Withheld::any("/kubernetes/config", NO_LOGIN),
    Withheld::any("/backup/**", NO_FILE),
    Withheld::any("/restore/**", NO_FILE),
    Withheld::any("/upload/**", NO_FILE),
    Withheld::any("/docker/{environmentId}/snapshot/**", SECRETS),
    Withheld::on(Verb::Get, "/registries/**", SECRETS),
    Withheld::on(Verb::Get, "/licenses/**", SECRETS),
];

const CRITICAL: &[&str] = &[
    "/edge_groups/**",
    "/endpoint_groups/**",
    "/endpoints/edge/**",
    "/endpoints/{id}/association",
    "/endpoints/{id}/registries/**",
    "/endpoints/{id}/settings",
    "/licenses/**",
    "/registries/**",
    "/resource_controls/**",
    "/roles/**",
    "/settings/**",
    "/ssl/**",
    // From then on, the stack is what another repository says.
    "/stacks/{id}/git",
    "/system/upgrade",
    "/team_memberships/**",
    "/teams/**",
    "/users/**",
];

/// Parameters that stand in the query although the method has a body.
const IN_QUERY: &[&str] = &["endpointId"];

impl WholeApi for Portainer {
    type Place = OneServer;
    const SEARCH: &'static str = "portainer:api:read";
    const CALL: &'static str = "portainer:api:call";
    const RULES: Rules = Rules {
        base: "/api",
        covers: COVERS,
        reads: READS,
        withheld: WITHHELD,
        critical: CRITICAL,
        slashes: &[],
    };

    fn book(&self, _place: &OneServer) -> ToolResult<&Book> {
        Ok(&self.description.book)
    }

    async fn version(&self, _place: &OneServer) -> ToolResult<String> {
        let status = self.status().await?;
        let version = numbers_of(&status.version);
        Ok(match &self.description.source {
            Some(source) => source.version(version).await,
            None => version.to_owned(),
        })
    }

    async fn document(&self, _place: &OneServer, version: &str) -> ToolResult<Document> {
        let description = &self.description;
        let Some(source) = &description.source else {
            return Ok(Document::Known(known_operations()));
        };
        let version = version.split('-').next().unwrap_or(version);
        source
            .document(&description.client, version, &description.setting)
            .await
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let mut call = call.clone();
        // A snapshot holds the raw listing of an engine, variables of containers among it.
        if let (Verb::Get, Some(name)) = (call.method, without_snapshots(&call.operation)) {
            call.query.insert(name.to_owned(), true.into());
        }
        let mut request = call.request();
        if call.method != Verb::Get {
            // Starting and stopping a stack takes as long as its containers do.
            request = request.timeout(CHANGE);
        }
        let Some(response) = self.send(request).await? else {
            let message = format!("`{}` has nothing of this id or name", self.who.instance);
            return Err(ToolError::not_found(message)
                .hint("`list_stacks` and `list_endpoints` show the ids"));
        };
        let mut answer = ApiAnswer::of_body(response.status.as_u16(), &response.body);
        if let Some(data) = &mut answer.data {
            hidden::hide(data);
        }
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let plain = |kind: &str, id: String, name: Option<String>| Target {
            kind: kind.to_owned(),
            id,
            name,
            tags: Vec::new(),
        };
        let Some((kind, id)) = named(call) else {
            // Something new, or everything of a kind.
            let kind = call.segments.first().map_or("", String::as_str);
            let name = call.body.as_ref().and_then(|body| body.get("Name"));
            let name = name.and_then(Value::as_str).map(str::to_owned);
            return Ok(vec![plain(singular(kind), String::new(), name)]);
        };
        let number = id.parse::<u64>().ok();
        match (kind, number) {
            ("stacks", Some(number)) => {
                if let Some(stack) = self.stack(number).await? {
                    return Ok(vec![power::target(&stack)]);
                }
            }
            ("endpoints" | "docker" | "kubernetes", Some(number)) => {
                let found = self.endpoint(number).await?;
                let name = found.map(|endpoint| endpoint.name);
                return Ok(vec![plain("endpoint", id.to_owned(), name)]);
            }
            _ => {}
        }
        Ok(vec![plain(singular(kind), id.to_owned(), None)])
    }
}

/// What the tools use, with the parameters where Portainer reads them.
fn known_operations() -> Vec<Operation> {
    let mut operations = known::<Portainer>();
    for parameter in operations.iter_mut().flat_map(|one| &mut one.parameters) {
        if IN_QUERY.contains(&parameter.name.as_str()) {
            parameter.place = Place::Query;
        }
    }
    operations
}

/// The parameter that leaves snapshots out of this answer.
fn without_snapshots(operation: &str) -> Option<&'static str> {
    match operation {
        "/endpoints" => Some("excludeSnapshots"),
        "/endpoints/{id}" => Some("excludeSnapshot"),
        _ => None,
    }
}

/// The first object that the path names: what stands before it, and its id or name.
fn named(call: &ApiCall) -> Option<(&str, &str)> {
    let parts = call.operation.split('/').filter(|part| !part.is_empty());
    let index = parts.clone().position(|part| part.starts_with('{'))?;
    let kind = call.segments.get(index.checked_sub(1)?)?;
    Some((kind, call.segments.get(index)?))
}

fn singular(kind: &str) -> &str {
    match kind {
        "registries" => "registry",
        kind => kind.strip_suffix('s').unwrap_or(kind),
    }
}

/// `2.19.4` of `2.19.4-ee`: it becomes a part of an address or a file's name.
fn numbers_of(version: &str) -> &str {
    let version = version.trim_start_matches('v');
    let end = version.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    let numbers = version
        .get(..end.unwrap_or(version.len()))
        .unwrap_or_default();
    match numbers.trim_matches('.') {
        "" => "unknown",
        numbers => numbers,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Portainer>(), [""; 0]);
    }

    #[rstest]
    #[case("2.44.0", "2.44.0")]
    #[case("v2.19.4-ee", "2.19.4")]
    #[case("../../etc", "unknown")]
    #[case("2.1/../x", "2.1")]
    #[case("", "unknown")]
    fn a_version_cannot_lead_elsewhere(#[case] version: &str, #[case] numbers: &str) {
        assert_eq!(numbers_of(version), numbers);
    }

    #[test]
    fn the_environment_of_a_stack_stands_in_the_query() {
        let operations = known_operations();
        let start = operations
            .iter()
            .find(|one| one.path == "/stacks/{id}/start");
        let parameters = &start.unwrap().parameters;
        let endpoint = parameters.iter().find(|one| one.name == "endpointId");

        assert_eq!(endpoint.unwrap().place, Place::Query);
    }
}
