//! Filters of lists.

use serde_json::{Value, json};

use super::cables;
use super::model::{By, Field, Model, Test, Type};
use super::models;
use super::read::not_a_choice;
use super::reply::Reply;
use super::state::{Object, State};

/// One filter with its values.
pub(super) type Check = Box<dyn Fn(&State, &Object) -> bool>;

/// The filter of this name and these values; `None` where there is none of the name.
pub(super) fn compile(
    state: &State,
    model: &'static Model,
    name: &str,
    values: Vec<String>,
) -> Result<Option<Check>, Reply> {
    match name {
        "q" => return Ok(Some(search(model, values))),
        "tag" | "tag_id" if model.has("tags") => return tags(state, name, values).map(Some),
        "created_by_request" => return Ok(Some(by_request(values, &["create"]))),
        "updated_by_request" => return Ok(Some(by_request(values, &["update"]))),
        "modified_by_request" => return Ok(Some(by_request(values, &["create", "update"]))),
        _ => {}
    }
    if let Some(found) = special(state, model, name, &values)? {
        return Ok(Some(found));
    }
    if let Some(custom) = name.strip_prefix("cf_") {
        let known = |(kind, own): &(String, String)| *kind == model.kind && own == custom;
        if !state.custom.iter().any(known) {
            return Ok(None);
        }
        let custom = custom.to_owned();
        return Ok(Some(Box::new(move |_, object| {
            let fields = object.fields.get("custom_fields");
            let own = fields.and_then(|fields| fields.get(&custom)?.as_str());
            values.iter().any(|value| own == Some(value.as_str()))
        })));
    }
    let (base, lookup) = name.split_once("__").unwrap_or((name, ""));
    if base == "id" {
        return numbers(name, lookup, values, |object| {
            u32::try_from(object.id).ok().map(f64::from)
        });
    }
    if matches!(base, "created" | "last_updated") {
        return Ok(times(base == "created", lookup, values));
    }
    let by_id = base.strip_suffix("_id");
    let reference = by_id.and_then(|name| model.field(name));
    if let Some(field) = reference.filter(|field| field.by != By::Nothing) {
        return references(state, field, name, lookup, &values, true);
    }
    let Some(field) = model.field(base) else {
        return Ok(None);
    };
    of_field(state, field, name, lookup, values)
}

fn of_field(
    state: &State,
    field: &'static Field,
    name: &str,
    lookup: &str,
    values: Vec<String>,
) -> Result<Option<Check>, Reply> {
    match field.kind {
        Type::Ref(..) if field.by == By::Both => {
            references(state, field, name, lookup, &values, false)
        }
        Type::Choice(of) | Type::PlainChoice(of) => {
            let wrong = values
                .iter()
                .find(|value| of.iter().all(|(known, _)| known != value) && *value != "null");
            match wrong {
                Some(wrong) if lookup.is_empty() || lookup == "n" => Err(not_a_choice(name, wrong)),
                _ => Ok(texts(field, lookup, values)),
            }
        }
        Type::Text(_)
        | Type::Slug
        | Type::DnsName
        | Type::Mac
        | Type::Color
        | Type::Address
        | Type::KindOf(_) => Ok(texts(field, lookup, values)),
        Type::Int(..) | Type::Number(..) | Type::ObjectId | Type::NumberChoice(_) => {
            numbers(name, lookup, values, |object| object.number(field.name))
        }
        Type::Flag if lookup.is_empty() => {
            let wanted = flag(&values);
            Ok(Some(Box::new(move |_, object| {
                wanted.is_none_or(|wanted| object.flag(field.name) == wanted)
            })))
        }
        _ => Ok(None),
    }
}

/// A truth value as Django reads it; anything else is as if nothing was asked.
fn flag(values: &[String]) -> Option<bool> {
    match values.last()?.to_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn search(model: &'static Model, values: Vec<String>) -> Check {
    Box::new(move |_, object| {
        values.iter().all(|value| {
            let wanted = value.trim().to_lowercase();
            wanted.is_empty()
                || model.search.iter().any(|name| {
                    let own = match object.fields.get(*name) {
                        Some(Value::String(text)) => text.to_lowercase(),
                        Some(Value::Number(number)) => number.to_string(),
                        _ => String::new(),
                    };
                    own.contains(&wanted)
                })
        })
    })
}

/// Tags: an object has all of those that are named.
fn tags(state: &State, name: &str, values: Vec<String>) -> Result<Check, Reply> {
    let mut ids = Vec::new();
    for value in values {
        let found = state.of("extras.tag").find(|tag| match name {
            "tag" => tag.text("slug") == value,
            _ => tag.id.to_string() == value,
        });
        ids.push(json!(found.ok_or_else(|| not_a_choice(name, &value))?.id));
    }
    Ok(Box::new(move |_, object| {
        let own = object.fields.get("tags").and_then(Value::as_array);
        own.is_some_and(|own| ids.iter().all(|id| own.contains(id)))
    }))
}

fn by_request(values: Vec<String>, actions: &'static [&'static str]) -> Check {
    Box::new(move |state, object| {
        values
            .iter()
            .any(|request| state.touched(object, request, actions))
    })
}

/// The filters that a kind's table adds.
fn special(
    state: &State,
    model: &'static Model,
    name: &str,
    values: &[String],
) -> Result<Option<Check>, Reply> {
    let (base, not) = match name.strip_suffix("__n") {
        Some(base) => (base, true),
        None => (name, false),
    };
    let values = values.to_vec();
    for filter in model.filters {
        match filter.test {
            Test::Through(path, target) => {
                let by_id = base.strip_suffix("_id") == Some(filter.name);
                if base != filter.name && !by_id {
                    continue;
                }
                let wanted = resolve(state, target, name, &values, by_id)?;
                return Ok(Some(Box::new(move |state, object| {
                    let end = walk(state, object, path);
                    wanted.contains(&end) != not
                })));
            }
            _ if base != filter.name => {}
            Test::Any(test) => {
                return Ok(Some(Box::new(move |state, object| {
                    values.iter().any(|value| test(state, object, value)) != not
                })));
            }
            Test::Flag(test) => {
                let wanted = flag(&values);
                return Ok(Some(Box::new(move |state, object| {
                    wanted.is_none_or(|wanted| test(state, object) == wanted)
                })));
            }
            Test::EndsAt(kind) => {
                return Ok(Some(Box::new(move |_, cable| {
                    values.iter().any(|id| cables::ends_at(cable, kind, id)) != not
                })));
            }
        }
    }
    Ok(None)
}

/// The id at the end of these references.
fn walk(state: &State, object: &Object, path: &[&'static str]) -> Option<u64> {
    let (first, rest) = path.split_first()?;
    let id = object.id_of(first)?;
    if rest.is_empty() {
        return Some(id);
    }
    let field = models::of(object.kind).field(first)?;
    let Type::Ref(kind, _) = field.kind else {
        return None;
    };
    walk(state, state.get(kind, id)?, rest)
}

/// The ids that values name: by id, or by what people call the objects. `null` is none.
fn resolve(
    state: &State,
    kind: &'static str,
    name: &str,
    values: &[String],
    by_id: bool,
) -> Result<Vec<Option<u64>>, Reply> {
    let target = models::of(kind);
    let natural = ["slug", "rd", "address", "username", "name"]
        .into_iter()
        .find(|name| target.has(name))
        .unwrap_or("name");
    let mut ids = Vec::new();
    for value in values {
        if value == "null" {
            ids.push(None);
            continue;
        }
        // Two sites may each have a device of the name.
        let before = ids.len();
        ids.extend(
            state
                .of(kind)
                .filter(|object| {
                    if by_id {
                        object.id.to_string() == *value
                    } else {
                        object.text(natural) == value
                    }
                })
                .map(|object| Some(object.id)),
        );
        if ids.len() == before {
            return Err(not_a_choice(name, value));
        }
    }
    Ok(ids)
}

fn references(
    state: &State,
    field: &'static Field,
    name: &str,
    lookup: &str,
    values: &[String],
    by_id: bool,
) -> Result<Option<Check>, Reply> {
    let Type::Ref(kind, _) = field.kind else {
        return Ok(None);
    };
    if !matches!(lookup, "" | "n") {
        return Ok(None);
    }
    let not = lookup == "n";
    let wanted = resolve(state, kind, name, values, by_id)?;
    Ok(Some(Box::new(move |_, object| {
        wanted.contains(&object.id_of(field.name)) != not
    })))
}

fn texts(field: &'static Field, lookup: &str, values: Vec<String>) -> Option<Check> {
    let (not, how) = match lookup {
        "" => (false, "is"),
        "n" => (true, "is"),
        "ic" | "isw" | "iew" | "ie" | "empty" => (false, lookup),
        "nic" | "nisw" | "niew" | "nie" => (true, lookup.trim_start_matches('n')),
        _ => return None,
    };
    let how = how.to_owned();
    let folded = matches!(field.kind, Type::Mac);
    let values: Vec<String> = match how.as_str() {
        "is" if !folded => values,
        _ => values.iter().map(|value| value.to_lowercase()).collect(),
    };
    Some(Box::new(move |_, object| {
        let own = object.text(field.name);
        let low = own.to_lowercase();
        let fits = |value: &String| match how.as_str() {
            "ic" => low.contains(value),
            "isw" => low.starts_with(value),
            "iew" => low.ends_with(value),
            "ie" => low == *value,
            "empty" => low.is_empty() == (value == "true" || value == "1"),
            _ if value == "null" => own.is_empty(),
            _ if folded => low == *value,
            _ => own == value,
        };
        values.iter().any(fits) != not
    }))
}

fn numbers(
    name: &str,
    lookup: &str,
    values: Vec<String>,
    of: impl Fn(&Object) -> Option<f64> + 'static,
) -> Result<Option<Check>, Reply> {
    if !matches!(lookup, "" | "n" | "gt" | "gte" | "lt" | "lte" | "empty") {
        return Ok(None);
    }
    if lookup == "empty" {
        let wanted = flag(&values);
        return Ok(Some(Box::new(move |_, object| {
            wanted.is_none_or(|wanted| of(object).is_none() == wanted)
        })));
    }
    let mut bounds: Vec<f64> = Vec::new();
    for value in values {
        let number = value.parse();
        let wrong = || Reply::of(400, json!({ name: ["Enter a number."] }));
        bounds.push(number.map_err(|_| wrong())?);
    }
    let lookup = lookup.to_owned();
    Ok(Some(Box::new(move |_, object| {
        let Some(own) = of(object) else {
            return lookup == "n";
        };
        let is = |bound: &f64| (own - bound).abs() < f64::EPSILON;
        match lookup.as_str() {
            "n" => !bounds.iter().any(is),
            "gt" => bounds.iter().any(|bound| own > *bound),
            "gte" => bounds.iter().any(|bound| own >= *bound),
            "lt" => bounds.iter().any(|bound| own < *bound),
            "lte" => bounds.iter().any(|bound| own <= *bound),
            _ => bounds.iter().any(is),
        }
    })))
}

fn times(created: bool, lookup: &str, values: Vec<String>) -> Option<Check> {
    if !matches!(lookup, "" | "gt" | "gte" | "lt" | "lte") {
        return None;
    }
    let lookup = lookup.to_owned();
    Some(Box::new(move |_, object| {
        let own = if created {
            object.created
        } else {
            object.updated
        };
        values.iter().any(|value| {
            let Some(bound) = homelab_core::clock::Micros::from_rfc3339(value) else {
                return false;
            };
            match lookup.as_str() {
                "gt" => own > bound,
                "gte" => own >= bound,
                "lt" => own < bound,
                "lte" => own <= bound,
                _ => own == bound,
            }
        })
    }))
}
