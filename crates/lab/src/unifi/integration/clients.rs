//! Clients: those that are connected, and only the guests' actions.

use serde_json::{Value, json};

use super::set;
use crate::calendar::rfc3339;
use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, Failure, page, plain};
use crate::unifi::seed::ClientKind;
use crate::unifi::state::{Authorization, Client, State, uuid};

/// How long a guest is let in where nobody says it: eight hours.
const USUAL_MINUTES: i64 = 480;

pub(in crate::unifi) fn list(state: &mut State, call: &Call) -> Answer {
    let now = call.now;
    let clients = call.site(state)?.clients.values();
    let online = clients.filter(|client| client.online);
    page(online.map(|client| row(client, now, false)).collect())
}

pub(in crate::unifi) fn one(state: &mut State, call: &Call) -> Answer {
    plain(row(found(state, call)?, call.now, true))
}

pub(in crate::unifi) fn act(state: &mut State, call: &Call) -> Answer {
    let client = found(state, call)?;
    if !client.guest {
        let code = "api.client.guest-access.not-a-guest";
        return Err(Failure::new(400, code, "the client is no guest"));
    }
    let action = call.text("action");
    let authorize = action == "AUTHORIZE_GUEST_ACCESS";
    let limits = [
        "timeLimitMinutes",
        "dataUsageLimitMBytes",
        "rxRateLimitKbps",
        "txRateLimitKbps",
    ];
    if !authorize && limits.iter().any(|name| call.body.contains_key(*name)) {
        let failure = Failure::new(
            400,
            "api.request.invalid",
            "limits belong to the other action",
        );
        return Err(failure.outside_the_contract());
    }
    let mut answer = json!({ "action": action });
    set(
        &mut answer,
        "revokedAuthorization",
        client.authorization.as_ref().map(authorization),
    );
    client.authorization = authorize.then(|| Authorization {
        since: call.now,
        until: call.now + 60 * call.number("timeLimitMinutes").unwrap_or(USUAL_MINUTES),
        megabytes: call.number("dataUsageLimitMBytes"),
        down_kbps: call.number("rxRateLimitKbps"),
        up_kbps: call.number("txRateLimitKbps"),
    });
    set(
        &mut answer,
        "grantedAuthorization",
        client.authorization.as_ref().map(authorization),
    );
    plain(answer)
}

fn found<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Client, Failure> {
    let id = call.id().to_owned();
    let clients = &mut call.site(state)?.clients;
    let found = clients
        .values_mut()
        .find(|client| client.online && client.uuid() == id);
    found.ok_or_else(|| Failure::missing("client", &id))
}

fn authorization(of: &Authorization) -> Value {
    let mut row = json!({
        "authorizedAt": rfc3339(of.since),
        "authorizationMethod": "API",
        "expiresAt": rfc3339(of.until),
    });
    set(&mut row, "dataUsageLimitMBytes", of.megabytes);
    set(&mut row, "rxRateLimitKbps", of.down_kbps);
    set(&mut row, "txRateLimitKbps", of.up_kbps);
    row
}

fn row(client: &Client, now: i64, details: bool) -> Value {
    let kind = match client.kind {
        ClientKind::Wired => "WIRED",
        ClientKind::Wireless => "WIRELESS",
        ClientKind::Vpn => "VPN",
        ClientKind::Teleport => "TELEPORT",
    };
    let valid = client
        .authorization
        .as_ref()
        .filter(|given| given.until > now);
    let mut access = json!({ "type": if client.guest { "GUEST" } else { "DEFAULT" } });
    if client.guest {
        access["authorized"] = json!(valid.is_some());
        if details {
            set(&mut access, "authorization", valid.map(authorization));
        }
    }
    let mut row = json!({
        "type": kind,
        "id": client.uuid(),
        "name": client.label(),
        "connectedAt": rfc3339(client.connected),
        "access": access,
    });
    set(&mut row, "ipAddress", client.ip.as_deref());
    if matches!(client.kind, ClientKind::Wired | ClientKind::Wireless) {
        row["macAddress"] = json!(client.mac);
        row["uplinkDeviceId"] = json!(uuid("device", &client.uplink));
    }
    row
}
