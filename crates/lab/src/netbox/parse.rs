//! Fields of a body, read as the serializers of the product read them.

use serde_json::{Map, Value, json};

use super::model::{Field, Model, Type};
use super::models::{self, PORTS};
use super::net::Net;
use super::state::{Object, State};

/// The value that is kept for what a client wrote, or what is wrong with it.
pub(super) fn field(
    state: &State,
    model: &Model,
    field: &Field,
    value: &Value,
) -> Result<Value, String> {
    if value.is_null() {
        return if field.nullable {
            Ok(Value::Null)
        } else {
            Err("This field may not be null.".to_owned())
        };
    }
    match field.kind {
        Type::Text(max) => text(field, value, max),
        Type::Slug => slug(value),
        Type::Choice(of) | Type::PlainChoice(of) => match value.as_str() {
            Some("") if field.nullable => Ok(Value::Null),
            Some("") if !field.required => Ok(json!("")),
            Some(text) if of.iter().any(|(known, _)| *known == text) => Ok(json!(text)),
            Some(text) => Err(format!("{text} is not a valid choice.")),
            // As it is read, which is not how it is written.
            None if value.is_object() => {
                Err("Value must be passed directly (e.g. \"foo\": 123); do not use a dictionary or list.".to_owned())
            }
            None => Err(format!("{value} is not a valid choice.")),
        },
        Type::NumberChoice(of) => match value.as_i64() {
            Some(number) if of.iter().any(|(known, _)| *known == number) => Ok(value.clone()),
            _ => Err(format!("{value} is not a valid choice.")),
        },
        Type::Int(least, most) => int(value, least, most).map(Value::from),
        Type::ObjectId => int(value, 0, i64::MAX).map(Value::from),
        Type::Number(least, most) => number(value, least, most),
        Type::Flag => match value {
            Value::Bool(_) => Ok(value.clone()),
            _ => Err("Must be a valid boolean.".to_owned()),
        },
        Type::Ref(kind, _) => related(state, kind, value).map(Value::from),
        Type::Refs(kind) => {
            let ids: Result<Vec<u64>, String> =
                items(value)?.iter().map(|one| related(state, kind, one)).collect();
            ids.map(Value::from)
        }
        Type::Tags => tags(state, value),
        Type::Custom => custom(state, model, value),
        Type::Json => Ok(value.clone()),
        Type::Address => net(value).map(|net| json!(net.to_string())),
        Type::Prefix => {
            let net = net(value)?;
            if net == net.network() { Ok(json!(net.to_string())) } else { Err(format!(
                    "{net} is not a valid prefix. Did you mean {}?",
                    net.network()
                )) }
        }
        Type::Mac => mac(value),
        Type::DnsName => dns_name(value),
        Type::KindOf(kinds) => match value.as_str() {
            Some(kind) if kinds.contains(&kind) => Ok(value.clone()),
            _ => Err(format!("Invalid content type: {}", plain(value))),
        },
        Type::Ranges => ranges(value),
        Type::Ends => ends(state, value),
        Type::Color => match value.as_str() {
            Some("") if !field.required => Ok(json!("")),
            Some(color)
                if color.len() == 6
                    && color.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) =>
            {
                Ok(value.clone())
            }
            _ => Err("RGB color in hexadecimal. Example: 00ff00".to_owned()),
        },
    }
}

/// Text without quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn items(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| {
        let kind = match value {
            Value::String(_) => "str",
            Value::Number(_) => "int",
            Value::Bool(_) => "bool",
            _ => "dict",
        };
        format!("Expected a list of items but got type \"{kind}\".")
    })
}

fn text(field: &Field, value: &Value, max: usize) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        // The product takes numbers for text too.
        Value::Number(number) => number.to_string(),
        _ => return Err("Not a valid string.".to_owned()),
    };
    if text.is_empty() {
        return match (field.required, field.nullable) {
            (true, _) => Err("This field may not be blank.".to_owned()),
            (false, true) => Ok(Value::Null),
            (false, false) => Ok(json!("")),
        };
    }
    if text.chars().count() > max {
        return Err(format!(
            "Ensure this field has no more than {max} characters."
        ));
    }
    Ok(json!(text))
}

fn slug(value: &Value) -> Result<Value, String> {
    let valid = |text: &&str| {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        !text.is_empty() && text.chars().all(fits)
    };
    match value.as_str() {
        Some("") => Err("This field may not be blank.".to_owned()),
        Some(text) if text.chars().count() > 100 => {
            Err("Ensure this field has no more than 100 characters.".to_owned())
        }
        Some(text) if valid(&text) => Ok(json!(text)),
        _ => Err(
            "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens."
                .to_owned(),
        ),
    }
}

fn int(value: &Value, least: i64, most: i64) -> Result<i64, String> {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| "A valid integer is required.".to_owned())?;
    if number > most {
        return Err(format!(
            "Ensure this value is less than or equal to {most}."
        ));
    }
    if number < least {
        return Err(format!(
            "Ensure this value is greater than or equal to {least}."
        ));
    }
    Ok(number)
}

fn number(value: &Value, least: f64, most: f64) -> Result<Value, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| "A valid number is required.".to_owned())?;
    if number > most {
        return Err(format!(
            "Ensure this value is less than or equal to {most}."
        ));
    }
    if number < least {
        return Err(format!(
            "Ensure this value is greater than or equal to {least}."
        ));
    }
    Ok(json!(number))
}

/// The id of the object that a client named, by id or by attributes.
fn related(state: &State, kind: &str, value: &Value) -> Result<u64, String> {
    match value {
        Value::Object(attributes) => by_attributes(state, kind, attributes),
        Value::Number(_) | Value::String(_) => {
            let id = int(value, 0, i64::MAX)
                .ok()
                .and_then(|id| u64::try_from(id).ok());
            let Some(id) = id else {
                return Err(format!(
                    "Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: {}",
                    plain(value)
                ));
            };
            state.get(kind, id).map(|object| object.id).ok_or_else(|| {
                format!("Related object not found using the provided numeric ID: {id}")
            })
        }
        _ => Err(format!(
            "Related objects must be referenced by numeric ID or by dictionary of attributes. Received an unrecognized value: {value}"
        )),
    }
}

fn by_attributes(
    state: &State,
    kind: &str,
    attributes: &Map<String, Value>,
) -> Result<u64, String> {
    let written = || {
        let pairs: Vec<String> = attributes
            .iter()
            .map(|(name, value)| format!("'{name}': {}", value.to_string().replace('"', "'")))
            .collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let model = models::of(kind);
    for name in attributes.keys() {
        if name != "id" && !model.has(name) {
            return Err(format!("Cannot resolve keyword '{name}' into field."));
        }
    }
    let has = |object: &Object, name: &str, wanted: &Value| match (name, wanted) {
        ("id", wanted) => wanted.as_u64() == Some(object.id),
        (_, Value::Object(inner)) => {
            let field = model.field(name).map(|field| field.kind);
            match (field, object.id_of(name)) {
                (Some(Type::Ref(kind, _)), Some(id)) => {
                    by_attributes(state, kind, inner).is_ok_and(|found| found == id)
                }
                _ => false,
            }
        }
        (name, wanted) => object.fields.get(name) == Some(wanted),
    };
    let mut found = state.of(kind).filter(|object| {
        attributes
            .iter()
            .all(|(name, wanted)| has(object, name, wanted))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(format!(
            "Related object not found using the provided attributes: {}",
            written()
        )),
        _ => Err(format!(
            "Multiple objects match the provided attributes: {}",
            written()
        )),
    }
}

/// Ids of tags, in the order of their names.
pub(super) fn tags(state: &State, value: &Value) -> Result<Value, String> {
    let mut found: Vec<&Object> = Vec::new();
    for one in items(value)? {
        let id = related(state, "extras.tag", one)?;
        found.extend(state.get("extras.tag", id));
    }
    found.sort_by_key(|tag| tag.text("name").to_owned());
    found.dedup_by_key(|tag| tag.id);
    Ok(found.iter().map(|tag| json!(tag.id)).collect())
}

fn custom(state: &State, model: &Model, value: &Value) -> Result<Value, String> {
    let Some(fields) = value.as_object() else {
        return Err("Expected a dictionary of items.".to_owned());
    };
    for name in fields.keys() {
        let known = |(kind, own): &(String, String)| *kind == model.kind && own == name;
        if !state.custom.iter().any(known) {
            return Err(format!("Unknown field name '{name}' in custom field data."));
        }
    }
    Ok(value.clone())
}

fn net(value: &Value) -> Result<Net, String> {
    value
        .as_str()
        .and_then(Net::read)
        .ok_or_else(|| format!("Invalid IP address format: {}", plain(value)))
}

fn mac(value: &Value) -> Result<Value, String> {
    let mac: Option<homelab_core::net::Mac> = value.as_str().and_then(|text| text.parse().ok());
    mac.map(|mac| json!(mac.to_string().to_uppercase()))
        .ok_or_else(|| format!("Invalid MAC address format: {}", plain(value)))
}

fn dns_name(value: &Value) -> Result<Value, String> {
    let Some(name) = value.as_str() else {
        return Err("Not a valid string.".to_owned());
    };
    let fits =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '*' | '-' | '.' | '_');
    if name.chars().all(fits) {
        Ok(json!(name.to_lowercase()))
    } else {
        Err(
            "Only alphanumeric characters, asterisks, hyphens, periods, and underscores are allowed in DNS names"
                .to_owned(),
        )
    }
}

fn ranges(value: &Value) -> Result<Value, String> {
    for pair in items(value)? {
        let ends = pair
            .as_array()
            .map(|pair| pair.iter().filter_map(Value::as_i64).collect());
        let right = ends.is_some_and(|ends: Vec<i64>| {
            ends.len() == 2 && 1 <= ends[0] && ends[0] <= ends[1] && ends[1] <= 4094
        });
        if !right {
            return Err("Ranges must be specified in the form (lower, upper).".to_owned());
        }
    }
    Ok(value.clone())
}

fn ends(state: &State, value: &Value) -> Result<Value, String> {
    let mut ends = Vec::new();
    for end in items(value)? {
        let kind = end
            .get("object_type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !PORTS.contains(&kind) {
            return Err(format!("Invalid content type: {kind}"));
        }
        let id = end.get("object_id").and_then(Value::as_u64);
        let Some(id) = id.filter(|id| state.get(kind, *id).is_some()) else {
            let id = end.get("object_id").cloned().unwrap_or_default();
            return Err(format!(
                "Related object not found using the provided numeric ID: {id}"
            ));
        };
        ends.push(json!({ "object_type": kind, "object_id": id }));
    }
    Ok(Value::Array(ends))
}
