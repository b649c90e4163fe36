//! Zones.

use serde_json::{Value, json};

use super::auth::TokenSeed;
use super::entry::Call;
use super::paging::{page, sort};
use super::reply::{Answer, Failure, result};
use super::state::{Plan, State, Zone};
use crate::calendar::rfc3339;
use crate::hash::short_hex;

impl Plan {
    fn row(self) -> Value {
        let (name, legacy) = match self {
            Self::Free => ("Free Website", "free"),
            Self::Pro => ("Pro Website", "pro"),
            Self::Business => ("Business Website", "business"),
            Self::Enterprise => ("Enterprise Website", "enterprise"),
        };
        json!({
            "id": short_hex(legacy.as_bytes(), 32),
            "name": name,
            "price": 0,
            "currency": "USD",
            "frequency": "",
            "is_subscribed": self != Self::Free,
            "can_subscribe": false,
            "legacy_id": legacy,
            "legacy_discount": false,
            "externally_managed": false,
        })
    }
}

fn row(state: &State, zone: &Zone, token: &TokenSeed) -> Value {
    let account = state.accounts.iter().find(|one| one.id == zone.account);
    let account = account.map(|one| one.name.as_str()).unwrap_or_default();
    let developing = zone.settings.get("development_mode");
    let developing = developing.is_some_and(|setting| setting.value == "on");
    let created = rfc3339(zone.created);
    let writes = token.has(super::Permission::DnsWrite);
    let permissions = if writes {
        json!(["#dns_records:edit", "#dns_records:read", "#zone:read"])
    } else {
        json!(["#zone:read"])
    };
    json!({
        "id": zone.id,
        "name": zone.name,
        "status": zone.status,
        "paused": false,
        "type": "full",
        "development_mode": if developing { 10_800 } else { 0 },
        "name_servers": ["ada.ns.lab.example", "bob.ns.lab.example"],
        "original_name_servers": null,
        "original_registrar": null,
        "original_dnshost": null,
        "created_on": created,
        "modified_on": created,
        "activated_on": if zone.status == "active" { json!(created) } else { Value::Null },
        "meta": {
            "step": 2,
            "custom_certificate_quota": 0,
            "page_rule_quota": 3,
            "phishing_detected": false,
        },
        "owner": { "id": null, "type": "user", "email": null },
        "account": { "id": zone.account, "name": account },
        "tenant": { "id": null, "name": null },
        "tenant_unit": { "id": null },
        "permissions": permissions,
        "plan": zone.plan.row(),
    })
}

/// `GET /zones`: those that the token is for.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let any = call.asked("match") == Some("any");
    let wanted = |zone: &Value| {
        let tests: Vec<bool> = [
            ("name", &zone["name"]),
            ("status", &zone["status"]),
            ("type", &zone["type"]),
            ("account.id", &zone["account"]["id"]),
            ("account.name", &zone["account"]["name"]),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(value == call.asked(name)?))
        .collect();
        tests.is_empty()
            || if any {
                tests.contains(&true)
            } else {
                !tests.contains(&false)
            }
    };
    let mut rows: Vec<Value> = state
        .zones
        .iter()
        .filter(|zone| call.token.covers(&zone.id))
        .map(|zone| row(state, zone, &call.token))
        .filter(wanted)
        .collect();
    let order = match call.asked("order") {
        Some("status") => "status",
        Some("account.id" | "account.name") => "account",
        _ => "name",
    };
    sort(&mut rows, order, call.asked("direction"));
    page(state, call, rows, 20)
}

/// `GET /zones/{zone_id}`.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let zone = state.zones.iter().find(|zone| zone.id == call.zone());
    let missing = || Failure::new(404, 1001, "Invalid zone identifier");
    result(row(state, zone.ok_or_else(missing)?, &call.token))
}
