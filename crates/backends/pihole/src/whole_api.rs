//! The whole API of a Pi-hole: what may be called, and how.
//!
//! Source of the description: the files that FTL serves with its API page, `GET /api/docs/specs/….yaml`,
//! which refer to each other; `main.yaml` has the paths.

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Bundle, Cover, Document, Rules, Verb, Where, WholeApi, Withheld,
};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::call::Call;
use crate::client::Pihole;
use crate::each::target;
use crate::host::Host;
use crate::types::VersionInfo;

/// The file with the paths.
const MAIN: &str = "main.yaml";

/// Which Pi-hole.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct OnHost {
    /// The Pi-hole to ask or to change; default the first of the instance alone.
    #[schemars(length(max = 40))]
    pub(crate) host: Option<String>,
}

impl Where for OnHost {}

const fn on(tool: &'static str, method: Verb, path: &'static str) -> Cover {
    Cover::new(tool, method, path)
}

/// Bodies are not listed: the tools look at their values, so a raw call is destructive at least.
const COVERS: &[Cover] = &[
    on("get_pihole_summary", Verb::Get, "/stats/summary"),
    on("get_pihole_summary", Verb::Get, "/dns/blocking"),
    on("get_pihole_summary", Verb::Get, "/info/ftl"),
    on("get_pihole_summary", Verb::Get, "/info/version"),
    on("disable_pihole_blocking", Verb::Post, "/dns/blocking"),
    on("list_domain_rules", Verb::Get, "/domains"),
    on("list_domain_rules", Verb::Get, "/domains/{type}"),
    on("list_domain_rules", Verb::Get, "/domains/{type}/{kind}"),
    on(
        "list_domain_rules",
        Verb::Get,
        "/domains/{type}/{kind}/{domain}",
    ),
    on("whitelist_domain", Verb::Post, "/domains/allow/{kind}"),
    on("blacklist_domain", Verb::Post, "/domains/{type}/{kind}"),
    on(
        "remove_domain_rule",
        Verb::Delete,
        "/domains/{type}/{kind}/{domain}",
    ),
    on("remove_domain_rule", Verb::Post, "/domains:batchDelete"),
    on("explain_domain", Verb::Get, "/search/{domain}"),
    on("get_top_domains", Verb::Get, "/stats/top_domains"),
    on("get_top_domains", Verb::Get, "/stats/database/top_domains"),
    on("get_top_clients", Verb::Get, "/stats/top_clients"),
    on("get_top_clients", Verb::Get, "/stats/database/top_clients"),
    on("get_query_log", Verb::Get, "/queries"),
    on("get_query_log", Verb::Get, "/stats/recent_blocked"),
    on("get_upstream_dns", Verb::Get, "/stats/upstreams"),
    on("get_upstream_dns", Verb::Get, "/stats/database/upstreams"),
    on("list_blocklists", Verb::Get, "/lists"),
    on("list_blocklists", Verb::Get, "/lists/{list}"),
    on("add_blocklist", Verb::Post, "/lists"),
    // It may switch one off, or take it from groups.
    on("remove_blocklist", Verb::Put, "/lists/{list}"),
    on("remove_blocklist", Verb::Delete, "/lists/{list}"),
    on("remove_blocklist", Verb::Post, "/lists:batchDelete"),
    on("list_groups", Verb::Get, "/groups"),
    on("list_groups", Verb::Get, "/groups/{name}"),
    on("create_group", Verb::Post, "/groups"),
    on("update_group", Verb::Put, "/groups/{name}"),
    on("delete_group", Verb::Delete, "/groups/{name}"),
    on("list_clients", Verb::Get, "/clients"),
    on("list_clients", Verb::Get, "/clients/{client}"),
    on("assign_client_groups", Verb::Post, "/clients"),
    on("assign_client_groups", Verb::Put, "/clients/{client}"),
    on("assign_client_groups", Verb::Delete, "/clients/{client}"),
    on("assign_client_groups", Verb::Post, "/clients:batchDelete"),
    on("list_dhcp_leases", Verb::Get, "/dhcp/leases"),
    on("get_diagnosis_messages", Verb::Get, "/info/messages"),
    on("get_diagnosis_messages", Verb::Get, "/info/messages/count"),
    on("export_teleporter", Verb::Get, "/teleporter"),
    on("import_teleporter", Verb::Post, "/teleporter"),
];

/// Reads of which none answers a password, a session or a file. The settings are listed one by one:
/// those of the web server hold hashes of passwords.
const READS: &[&str] = &[
    "/clients/_suggestions",
    "/config/database",
    "/config/dhcp",
    "/config/dns",
    "/config/ntp",
    "/config/resolver",
    "/endpoints",
    "/history/**",
    "/info/database",
    "/info/host",
    "/info/metrics",
    "/info/sensors",
    "/info/system",
    "/network/**",
    "/queries/suggestions",
    "/stats/database/query_types",
    "/stats/database/summary",
    "/stats/query_types",
];

const NO_LOGIN: &str = "sessions and passwords are the owner's business: Settings, Web interface / API, on Pi-hole's own page";
const NO_ARCHIVE: &str = "an archive holds the hashes of passwords: `export_teleporter` keeps one encrypted here, and `import_teleporter` gives it back";
const NO_MOVE: &str = "it may turn a rule into its opposite; remove it with `remove_domain_rule` and add it with `whitelist_domain` or `blacklist_domain`";
const NO_ELEMENT: &str = "use `add_local_dns`, `remove_local_dns` or `set_upstream_dns`, or `PATCH /config` with the whole list";
const NO_GROUP: &str = "use `delete_group`, which keeps the group of everybody";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/auth/**", NO_LOGIN),
    // It repeats the request with its session.
    Withheld::any("/info/client", NO_LOGIN),
    Withheld::on(Verb::Get, "/config/webserver", NO_LOGIN),
    Withheld::any("/teleporter", NO_ARCHIVE),
    Withheld::on(Verb::Put, "/domains/{type}/{kind}/{domain}", NO_MOVE),
    Withheld::on(Verb::Put, "/config/{element}/**", NO_ELEMENT),
    Withheld::on(Verb::Delete, "/config/{element}/**", NO_ELEMENT),
    Withheld::on(Verb::Delete, "/groups/Default", NO_GROUP),
    Withheld::any("/groups:batchDelete", NO_GROUP),
    Withheld::any(
        "/action/gravity",
        "it takes minutes and tells its progress: use `update_pihole_gravity`",
    ),
    Withheld::any("/docs/**", "`search_api` shows what it says"),
    Withheld::any(
        "/logs/**",
        "use `get_query_log` and `get_diagnosis_messages`",
    ),
];

/// Without a resolver, a house has no names; with another password, no way in.
const CRITICAL: &[&str] = &["/config/**", "/action/restartdns"];

impl WholeApi for Pihole {
    type Place = OnHost;
    const SEARCH: &'static str = "pihole:api:read";
    const CALL: &'static str = "pihole:api:call";
    const RULES: Rules = Rules {
        base: "/api",
        covers: COVERS,
        reads: READS,
        withheld: WITHHELD,
        critical: CRITICAL,
        slashes: &["domain", "client"],
    };

    fn book(&self, place: &OnHost) -> ToolResult<&Book> {
        Ok(&self.host(place.host.as_deref())?.book)
    }

    async fn version(&self, place: &OnHost) -> ToolResult<String> {
        let host = self.host(place.host.as_deref())?;
        let call = Call::get("version", "/api/info/version", &[]);
        // It fails where the file with the versions is missing, and everything else works.
        let version = match host.json::<VersionInfo>(&call).await {
            Ok(info) => info.version.ftl.local.version,
            Err(error) if error.code() == Code::UpstreamRejected => None,
            Err(error) => return Err(error),
        };
        Ok(version.unwrap_or_else(|| "unknown".to_owned()))
    }

    async fn document(&self, place: &OnHost, _version: &str) -> ToolResult<Document> {
        let host = self.host(place.host.as_deref())?;
        let unusable = |what: String| {
            let message = format!("the description of the API cannot be used: {what}");
            ToolError::new(Code::UpstreamRejected, message).reason("description_unreadable")
        };
        let mut bundle = Bundle::new(MAIN, &file(host, MAIN).await?).map_err(unusable)?;
        loop {
            let missing = bundle.missing().map_err(unusable)?;
            if missing.is_empty() {
                return Ok(Document::Text(bundle.document()));
            }
            for name in missing {
                let text = file(host, &name).await?;
                bundle.add(&name, &text).map_err(unusable)?;
            }
        }
    }

    async fn send(&self, place: &OnHost, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let host = self.host(place.host.as_deref())?;
        let (status, body) = host.raw(&Call::raw(call)).await?;
        Ok(ApiAnswer::of_body(status, &body))
    }

    async fn targets(&self, place: &OnHost, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let named = call.path.iter().filter_map(|(name, value)| {
            let kind = match name.as_str() {
                "domain" => "domain",
                "list" => "list",
                "client" => "client",
                "name" => "group",
                "ip" => "lease",
                _ => return None,
            };
            Some(target(kind, value))
        });
        let mut targets: Vec<Target> = named.collect();
        for (member, kind) in [
            ("domain", "domain"),
            ("address", "list"),
            ("client", "client"),
            ("name", "group"),
            ("item", "domain"),
        ] {
            targets.extend(texts(call, member).iter().map(|text| target(kind, text)));
        }
        if targets.is_empty() {
            let host = self.host(place.host.as_deref())?;
            targets.push(target("pihole", &host.name));
        }
        Ok(targets)
    }
}

async fn file(host: &Host, name: &str) -> ToolResult<Vec<u8>> {
    let call = Call::get("api_description", "/api/docs/specs/{}", &[&name]);
    Ok(host.raw(&call).await?.1)
}

/// The texts of a member of the body, or of each of its rows.
fn texts(call: &ApiCall, member: &str) -> Vec<String> {
    let Some(body) = &call.body else {
        return Vec::new();
    };
    let rows = match body.as_array() {
        Some(rows) => rows.iter().collect(),
        None => vec![body],
    };
    let mut found = Vec::new();
    for value in rows.into_iter().filter_map(|row| row.get(member)) {
        match value.as_array() {
            Some(items) => found.extend(items.iter().filter_map(|item| item.as_str())),
            None => found.extend(value.as_str()),
        }
    }
    found.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<super::Pihole>(), [""; 0]);
    }
}
