//! Routes: advertised by a machine, enabled by somebody, or by the policy itself.

use std::collections::BTreeSet;

use homelab_core::net::Cidr;
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply};
use super::rules::covers;
use super::state::{Device, State};

pub(super) fn show(state: &mut State, call: &Call) -> Answer {
    Ok(told(state.device(call.path.get("id"))?))
}

fn told(device: &Device) -> Reply {
    Reply::Json(json!({
        "advertisedRoutes": device.texts("advertisedRoutes"),
        "enabledRoutes": device.texts("enabledRoutes"),
    }))
}

/// These and no others are enabled from now on, but for what the policy approves by itself.
pub(super) fn set(state: &mut State, call: &Call) -> Answer {
    let mut wanted = BTreeSet::new();
    for route in call.texts("routes") {
        // Without its host bits it is another text.
        let network: Option<Cidr> = route.parse().ok();
        match network {
            Some(network) if network.to_string() == route => wanted.insert(route),
            _ => {
                let text = format!("routes: {route:?} is not a network prefix");
                return Err(Failure::new(400, text));
            }
        };
    }
    let policy = state.policy.value();
    let device = state.device(call.path.get("id"))?;
    wanted.extend(approved(&policy, device));
    let old = device.texts("enabledRoutes");
    device.set("enabledRoutes", json!(wanted));
    let target = json!({
        "id": device.text("nodeId"),
        "name": device.text("name"),
        "type": "NODE",
        "property": "ALLOWED_IPS",
    });
    let reply = told(device);
    state.note(&call.caller, "UPDATE", &target, [json!(old), json!(wanted)]);
    Ok(reply)
}

/// Routes that the machine advertises and the policy approves for its tags or its user.
pub(super) fn approved(policy: &Value, device: &Device) -> Vec<String> {
    let mut who = device.texts("tags");
    who.push(device.text("user").to_owned());
    let approves = |approvers: &Value| {
        let mut approvers = approvers.as_array().into_iter().flatten();
        approvers.any(|one| {
            let one = one.as_str().unwrap_or_default();
            who.iter().any(|who| covers(policy, one, who))
        })
    };
    let automatic = &policy["autoApprovers"];
    let fits = |route: &String| {
        if route == "0.0.0.0/0" || route == "::/0" {
            return approves(&automatic["exitNode"]);
        }
        let rules = automatic["routes"].as_object().into_iter().flatten();
        rules.into_iter().any(|(range, approvers)| {
            let within = match (range.parse::<Cidr>(), route.parse::<Cidr>()) {
                (Ok(range), Ok(route)) => range.0.contains(&route.0),
                _ => false,
            };
            within && approves(approvers)
        })
    };
    let mut advertised = device.texts("advertisedRoutes");
    advertised.retain(fits);
    advertised
}
