//! Writes of one object or of many: all of them or none.

use serde_json::{Map, Value, json};

use super::Release;
use super::entry::Call;
use super::model::Model;
use super::read::{etag, missing};
use super::reply::{Answer, Reply, refused};
use super::state::{Object, State};
use super::write::{self, Errors};

/// `POST` on a collection.
pub(super) fn create(state: &mut State, call: &mut Call, model: &'static Model) -> Answer {
    let bodies = call.objects()?;
    let single = !matches!(call.body, Some(Value::Array(_)));
    for body in &bodies {
        call.strange |= write::has_unknown(state, model, body, &[]);
    }
    let actor = call.actor.clone();
    let ids = all_or_none(state, single, "created", bodies, |state, body| {
        write::create(state, &actor, model, &body)
    })?;
    let found = |id: &u64| state.get(model.kind, *id);
    if single {
        let object = ids.first().and_then(found).ok_or_else(|| missing(model))?;
        return Ok(Reply::of(201, state.full(object)).with_etag(etag(state, object)));
    }
    let told = ids
        .iter()
        .filter_map(found)
        .map(|object| state.full(object));
    Ok(Reply::of(201, told.collect()))
}

/// `PATCH` and `PUT` on a collection: a list of objects with their ids.
pub(super) fn update(
    state: &mut State,
    call: &mut Call,
    model: &'static Model,
    whole: bool,
) -> Answer {
    let bodies = call.objects()?;
    for body in &bodies {
        let more = ["id", "add_tags", "remove_tags"];
        call.strange |= write::has_unknown(state, model, body, &more);
    }
    let actor = call.actor.clone();
    let ids = all_or_none(state, false, "updated", bodies, |state, body| {
        let id = body.get("id").and_then(Value::as_u64);
        let before = id.and_then(|id| state.get(model.kind, id)).cloned();
        let Some(before) = before else {
            let mut errors = Errors::new();
            errors.insert("id".to_owned(), json!(["This field is required."]));
            return Err(errors);
        };
        write::update(state, &actor, &before, &body, whole).map(|()| before.id)
    })?;
    let told = ids
        .iter()
        .filter_map(|id| state.get(model.kind, *id))
        .map(|object| state.full(object));
    Ok(Reply::of(200, told.collect()))
}

/// `DELETE` on a collection: a list of objects with their ids.
pub(super) fn delete(state: &mut State, call: &mut Call, model: &'static Model) -> Answer {
    let bodies = call.objects()?;
    let kept = (state.objects(), state.changes.len());
    for body in bodies {
        let id = body.get("id").and_then(Value::as_u64);
        let object = id.and_then(|id| state.get(model.kind, id)).cloned();
        let outcome = match object {
            None => Err(refused(404, "Not found.").strange()),
            Some(object) => write::delete(state, &call.actor, &object, &note(&body)),
        };
        if let Err(refusal) = outcome {
            state.restore(kept.0);
            state.changes.truncate(kept.1);
            return Err(refusal);
        }
    }
    Ok(Reply::empty(204))
}

fn note(body: &Map<String, Value>) -> String {
    let note = body.get("changelog_message").and_then(Value::as_str);
    note.unwrap_or_default().to_owned()
}

/// Refuses a change of a state that is no longer so.
fn unchanged(state: &State, call: &Call, object: &Object) -> Result<(), Reply> {
    let current = etag(state, object);
    match (&call.if_match, &current) {
        (Some(wanted), Some(current)) if wanted != current && wanted != "*" => {
            let reply = refused(412, "Precondition failed.");
            Err(reply.with_etag(Some(current.clone())))
        }
        _ => Ok(()),
    }
}

/// `PATCH` and `PUT` of one object.
pub(super) fn update_one(
    state: &mut State,
    call: &mut Call,
    model: &'static Model,
    id: u64,
    whole: bool,
) -> Answer {
    let before = state
        .get(model.kind, id)
        .cloned()
        .ok_or_else(|| missing(model))?;
    unchanged(state, call, &before)?;
    let Some(Value::Object(body)) = call.body.clone() else {
        let text = "Invalid data. Expected a dictionary.";
        return Err(Reply::of(400, json!({ "non_field_errors": [text] })).strange());
    };
    let more: &[&str] = if state.release >= Release::V4_6 {
        &["add_tags", "remove_tags"]
    } else {
        &[]
    };
    call.strange |= write::has_unknown(state, model, &body, more);
    let done = write::update(state, &call.actor, &before, &body, whole);
    done.map_err(|errors| Reply::of(400, errors.into()))?;
    let after = state.get(model.kind, id).ok_or_else(|| missing(model))?;
    Ok(Reply::of(200, state.full(after)).with_etag(etag(state, after)))
}

/// `DELETE` of one object.
pub(super) fn delete_one(
    state: &mut State,
    call: &mut Call,
    model: &'static Model,
    id: u64,
) -> Answer {
    let object = state
        .get(model.kind, id)
        .cloned()
        .ok_or_else(|| missing(model))?;
    unchanged(state, call, &object)?;
    let body = call
        .body
        .as_ref()
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    call.strange |= body.keys().any(|name| name != "changelog_message");
    write::delete(state, &call.actor, &object, &note(&body))?;
    Ok(Reply::empty(204))
}

/// Does something with each body; if one goes wrong, everything is as it was.
fn all_or_none(
    state: &mut State,
    single: bool,
    done: &str,
    bodies: Vec<Map<String, Value>>,
    mut each: impl FnMut(&mut State, Map<String, Value>) -> Result<u64, Errors>,
) -> Result<Vec<u64>, Reply> {
    let kept = (state.objects(), state.changes.len());
    let count = bodies.len();
    let outcomes: Vec<Result<u64, Errors>> =
        bodies.into_iter().map(|body| each(state, body)).collect();
    if outcomes.iter().all(Result::is_ok) {
        return Ok(outcomes.into_iter().flatten().collect());
    }
    state.restore(kept.0);
    state.changes.truncate(kept.1);
    let body = match (single, state.release >= Release::V4_7) {
        (true, _) => outcomes
            .into_iter()
            .find_map(Result::err)
            .map(Value::Object),
        (false, true) => {
            let errors: Vec<Value> = outcomes
                .into_iter()
                .enumerate()
                .filter_map(|(index, outcome)| Some((index, outcome.err()?)))
                .map(|(index, errors)| json!({ "index": index, "errors": errors }))
                .collect();
            let detail = format!("{} of {count} objects could not be {done}.", errors.len());
            Some(json!({ "detail": detail, "errors": errors }))
        }
        // A list in the order of the bodies, with nothing where nothing is wrong.
        (false, false) => Some(
            outcomes
                .into_iter()
                .map(|outcome| Value::Object(outcome.err().unwrap_or_default()))
                .collect(),
        ),
    };
    Err(Reply::of(400, body.unwrap_or_default()))
}
