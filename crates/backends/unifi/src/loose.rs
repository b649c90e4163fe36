//! Fields as they come: the old API is not documented, and some builds write a number as text or a
//! truth value as a number. What does not fit is as if it were not there.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

pub(crate) fn int<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite()))
}

pub(crate) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    })
}

/// A list whose elements that do not fit are left out; anything else is an empty one.
pub(crate) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let Value::Array(items) = Value::deserialize(from)? else {
        return Ok(Vec::new());
    };
    let read = |item| serde_json::from_value(item).ok();
    Ok(items.into_iter().filter_map(read).collect())
}

fn whole(number: f64) -> Option<i64> {
    // Counters of bytes come as floating point from some builds.
    format!("{number:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        #[serde(default, deserialize_with = "super::int")]
        int: Option<i64>,
        #[serde(default, deserialize_with = "super::flag")]
        flag: Option<bool>,
        #[serde(default, deserialize_with = "super::text")]
        text: Option<String>,
        #[serde(default, deserialize_with = "super::list")]
        list: Vec<u8>,
    }

    #[test]
    fn what_does_not_fit_is_not_there() {
        let read = |value| serde_json::from_value::<Row>(value).unwrap();

        assert_eq!(
            read(json!({ "int": "7", "flag": 1, "text": 5, "list": [1, "x", 2] })),
            Row {
                int: Some(7),
                flag: Some(true),
                text: Some("5".into()),
                list: vec![1, 2]
            }
        );
        assert_eq!(
            read(json!({ "int": 1.0e3, "flag": "no", "text": "", "list": {} })),
            Row {
                int: Some(1000),
                flag: None,
                text: None,
                list: vec![]
            }
        );
    }
}
