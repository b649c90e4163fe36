//! Services of the tailnet, which devices answer for.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, json_of};
use super::state::State;

/// A service with the devices that answer for it.
pub(super) struct Service {
    pub(super) fields: Value,
    pub(super) hosts: Vec<Value>,
}

fn known<'a>(state: &'a State, call: &Call) -> Result<&'a Service, Failure> {
    let name = call.path.get("service");
    let mut services = state.services.iter();
    services
        .find(|service| service.fields["name"] == name)
        .ok_or_else(Failure::not_found)
}

pub(super) fn list(state: &mut State, _: &Call) -> Answer {
    let services: Vec<&Value> = state.services.iter().map(|one| &one.fields).collect();
    json_of(json!({ "vipServices": services }))
}

pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    json_of(known(state, call)?.fields.clone())
}

pub(super) fn hosts(state: &mut State, call: &Call) -> Answer {
    json_of(json!({ "hosts": known(state, call)?.hosts }))
}
