//! Name resolution of the tailnet, by the old endpoints and by the one that has it all.

use std::collections::BTreeMap;

use homelab_core::net::Ip;
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, json_of};
use super::state::{Dns, Resolver, State};

const NO_RESOLVER: &str = "MagicDNS needs at least one nameserver";

fn addresses(resolvers: &[Resolver]) -> Vec<&str> {
    resolvers.iter().map(|one| one.address.as_str()).collect()
}

fn resolver(address: &str) -> Result<Resolver, Failure> {
    // DNS over HTTPS goes by its URL.
    if address.parse::<Ip>().is_err() && !address.starts_with("https://") {
        return Err(Failure::new(
            400,
            format!("invalid nameserver address: {address:?}"),
        ));
    }
    Ok(Resolver {
        address: address.to_owned(),
        with_exit_node: false,
    })
}

fn resolvers(addresses: &[String]) -> Result<Vec<Resolver>, Failure> {
    addresses.iter().map(|address| resolver(address)).collect()
}

fn note(state: &mut State, call: &Call, old: &Dns) {
    let target = json!({ "id": super::TAILNET, "type": "TAILNET", "property": "DNS_CONFIG" });
    let change = [whole(old), whole(&state.dns)];
    state.note(&call.caller, "UPDATE", &target, change);
}

pub(super) fn nameservers(state: &mut State, _: &Call) -> Answer {
    json_of(json!({ "dns": addresses(&state.dns.nameservers) }))
}

pub(super) fn set_nameservers(state: &mut State, call: &Call) -> Answer {
    let old = state.dns.clone();
    state.dns.nameservers = resolvers(&call.texts("dns"))?;
    // It says so in its answer and nowhere else.
    state.dns.magic &= !state.dns.nameservers.is_empty();
    note(state, call, &old);
    let dns = &state.dns;
    json_of(json!({ "dns": addresses(&dns.nameservers), "magicDNS": dns.magic }))
}

pub(super) fn preferences(state: &mut State, _: &Call) -> Answer {
    json_of(json!({ "magicDNS": state.dns.magic }))
}

pub(super) fn set_preferences(state: &mut State, call: &Call) -> Answer {
    let on = call.body["magicDNS"] == true;
    if on && state.dns.nameservers.is_empty() {
        return Err(Failure::new(400, NO_RESOLVER));
    }
    let old = state.dns.clone();
    state.dns.magic = on;
    note(state, call, &old);
    preferences(state, call)
}

pub(super) fn search_paths(state: &mut State, _: &Call) -> Answer {
    json_of(json!({ "searchPaths": state.dns.search_paths }))
}

pub(super) fn set_search_paths(state: &mut State, call: &Call) -> Answer {
    let old = state.dns.clone();
    state.dns.search_paths = call.texts("searchPaths");
    note(state, call, &old);
    search_paths(state, call)
}

pub(super) fn split(state: &mut State, _: &Call) -> Answer {
    let map = state.dns.split.iter();
    let map: BTreeMap<&str, Vec<&str>> = map
        .map(|(domain, list)| (domain.as_str(), addresses(list)))
        .collect();
    json_of(json!(map))
}

/// Sets the domains that are named; `null` takes one out.
pub(super) fn merge_split(state: &mut State, call: &Call) -> Answer {
    change_split(state, call, false)
}

/// Sets these domains and takes out all others.
pub(super) fn replace_split(state: &mut State, call: &Call) -> Answer {
    change_split(state, call, true)
}

fn change_split(state: &mut State, call: &Call, anew: bool) -> Answer {
    let Some(wanted) = call.body.as_object() else {
        return Err(Failure::new(400, "not an object").outside_the_contract());
    };
    let mut map = if anew {
        BTreeMap::new()
    } else {
        state.dns.split.clone()
    };
    for (domain, list) in wanted {
        if list.is_null() {
            map.remove(domain);
            continue;
        }
        let list = texts(list, domain)?;
        map.insert(domain.clone(), resolvers(&list)?);
    }
    let old = state.dns.clone();
    state.dns.split = map;
    note(state, call, &old);
    split(state, call)
}

fn texts(list: &Value, domain: &str) -> Result<Vec<String>, Failure> {
    let wrong =
        || Failure::new(400, format!("{domain}: not a list of addresses")).outside_the_contract();
    let list = list.as_array().ok_or_else(wrong)?;
    let text = |one: &Value| one.as_str().map(str::to_owned).ok_or_else(wrong);
    list.iter().map(text).collect()
}

pub(super) fn configuration(state: &mut State, _: &Call) -> Answer {
    json_of(whole(&state.dns))
}

fn whole(dns: &Dns) -> Value {
    let told = |list: &[Resolver]| -> Value {
        let row = |one: &Resolver| json!({ "address": one.address, "useWithExitNode": one.with_exit_node });
        list.iter().map(row).collect()
    };
    let split = dns
        .split
        .iter()
        .map(|(domain, list)| (domain.clone(), told(list)));
    json!({
        "nameservers": told(&dns.nameservers),
        "splitDNS": split.collect::<serde_json::Map<_, _>>(),
        "searchPaths": dns.search_paths,
        "preferences": { "overrideLocalDNS": dns.override_local, "magicDNS": dns.magic },
    })
}

/// Replaces everything: what is not there is none, and false.
pub(super) fn configure(state: &mut State, call: &Call) -> Answer {
    let mut split = BTreeMap::new();
    for (domain, list) in call.body["splitDNS"].as_object().into_iter().flatten() {
        if !list.is_null() {
            split.insert(domain.clone(), read(list)?);
        }
    }
    let preferences = &call.body["preferences"];
    let dns = Dns {
        nameservers: read(&call.body["nameservers"])?,
        split,
        search_paths: call.texts("searchPaths"),
        override_local: preferences["overrideLocalDNS"] == true,
        magic: preferences["magicDNS"] == true,
    };
    if dns.magic && dns.nameservers.is_empty() {
        return Err(Failure::new(400, NO_RESOLVER));
    }
    let old = std::mem::replace(&mut state.dns, dns);
    note(state, call, &old);
    configuration(state, call)
}

fn read(list: &Value) -> Result<Vec<Resolver>, Failure> {
    let one = |row: &Value| {
        let address = row["address"].as_str().ok_or_else(|| {
            Failure::new(400, "nameserver without an address").outside_the_contract()
        })?;
        let with_exit_node = row["useWithExitNode"] == true;
        Ok(Resolver {
            with_exit_node,
            ..resolver(address)?
        })
    };
    list.as_array().into_iter().flatten().map(one).collect()
}
