//! Reading: one object, or a page of a list.

use serde_json::{Map, Value, json};

use super::Release;
use super::entry::Call;
use super::filter;
use super::model::Model;
use super::reply::{Answer, Reply, json_of, refused};
use super::state::{Object, State};

/// Rows of a page where nobody asks for another count.
pub(super) const PAGE: usize = 50;

pub(super) fn missing(model: &Model) -> Reply {
    refused(404, &format!("No {} matches the given query.", model.name))
}

pub(super) fn not_a_choice(field: &str, value: &str) -> Reply {
    let text = format!("Select a valid choice. {value} is not one of the available choices.");
    Reply::of(400, json!({ field: [text] }))
}

/// The mark of an object's present state, from 4.6 on.
pub(super) fn etag(state: &State, object: &Object) -> Option<String> {
    let time = object.updated.to_rfc3339();
    (state.release >= Release::V4_6).then(|| format!("W/\"{}+00:00\"", time.trim_end_matches('Z')))
}

/// `GET` of one object.
pub(super) fn one(state: &State, call: &mut Call, model: &'static Model, id: u64) -> Answer {
    call.only_takes(&["brief", "fields", "omit", "format"]);
    let object = state.get(model.kind, id).ok_or_else(|| missing(model))?;
    let body = shape(state, call, object);
    Ok(Reply::of(200, body).with_etag(etag(state, object)))
}

/// `GET` of a list.
pub(super) fn list(state: &State, call: &mut Call, model: &'static Model) -> Answer {
    let mut tests = Vec::new();
    for (name, values) in call.filters() {
        match filter::compile(state, model, &name, values)? {
            Some(test) => tests.push(test),
            // It does not know the filter, and leaves it out: the whole table comes.
            None => call.strange = true,
        }
    }
    let mut found: Vec<&Object> = state
        .of(model.kind)
        .filter(|object| tests.iter().all(|test| test(state, object)))
        .collect();
    if call.text("start").is_none() {
        sort(model, &mut found, call);
    }
    let ids: Vec<u64> = found.iter().map(|object| object.id).collect();
    let shaped = Shape::of(call);
    page(state, call, model.path, &ids, |id| {
        let object = state.get(model.kind, id);
        object.map_or(Value::Null, |object| shaped.apply(state, object))
    })
}

/// How much of an object is asked for.
struct Shape {
    brief: bool,
    fields: Option<Vec<String>>,
    omit: Vec<String>,
}

impl Shape {
    fn of(call: &Call) -> Self {
        let names = |name| {
            let list = call.text(name)?;
            Some(list.split(',').map(|name| name.trim().to_owned()).collect())
        };
        Self {
            brief: call.text("brief").is_some_and(|brief| !brief.is_empty()),
            fields: names("fields"),
            omit: names("omit").unwrap_or_default(),
        }
    }

    fn apply(&self, state: &State, object: &Object) -> Value {
        let told = if self.brief {
            state.brief(object)
        } else {
            state.full(object)
        };
        let Value::Object(told) = told else {
            return told;
        };
        let wanted = |name: &String| {
            let named = self
                .fields
                .as_ref()
                .is_none_or(|fields| fields.contains(name));
            named && !self.omit.contains(name)
        };
        Value::Object(
            told.into_iter()
                .filter(|(name, _)| wanted(name))
                .collect::<Map<_, _>>(),
        )
    }
}

fn shape(state: &State, call: &Call, object: &Object) -> Value {
    Shape::of(call).apply(state, object)
}

/// The page of these ids that a request asks for.
pub(super) fn page(
    state: &State,
    call: &Call,
    path: &str,
    ids: &[u64],
    render: impl Fn(u64) -> Value,
) -> Answer {
    let limit = limit(state, call);
    let number = |name| call.text(name).and_then(|text| text.parse::<u64>().ok());
    let link = |name: &str, at: u64| {
        let mut pairs: Vec<(&str, String)> = call
            .pairs
            .iter()
            .filter(|(own, _)| own != name && own != "limit")
            .map(|(own, value)| (own.as_str(), value.clone()))
            .collect();
        pairs.push(("limit", limit.to_string()));
        if at > 0 || name == "start" {
            pairs.push((name, at.to_string()));
        }
        pairs.sort();
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name).replace("%5F", "_"), escape(value)))
            .collect();
        json!(format!("{}/api/{path}/?{}", state.base, query.join("&")))
    };
    if call.text("start").is_some() && state.release >= Release::V4_6 {
        if call.text("offset").is_some() {
            let text = "'start' and 'offset' are mutually exclusive.";
            return Err(Reply::of(400, json!([text])).strange());
        }
        let start = number("start").unwrap_or_default();
        let mut rest: Vec<u64> = ids.iter().copied().filter(|id| *id >= start).collect();
        rest.sort_unstable();
        let shown = &rest[..rest.len().min(limit)];
        let more = shown.len() < rest.len();
        let next = match shown.last() {
            Some(last) if more => link("start", last + 1),
            _ => Value::Null,
        };
        let results: Vec<Value> = shown.iter().map(|id| render(*id)).collect();
        return json_of(json!({
            "count": null, "next": next, "previous": null, "results": results,
        }));
    }
    let offset = number("offset")
        .and_then(|offset| usize::try_from(offset).ok())
        .unwrap_or(0);
    let from = offset.min(ids.len());
    let to = from.saturating_add(limit).min(ids.len());
    let at = |place: usize| u64::try_from(place).unwrap_or_default();
    let next = if to < ids.len() {
        link("offset", at(to))
    } else {
        Value::Null
    };
    let previous = match offset {
        0 => Value::Null,
        _ => link("offset", at(offset.saturating_sub(limit))),
    };
    let results: Vec<Value> = ids[from..to].iter().map(|id| render(*id)).collect();
    json_of(json!({
        "count": ids.len(), "next": next, "previous": previous, "results": results,
    }))
}

/// Rows of a page: the default, what was asked for, at most the server's bound; 0 asks for that.
pub(super) fn limit(state: &State, call: &Call) -> usize {
    let asked = call
        .text("limit")
        .and_then(|text| text.parse::<usize>().ok());
    match asked {
        None => PAGE.min(state.max_page_size),
        Some(0) => state.max_page_size,
        Some(limit) => limit.min(state.max_page_size),
    }
}

/// Puts a list in its order: the one asked for, else by what people call the objects.
fn sort(model: &Model, found: &mut [&Object], call: &Call) {
    let asked: Vec<String> = match call.text("ordering") {
        Some(ordering) => ordering.split(',').map(str::to_owned).collect(),
        None => [
            "vrf",
            "prefix",
            "address",
            "start_address",
            "site",
            "group",
            "vid",
            "device",
            "name",
        ]
        .iter()
        .filter(|name| model.has(name))
        // Devices and machines are in the order of their names alone.
        .filter(|name| {
            !(model.has("status") && model.has("name") && **name == "site" && !model.has("vid"))
        })
        .map(|&name| name.to_owned())
        .collect(),
    };
    for name in asked.iter().rev() {
        let (descending, name) = match name.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, name.as_str()),
        };
        found.sort_by(|one, other| {
            let order = key(one, name).cmp(&key(other, name));
            if descending { order.reverse() } else { order }
        });
    }
}

/// What an object is sorted by: addresses and numbers by their value, text with its numbers as
/// numbers.
fn key(object: &Object, name: &str) -> Vec<(u128, String)> {
    if name == "id" {
        return vec![(object.id.into(), String::new())];
    }
    if matches!(name, "created" | "last_updated") {
        let time = if name == "created" {
            object.created
        } else {
            object.updated
        };
        return vec![(u128::try_from(time.0).unwrap_or_default(), String::new())];
    }
    if let Some(net) = object.net(name) {
        let number = |number: u128| (number, String::new());
        return vec![
            number(net.family().into()),
            number(net.address),
            number(net.length.into()),
        ];
    }
    match object.fields.get(name) {
        Some(Value::Number(number)) => {
            let number = number.as_u64().unwrap_or_default();
            vec![(number.into(), String::new())]
        }
        Some(Value::String(text)) => natural(text),
        _ => Vec::new(),
    }
}

fn natural(text: &str) -> Vec<(u128, String)> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let letters = rest
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(letters);
        let digits = after
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(after.len());
        let (number, after) = after.split_at(digits);
        parts.push((0, word.to_lowercase()));
        parts.push((number.parse().unwrap_or_default(), String::new()));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names = ["eth10", "eth2", "Eth1", "pve3"];

        names.sort_by_key(|name| natural(name));

        assert_eq!(names, ["Eth1", "eth2", "eth10", "pve3"]);
    }
}
