//! The pipeline's own arguments: `instance`, which chooses among several, and `format`.

use std::sync::Arc;

use homelab_core::call::Format;
use homelab_core::error::{ToolError, ToolResult};
use serde_json::{Map, Value};

use super::authorize::changes;
use super::catalogue::Place;
use super::listing::{ALL, FORMAT, INSTANCE};
use super::near::either;
use super::resolve::{Resolved, clipped};

/// The instances that a call goes to.
pub(super) enum Selection {
    /// One: its result is the answer.
    One(Arc<Place>),
    /// Each: one result for each instance.
    Each(Vec<Arc<Place>>),
}

/// Takes `format` out of the arguments; `default` where it is absent.
pub(super) fn take_format(
    resolved: &Resolved,
    arguments: &mut Map<String, Value>,
    default: Format,
) -> ToolResult<Format> {
    if !resolved.offer.extras().format {
        return Ok(default);
    }
    match arguments.shift_remove(FORMAT) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::String(text)) if text == "json" => Ok(Format::Json),
        Some(Value::String(text)) if text == "text" => Ok(Format::Text),
        Some(_) => Err(ToolError::invalid(
            FORMAT,
            "`format` must be `json` or `text`",
        )),
    }
}

/// Takes `instance` out of the arguments and finds what it names.
///
/// Without it, a call goes to the only instance; with several, to the one that bears the kind's
/// name, or to each where none does. A change always names its one instance.
pub(super) fn take_instances(
    resolved: &Resolved,
    arguments: &mut Map<String, Value>,
) -> ToolResult<Selection> {
    let offer = &resolved.offer;
    let wanted = if offer.extras().instance {
        arguments.shift_remove(INSTANCE)
    } else {
        None
    };
    let change = changes(offer.entry.spec());
    match wanted {
        None | Some(Value::Null) => unnamed(resolved, change),
        Some(Value::String(name)) if name == ALL && change => Err(choose(
            resolved,
            "a change goes to one instance at a time, not to `all`".to_owned(),
        )),
        Some(Value::String(name)) if name == ALL => Ok(Selection::Each(resolved.places.clone())),
        Some(Value::String(name)) => resolved
            .places
            .iter()
            .find(|place| *place.instance.name == name)
            .map(|place| Selection::One(Arc::clone(place)))
            .ok_or_else(|| choose(resolved, format!("no instance `{}`", clipped(&name)))),
        Some(_) => Err(choose(resolved, "`instance` must be a name".to_owned())),
    }
}

fn unnamed(resolved: &Resolved, change: bool) -> ToolResult<Selection> {
    let places = &resolved.places;
    if let [only] = places.as_slice() {
        return Ok(Selection::One(Arc::clone(only)));
    }
    if change {
        return Err(choose(
            resolved,
            "`instance` is missing: there are several, and a change names one".to_owned(),
        ));
    }
    let kind = resolved.offer.entry.kind;
    Ok(places
        .iter()
        .find(|place| *place.instance.name == *kind)
        .map_or_else(
            || Selection::Each(places.clone()),
            |place| Selection::One(Arc::clone(place)),
        ))
}

/// An error that names the instances the caller may use.
fn choose(resolved: &Resolved, message: String) -> ToolError {
    let mut names: Vec<&str> = resolved
        .places
        .iter()
        .map(|place| &*place.instance.name)
        .collect();
    if !changes(resolved.offer.entry.spec()) {
        names.push(ALL);
    }
    ToolError::invalid(INSTANCE, message).hint(format!("set `instance` to {}", either(&names)))
}
