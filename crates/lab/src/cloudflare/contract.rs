//! Which calls there are, what they take, and which permission they need. Written from the vendor's
//! list of endpoints and its documentation; names and types only.

use super::auth::Permission;
use super::entry::{Call, hex_32, uuid};
use super::reply::Answer;
use super::state::State;
use super::{access, account, cache, dns, graphql, rulesets, settings, tunnels, zones};
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Clone, Copy)]
pub(super) enum BodyKind {
    None,
    Json(&'static [Param]),
}

/// Where a permission has to hold.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// For every token, whatever its state.
    Verify,
    /// For every active token.
    Open,
    /// For tokens with this permission; what they see depends on their zones.
    Any(Permission),
    Account(Permission),
    Zone(Permission),
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    pub(super) scope: Scope,
}

const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const PAGE: Param = optional("page", Kind::Integer(1, i64::MAX));
const DIRECTION: Param = optional("direction", Kind::OneOf(&["asc", "desc"]));
const MATCH: Param = optional("match", Kind::OneOf(&["any", "all"]));

const fn row(
    method: &'static str,
    path: &'static str,
    scope: Scope,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    Route {
        method,
        path,
        params,
        run: Run {
            handler,
            body: BodyKind::None,
            scope,
        },
    }
}

const fn get(
    path: &'static str,
    scope: Scope,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    row("GET", path, scope, params, handler)
}

const fn delete(path: &'static str, scope: Scope, handler: Handler) -> Route<Run> {
    row("DELETE", path, scope, &[], handler)
}

const fn send(
    method: &'static str,
    path: &'static str,
    scope: Scope,
    fields: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    let route = row(method, path, scope, &[], handler);
    Route {
        run: Run {
            body: BodyKind::Json(fields),
            ..route.run
        },
        ..route
    }
}

const DNS_READ: Scope = Scope::Zone(Permission::DnsRead);
const DNS_WRITE: Scope = Scope::Zone(Permission::DnsWrite);
const WAF_READ: Scope = Scope::Zone(Permission::WafRead);
const WAF_WRITE: Scope = Scope::Zone(Permission::WafWrite);
const FIREWALL_READ: Scope = Scope::Zone(Permission::FirewallRead);
const FIREWALL_WRITE: Scope = Scope::Zone(Permission::FirewallWrite);
const TUNNEL_READ: Scope = Scope::Account(Permission::TunnelRead);
const TUNNEL_WRITE: Scope = Scope::Account(Permission::TunnelWrite);

/// All tables.
pub(super) static TABLES: &[&[Route<Run>]] = &[GENERAL, DNS, TUNNELS, RULES];

static GENERAL: &[Route<Run>] = &[
    get(
        "/user/tokens/verify",
        Scope::Verify,
        &[],
        account::verify_user,
    ),
    get(
        "/accounts/{account_id}/tokens/verify",
        Scope::Verify,
        &[],
        account::verify_account,
    ),
    get(
        "/accounts",
        Scope::Any(Permission::AccountRead),
        &[
            optional("name", TEXT),
            PAGE,
            optional("per_page", Kind::Integer(5, 50)),
            DIRECTION,
        ],
        account::list,
    ),
    get(
        "/ips",
        Scope::Open,
        &[optional("networks", TEXT)],
        account::ips,
    ),
    get(
        "/zones",
        Scope::Any(Permission::ZoneRead),
        &[
            optional("name", TEXT),
            optional(
                "status",
                Kind::OneOf(&["initializing", "pending", "active", "moved"]),
            ),
            optional("account.id", Kind::Form(hex_32)),
            optional("account.name", TEXT),
            optional("type", TEXT),
            PAGE,
            optional("per_page", Kind::Integer(5, 50)),
            optional(
                "order",
                Kind::OneOf(&["name", "status", "account.id", "account.name"]),
            ),
            DIRECTION,
            MATCH,
        ],
        zones::list,
    ),
    get(
        "/zones/{zone_id}",
        Scope::Zone(Permission::ZoneRead),
        &[],
        zones::inspect,
    ),
    get(
        "/zones/{zone_id}/settings/{setting_id}",
        Scope::Zone(Permission::SettingsRead),
        &[],
        settings::inspect,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/settings/{setting_id}",
        Scope::Zone(Permission::SettingsWrite),
        &[required(
            "value",
            Kind::Either(&[TEXT, Kind::Integer(0, i64::MAX), Kind::List, Kind::Object]),
        )],
        settings::update,
    ),
    send(
        "POST",
        "/zones/{zone_id}/purge_cache",
        Scope::Zone(Permission::CachePurge),
        &[
            optional("files", Kind::List),
            optional("tags", Kind::Texts),
            optional("hosts", Kind::Texts),
            optional("prefixes", Kind::Texts),
            optional("purge_everything", FLAG),
        ],
        cache::purge,
    ),
    send(
        "POST",
        "/graphql",
        Scope::Open,
        &[
            required("query", TEXT),
            optional("variables", Kind::Object),
            optional("operationName", TEXT),
        ],
        graphql::query,
    ),
];

/// Fields of a record that is made or replaced.
pub(super) static RECORD: &[Param] = &[
    required("type", Kind::OneOf(dns::TYPES)),
    required("name", TEXT),
    optional("content", TEXT),
    optional("data", Kind::Object),
    optional("ttl", Kind::Integer(0, i64::MAX)),
    optional("proxied", FLAG),
    optional("priority", Kind::Integer(0, 65_535)),
    optional("comment", TEXT),
    optional("tags", Kind::Texts),
    optional("settings", Kind::Object),
];

/// Fields of a record that is changed.
pub(super) static RECORD_CHANGES: &[Param] = &[
    optional("type", Kind::OneOf(dns::TYPES)),
    optional("name", TEXT),
    optional("content", TEXT),
    optional("data", Kind::Object),
    optional("ttl", Kind::Integer(0, i64::MAX)),
    optional("proxied", FLAG),
    optional("priority", Kind::Integer(0, 65_535)),
    optional("comment", TEXT),
    optional("tags", Kind::Texts),
    optional("settings", Kind::Object),
];

static RECORD_FILTERS: &[Param] = &[
    optional("type", Kind::OneOf(dns::TYPES)),
    optional("name", TEXT),
    optional("name.exact", TEXT),
    optional("name.contains", TEXT),
    optional("name.startswith", TEXT),
    optional("name.endswith", TEXT),
    optional("content", TEXT),
    optional("content.exact", TEXT),
    optional("content.contains", TEXT),
    optional("content.startswith", TEXT),
    optional("content.endswith", TEXT),
    optional("comment", TEXT),
    optional("comment.exact", TEXT),
    optional("comment.contains", TEXT),
    optional("comment.startswith", TEXT),
    optional("comment.endswith", TEXT),
    optional("comment.present", TEXT),
    optional("comment.absent", TEXT),
    optional("tag", TEXT),
    optional("tag.exact", TEXT),
    optional("tag.contains", TEXT),
    optional("tag.startswith", TEXT),
    optional("tag.endswith", TEXT),
    optional("tag.present", TEXT),
    optional("tag.absent", TEXT),
    optional("tag_match", Kind::OneOf(&["any", "all"])),
    optional("proxied", FLAG),
    optional("search", TEXT),
    MATCH,
    optional(
        "order",
        Kind::OneOf(&["type", "name", "content", "ttl", "proxied"]),
    ),
    DIRECTION,
    PAGE,
    optional("per_page", Kind::Integer(1, 5_000_000)),
];

static DNS: &[Route<Run>] = &[
    get(
        "/zones/{zone_id}/dns_records",
        DNS_READ,
        RECORD_FILTERS,
        dns::list,
    ),
    send(
        "POST",
        "/zones/{zone_id}/dns_records",
        DNS_WRITE,
        RECORD,
        dns::create,
    ),
    get(
        "/zones/{zone_id}/dns_records/export",
        DNS_READ,
        &[],
        dns::export,
    ),
    send(
        "POST",
        "/zones/{zone_id}/dns_records/batch",
        DNS_WRITE,
        &[
            optional("deletes", Kind::List),
            optional("patches", Kind::List),
            optional("puts", Kind::List),
            optional("posts", Kind::List),
        ],
        dns::batch,
    ),
    get(
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_READ,
        &[],
        dns::inspect,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        RECORD_CHANGES,
        dns::patch,
    ),
    send(
        "PUT",
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        RECORD,
        dns::put,
    ),
    delete(
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        dns::delete,
    ),
];

static TUNNELS: &[Route<Run>] = &[
    get(
        "/accounts/{account_id}/cfd_tunnel",
        TUNNEL_READ,
        &[
            optional("name", TEXT),
            optional("is_deleted", FLAG),
            optional("uuid", Kind::Form(uuid)),
            optional("include_prefix", TEXT),
            optional("exclude_prefix", TEXT),
            optional(
                "status",
                Kind::OneOf(&["inactive", "degraded", "healthy", "down"]),
            ),
            optional("per_page", Kind::Integer(1, 1000)),
            PAGE,
        ],
        tunnels::list,
    ),
    send(
        "POST",
        "/accounts/{account_id}/cfd_tunnel",
        TUNNEL_WRITE,
        &[
            required("name", TEXT),
            optional("config_src", Kind::OneOf(&["local", "cloudflare"])),
            optional("tunnel_secret", TEXT),
        ],
        tunnels::create,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_READ,
        &[],
        tunnels::inspect,
    ),
    send(
        "PATCH",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_WRITE,
        &[optional("name", TEXT), optional("tunnel_secret", TEXT)],
        tunnels::update,
    ),
    delete(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_WRITE,
        tunnels::delete,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
        TUNNEL_READ,
        &[],
        tunnels::connections,
    ),
    row(
        "DELETE",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
        TUNNEL_WRITE,
        &[optional("client_id", Kind::Form(uuid))],
        tunnels::clean_up,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations",
        TUNNEL_READ,
        &[],
        tunnels::configuration,
    ),
    send(
        "PUT",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations",
        TUNNEL_WRITE,
        &[required("config", Kind::Object)],
        tunnels::configure,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/token",
        TUNNEL_WRITE,
        &[],
        tunnels::token,
    ),
    get(
        "/accounts/{account_id}/teamnet/routes",
        TUNNEL_READ,
        &[
            optional("comment", TEXT),
            optional("is_deleted", FLAG),
            optional("tunnel_id", Kind::Form(uuid)),
            optional("per_page", Kind::Integer(1, 1000)),
            PAGE,
        ],
        tunnels::routes,
    ),
];

/// Fields of a rule.
pub(super) static RULE: &[Param] = &[
    required("action", TEXT),
    required("expression", TEXT),
    optional("action_parameters", Kind::Object),
    optional("description", TEXT),
    optional("enabled", FLAG),
    optional("ref", TEXT),
    optional("logging", Kind::Object),
    optional("ratelimit", Kind::Object),
    optional("position", Kind::Object),
];

/// Fields of a rule that is changed.
static RULE_CHANGES: &[Param] = &[
    optional("action", TEXT),
    optional("expression", TEXT),
    optional("action_parameters", Kind::Object),
    optional("description", TEXT),
    optional("enabled", FLAG),
    optional("ref", TEXT),
    optional("logging", Kind::Object),
    optional("ratelimit", Kind::Object),
    optional("position", Kind::Object),
];

static RULESET: &[Param] = &[
    required("rules", Kind::List),
    optional("name", TEXT),
    optional("description", TEXT),
    optional("kind", TEXT),
    optional("phase", TEXT),
];

static RULES: &[Route<Run>] = &[
    get(
        "/zones/{zone_id}/rulesets",
        WAF_READ,
        &[
            optional("cursor", TEXT),
            optional("per_page", Kind::Integer(1, 50)),
        ],
        rulesets::list,
    ),
    send(
        "POST",
        "/zones/{zone_id}/rulesets",
        WAF_WRITE,
        &[
            required("name", TEXT),
            required("kind", Kind::OneOf(&["zone"])),
            required("phase", TEXT),
            required("rules", Kind::List),
            optional("description", TEXT),
        ],
        rulesets::create,
    ),
    get(
        "/zones/{zone_id}/rulesets/phases/{ruleset_phase}/entrypoint",
        WAF_READ,
        &[],
        rulesets::entrypoint,
    ),
    send(
        "PUT",
        "/zones/{zone_id}/rulesets/phases/{ruleset_phase}/entrypoint",
        WAF_WRITE,
        RULESET,
        rulesets::put_entrypoint,
    ),
    get(
        "/zones/{zone_id}/rulesets/{ruleset_id}",
        WAF_READ,
        &[],
        rulesets::inspect,
    ),
    send(
        "PUT",
        "/zones/{zone_id}/rulesets/{ruleset_id}",
        WAF_WRITE,
        RULESET,
        rulesets::put,
    ),
    delete(
        "/zones/{zone_id}/rulesets/{ruleset_id}",
        WAF_WRITE,
        rulesets::delete,
    ),
    send(
        "POST",
        "/zones/{zone_id}/rulesets/{ruleset_id}/rules",
        WAF_WRITE,
        RULE,
        rulesets::add_rule,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/rulesets/{ruleset_id}/rules/{rule_id}",
        WAF_WRITE,
        RULE_CHANGES,
        rulesets::patch_rule,
    ),
    delete(
        "/zones/{zone_id}/rulesets/{ruleset_id}/rules/{rule_id}",
        WAF_WRITE,
        rulesets::delete_rule,
    ),
    get(
        "/zones/{zone_id}/firewall/access_rules/rules",
        FIREWALL_READ,
        &[
            optional("configuration.target", TEXT),
            optional("configuration.value", TEXT),
            optional("mode", Kind::OneOf(access::MODES)),
            optional("notes", TEXT),
            MATCH,
            optional(
                "order",
                Kind::OneOf(&["configuration.target", "configuration.value", "mode"]),
            ),
            DIRECTION,
            PAGE,
            optional("per_page", Kind::Integer(5, 1000)),
        ],
        access::list,
    ),
    send(
        "POST",
        "/zones/{zone_id}/firewall/access_rules/rules",
        FIREWALL_WRITE,
        &[
            required("mode", Kind::OneOf(access::MODES)),
            required("configuration", Kind::Object),
            optional("notes", TEXT),
        ],
        access::create,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/firewall/access_rules/rules/{rule_id}",
        FIREWALL_WRITE,
        &[
            optional("mode", Kind::OneOf(access::MODES)),
            optional("notes", TEXT),
        ],
        access::update,
    ),
    delete(
        "/zones/{zone_id}/firewall/access_rules/rules/{rule_id}",
        FIREWALL_WRITE,
        access::delete,
    ),
];
