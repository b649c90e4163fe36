//! The whole API of an engine: what may be called, and how.
//!
//! Engines serve no description of it. The project publishes one for each version (Swagger 2.0),
//! which the setting `api_schema` may name.

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, Rules, Verb, Where, WholeApi, Withheld, known,
};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Docker;
use crate::client::Engine;
use crate::client::call::Call;
use crate::resolve;

/// Which engine is meant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Host {
    /// Docker host; the default one if left out.
    #[serde(default)]
    #[schemars(length(max = 64))]
    host: Option<String>,
}

impl Where for Host {}

const COVERS: &[Cover] = &[
    Cover::new("list_containers", Verb::Get, "/containers/json")
        .with(&["all", "limit", "size", "filters"]),
    Cover::new("start_container", Verb::Post, "/containers/{id}/start"),
    Cover::new("stop_container", Verb::Post, "/containers/{id}/stop").with(&["t", "signal"]),
    Cover::new("stop_container", Verb::Post, "/containers/{id}/kill").with(&["signal"]),
    Cover::new("restart_container", Verb::Post, "/containers/{id}/restart").with(&["t", "signal"]),
    Cover::new("remove_container", Verb::Delete, "/containers/{id}").with(&["force", "v", "link"]),
    Cover::new("create_container", Verb::Post, "/containers/create")
        .with(&["name", "platform", "body"]),
    Cover::new("pause_container", Verb::Post, "/containers/{id}/pause"),
    Cover::new("unpause_container", Verb::Post, "/containers/{id}/unpause"),
    Cover::new("rename_container", Verb::Post, "/containers/{id}/rename").with(&["name"]),
    // The tool takes limits and the restart policy out of a body that holds devices too.
    Cover::new("update_container", Verb::Post, "/containers/{id}/update"),
    Cover::new(
        "get_container_changes",
        Verb::Get,
        "/containers/{id}/changes",
    ),
    Cover::new("get_image_history", Verb::Get, "/images/{name}/history"),
    Cover::new("list_images", Verb::Get, "/images/json").with(&["all", "filters", "digests"]),
    Cover::new("remove_image", Verb::Delete, "/images/{name}").with(&["force", "noprune"]),
    Cover::new("tag_image", Verb::Post, "/images/{name}/tag").with(&["repo", "tag"]),
    Cover::new(
        "check_image_updates",
        Verb::Get,
        "/distribution/{name}/json",
    ),
    Cover::new("list_networks", Verb::Get, "/networks").with(&["filters"]),
    Cover::new("create_network", Verb::Post, "/networks/create"),
    Cover::new("remove_network", Verb::Delete, "/networks/{id}"),
    Cover::new("connect_network", Verb::Post, "/networks/{id}/connect").with(&["body"]),
    Cover::new(
        "disconnect_network",
        Verb::Post,
        "/networks/{id}/disconnect",
    )
    .with(&["body"]),
    Cover::new("list_volumes", Verb::Get, "/volumes").with(&["filters"]),
    // A driver's options may lead to any directory of the host.
    Cover::new("create_volume", Verb::Post, "/volumes/create"),
    Cover::new("remove_volume", Verb::Delete, "/volumes/{name}").with(&["force"]),
    Cover::new("prune_system", Verb::Post, "/containers/prune").with(&["filters"]),
    Cover::new("prune_system", Verb::Post, "/images/prune").with(&["filters"]),
    Cover::new("prune_system", Verb::Post, "/networks/prune").with(&["filters"]),
    Cover::new("prune_system", Verb::Post, "/volumes/prune").with(&["filters"]),
    Cover::new("prune_system", Verb::Post, "/build/prune").with(&["all", "filters"]),
    Cover::new("get_system_info", Verb::Get, "/info"),
    Cover::new("get_system_info", Verb::Get, "/version"),
    Cover::new("get_system_info", Verb::Get, "/system/df").with(&["type"]),
];

/// Reads of which none answers variables of an environment, a key, a file's content or a log.
const READS: &[&str] = &[
    "/images/search",
    "/networks/{id}",
    "/plugins",
    "/plugins/privileges",
    "/volumes/{name}",
];

const HIDES: &str =
    "its answer has variables, which hold passwords; `inspect_container` hides them";
const STREAM: &str = "its answer is no JSON";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/containers/{id}/json", HIDES),
    Withheld::any(
        "/containers/{id}/top",
        "`exec_container` runs `ps`; command lines may hold passwords",
    ),
    Withheld::any("/containers/{id}/logs", "`get_container_logs` reads them"),
    Withheld::any(
        "/containers/{id}/stats",
        "`get_container_stats` works them out",
    ),
    Withheld::any(
        "/containers/{id}/attach",
        "`get_container_logs` follows the output",
    ),
    Withheld::any(
        "/containers/{id}/attach/ws",
        "`get_container_logs` follows the output",
    ),
    Withheld::any("/containers/{id}/wait", "`wait_container` waits"),
    Withheld::any("/containers/{id}/exec", "`exec_container` runs a command"),
    Withheld::any(
        "/containers/{id}/resize",
        "terminals cannot be used from here",
    ),
    Withheld::any(
        "/containers/{id}/archive",
        "files of a container are not read or written from here",
    ),
    Withheld::any(
        "/containers/{id}/export",
        "an archive of a container holds all of its files",
    ),
    Withheld::any("/exec/**", "`exec_container` runs a command"),
    Withheld::any(
        "/commit",
        "an image of a running container holds all of its files: build it instead",
    ),
    Withheld::any(
        "/auth",
        "credentials of registries stand in the configuration",
    ),
    Withheld::any(
        "/build",
        "images are not built from here; `pull_image` brings one",
    ),
    Withheld::any("/images/create", "`pull_image` pulls with progress"),
    Withheld::any("/images/load", STREAM),
    Withheld::any(
        "/images/get",
        "an archive of an image holds all of its files",
    ),
    Withheld::any(
        "/images/{name}/get",
        "an archive of an image holds all of its files",
    ),
    Withheld::any("/images/{name}/push", "`push_image` pushes with progress"),
    Withheld::any("/events", "`get_events` reads them"),
    Withheld::any("/session", STREAM),
    Withheld::any("/grpc", STREAM),
    Withheld::any(
        "/swarm/unlockkey",
        "keys of a swarm are shown on its managers alone",
    ),
    Withheld::any(
        "/secrets/**",
        "secrets of a swarm are made and read on its managers alone",
    ),
    Withheld::any("/configs/**", "configurations of a swarm may hold secrets"),
    Withheld::any("/plugins/{name}/upgrade", STREAM),
    Withheld::any("/plugins/pull", STREAM),
];

const CRITICAL: &[&str] = &[
    "/nodes/**",
    "/plugins/**",
    "/services/**",
    "/swarm/**",
    "/volumes/create",
];

impl WholeApi for Docker {
    type Place = Host;
    const SEARCH: &'static str = "docker:api:read";
    const CALL: &'static str = "docker:api:call";
    const RULES: Rules = Rules {
        base: "",
        covers: COVERS,
        reads: READS,
        withheld: WITHHELD,
        critical: CRITICAL,
        slashes: &["name"],
    };

    fn book(&self, place: &Host) -> ToolResult<&Book> {
        let engine = self.engine(place.host.as_deref())?;
        let book = self.description.books.get(&engine.name);
        book.ok_or_else(|| ToolError::internal("a host without a book"))
    }

    async fn version(&self, place: &Host) -> ToolResult<String> {
        let engine = self.engine(place.host.as_deref())?;
        let api = engine.version().await?.to_string();
        Ok(match &self.description.source {
            Some(source) => source.version(&api).await,
            None => api,
        })
    }

    async fn document(&self, _place: &Host, version: &str) -> ToolResult<Document> {
        let description = &self.description;
        let Some(source) = &description.source else {
            return Ok(Document::Known(known::<Self>()));
        };
        let api = version.split('-').next().unwrap_or(version);
        source
            .document(&description.client, api, &description.setting)
            .await
    }

    async fn send(&self, place: &Host, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let engine = unlimited(match call.method {
            Verb::Get => self.engine(place.host.as_deref())?,
            _ => self.writable(place.host.as_deref())?,
        })?;
        let mut raw = Call::raw(call.method.method(), call.template(), &call.segments);
        for (name, value) in call.query.iter().chain(&call.arguments) {
            raw = raw.with(name.clone(), written(value));
        }
        if let Some(body) = &call.body {
            raw = raw.json(body.clone());
        }
        let answer = engine.send(raw).await?;
        Ok(ApiAnswer::of_body(answer.status, &answer.body))
    }

    async fn targets(&self, place: &Host, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let engine = unlimited(self.writable(place.host.as_deref())?)?;
        let first = call.segments.first().map_or("", String::as_str);
        let id = call.path.get("id").or_else(|| call.path.get("name"));
        let mut targets = Vec::new();
        match (first, id) {
            ("containers", Some(id)) => {
                let container = resolve::container(engine, id).await?;
                targets.push(resolve::container_target(&container));
            }
            ("images", Some(name)) => {
                let image = resolve::image(engine, name).await?;
                targets.push(plain("image", &image.id, name));
            }
            ("networks", Some(id)) => {
                let network = resolve::network(engine, id).await?;
                let (id, name) = (&network.id, &network.name);
                targets.push(resolve::target("network", id, Some(name), &network.labels));
                let member = call.body.as_ref().and_then(|body| body.get("Container"));
                if let Some(member) = member.and_then(Value::as_str) {
                    let container = resolve::container(engine, member).await?;
                    targets.push(resolve::container_target(&container));
                }
            }
            ("volumes", Some(name)) => {
                let volume = resolve::volume(engine, name).await?;
                let name = &volume.name;
                targets.push(resolve::target("volume", name, Some(name), &volume.labels));
            }
            (kind, Some(id)) => targets.push(plain(kind, id, id)),
            // Something new, or everything of a kind.
            (kind, None) => {
                let name = call.value("name").or_else(|| named(call.body.as_ref()));
                let name = name.unwrap_or_default();
                targets.push(plain(kind.strip_suffix('s').unwrap_or(kind), &name, &name));
            }
        }
        Ok(targets)
    }
}

/// Where only some containers exist for callers, a raw call would see and touch the others.
fn unlimited(engine: &std::sync::Arc<Engine>) -> ToolResult<&Engine> {
    if engine.only_label.is_none() {
        return Ok(engine);
    }
    let message = format!(
        "the Docker host `{}` is limited to some containers, which a raw call does not know",
        engine.name
    );
    Err(ToolError::new(Code::PermissionDenied, message)
        .reason("host_limited")
        .hint(format!(
            "use the tools, or take `{}` away",
            engine.setting("only_label")
        )))
}

fn plain(kind: &str, id: &str, name: &str) -> Target {
    Target {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: Some(name.to_owned()),
        tags: Vec::new(),
    }
}

fn named(body: Option<&Value>) -> Option<String> {
    body?.get("Name")?.as_str().map(str::to_owned)
}

/// A value as a query has it; filters and other objects are JSON there.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Docker>(), [""; 0]);
    }
}
