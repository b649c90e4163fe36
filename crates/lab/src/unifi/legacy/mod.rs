//! The old API: everything in one answer, 24-digit ids, and MAC addresses.

pub(super) mod devices;
pub(super) mod health;
pub(super) mod hotspot;
pub(super) mod log;
pub(super) mod policies;
pub(super) mod settings;
pub(super) mod stations;

use super::entry::Call;
use super::reply::Failure;

/// A parameter that the command of this call needs.
fn needed<'a>(call: &'a Call, name: &str) -> Result<&'a str, Failure> {
    match call.text(name) {
        "" => Err(Failure::api("api.err.InvalidPayload").outside_the_contract()),
        text => Ok(text),
    }
}

/// Refuses fields that the command of this call does not take.
fn only(call: &Call, names: &[&str]) -> Result<(), Failure> {
    let strange = |name: &&String| *name != "cmd" && !names.contains(&name.as_str());
    match call.body.keys().find(strange) {
        Some(_) => Err(Failure::api("api.err.InvalidPayload").outside_the_contract()),
        None => Ok(()),
    }
}
