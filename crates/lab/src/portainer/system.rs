//! The server itself, and who one is.

use serde_json::json;

use super::Release;
use super::entry::Call;
use super::reply::{Answer, Failure, json_of};
use super::state::State;
use crate::hash::hex;

/// How long a session holds.
const SESSION_S: i64 = 8 * 3600;

fn number(release: Release) -> &'static str {
    match release {
        Release::V2_18 => "2.18.4",
        Release::V2_21 => "2.21.5",
        Release::V2_44 => "2.44.0",
    }
}

/// `GET /system/status`, and `/status` of old.
pub(super) fn status(state: &mut State, _: &Call) -> Answer {
    json_of(json!({
        "Version": number(state.release),
        "InstanceID": "00000000-1111-2222-3333-555555555555",
    }))
}

/// `GET /system/version`.
pub(super) fn version(state: &mut State, _: &Call) -> Answer {
    json_of(json!({
        "ServerVersion": number(state.release),
        "ServerEdition": "CE",
        "DatabaseVersion": number(state.release),
        "UpdateAvailable": false,
        "LatestVersion": "",
    }))
}

/// `POST /auth`.
pub(super) fn login(state: &mut State, call: &Call) -> Answer {
    let (name, password) = (call.text("username"), call.text("password"));
    let found = state
        .users
        .iter()
        .find(|(_, user)| user.name == name && user.password == password);
    let Some(id) = found.map(|(id, _)| *id) else {
        return Err(Failure::new(422, "Invalid credentials", "Unauthorized"));
    };
    let now = state.now();
    let session = hex(format!("{id}/{now}/{}", state.sessions.len()).as_bytes());
    state
        .sessions
        .insert(session.clone(), (id, now + SESSION_S));
    json_of(json!({ "jwt": session }))
}

/// `GET /users/me`.
pub(super) fn me(state: &mut State, call: &Call) -> Answer {
    let admin = state.must_be_admin(call.user).is_ok();
    json_of(json!({
        "Id": call.user,
        "Username": state.name_of(call.user),
        "Role": if admin { 1 } else { 2 },
    }))
}
