//! Readers for what Proxmox writes in several ways: numbers as texts, switches as 1 and 0, nothing
//! as `null`. Versions and lists differ in this.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole number, or nothing.
pub(crate) fn int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .or_else(|| whole(text.trim().parse().ok()?)),
        Value::Bool(flag) => Some(flag.into()),
        _ => None,
    })
}

/// A whole number that may be negative, or nothing.
pub(crate) fn signed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| whole(number.as_f64()?).and_then(|number| number.try_into().ok())),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// A number, or nothing.
pub(crate) fn float<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite()))
}

/// A switch; off if it is not there.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(is_on(&Value::deserialize(deserializer)?))
}

/// A switch, or nothing.
pub(crate) fn flag_opt<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => None,
        value => Some(is_on(&value)),
    })
}

/// A text; numbers are written out.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(plain(&Value::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}

/// A value as Proxmox would write it into a property: texts as they are, switches as 1 and 0.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(u8::from(*on).to_string()),
        _ => None,
    }
}

fn is_on(value: &Value) -> bool {
    match value {
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.trim(), "" | "0" | "no" | "off" | "false"),
        _ => false,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "bounded before"
)]
fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number <= (1_u64 << 53) as f64).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        #[serde(default, deserialize_with = "int")]
        vmid: Option<u64>,
        #[serde(default, deserialize_with = "flag")]
        template: bool,
        #[serde(default, deserialize_with = "float")]
        cpu: Option<f64>,
        #[serde(default, deserialize_with = "text")]
        name: Option<String>,
    }

    #[rstest]
    #[case(json!({ "vmid": 100, "template": 1, "cpu": 0.5, "name": "a" }))]
    #[case(json!({ "vmid": "100", "template": "1", "cpu": "0.5", "name": "a", "more": [] }))]
    #[case(json!({ "vmid": 100.0, "template": true, "cpu": 0.5, "name": "a" }))]
    fn the_same_row_in_several_spellings(#[case] row: Value) {
        let read: Row = serde_json::from_value(row).unwrap();

        assert_eq!(
            read,
            Row {
                vmid: Some(100),
                template: true,
                cpu: Some(0.5),
                name: Some("a".into())
            }
        );
    }

    #[rstest]
    #[case(json!({}))]
    #[case(json!({ "vmid": null, "template": null, "cpu": null, "name": null }))]
    #[case(json!({ "vmid": "", "template": "0", "cpu": "", "name": "" }))]
    #[case(json!({ "vmid": -1, "template": 0, "cpu": {}, "name": [] }))]
    fn what_is_missing_or_strange_is_nothing(#[case] row: Value) {
        let read: Row = serde_json::from_value(row).unwrap();

        assert_eq!(
            read,
            Row {
                vmid: None,
                template: false,
                cpu: None,
                name: None
            }
        );
    }
}
