//! The record of changes: `core/object-changes`.

use homelab_core::clock::Micros;
use serde_json::{Map, Value, json};

use super::auth::Actor;
use super::entry::Call;
use super::model::Choice;
use super::read;
use super::render::choice;
use super::reply::{Answer, Reply, refused};
use super::state::{Object, State};

const ACTIONS: &[Choice] = &[
    ("create", "Created"),
    ("update", "Updated"),
    ("delete", "Deleted"),
];

/// One change.
pub(super) struct Change {
    id: u64,
    time: Micros,
    actor: Actor,
    action: &'static str,
    kind: &'static str,
    object: u64,
    /// How the object was called.
    repr: String,
    message: String,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
}

impl State {
    /// Notes what became of an object; a change that changes nothing is not noted.
    pub(super) fn note(
        &mut self,
        actor: &Actor,
        message: &str,
        before: Option<&Object>,
        after: Option<&Object>,
    ) {
        let (action, object) = match (before, after) {
            (None, Some(after)) => ("create", after),
            (Some(before), Some(after)) if before.fields != after.fields => ("update", after),
            (Some(before), None) => ("delete", before),
            _ => return,
        };
        let change = Change {
            id: u64::try_from(self.changes.len()).unwrap_or_default() + 1,
            time: self.tick(),
            actor: actor.clone(),
            action,
            kind: object.kind,
            object: object.id,
            repr: self.display(object),
            message: message.to_owned(),
            before: before.map(|object| object.fields.clone()),
            after: after.map(|object| object.fields.clone()),
        };
        self.changes.push(change);
    }

    /// Whether a request made or changed an object.
    pub(super) fn touched(&self, object: &Object, request: &str, actions: &[&str]) -> bool {
        self.changes.iter().any(|change| {
            change.kind == object.kind
                && change.object == object.id
                && change.actor.request == request
                && actions.contains(&change.action)
        })
    }

    fn tell(&self, change: &Change) -> Value {
        let user = self.get("users.user", change.actor.user);
        let url = |api: &str| format!("{}{api}/core/object-changes/{}/", self.base, change.id);
        let name = self.user(change.actor.user).map(|user| user.name.clone());
        let changed = self.get(change.kind, change.object);
        json!({
            "id": change.id,
            "url": url("/api"),
            "display_url": url(""),
            "display": format!("{} {} {} by {}", change.kind, change.repr, change.action, name.clone().unwrap_or_default()),
            "time": change.time.to_rfc3339(),
            "user": user.map_or(Value::Null, |user| self.brief(user)),
            "user_name": name,
            "request_id": change.actor.request,
            "action": choice(ACTIONS, &json!(change.action)),
            "changed_object_type": change.kind,
            "changed_object_id": change.object,
            "changed_object": changed.map_or(Value::Null, |object| self.brief(object)),
            "object_repr": change.repr,
            "message": change.message,
            "prechange_data": change.before,
            "postchange_data": change.after,
        })
    }

    fn is(&self, change: &Change, name: &str, wanted: &str) -> Option<bool> {
        let time = || Micros::from_rfc3339(wanted).unwrap_or(Micros(i64::MAX));
        let user = self.user(change.actor.user);
        Some(match name {
            "id" => change.id.to_string() == wanted,
            "action" => change.action == wanted,
            "changed_object_type" => change.kind == wanted,
            "changed_object_id" => change.object.to_string() == wanted,
            "user" | "user_name" => user.is_some_and(|user| user.name == wanted),
            "user_id" => change.actor.user.to_string() == wanted,
            "request_id" => change.actor.request == wanted,
            "object_repr" => change.repr == wanted,
            "time_after" => change.time >= time(),
            "time_before" => change.time <= time(),
            "q" => {
                let wanted = wanted.to_lowercase();
                change.repr.to_lowercase().contains(&wanted)
                    || change.message.to_lowercase().contains(&wanted)
            }
            _ => return None,
        })
    }
}

/// `GET /api/core/object-changes/`: the newest first.
pub(super) fn list(state: &State, call: &mut Call) -> Answer {
    let filters = call.filters();
    if let Some((_, values)) = filters.iter().find(|(name, _)| name == "action") {
        let wrong = values
            .iter()
            .find(|value| ACTIONS.iter().all(|(known, _)| known != value));
        if let Some(wrong) = wrong {
            return Err(read::not_a_choice("action", wrong).strange());
        }
    }
    let mut found: Vec<&Change> = Vec::new();
    for change in state.changes.iter().rev() {
        let mut fits = true;
        for (name, values) in &filters {
            let tests: Option<Vec<bool>> = values
                .iter()
                .map(|value| state.is(change, name, value))
                .collect();
            match tests {
                Some(tests) => fits &= tests.contains(&true),
                // It does not know the filter, and leaves it out.
                None => call.strange = true,
            }
        }
        if fits {
            found.push(change);
        }
    }
    if call.text("ordering") == Some("time") {
        found.reverse();
    }
    let ids: Vec<u64> = found.iter().map(|change| change.id).collect();
    read::page(state, call, "core/object-changes", &ids, |id| {
        let change = state.changes.iter().find(|change| change.id == id);
        change.map_or(Value::Null, |change| state.tell(change))
    })
}

/// `GET /api/core/object-changes/{id}/`.
pub(super) fn one(state: &State, id: u64) -> Answer {
    let found = state.changes.iter().find(|change| change.id == id);
    found
        .map(|change| Reply::of(200, state.tell(change)))
        .ok_or_else(|| refused(404, "No ObjectChange matches the given query."))
}
