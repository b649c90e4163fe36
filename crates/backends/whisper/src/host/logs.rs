//! Words for journalctl.

use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How grave entries must be at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Priority {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Priority {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Err => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Which entries.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) unit: Option<&'a str>,
    pub(crate) since: Option<&'a str>,
    pub(crate) until: Option<&'a str>,
    pub(crate) priority: Option<Priority>,
    pub(crate) lines: u32,
}

/// The whole command, each value behind its option in one word: none can become an option.
///
/// # Errors
/// `invalid_argument` naming the argument.
pub(crate) fn words(wanted: &Wanted<'_>) -> ToolResult<Vec<String>> {
    let mut words = vec![
        "journalctl".to_owned(),
        "--no-pager".to_owned(),
        "--quiet".to_owned(),
        "--output=short-iso".to_owned(),
        format!("--lines={}", wanted.lines),
    ];
    if let Some(unit) = wanted.unit {
        words.push(format!("--unit={}", super::service::unit(unit)?));
    }
    if let Some(priority) = wanted.priority {
        words.push(format!("--priority={}", priority.as_str()));
    }
    for (field, value) in [("since", wanted.since), ("until", wanted.until)] {
        if let Some(value) = value {
            words.push(format!("--{field}={}", time(field, value)?));
        }
    }
    Ok(words)
}

/// A point in time as journalctl reads it: `2026-01-31 10:00:00`, RFC 3339, `yesterday`, `-1h`,
/// `1 hour ago`.
fn time<'a>(field: &'static str, value: &'a str) -> ToolResult<&'a str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " :.+-/".contains(letter);
    if !value.trim().is_empty() && value.chars().all(plain) {
        return Ok(value);
    }
    Err(
        ToolError::invalid(field, format!("`{value}` is not a point in time"))
            .hint("write `2026-01-31 10:00:00`, `yesterday`, `1 hour ago` or `-1h`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stands_behind_its_option_in_one_word() {
        let wanted = Wanted {
            unit: Some("nginx.service"),
            since: Some("1 hour ago"),
            until: Some("-5m"),
            priority: Some(Priority::Err),
            lines: 20,
        };

        assert_eq!(
            words(&wanted).unwrap(),
            [
                "journalctl",
                "--no-pager",
                "--quiet",
                "--output=short-iso",
                "--lines=20",
                "--unit=nginx.service",
                "--priority=err",
                "--since=1 hour ago",
                "--until=-5m",
            ]
        );
    }

    #[test]
    fn what_is_no_time_or_unit_is_refused_by_its_field() {
        let wanted = Wanted {
            unit: None,
            since: None,
            until: Some("$(reboot)"),
            priority: None,
            lines: 1,
        };
        let error = words(&wanted).unwrap_err();
        assert_eq!(error.envelope().field.as_deref(), Some("until"));

        let wanted = Wanted {
            unit: Some("--rotate"),
            until: None,
            ..wanted
        };
        let error = words(&wanted).unwrap_err();
        assert_eq!(error.envelope().field.as_deref(), Some("unit"));
    }
}
