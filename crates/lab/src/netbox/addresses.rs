//! Prefixes, ranges and addresses: which are free, and which may be.

use std::collections::BTreeSet;

use super::model::Complaint;
use super::net::Net;
use super::state::{Object, State};

/// The network that an object is about: an address, a prefix, or the start of a range.
pub(super) fn net_of(object: &Object) -> Option<Net> {
    ["prefix", "address", "start_address"]
        .into_iter()
        .find_map(|name| object.net(name))
}

/// Start and end of a range.
pub(super) fn bounds(range: &Object) -> Option<(Net, Net)> {
    Some((range.net("start_address")?, range.net("end_address")?))
}

pub(super) fn size(range: &Object) -> u128 {
    bounds(range).map_or(0, |(start, end)| {
        end.address.saturating_sub(start.address).saturating_add(1)
    })
}

/// Whether an object counts in a prefix: it is in the same VRF. In a container of the global table,
/// everything counts.
fn counts(prefix: &Object, object: &Object) -> bool {
    let global_container = prefix.id_of("vrf").is_none() && prefix.text("status") == "container";
    global_container || prefix.id_of("vrf") == object.id_of("vrf")
}

/// The prefixes below a prefix.
pub(super) fn children<'s>(
    state: &'s State,
    prefix: &'s Object,
) -> impl Iterator<Item = &'s Object> {
    let outer = net_of(prefix);
    state.of("ipam.prefix").filter(move |other| {
        let (Some(outer), Some(inner)) = (outer, net_of(other)) else {
            return false;
        };
        other.id != prefix.id && counts(prefix, other) && outer.contains(inner)
    })
}

/// How many prefixes a prefix lies in.
pub(super) fn depth(state: &State, prefix: &Object) -> usize {
    let inner = net_of(prefix);
    state
        .of("ipam.prefix")
        .filter(|other| other.id != prefix.id && other.id_of("vrf") == prefix.id_of("vrf"))
        .filter(|other| {
            net_of(other)
                .zip(inner)
                .is_some_and(|(outer, inner)| outer.contains(inner))
        })
        .count()
}

/// The blocks of a prefix that no child has.
pub(super) fn free_blocks(state: &State, prefix: &Object) -> Vec<Net> {
    let taken: Vec<Net> = children(state, prefix).filter_map(net_of).collect();
    net_of(prefix)
        .map(|net| net.free(&taken))
        .unwrap_or_default()
}

/// The first free addresses of a prefix or range, at most so many, with its mask.
pub(super) fn free(state: &State, parent: &Object, most: usize) -> Vec<Net> {
    let Some(net) = net_of(parent) else {
        return Vec::new();
    };
    let (first, last) = match bounds(parent) {
        Some((start, end)) => (start.address, end.address),
        None => ends(parent, net),
    };
    let taken: BTreeSet<u128> = state
        .of("ipam.ipaddress")
        .filter(|address| counts(parent, address))
        .filter_map(net_of)
        .filter(|address| address.six == net.six)
        .map(|address| address.address)
        .collect();
    // Ranges whose addresses are all taken to be there.
    let full: Vec<(Net, Net)> = state
        .of("ipam.iprange")
        .filter(|range| range.flag("mark_populated") && counts(parent, range))
        .filter(|range| range.id != parent.id || parent.kind != "ipam.iprange")
        .filter_map(bounds)
        .filter(|(start, _)| start.six == net.six)
        .collect();
    let mut free = Vec::new();
    let mut next = Some(first);
    while let Some(address) = next.filter(|address| *address <= last && free.len() < most) {
        let range = full
            .iter()
            .find(|(start, end)| (start.address..=end.address).contains(&address));
        if let Some((_, end)) = range {
            next = end.address.checked_add(1);
            continue;
        }
        if !taken.contains(&address) {
            free.push(net.at(address));
        }
        next = address.checked_add(1);
    }
    free
}

/// First and last address of a prefix that a host can have.
fn ends(prefix: &Object, net: Net) -> (u128, u128) {
    let hosts = net.bits() - net.length;
    if hosts <= 1 || prefix.flag("is_pool") {
        return (net.first(), net.last());
    }
    // The first of a network of version 6 is its routers' anycast address; it has no broadcast.
    let last = if net.six { net.last() } else { net.last() - 1 };
    (net.first() + 1, last)
}

/// Whether two objects of a VRF may not be the same: in the global table, and where the VRF says so.
fn unique_in<'s>(state: &'s State, object: &Object) -> Option<String> {
    let Some(vrf) = object.id_of("vrf") else {
        return Some("global table".to_owned());
    };
    let vrf: &'s Object = state.get("ipam.vrf", vrf)?;
    vrf.flag("enforce_unique")
        .then(|| format!("VRF {}", state.display(vrf)))
}

pub(super) fn clean_prefix(state: &State, prefix: &Object) -> Result<(), Complaint> {
    let Some(table) = unique_in(state, prefix) else {
        return Ok(());
    };
    let twin = state.of("ipam.prefix").find(|other| {
        other.id != prefix.id
            && other.id_of("vrf") == prefix.id_of("vrf")
            && other.text("prefix") == prefix.text("prefix")
    });
    match twin {
        None => Ok(()),
        Some(twin) => Err((
            "prefix",
            format!("Duplicate prefix found in {table}: {}", twin.text("prefix")),
        )),
    }
}

pub(super) fn clean_range(state: &State, range: &Object) -> Result<(), Complaint> {
    let Some((start, end)) = bounds(range) else {
        return Ok(());
    };
    if start.six != end.six {
        return Err((
            "end_address",
            "Starting and ending IP address versions must match".to_owned(),
        ));
    }
    if start.length != end.length {
        return Err((
            "end_address",
            "Starting and ending IP address masks must match".to_owned(),
        ));
    }
    if end.address <= start.address {
        let text = format!("Ending address must be greater than the starting address ({start})");
        return Err(("end_address", text));
    }
    let other = state.of("ipam.iprange").find(|other| {
        other.id != range.id
            && other.id_of("vrf") == range.id_of("vrf")
            && bounds(other).is_some_and(|(first, last)| {
                first.six == start.six
                    && first.address <= end.address
                    && start.address <= last.address
            })
    });
    match other {
        None => Ok(()),
        Some(other) => {
            let vrf = match state.display_at(range, "vrf") {
                vrf if vrf.is_empty() => "None".to_owned(),
                vrf => vrf,
            };
            let other = state.display(other);
            let text = format!("Defined addresses overlap with range {other} in VRF {vrf}");
            Err(("__all__", text))
        }
    }
}

/// Roles that several hosts may have at once.
const SHARED: &[&str] = &["anycast", "vip", "vrrp", "hsrp", "glbp", "carp"];

pub(super) fn clean_address(state: &State, address: &Object) -> Result<(), Complaint> {
    let Some(net) = net_of(address) else {
        return Ok(());
    };
    if address.id_of("assigned_object_id").is_some() {
        let between = net.bits() - net.length > 1;
        if between && net.address == net.first() {
            let text = format!(
                "{} is a network ID, which may not be assigned to an interface.",
                net.host()
            );
            return Err(("address", text));
        }
        if between && !net.six && net.address == net.last() {
            let text = format!(
                "{} is a broadcast address, which may not be assigned to an interface.",
                net.host()
            );
            return Err(("address", text));
        }
    }
    if let Some(before) = state.get("ipam.ipaddress", address.id) {
        let moved = ["assigned_object_type", "assigned_object_id"]
            .iter()
            .any(|name| before.fields.get(*name) != address.fields.get(*name));
        let primary = ["dcim.device", "virtualization.virtualmachine"]
            .iter()
            .any(|kind| {
                ["primary_ip4", "primary_ip6"]
                    .into_iter()
                    .any(|field| state.with(kind, field, address.id).next().is_some())
            });
        if moved && primary {
            let text = "Cannot reassign IP address while it is designated as the primary IP for the parent object";
            return Err(("__all__", text.to_owned()));
        }
    }
    let Some(table) = unique_in(state, address) else {
        return Ok(());
    };
    let twin = state.of("ipam.ipaddress").find(|other| {
        other.id != address.id
            && other.id_of("vrf") == address.id_of("vrf")
            && net_of(other).is_some_and(|own| own.six == net.six && own.address == net.address)
            && !(SHARED.contains(&address.text("role"))
                && address.text("role") == other.text("role"))
    });
    match twin {
        None => Ok(()),
        Some(twin) => Err((
            "address",
            format!(
                "Duplicate IP address found in {table}: {}",
                twin.text("address")
            ),
        )),
    }
}

/// Whether the address in a field is this one; its length counts only where one is asked for.
pub(super) fn is_at(object: &Object, field: &str, wanted: &str) -> bool {
    let (Some(own), Some(asked)) = (object.net(field), Net::read(wanted)) else {
        return false;
    };
    if wanted.contains('/') {
        own == asked
    } else {
        own.host() == asked.host()
    }
}
