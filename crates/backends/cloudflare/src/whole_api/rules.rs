//! What a raw call may do. Patterns are those of the vendor's document of 2026; the names of their
//! variables differ from release to release and do not count.

use homelab_backend::api::{Cover, Rules, Verb, Withheld};

pub(super) const RULES: Rules = Rules {
    base: "/client/v4",
    covers: COVERS,
    reads: READS,
    withheld: WITHHELD,
    critical: CRITICAL,
    slashes: &[],
};

const BODY: &[&str] = &["body"];
const PAGES: &[&str] = &["page", "per_page"];

/// Filters of records, with those that have a dot in their name.
const RECORD_FILTERS: &[&str] = &[
    "name",
    "name.contains",
    "name.endswith",
    "name.exact",
    "name.startswith",
    "content",
    "content.contains",
    "content.endswith",
    "content.exact",
    "content.startswith",
    "comment",
    "comment.contains",
    "tag",
    "type",
    "proxied",
    "match",
    "search",
    "order",
    "direction",
    "page",
    "per_page",
];

#[rustfmt::skip]
const COVERS: &[Cover] = &[
    Cover::new("list_zones", Verb::Get, "/zones")
        .with(&["name", "status", "match", "order", "direction", "page", "per_page"]),
    Cover::new("list_zones", Verb::Get, "/zones/{zone_id}"),
    // Before the record of any id: the first that fits counts.
    Cover::new("export_dns_records", Verb::Get, "/zones/{zone_id}/dns_records/export"),
    Cover::new("list_dns_records", Verb::Get, "/zones/{zone_id}/dns_records/usage"),
    Cover::new("list_dns_records", Verb::Get, "/zones/{zone_id}/dns_records").with(RECORD_FILTERS),
    Cover::new("list_dns_records", Verb::Get, "/zones/{zone_id}/dns_records/{dns_record_id}"),
    Cover::new("create_dns_record", Verb::Post, "/zones/{zone_id}/dns_records").with(BODY),
    Cover::new("update_dns_record", Verb::Patch, "/zones/{zone_id}/dns_records/{dns_record_id}").with(BODY),
    // It takes away the comment and the tags that it does not name, which the tool never does.
    Cover::new("update_dns_record", Verb::Put, "/zones/{zone_id}/dns_records/{dns_record_id}"),
    Cover::new("delete_dns_record", Verb::Delete, "/zones/{zone_id}/dns_records/{dns_record_id}"),
    Cover::new("list_cloudflare_tunnels", Verb::Get, "/accounts/{account_id}/cfd_tunnel")
        .with(&["name", "status", "is_deleted", "uuid", "include_prefix", "exclude_prefix", "page", "per_page"]),
    Cover::new("get_cloudflare_tunnel", Verb::Get, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}"),
    Cover::new("get_cloudflare_tunnel", Verb::Get, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections"),
    Cover::new("get_cloudflare_tunnel", Verb::Get, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations"),
    Cover::new("get_cloudflare_tunnel", Verb::Get, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connectors/{connector_id}"),
    // The whole configuration: the tool changes single host names.
    Cover::new("update_tunnel_config", Verb::Put, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations"),
    Cover::new("delete_cloudflare_tunnel", Verb::Delete, "/accounts/{account_id}/cfd_tunnel/{tunnel_id}"),
    Cover::new("list_tunnel_routes", Verb::Get, "/accounts/{account_id}/teamnet/routes").with(PAGES),
    Cover::new("purge_cache", Verb::Post, "/zones/{zone_id}/purge_cache").with(BODY),
    // Rules of other phases may hold headers with secrets for the origin.
    Cover::new("list_firewall_rules", Verb::Get, "/zones/{zone_id}/rulesets/phases/http_request_firewall_custom/entrypoint"),
    Cover::new("create_firewall_rule", Verb::Post, "/zones/{zone_id}/rulesets/{ruleset_id}/rules"),
    Cover::new("update_firewall_rule", Verb::Patch, "/zones/{zone_id}/rulesets/{ruleset_id}/rules/{rule_id}"),
    Cover::new("delete_firewall_rule", Verb::Delete, "/zones/{zone_id}/rulesets/{ruleset_id}/rules/{rule_id}"),
    Cover::new("get_zone_settings", Verb::Get, "/zones/{zone_id}/settings"),
    Cover::new("get_zone_settings", Verb::Get, "/zones/{zone_id}/settings/{setting_id}"),
    Cover::new("set_zone_setting", Verb::Patch, "/zones/{zone_id}/settings/{setting_id}").with(BODY),
    Cover::new("verify_cloudflare_token", Verb::Get, "/user/tokens/verify"),
    Cover::new("verify_cloudflare_token", Verb::Get, "/accounts/{account_id}/tokens/verify"),
];

/// Reads of which none answers a token, a key, a program, stored data, an address with a password or
/// a header for an origin.
const READS: &[&str] = &[
    "/accounts",
    "/accounts/{account_id}",
    "/accounts/{account_id}/access/groups/**",
    "/accounts/{account_id}/access/policies/**",
    "/accounts/{account_id}/access/tags/**",
    "/accounts/{account_id}/alerting/v3/available_alerts",
    "/accounts/{account_id}/alerting/v3/history",
    "/accounts/{account_id}/alerting/v3/policies/**",
    "/accounts/{account_id}/audit_logs",
    "/accounts/{account_id}/custom_ns/**",
    "/accounts/{account_id}/d1/database",
    "/accounts/{account_id}/devices/networks/**",
    "/accounts/{account_id}/dns_settings/**",
    "/accounts/{account_id}/email/routing/addresses/**",
    "/accounts/{account_id}/firewall/access_rules/rules/**",
    "/accounts/{account_id}/gateway/app_types",
    "/accounts/{account_id}/gateway/categories",
    "/accounts/{account_id}/gateway/lists/**",
    "/accounts/{account_id}/gateway/rules/**",
    "/accounts/{account_id}/intel/**",
    "/accounts/{account_id}/load_balancers/pools/**",
    "/accounts/{account_id}/logs/audit",
    "/accounts/{account_id}/members/**",
    "/accounts/{account_id}/r2/buckets",
    "/accounts/{account_id}/registrar/domains",
    "/accounts/{account_id}/roles/**",
    "/accounts/{account_id}/rules/lists/**",
    "/accounts/{account_id}/rulesets",
    "/accounts/{account_id}/storage/kv/namespaces",
    "/accounts/{account_id}/teamnet/routes/**",
    "/accounts/{account_id}/teamnet/virtual_networks/**",
    "/accounts/{account_id}/tokens",
    "/accounts/{account_id}/tokens/permission_groups",
    "/accounts/{account_id}/tunnels",
    "/accounts/{account_id}/workers/domains/**",
    "/accounts/{account_id}/workers/scripts",
    "/accounts/{account_id}/workers/subdomain",
    "/certificates/**",
    "/ips",
    "/memberships/**",
    "/radar/**",
    "/user",
    "/user/tokens",
    "/user/tokens/permission_groups",
    "/zones/{zone_id}/analytics/latency/**",
    "/zones/{zone_id}/argo/**",
    "/zones/{zone_id}/available_plans/**",
    "/zones/{zone_id}/bot_management",
    "/zones/{zone_id}/cache/**",
    "/zones/{zone_id}/custom_certificates/**",
    "/zones/{zone_id}/dns_analytics/**",
    "/zones/{zone_id}/dns_records/scan/review",
    "/zones/{zone_id}/dns_settings",
    "/zones/{zone_id}/dnssec",
    "/zones/{zone_id}/email/routing/**",
    "/zones/{zone_id}/firewall/access_rules/rules/**",
    "/zones/{zone_id}/firewall/lockdowns/**",
    "/zones/{zone_id}/firewall/ua_rules/**",
    "/zones/{zone_id}/hold",
    "/zones/{zone_id}/managed_headers",
    "/zones/{zone_id}/page_shield/**",
    "/zones/{zone_id}/pagerules/**",
    "/zones/{zone_id}/rulesets",
    "/zones/{zone_id}/rulesets/phases/http_ratelimit/entrypoint",
    "/zones/{zone_id}/rulesets/phases/http_request_firewall_managed/entrypoint",
    "/zones/{zone_id}/spectrum/apps/**",
    "/zones/{zone_id}/ssl/**",
    "/zones/{zone_id}/url_normalization",
    "/zones/{zone_id}/waiting_rooms/**",
    "/zones/{zone_id}/workers/routes/**",
];

const TOKENS: &str =
    "tokens, and what they may do, are the owner's business: see to them in the dashboard";
const SECRET: &str =
    "it makes, holds or shows a secret: see to it in the dashboard, where the secret is used";
const TUNNEL_TOKEN: &str = "`get_tunnel_token` hands out what `cloudflared` runs with";
const TUNNEL_NEW: &str = "`create_cloudflare_tunnel` makes one without showing the secret of it";
const BATCH: &str = "`batch_dns_records` does it, shows what changes, and can be undone";
const UPLOAD: &str = "files cannot be sent this way; `create_dns_record` makes records";
const GONE: &str = "Cloudflare serves it no more: see `list_firewall_rules` and \
     `create_firewall_rule`";

#[rustfmt::skip]
const WITHHELD: &[Withheld] = &[
    Withheld::on(Verb::Post, "/zones/{zone_id}/dns_records/batch", BATCH),
    Withheld::on(Verb::Post, "/zones/{zone_id}/dns_records/import", UPLOAD),
    Withheld::any("/zones/{zone_id}/filters/**", GONE),
    Withheld::any("/zones/{zone_id}/firewall/rules/**", GONE),
    Withheld::any("/zones/{zone_id}/firewall/waf/**", GONE),
    Withheld::on(Verb::Post, "/accounts/{account_id}/cfd_tunnel", TUNNEL_NEW),
    Withheld::any("/accounts/{account_id}/cfd_tunnel/{tunnel_id}/token", TUNNEL_TOKEN),
    Withheld::any("/accounts/{account_id}/cfd_tunnel/{tunnel_id}/management", TUNNEL_TOKEN),
    Withheld::on(Verb::Post, "/accounts/{account_id}/warp_connector", SECRET),
    Withheld::any("/accounts/{account_id}/warp_connector/{tunnel_id}/token", SECRET),
    // Tokens: of all, reading what there is and deleting one are left.
    Withheld::on(Verb::Post, "/user/tokens", TOKENS),
    Withheld::on(Verb::Put, "/user/tokens/**", TOKENS),
    Withheld::on(Verb::Post, "/accounts/{account_id}/tokens", TOKENS),
    Withheld::on(Verb::Put, "/accounts/{account_id}/tokens/**", TOKENS),
    Withheld::any("/user/api_key", TOKENS),
    Withheld::any("/user/service_keys/**", TOKENS),
    Withheld::on(Verb::Post, "/accounts/{account_id}/access/service_tokens/**", TOKENS),
    Withheld::on(Verb::Post, "/zones/{zone_id}/access/service_tokens/**", TOKENS),
    // Their answers hold secrets of clients.
    Withheld::any("/accounts/{account_id}/access/apps/**", SECRET),
    Withheld::any("/zones/{zone_id}/access/apps/**", SECRET),
    Withheld::any("/accounts/{account_id}/access/identity_providers/**", SECRET),
    Withheld::any("/zones/{zone_id}/access/identity_providers/**", SECRET),
    Withheld::any("/accounts/{account_id}/alerting/v3/destinations/**", SECRET),
    Withheld::any("/accounts/{account_id}/calls/**", SECRET),
    Withheld::any("/accounts/{account_id}/realtime/**", SECRET),
    Withheld::any("/accounts/{account_id}/challenges/widgets/**", SECRET),
    Withheld::any("/accounts/{account_id}/devices/posture/integration/**", SECRET),
    Withheld::any("/accounts/{account_id}/dlp/**", SECRET),
    Withheld::any("/accounts/{account_id}/hyperdrive/**", SECRET),
    Withheld::any("/accounts/{account_id}/images/v1/keys/**", SECRET),
    Withheld::any("/accounts/{account_id}/logpush/**", SECRET),
    Withheld::any("/zones/{zone_id}/logpush/**", SECRET),
    Withheld::any("/accounts/{account_id}/magic/ipsec_tunnels/**", SECRET),
    Withheld::any("/accounts/{account_id}/mtls_certificates/**", SECRET),
    Withheld::any("/accounts/{account_id}/pcaps/**", SECRET),
    Withheld::any("/accounts/{account_id}/r2/temp-access-credentials", SECRET),
    Withheld::any("/accounts/{account_id}/rum/**", SECRET),
    Withheld::any("/accounts/{account_id}/secondary_dns/tsigs/**", SECRET),
    Withheld::any("/accounts/{account_id}/secrets_store/**", SECRET),
    Withheld::any("/accounts/{account_id}/stream/**", SECRET),
    Withheld::any("/accounts/{account_id}/workers/dispatch/**", SECRET),
    Withheld::any("/accounts/{account_id}/workers/scripts/{script_name}/secrets/**", SECRET),
    Withheld::any("/accounts/{account_id}/workers/scripts/{script_name}/secrets-bulk", SECRET),
    // Private keys go up with them.
    Withheld::on(Verb::Post, "/zones/{zone_id}/custom_certificates", SECRET),
    Withheld::on(Verb::Patch, "/zones/{zone_id}/custom_certificates/{custom_certificate_id}", SECRET),
    Withheld::any("/zones/{zone_id}/keyless_certificates/**", SECRET),
    Withheld::any("/zones/{zone_id}/origin_tls_client_auth/**", SECRET),
];

/// What may take a zone off the net, lock the owner out, cost money or throw away many rules at once.
const CRITICAL: &[&str] = &[
    "/accounts",
    "/accounts/{account_id}",
    "/accounts/{account_id}/access/**",
    "/accounts/{account_id}/custom_ns/**",
    "/accounts/{account_id}/devices/**",
    "/accounts/{account_id}/dns_settings/**",
    "/accounts/{account_id}/gateway/**",
    "/accounts/{account_id}/iam/**",
    "/accounts/{account_id}/members/**",
    "/accounts/{account_id}/r2/buckets/{bucket_name}",
    "/accounts/{account_id}/registrar/**",
    "/accounts/{account_id}/roles/**",
    "/accounts/{account_id}/rulesets/phases/{ruleset_phase}/entrypoint",
    "/accounts/{account_id}/rulesets/{ruleset_id}",
    "/accounts/{account_id}/secondary_dns/**",
    "/accounts/{account_id}/sso_connectors/**",
    "/accounts/{account_id}/subscriptions/**",
    "/accounts/{account_id}/tokens/**",
    "/certificates/**",
    "/memberships/**",
    "/organizations/**",
    "/tenants/**",
    "/user/**",
    "/zones/{zone_id}",
    "/zones/{zone_id}/access/**",
    "/zones/{zone_id}/custom_certificates/**",
    "/zones/{zone_id}/custom_ns",
    "/zones/{zone_id}/dns_settings/**",
    "/zones/{zone_id}/dnssec/**",
    "/zones/{zone_id}/hold",
    "/zones/{zone_id}/rulesets/phases/{ruleset_phase}/entrypoint",
    "/zones/{zone_id}/rulesets/{ruleset_id}",
    "/zones/{zone_id}/secondary_dns/**",
    "/zones/{zone_id}/settings",
    "/zones/{zone_id}/ssl/**",
    "/zones/{zone_id}/subscription/**",
];
