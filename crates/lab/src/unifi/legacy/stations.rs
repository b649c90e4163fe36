//! Clients: the connected ones, all that are known, and what is done to them.

use serde_json::{Value, json};

use super::{needed, only};
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, plain, rows};
use crate::unifi::seed::ClientKind;
use crate::unifi::state::{Authorization, Client, Site, State, object_id};

pub(in crate::unifi) fn connected(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let online = stations(site).filter(|client| client.online);
    rows(
        online
            .map(|client| station(site, client, call.now))
            .collect(),
    )
}

pub(in crate::unifi) fn connected_one(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let mac = call.path.get("mac");
    let found = stations(site).find(|client| client.online && client.mac == mac);
    let found = found.ok_or_else(|| Failure::api("api.err.UnknownStation"))?;
    rows(vec![station(site, found, call.now)])
}

pub(in crate::unifi) fn known(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    rows(
        stations(site)
            .map(|client| user(client, &site.name))
            .collect(),
    )
}

pub(in crate::unifi) fn known_one(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let found = stations(site).find(|client| client.mac == call.path.get("mac"));
    let found = found.ok_or_else(|| Failure::api("api.err.UnknownUser"))?;
    rows(vec![user(found, &site.name)])
}

pub(in crate::unifi) fn known_by_id(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let found = stations(site).find(|client| client.id() == call.id());
    let found = found.ok_or_else(|| Failure::api("api.err.IdInvalid"))?;
    rows(vec![user(found, &site.name)])
}

pub(in crate::unifi) fn change(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let found = site
        .clients
        .values_mut()
        .find(|client| client.id() == call.id());
    let client = found.ok_or_else(|| Failure::api("api.err.IdInvalid"))?;
    if let Some(name) = call.body.get("name").and_then(Value::as_str) {
        client.name = Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    let row = user(client, &site.name);
    rows(vec![row])
}

pub(in crate::unifi) fn command(state: &mut State, call: &Call) -> Answer {
    let now = call.now;
    let site = call.site(state)?;
    match call.text("cmd") {
        "forget-sta" => {
            only(call, &["macs"])?;
            let macs = call.body.get("macs").and_then(Value::as_array);
            let macs =
                macs.ok_or_else(|| Failure::api("api.err.InvalidPayload").outside_the_contract())?;
            for mac in macs.iter().filter_map(Value::as_str) {
                site.clients.remove(mac);
            }
            rows(Vec::new())
        }
        "authorize-guest" => {
            only(call, &["mac", "minutes", "up", "down", "bytes", "ap_mac"])?;
            let client = site.client(needed(call, "mac")?)?;
            let minutes = call.number("minutes").unwrap_or(480);
            let given = Authorization {
                since: now,
                until: now + 60 * minutes,
                megabytes: call.number("bytes"),
                down_kbps: call.number("down"),
                up_kbps: call.number("up"),
            };
            let row = json!({
                "_id": object_id("guest", &client.mac),
                "mac": client.mac,
                "start": given.since,
                "end": given.until,
                "authorized_by": "api",
            });
            client.authorization = Some(given);
            rows(vec![row])
        }
        "unauthorize-guest" => {
            only(call, &["mac"])?;
            site.client(needed(call, "mac")?)?.authorization = None;
            rows(Vec::new())
        }
        cmd => {
            only(call, &["mac"])?;
            let client = site.client(needed(call, "mac")?)?;
            let label = client.label().to_owned();
            match cmd {
                "block-sta" => {
                    client.returns |= client.online;
                    client.blocked = true;
                    client.online = false;
                    client.last_seen = now;
                }
                "unblock-sta" => {
                    client.blocked = false;
                    client.online = client.returns;
                }
                // It comes back at once.
                _ if client.online => client.connected = now,
                _ => return Err(Failure::api("api.err.UnknownStation")),
            }
            let row = user(client, "");
            let (key, what) = match cmd {
                "block-sta" => ("CLIENT_BLOCKED_BY_ADMIN", "blocked"),
                "unblock-sta" => ("CLIENT_UNBLOCKED_BY_ADMIN", "unblocked"),
                _ => ("CLIENT_RECONNECTED_BY_ADMIN", "reconnected"),
            };
            site.note(
                now,
                "CLIENT_DEVICES",
                key,
                format!("{label} was {what} by Admin."),
            );
            rows(vec![row])
        }
    }
}

/// What is connected, as the `v2` part says it.
pub(in crate::unifi) fn active(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let online = site.clients.values().filter(|client| client.online);
    plain(online.map(|client| listed(client, "online")).collect())
}

/// What was connected and is not.
pub(in crate::unifi) fn history(state: &mut State, call: &Call) -> Answer {
    let unblocked = call.query.get("onlyNonBlocked").and_then(Value::as_bool) == Some(true);
    let site = call.site(state)?;
    let gone = site
        .clients
        .values()
        .filter(|client| !(client.online || unblocked && client.blocked));
    plain(gone.map(|client| listed(client, "offline")).collect())
}

/// Clients of the site itself, not of a VPN.
fn stations(site: &Site) -> impl Iterator<Item = &Client> {
    let local = |client: &&Client| matches!(client.kind, ClientKind::Wired | ClientKind::Wireless);
    site.clients.values().filter(local)
}

fn listed(client: &Client, status: &str) -> Value {
    json!({
        "id": client.id(),
        "mac": client.mac,
        "display_name": client.label(),
        "hostname": client.hostname,
        "ip": client.ip,
        "type": match client.kind {
            ClientKind::Wired => "WIRED",
            ClientKind::Wireless => "WIRELESS",
            ClientKind::Vpn => "VPN",
            ClientKind::Teleport => "TELEPORT",
        },
        "is_guest": client.guest,
        "blocked": client.blocked,
        "status": status,
        "network_name": client.network,
        "uplink_mac": client.uplink,
        "last_seen": client.last_seen,
    })
}

fn user(client: &Client, site: &str) -> Value {
    let mut row = json!({
        "_id": client.id(),
        "site_id": object_id("site", site),
        "mac": client.mac,
        "hostname": client.hostname,
        "oui": client.oui,
        "is_wired": client.kind == ClientKind::Wired,
        "is_guest": client.guest,
        "blocked": client.blocked,
        "first_seen": client.first_seen,
        "last_seen": client.last_seen,
        "last_ip": client.ip,
    });
    if let Some(name) = &client.name {
        row["name"] = json!(name);
    }
    row
}

fn station(site: &Site, client: &Client, now: i64) -> Value {
    let mut row = user(client, &site.name);
    let network = site.networks.iter().find(|one| one.name == client.network);
    row["ip"] = json!(client.ip);
    row["network"] = json!(client.network);
    row["network_id"] = json!(object_id("network", &client.network));
    row["vlan"] = json!(network.map_or(1, |one| one.vlan));
    row["uptime"] = json!(now - client.connected);
    row["assoc_time"] = json!(client.connected);
    row["last_seen"] = json!(now);
    row["authorized"] = json!(
        !client.guest
            || client
                .authorization
                .as_ref()
                .is_some_and(|given| given.until > now)
    );
    if client.kind == ClientKind::Wired {
        row["sw_mac"] = json!(client.uplink);
        row["sw_port"] = json!(client.port);
        row["wired-rx_bytes"] = json!(client.rx_bytes);
        row["wired-tx_bytes"] = json!(client.tx_bytes);
    } else {
        row["ap_mac"] = json!(client.uplink);
        row["essid"] = json!(client.essid);
        row["signal"] = json!(client.signal);
        row["rssi"] = json!(client.signal + 95);
        row["channel"] = json!(36);
        row["radio"] = json!("na");
        row["rx_bytes"] = json!(client.rx_bytes);
        row["tx_bytes"] = json!(client.tx_bytes);
        row["satisfaction"] = json!(98);
    }
    row
}
