//! Values that several forms have: times, labels, ids, bounds.

use homelab_core::clock::Micros;
use homelab_core::memory::{About, MAX_ABOUT, MAX_CONTENT, MAX_LABEL, MAX_METADATA};
use serde_json::{Map, Value};

use super::Moved;
use crate::secrets::scan;

/// Why a memory cannot be kept.
pub(super) fn check(moved: &Moved) -> Result<(), String> {
    if moved.content.trim().is_empty() {
        return Err("it holds no text".to_owned());
    }
    if moved.content.len() > MAX_CONTENT {
        return Err(format!(
            "its text has {} bytes, more than {MAX_CONTENT}",
            moved.content.len()
        ));
    }
    if moved.content.contains('\0') {
        return Err("its text holds a NUL character".to_owned());
    }
    let metadata = Value::Object(moved.metadata.clone()).to_string();
    if metadata.len() > MAX_METADATA {
        return Err(format!(
            "its metadata has {} bytes, more than {MAX_METADATA}",
            metadata.len()
        ));
    }
    if moved.about.len() > MAX_ABOUT {
        return Err(format!("it is about more than {MAX_ABOUT} things"));
    }
    if moved
        .importance
        .is_some_and(|one| !(0.0..=1.0).contains(&one))
    {
        return Err("its importance is not 0 to 1".to_owned());
    }
    if let Some(found) = scan(&moved.content).first().or(scan(&metadata).first()) {
        return Err(format!("it seems to hold a secret: {}", found.kind));
    }
    let labels = [
        ("user_id", &moved.user_id),
        ("agent_id", &moved.agent_id),
        ("run_id", &moved.run_id),
        ("category", &moved.category),
        ("source", &moved.source),
    ];
    for (name, label) in labels {
        let Some(label) = label else { continue };
        if label.trim().is_empty() || label.chars().count() > MAX_LABEL || label.contains('\0') {
            return Err(format!(
                "its `{name}` is empty or has more than {MAX_LABEL} characters"
            ));
        }
    }
    Ok(())
}

/// A text that is there and says something.
pub(super) fn text(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            let text = text.trim().to_owned();
            members.remove(name);
            Some(text)
        }
        Some(Value::Null) => {
            members.remove(name);
            None
        }
        _ => None,
    }
}

/// The first text among several names.
pub(super) fn text_of(members: &mut Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(members, name))
}

/// A time that is there; what cannot be read stays in the metadata.
pub(super) fn time_of(members: &mut Map<String, Value>, names: &[&str]) -> Option<Micros> {
    names.iter().find_map(|name| {
        let found = match members.get(*name)? {
            Value::String(text) => time(text)?,
            // Seconds since the epoch, as some vector stores keep them.
            Value::Number(seconds) => Micros(seconds.as_i64()?.checked_mul(1_000_000)?),
            _ => return None,
        };
        members.remove(*name);
        Some(found)
    })
}

/// RFC 3339, the same with a blank and without a zone (UTC then), or a day.
pub(super) fn time(text: &str) -> Option<Micros> {
    let text = text.trim().replacen(' ', "T", 1);
    [
        text.clone(),
        format!("{text}Z"),
        format!("{text}T00:00:00Z"),
    ]
    .iter()
    .find_map(|one| Micros::from_rfc3339(one))
}

/// An id, if it is a UUID.
pub(super) fn uuid(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let fits = |(at, c): (usize, char)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    };
    (lower.len() == 36 && lower.chars().enumerate().all(fits)).then_some(lower)
}

/// Things of the lab, as objects or as `kind/name`.
pub(super) fn about(members: &mut Map<String, Value>, name: &str) -> Vec<About> {
    let Some(Value::Array(list)) = members.get(name) else {
        return Vec::new();
    };
    let things: Option<Vec<About>> = list.iter().map(thing).collect();
    if things.is_some() {
        members.remove(name);
    }
    things.unwrap_or_default()
}

fn thing(value: &Value) -> Option<About> {
    if let Value::String(text) = value {
        let (kind, name) = text.split_once('/')?;
        return Some(About {
            kind: kind.trim().to_owned(),
            name: name.trim().to_owned(),
        });
    }
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z")]
    #[case("2026-01-02T03:04:05.5-07:00", "2026-01-02T10:04:05.5Z")]
    #[case("2026-01-02 03:04:05", "2026-01-02T03:04:05Z")]
    #[case("2026-01-02", "2026-01-02T00:00:00Z")]
    fn times_are_read_as_others_write_them(#[case] text: &str, #[case] same: &str) {
        assert_eq!(time(text), Micros::from_rfc3339(same));
    }

    #[rstest]
    #[case("yesterday")]
    #[case("")]
    #[case("2026-13-01")]
    fn what_is_no_time_is_none(#[case] text: &str) {
        assert_eq!(time(text), None);
    }

    #[rstest]
    #[case("019A0000-0000-7000-8000-000000000001", true)]
    #[case("019a0000-0000-7000-8000-00000000000", false)]
    #[case("019a0000x0000-7000-8000-000000000001", false)]
    #[case("é", false)]
    fn only_a_uuid_is_kept_as_an_id(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(uuid(text).is_some(), is_one);
    }
}
