//! Settings: networks, WLANs, forwarded ports, rules.

use serde_json::{Value, json};

use super::needed;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, plain, rows};
use crate::unifi::state::{Network, Record, Records, Site, State, Wlan, object_id, uuid};

pub(in crate::unifi) fn myself(_: &mut State, _: &Call) -> Answer {
    rows(vec![json!({ "name": "homelab", "is_super": false })])
}

pub(in crate::unifi) fn sites(state: &mut State, _: &Call) -> Answer {
    let row = |site: &Site| {
        json!({
            "_id": object_id("site", &site.name),
            "name": site.name,
            "desc": site.title,
            "role": "admin",
        })
    };
    rows(state.sites.values().map(row).collect())
}

pub(in crate::unifi) fn networks(state: &mut State, call: &Call) -> Answer {
    let networks = &call.site(state)?.networks;
    chosen(networks.iter().map(network).collect(), call)
}

pub(in crate::unifi) fn wlans(state: &mut State, call: &Call) -> Answer {
    let wlans = &call.site(state)?.wlans;
    chosen(wlans.iter().map(wlan).collect(), call)
}

pub(in crate::unifi) fn change_wlan(state: &mut State, call: &Call) -> Answer {
    let wlans = &mut call.site(state)?.wlans;
    let found = wlans
        .iter_mut()
        .find(|one| object_id("wlan", &one.name) == call.id());
    let found = found.ok_or_else(|| Failure::api("api.err.IdInvalid"))?;
    if let Some(enabled) = call.body.get("enabled").and_then(Value::as_bool) {
        found.enabled = enabled;
    }
    if let Some(passphrase) = call.body.get("x_passphrase").and_then(Value::as_str) {
        passphrase.clone_into(&mut found.passphrase);
    }
    rows(vec![wlan(found)])
}

pub(in crate::unifi) fn forwards(state: &mut State, call: &Call) -> Answer {
    records(state, call, Records::PortForwards)
}

pub(in crate::unifi) fn add_forward(state: &mut State, call: &Call) -> Answer {
    for name in ["name", "dst_port", "fwd", "fwd_port", "proto"] {
        needed(call, name)?;
    }
    add(state, call, Records::PortForwards)
}

pub(in crate::unifi) fn change_forward(state: &mut State, call: &Call) -> Answer {
    change(state, call, Records::PortForwards)
}

pub(in crate::unifi) fn delete_forward(state: &mut State, call: &Call) -> Answer {
    remove(state, call, Records::PortForwards)
}

pub(in crate::unifi) fn rules(state: &mut State, call: &Call) -> Answer {
    records(state, call, Records::FirewallRules)
}

pub(in crate::unifi) fn add_rule(state: &mut State, call: &Call) -> Answer {
    for name in ["name", "action", "ruleset"] {
        needed(call, name)?;
    }
    let index = call.number("rule_index");
    let taken = |one: &Record| {
        one.fields["ruleset"] == call.text("ruleset")
            && one.fields.get("rule_index").and_then(Value::as_i64) == index
    };
    if call
        .site(state)?
        .records(Records::FirewallRules)
        .iter()
        .any(taken)
    {
        return Err(Failure::api("api.err.FirewallRuleIndexExisted"));
    }
    add(state, call, Records::FirewallRules)
}

pub(in crate::unifi) fn change_rule(state: &mut State, call: &Call) -> Answer {
    change(state, call, Records::FirewallRules)
}

pub(in crate::unifi) fn delete_rule(state: &mut State, call: &Call) -> Answer {
    remove(state, call, Records::FirewallRules)
}

pub(in crate::unifi) fn groups(state: &mut State, call: &Call) -> Answer {
    records(state, call, Records::FirewallGroups)
}

pub(in crate::unifi) fn traffic_rules(state: &mut State, call: &Call) -> Answer {
    let records = call.site(state)?.records(Records::TrafficRules);
    plain(records.iter().map(row).collect())
}

pub(in crate::unifi) fn change_traffic_rule(state: &mut State, call: &Call) -> Answer {
    let records = call.site(state)?.records(Records::TrafficRules);
    let found = records.iter_mut().find(|one| one.id == call.id());
    let found = found.ok_or_else(|| Failure::new(404, "api.err.NotFound", "no such rule"))?;
    found.fields.clone_from(&call.body);
    plain(row(found))
}

/// Some kinds can be listed and changed, not read one by one.
pub(in crate::unifi) fn no_single_object(_: &mut State, _: &Call) -> Answer {
    Err(Failure::new(
        405,
        "api.err.MethodNotAllowed",
        "Method Not Allowed",
    ))
}

fn records(state: &mut State, call: &Call, kind: Records) -> Answer {
    let records = call.site(state)?.records(kind);
    chosen(records.iter().map(row).collect(), call)
}

fn add(state: &mut State, call: &Call, kind: Records) -> Answer {
    let key = state.next().to_string();
    let record = Record {
        id: object_id("record", &key),
        uuid: uuid("record", &key),
        fields: call.body.clone(),
    };
    let made = row(&record);
    call.site(state)?.records(kind).push(record);
    rows(vec![made])
}

fn change(state: &mut State, call: &Call, kind: Records) -> Answer {
    let records = call.site(state)?.records(kind);
    let found = records.iter_mut().find(|one| one.id == call.id());
    let found = found.ok_or_else(|| Failure::api("api.err.IdInvalid"))?;
    // What is not sent stays.
    found.fields.extend(call.body.clone());
    rows(vec![row(found)])
}

fn remove(state: &mut State, call: &Call, kind: Records) -> Answer {
    let records = call.site(state)?.records(kind);
    let at = records.iter().position(|one| one.id == call.id());
    records.remove(at.ok_or_else(|| Failure::api("api.err.IdInvalid"))?);
    rows(Vec::new())
}

/// All rows, or that of the path.
fn chosen(all: Vec<Value>, call: &Call) -> Answer {
    if call.id().is_empty() {
        return rows(all);
    }
    let found: Vec<Value> = all
        .into_iter()
        .filter(|row| row["_id"] == call.id())
        .collect();
    if found.is_empty() {
        return Err(Failure::api("api.err.IdInvalid"));
    }
    rows(found)
}

fn row(record: &Record) -> Value {
    let mut row = Value::Object(record.fields.clone());
    row["_id"] = json!(record.id);
    row
}

fn network(network: &Network) -> Value {
    let mut row = json!({
        "_id": object_id("network", &network.name),
        "name": network.name,
        "purpose": network.purpose,
        "enabled": true,
        "vlan": network.vlan,
        "vlan_enabled": network.vlan > 1,
        "ip_subnet": network.subnet,
        "domain_name": "lab.example",
        "networkgroup": if network.purpose == "wan" { "WAN" } else { "LAN" },
        "dhcpd_enabled": network.pool.is_some(),
    });
    if let Some((first, last)) = &network.pool {
        row["dhcpd_start"] = json!(first);
        row["dhcpd_stop"] = json!(last);
    }
    if let Some(fields) = row.as_object_mut() {
        fields.extend(network.more.clone());
    }
    row
}

fn wlan(wlan: &Wlan) -> Value {
    json!({
        "_id": object_id("wlan", &wlan.name),
        "name": wlan.name,
        "enabled": wlan.enabled,
        "networkconf_id": object_id("network", &wlan.network),
        "security": if wlan.passphrase.is_empty() { "open" } else { "wpapsk" },
        "is_guest": wlan.guest,
        "hide_ssid": false,
        "wlan_bands": ["2g", "5g"],
        "x_passphrase": wlan.passphrase,
    })
}
