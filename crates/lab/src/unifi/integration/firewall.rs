//! Zones and the policies between them.

use serde_json::{Map, Value, json};

use crate::contract::{Kind, Param, check, optional, required};
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, created, empty, page, plain};
use crate::unifi::state::{Policy, Site, State, Zone, uuid};

const TEXT: Kind = Kind::Text;

const SOURCES: &[&str] = &[
    "PORT",
    "NETWORK",
    "MAC_ADDRESS",
    "IP_ADDRESS",
    "IPV6_IID",
    "REGION",
    "VPN_SERVER",
    "SITE_TO_SITE_VPN_TUNNEL",
];
const DESTINATIONS: &[&str] = &[
    "PORT",
    "NETWORK",
    "IP_ADDRESS",
    "IPV6_IID",
    "REGION",
    "VPN_SERVER",
    "SITE_TO_SITE_VPN_TUNNEL",
    "DOMAIN",
    "APPLICATION",
    "APPLICATION_CATEGORY",
];
const END: &[Param] = &[
    required("zoneId", TEXT),
    optional("trafficFilter", Kind::Object),
];
const ALLOW: &[Param] = &[
    required("type", TEXT),
    required("allowReturnTraffic", Kind::Boolean),
];
const REFUSE: &[Param] = &[required("type", Kind::OneOf(&["BLOCK", "REJECT"]))];
const SCOPE: &[Param] = &[
    required("ipVersion", Kind::OneOf(&["IPV4", "IPV6", "IPV4_AND_IPV6"])),
    optional("protocolFilter", Kind::Object),
];
const SCHEDULE: &[Param] = &[
    required(
        "mode",
        Kind::OneOf(&["EVERY_DAY", "EVERY_WEEK", "ONE_TIME_ONLY", "CUSTOM"]),
    ),
    optional("timeFilter", Kind::Object),
    optional("repeatOnDays", Kind::Texts),
    optional("startDate", TEXT),
    optional("stopDate", TEXT),
    optional("date", TEXT),
];

pub(in crate::unifi) fn zones(state: &mut State, call: &Call) -> Answer {
    page(call.site(state)?.zones.iter().map(zone_row).collect())
}

pub(in crate::unifi) fn zone(state: &mut State, call: &Call) -> Answer {
    let zones = &call.site(state)?.zones;
    let found = zones
        .iter()
        .find(|zone| uuid("zone", &zone.name) == call.id());
    plain(zone_row(found.ok_or_else(|| {
        Failure::missing("firewall-zone", call.id())
    })?))
}

pub(in crate::unifi) fn policies(state: &mut State, call: &Call) -> Answer {
    page(call.site(state)?.policies.iter().map(row).collect())
}

pub(in crate::unifi) fn policy(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let at = position(site, call.id())?;
    plain(row(&site.policies[at]))
}

pub(in crate::unifi) fn create(state: &mut State, call: &Call) -> Answer {
    let key = state.next().to_string();
    let site = call.site(state)?;
    valid(site, &call.body)?;
    let policy = Policy {
        key,
        origin: "USER_DEFINED",
        index: site.next_index(),
        body: call.body.clone(),
        more: Map::new(),
    };
    let made = row(&policy);
    site.policies.push(policy);
    created(made)
}

pub(in crate::unifi) fn replace(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    valid(site, &call.body)?;
    let at = editable(site, call.id())?;
    site.policies[at].body.clone_from(&call.body);
    plain(row(&site.policies[at]))
}

pub(in crate::unifi) fn patch(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    // Logging alone may be changed on any policy.
    let at = position(site, call.id())?;
    site.policies[at].body.extend(call.body.clone());
    plain(row(&site.policies[at]))
}

pub(in crate::unifi) fn delete(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let at = editable(site, call.id())?;
    site.policies.remove(at);
    empty()
}

pub(in crate::unifi) fn ordering(state: &mut State, call: &Call) -> Answer {
    plain(order_of(call.site(state)?, call))
}

pub(in crate::unifi) fn order(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let given = call
        .body
        .get("orderedFirewallPolicyIds")
        .cloned()
        .unwrap_or_default();
    let mut wanted: Vec<String> = Vec::new();
    for part in ["beforeSystemDefined", "afterSystemDefined"] {
        for id in given[part].as_array().into_iter().flatten() {
            let id = id.as_str().unwrap_or_default();
            editable(site, id)?;
            wanted.push(id.to_owned());
        }
    }
    for (place, id) in (0_i64..).zip(&wanted) {
        let at = position(site, id)?;
        let after = given["afterSystemDefined"]
            .as_array()
            .is_some_and(|ids| ids.iter().any(|one| one == id));
        site.policies[at].index = if after { 40_000 } else { 10_000 } + place;
    }
    site.policies.sort_by_key(|policy| policy.index);
    plain(order_of(site, call))
}

impl Site {
    pub(in crate::unifi) fn next_index(&self) -> i64 {
        let own = self
            .policies
            .iter()
            .filter(|policy| policy.origin == "USER_DEFINED");
        own.map(|policy| policy.index + 1).max().unwrap_or(10_000)
    }
}

/// The own policies from one zone to another, before and after those of the system.
fn order_of(site: &Site, call: &Call) -> Value {
    let of = |late: bool| -> Vec<String> {
        site.policies
            .iter()
            .filter(|policy| {
                policy.origin == "USER_DEFINED"
                    && (policy.index >= 40_000) == late
                    && policy.body["source"]["zoneId"] == call.text("sourceFirewallZoneId")
                    && policy.body["destination"]["zoneId"]
                        == call.text("destinationFirewallZoneId")
            })
            .map(|policy| uuid("policy", &policy.key))
            .collect()
    };
    json!({
        "orderedFirewallPolicyIds": {
            "beforeSystemDefined": of(false),
            "afterSystemDefined": of(true),
        },
    })
}

fn position(site: &Site, id: &str) -> Result<usize, Failure> {
    let found = site
        .policies
        .iter()
        .position(|one| uuid("policy", &one.key) == id);
    found.ok_or_else(|| Failure::missing("firewall-policy", id))
}

fn editable(site: &Site, id: &str) -> Result<usize, Failure> {
    let at = position(site, id)?;
    if site.policies[at].origin == "USER_DEFINED" {
        return Ok(at);
    }
    let code = "api.firewall-policy.not-user-defined";
    Err(Failure::new(
        400,
        code,
        "only policies that users made can be changed",
    ))
}

/// What the table cannot say: the parts of a policy.
fn valid(site: &Site, body: &Map<String, Value>) -> Result<(), Failure> {
    let invalid = |what: &str| {
        Failure::new(400, "api.request.invalid", format!("{what} is wrong")).outside_the_contract()
    };
    let fits = |name: &str, table: &[Param]| {
        let part = body.get(name).and_then(Value::as_object);
        part.is_none_or(|part| check(table, part).is_empty())
    };
    let action = if body["action"]["type"] == "ALLOW" {
        ALLOW
    } else {
        REFUSE
    };
    for (name, table) in [
        ("action", action),
        ("source", END),
        ("destination", END),
        ("ipProtocolScope", SCOPE),
        ("schedule", SCHEDULE),
    ] {
        if !fits(name, table) {
            return Err(invalid(name));
        }
    }
    if body["name"] == "" {
        return Err(invalid("name"));
    }
    let states = ["NEW", "INVALID", "ESTABLISHED", "RELATED"];
    let given = body.get("connectionStateFilter").and_then(Value::as_array);
    if given.is_some_and(|given| {
        given
            .iter()
            .any(|one| !states.iter().any(|known| one == known))
    }) {
        return Err(invalid("connectionStateFilter"));
    }
    for (name, kinds) in [("source", SOURCES), ("destination", DESTINATIONS)] {
        let end = &body[name];
        let zone = end["zoneId"].as_str().unwrap_or_default();
        if !site
            .zones
            .iter()
            .any(|known| uuid("zone", &known.name) == zone)
        {
            return Err(Failure::missing("firewall-zone", zone));
        }
        if let Some(filter) = end.get("trafficFilter")
            && !kinds.iter().any(|kind| filter["type"] == *kind)
        {
            return Err(invalid(name));
        }
    }
    Ok(())
}

fn zone_row(zone: &Zone) -> Value {
    let networks: Vec<String> = zone
        .networks
        .iter()
        .map(|name| uuid("network", name))
        .collect();
    let origin = if zone.system {
        "SYSTEM_DEFINED"
    } else {
        "USER_DEFINED"
    };
    json!({
        "id": uuid("zone", &zone.name),
        "name": zone.name,
        "networkIds": networks,
        "metadata": { "origin": origin },
    })
}

pub(in crate::unifi) fn row(policy: &Policy) -> Value {
    let mut row = Value::Object(policy.body.clone());
    row["id"] = json!(uuid("policy", &policy.key));
    row["index"] = json!(policy.index);
    row["metadata"] = json!({ "origin": policy.origin });
    row
}
