//! Making, changing and deleting objects.

use serde_json::{Map, Value, json};

use super::Release;
use super::auth::Actor;
use super::model::{Model, OnDelete, Type};
use super::models;
use super::parse;
use super::reply::{Reply, refused};
use super::state::{Object, State, is_assigned_to};

/// What is wrong, by field.
pub(super) type Errors = Map<String, Value>;

fn complain(errors: &mut Errors, field: &str, text: impl Into<Value>) {
    errors.insert(field.to_owned(), Value::Array(vec![text.into()]));
}

/// The note of a change that a client gave.
fn message(body: &Map<String, Value>) -> String {
    let message = body.get("changelog_message").and_then(Value::as_str);
    message.unwrap_or_default().to_owned()
}

/// Whether a body has a name that this release does not know for the kind. The product leaves it
/// out; a client that sends it has a mistake.
pub(super) fn has_unknown(
    state: &State,
    model: &Model,
    body: &Map<String, Value>,
    more: &[&str],
) -> bool {
    body.keys().any(|name| {
        let field = model.field(name);
        let known = field.is_some_and(|field| state.release >= field.since)
            || (name == "changelog_message" && state.release >= Release::V4_5)
            || more.contains(&name.as_str());
        !known
    })
}

/// Makes an object.
pub(super) fn create(
    state: &mut State,
    actor: &Actor,
    model: &'static Model,
    body: &Map<String, Value>,
) -> Result<u64, Errors> {
    let mut fields = Map::new();
    let mut errors = Errors::new();
    for field in model.fields {
        let value = match body.get(field.name) {
            Some(given) => parse::field(state, model, field, given),
            None if field.required => Err("This field is required.".to_owned()),
            None => Ok(field.default.value()),
        };
        match value {
            Ok(value) => {
                fields.insert(field.name.to_owned(), value);
            }
            Err(text) => complain(&mut errors, field.name, text),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if model.has("created_by") && fields.get("created_by") == Some(&Value::Null) {
        fields.insert("created_by".to_owned(), json!(actor.user));
    }
    let now = state.tick();
    let mut object = Object {
        kind: model.kind,
        id: 0,
        fields,
        created: now,
        updated: now,
    };
    check(state, model, &object)?;
    object.id = state.next_id(model.kind);
    state.put(object.clone());
    state.note(actor, &message(body), None, Some(&object));
    Ok(object.id)
}

/// Changes an object: the fields that are given, or all of them.
pub(super) fn update(
    state: &mut State,
    actor: &Actor,
    before: &Object,
    body: &Map<String, Value>,
    whole: bool,
) -> Result<(), Errors> {
    let model = models::of(before.kind);
    let mut after = before.clone();
    let mut errors = Errors::new();
    for field in model.fields {
        let value = match body.get(field.name) {
            Some(given) => parse::field(state, model, field, given),
            None if whole && field.required => Err("This field is required.".to_owned()),
            None => continue,
        };
        match (value, field.kind) {
            (Ok(Value::Object(given)), Type::Custom) => {
                let kept = after
                    .fields
                    .entry(field.name.to_owned())
                    .or_insert_with(|| json!({}));
                for (name, value) in given {
                    kept[name] = value;
                }
            }
            (Ok(value), _) => {
                after.fields.insert(field.name.to_owned(), value);
            }
            (Err(text), _) => complain(&mut errors, field.name, text),
        }
    }
    if state.release >= Release::V4_6
        && model.has("tags")
        && let Err((field, text)) = tag_deltas(state, &mut after, body)
    {
        complain(&mut errors, field, text);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    check(state, model, &after)?;
    after.updated = state.tick();
    state.put(after.clone());
    state.note(actor, &message(body), Some(before), Some(&after));
    Ok(())
}

/// `add_tags` and `remove_tags`.
fn tag_deltas(
    state: &State,
    object: &mut Object,
    body: &Map<String, Value>,
) -> Result<(), (&'static str, String)> {
    let read = |name: &'static str| match body.get(name) {
        None => Ok(Vec::new()),
        Some(given) => parse::tags(state, given)
            .map(|ids| ids.as_array().cloned().unwrap_or_default())
            .map_err(|text| (name, text)),
    };
    let (add, remove) = (read("add_tags")?, read("remove_tags")?);
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let mut tags = object
        .fields
        .get("tags")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    tags.retain(|tag| !remove.contains(tag));
    for tag in add {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    object.fields.insert("tags".to_owned(), Value::Array(tags));
    Ok(())
}

/// What is checked of an object as a whole.
fn check(state: &State, model: &Model, object: &Object) -> Result<(), Errors> {
    let mut errors = Errors::new();
    for pair in ["scope", "assigned_object"] {
        let (kind, id) = (format!("{pair}_type"), format!("{pair}_id"));
        if !model.has(&kind) {
            continue;
        }
        let (has_kind, number) = (!object.text(&kind).is_empty(), object.id_of(&id));
        match number {
            Some(_) if !has_kind => {
                complain(&mut errors, &kind, "This field is required.".to_owned());
            }
            None if has_kind => complain(&mut errors, &id, "This field is required.".to_owned()),
            Some(number) if state.generic(object, pair).is_none() => {
                let text =
                    format!("Related object not found using the provided numeric ID: {number}");
                complain(&mut errors, &id, text);
            }
            _ => {}
        }
    }
    for (fields, text) in model.unique {
        if !is_taken(state, object, fields) {
            continue;
        }
        match fields {
            [field] => {
                let name = model.name.to_lowercase();
                complain(
                    &mut errors,
                    field,
                    format!("{name} with this {field} already exists."),
                );
            }
            _ => complain(&mut errors, "__all__", (*text).to_owned()),
        }
    }
    if errors.is_empty()
        && let Err((field, text)) = (model.clean)(state, object)
    {
        complain(&mut errors, field, text);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Whether another object has the same values; none are the same as none.
fn is_taken(state: &State, object: &Object, fields: &[&str]) -> bool {
    let value = |object: &Object, name: &str| object.fields.get(name).cloned().unwrap_or_default();
    let whole = fields.iter().all(|name| !value(object, name).is_null());
    whole
        && state.of(object.kind).any(|other| {
            let same = |name: &&str| value(other, name) == value(object, name);
            other.id != object.id && fields.iter().all(same)
        })
}

/// Deletes an object and what goes with it, unless something holds on to one of them.
pub(super) fn delete(
    state: &mut State,
    actor: &Actor,
    object: &Object,
    note: &str,
) -> Result<(), Reply> {
    let mut going: Vec<Object> = vec![object.clone()];
    let mut at = 0;
    while let Some(gone) = going.get(at).cloned() {
        for other in state.all() {
            let goes = cascades(other, &gone) && !going.iter().any(|known| same(known, other));
            if goes {
                going.push(other.clone());
            }
        }
        at += 1;
    }
    let holds = |other: &&Object| {
        let protects = going.iter().any(|gone| protects(other, gone));
        protects && !going.iter().any(|known| same(known, other))
    };
    let holding: Vec<&Object> = state.all().filter(holds).collect();
    if !holding.is_empty() {
        let told: Vec<String> = holding
            .iter()
            .map(|object| format!("{} ({})", state.display(object), object.id))
            .collect();
        let detail = format!(
            "Unable to delete object. {} dependent objects were found: {}",
            told.len(),
            told.join(", ")
        );
        return Err(refused(409, &detail));
    }
    for gone in going.iter().rev() {
        clear(state, actor, gone);
        state.note(actor, note, Some(gone), None);
        state.take(gone.kind, gone.id);
    }
    Ok(())
}

fn same(one: &Object, other: &Object) -> bool {
    one.kind == other.kind && one.id == other.id
}

fn refers(object: &Object, gone: &Object, how: OnDelete) -> bool {
    models::of(object.kind)
        .fields
        .iter()
        .any(|field| match field.kind {
            Type::Ref(kind, on_delete) => {
                kind == gone.kind && on_delete == how && object.id_of(field.name) == Some(gone.id)
            }
            _ => false,
        })
}

fn protects(object: &Object, gone: &Object) -> bool {
    refers(object, gone, OnDelete::Protect)
}

/// Ports go with their device, addresses and journal entries with what they are assigned to.
fn cascades(object: &Object, gone: &Object) -> bool {
    refers(object, gone, OnDelete::Cascade) || is_assigned_to(object, gone)
}

/// Takes an object out of everything that refers to it and stays.
fn clear(state: &mut State, actor: &Actor, gone: &Object) {
    let all: Vec<Object> = state.all().cloned().collect();
    for before in all {
        let mut after = before.clone();
        let model = models::of(before.kind);
        for field in model.fields {
            let Some(value) = after.fields.get_mut(field.name) else {
                continue;
            };
            match field.kind {
                Type::Ref(kind, OnDelete::Clear)
                    if kind == gone.kind && value.as_u64() == Some(gone.id) =>
                {
                    *value = Value::Null;
                }
                Type::Refs(kind) if kind == gone.kind => drop_id(value, gone.id),
                Type::Tags if gone.kind == "extras.tag" => drop_id(value, gone.id),
                Type::Ends => {
                    let is = |end: &Value| {
                        end["object_type"] == gone.kind && end["object_id"] == gone.id
                    };
                    if let Some(ends) = value.as_array_mut() {
                        ends.retain(|end| !is(end));
                    }
                }
                _ => {}
            }
        }
        if after.text("scope_type") == gone.kind && after.id_of("scope_id") == Some(gone.id) {
            after.fields.insert("scope_type".to_owned(), Value::Null);
            after.fields.insert("scope_id".to_owned(), Value::Null);
        }
        if after.fields != before.fields {
            state.note(actor, "", Some(&before), Some(&after));
            state.put(after);
        }
    }
}

fn drop_id(list: &mut Value, id: u64) {
    if let Some(list) = list.as_array_mut() {
        list.retain(|one| one.as_u64() != Some(id));
    }
}
