//! Calls about rules.

use super::super::{access, rulesets};
use super::{DIRECTION, FLAG, MATCH, PAGE, Run, Scope, TEXT, delete, get, send};
use crate::cloudflare::auth::Permission;
use crate::contract::{Kind, Param, Route, optional, required};

const WAF_READ: Scope = Scope::Zone(Permission::WafRead);
const WAF_WRITE: Scope = Scope::Zone(Permission::WafWrite);
const FIREWALL_READ: Scope = Scope::Zone(Permission::FirewallRead);
const FIREWALL_WRITE: Scope = Scope::Zone(Permission::FirewallWrite);

/// Fields of a rule.
pub(in crate::cloudflare) static RULE: &[Param] = &[
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

pub(super) static TABLE: &[Route<Run>] = &[
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
