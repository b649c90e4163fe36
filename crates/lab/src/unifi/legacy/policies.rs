//! Zones and policies, as the `v2` part has them.

use serde_json::{Map, Value, json};

use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, created, plain};
use crate::unifi::state::{Policy, Site, State, Zone, object_id, uuid};

/// Fields that the integration API says in its own words.
const SHARED: &[&str] = &["_id", "index", "predefined"];

pub(in crate::unifi) fn migrations(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let done = site
        .zone_based
        .then(|| json!({ "feature": "ZONE_BASED_FIREWALL", "timestamp": 1_750_000_000_000_i64 }));
    plain(done.into_iter().collect())
}

pub(in crate::unifi) fn zones(state: &mut State, call: &Call) -> Answer {
    let row = |zone: &Zone| {
        let networks = zone.networks.iter().map(|name| object_id("network", name));
        json!({
            "_id": object_id("zone", &zone.name),
            "name": zone.name,
            "zone_key": zone.name.to_lowercase(),
            "default_zone": zone.system,
            "network_ids": networks.collect::<Vec<_>>(),
        })
    };
    plain(call.site(state)?.zones.iter().map(row).collect())
}

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    plain(site.policies.iter().map(|one| row(site, one)).collect())
}

/// One policy, in a list.
pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let at = position(site, call.id())?;
    plain(json!([row(site, &site.policies[at])]))
}

pub(in crate::unifi) fn create(state: &mut State, call: &Call) -> Answer {
    let key = state.next().to_string();
    let site = call.site(state)?;
    zone_of(site, call, "source")?;
    zone_of(site, call, "destination")?;
    if silently_refused(call) {
        // The product answers as if it were made.
        return plain(Value::Object(call.body.clone()));
    }
    let mut policy = Policy {
        key,
        origin: "USER_DEFINED",
        index: site.next_index(),
        body: Map::new(),
        more: Map::new(),
    };
    fill(site, call, &mut policy)?;
    let made = row(site, &policy);
    site.policies.push(policy);
    created(made)
}

pub(in crate::unifi) fn replace(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let at = own(site, call.id())?;
    if silently_refused(call) {
        return plain(Value::Object(call.body.clone()));
    }
    let mut policy = site.policies[at].clone();
    fill(site, call, &mut policy)?;
    let made = row(site, &policy);
    site.policies[at] = policy;
    plain(made)
}

pub(in crate::unifi) fn delete(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let at = own(site, call.id())?;
    site.policies.remove(at);
    plain(json!({}))
}

/// Without a schedule, or with an answer allowed to what is refused, nothing is kept.
fn silently_refused(call: &Call) -> bool {
    let scheduled = call
        .body
        .get("schedule")
        .is_some_and(|schedule| schedule["mode"].is_string());
    !scheduled
        || (call.text("action") != "ALLOW"
            && call.body.get("create_allow_respond") == Some(&json!(true)))
}

fn position(site: &Site, id: &str) -> Result<usize, Failure> {
    let found = site
        .policies
        .iter()
        .position(|one| object_id("policy", &one.key) == id);
    found.ok_or_else(|| Failure::new(404, "api.err.NotFound", "no such policy"))
}

fn own(site: &Site, id: &str) -> Result<usize, Failure> {
    let at = position(site, id)?;
    if site.policies[at].origin == "USER_DEFINED" {
        Ok(at)
    } else {
        Err(Failure::new(
            400,
            "api.err.FirewallPolicyPredefined",
            "predefined",
        ))
    }
}

fn zone_of<'a>(site: &'a Site, call: &Call, end: &str) -> Result<&'a Zone, Failure> {
    let id = call.body.get(end).map(|end| end["zone_id"].clone());
    let id = id.unwrap_or_default();
    let found = site
        .zones
        .iter()
        .find(|zone| id == object_id("zone", &zone.name));
    found.ok_or_else(|| Failure::new(400, "api.err.FirewallZoneNotFound", "no such zone"))
}

/// Takes over what a call says, in both APIs' words.
fn fill(site: &Site, call: &Call, policy: &mut Policy) -> Result<(), Failure> {
    let mut action = json!({ "type": call.text("action") });
    if call.text("action") == "ALLOW" {
        let respond = call.body.get("create_allow_respond").cloned();
        action["allowReturnTraffic"] = respond.unwrap_or_else(|| json!(false));
    }
    let version = match call.text("ip_version") {
        "IPV4" => "IPV4",
        "IPV6" => "IPV6",
        _ => "IPV4_AND_IPV6",
    };
    let parts = [
        ("name", json!(call.text("name"))),
        ("description", json!(call.text("description"))),
        (
            "enabled",
            call.body.get("enabled").cloned().unwrap_or_default(),
        ),
        ("action", action),
        (
            "source",
            json!({ "zoneId": uuid("zone", &zone_of(site, call, "source")?.name) }),
        ),
        (
            "destination",
            json!({ "zoneId": uuid("zone", &zone_of(site, call, "destination")?.name) }),
        ),
        ("ipProtocolScope", json!({ "ipVersion": version })),
        (
            "loggingEnabled",
            call.body
                .get("logging")
                .cloned()
                .unwrap_or_else(|| json!(false)),
        ),
    ];
    for (name, value) in parts {
        policy.body.insert(name.to_owned(), value);
    }
    policy.more.clone_from(&call.body);
    policy
        .more
        .retain(|name, _| !SHARED.contains(&name.as_str()));
    Ok(())
}

fn row(site: &Site, policy: &Policy) -> Value {
    let body = &policy.body;
    let zone = |end: &str| {
        let given = &body[end]["zoneId"];
        let found = site
            .zones
            .iter()
            .find(|zone| *given == uuid("zone", &zone.name));
        found.map(|zone| object_id("zone", &zone.name))
    };
    let mut row = json!({
        "_id": object_id("policy", &policy.key),
        "name": body["name"],
        "description": body.get("description").cloned().unwrap_or_else(|| json!("")),
        "enabled": body["enabled"],
        "action": body["action"]["type"],
        "index": policy.index,
        "predefined": policy.origin != "USER_DEFINED",
        "protocol": "all",
        "ip_version": match body["ipProtocolScope"]["ipVersion"].as_str() {
            Some("IPV4") => "IPV4",
            Some("IPV6") => "IPV6",
            _ => "BOTH",
        },
        "logging": body["loggingEnabled"],
        "create_allow_respond": body["action"]["allowReturnTraffic"] == true,
        "connection_state_type": "ALL",
        "connection_states": [],
        "match_ip_sec": false,
        "match_opposite_protocol": false,
        "source": { "zone_id": zone("source"), "matching_target": "ANY" },
        "destination": { "zone_id": zone("destination"), "matching_target": "ANY" },
        "schedule": { "mode": "ALWAYS" },
    });
    for (name, value) in &policy.more {
        // What both APIs say is told from the one body.
        if ![
            "name",
            "description",
            "enabled",
            "action",
            "logging",
            "ip_version",
            "create_allow_respond",
        ]
        .contains(&name.as_str())
        {
            row[name] = value.clone();
        }
    }
    row
}
