//! Words for systemctl, and what it shows of a unit.

use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Let it read its configuration again.
    Reload,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }

    /// The state the unit should be in afterwards.
    pub(crate) const fn wanted(self) -> &'static str {
        match self {
            Self::Stop => "inactive",
            Self::Start | Self::Restart | Self::Reload => "active",
        }
    }
}

/// The command that does it.
pub(crate) fn words(action: Action, unit: &str) -> [&str; 4] {
    ["systemctl", "--no-ask-password", action.as_str(), unit]
}

/// The properties that are asked for: none of them can hold a secret.
const PROPERTIES: &str = "--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,Result,MainPID,NRestarts,MemoryCurrent,ActiveEnterTimestamp,RequiredBy,BoundBy,CanReload,Type";

/// The command that shows a unit.
pub(crate) fn show_words(unit: &str) -> [&str; 4] {
    ["systemctl", "show", PROPERTIES, unit]
}

/// The unit's name, if it can be one: neither an option, nor a path, nor a pattern.
///
/// # Errors
/// `invalid_argument` on `unit`.
pub(crate) fn unit(name: &str) -> ToolResult<&str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:@\\".contains(letter);
    if name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= 255
        && name.chars().all(plain)
    {
        return Ok(name);
    }
    Err(
        ToolError::invalid("unit", format!("`{name}` is not a name of a unit"))
            .hint("write it as `nginx` or `nginx.service`; patterns are not taken"),
    )
}

/// A unit as systemd shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Unit {
    /// Its full name.
    pub(crate) id: String,
    /// What it is, in its own words.
    pub(crate) description: String,
    /// `loaded`, `not-found`, `masked`, …
    pub(crate) load_state: String,
    /// `active`, `inactive`, `failed`, …
    pub(crate) active_state: String,
    /// Finer than that: `running`, `dead`, `exited`, …
    pub(crate) sub_state: String,
    /// Whether it starts with the host: `enabled`, `disabled`, …
    pub(crate) file_state: Option<String>,
    /// How it ended last.
    pub(crate) result: Option<String>,
    /// Its main process.
    pub(crate) main_pid: Option<u64>,
    /// How often systemd has restarted it.
    pub(crate) restarts: Option<u64>,
    /// Memory in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Since when it is active.
    pub(crate) active_since: Option<String>,
    /// Units that stop with it.
    pub(crate) required_by: Vec<String>,
    /// Whether it can read its configuration again.
    pub(crate) can_reload: bool,
    /// `simple`, `oneshot`, `notify`, …
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

impl Unit {
    /// Whether there is such a unit.
    pub(crate) fn exists(&self) -> bool {
        self.load_state != "not-found"
    }
}

/// Reads `Name=value` lines.
pub(crate) fn read(printed: &str) -> Unit {
    let get = |name: &str| {
        let mut lines = printed.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::trim)
            .filter(|value| !value.is_empty())
    };
    let text = |name: &str| get(name).map(str::to_owned);
    // An unset number is `[not set]` or the greatest one.
    let number = |name: &str| get(name)?.parse().ok().filter(|value| *value != u64::MAX);
    let mut required_by: Vec<String> = ["RequiredBy", "BoundBy"]
        .iter()
        .filter_map(|name| get(name))
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect();
    required_by.sort();
    required_by.dedup();
    Unit {
        id: text("Id").unwrap_or_default(),
        description: text("Description").unwrap_or_default(),
        load_state: text("LoadState").unwrap_or_default(),
        active_state: text("ActiveState").unwrap_or_default(),
        sub_state: text("SubState").unwrap_or_default(),
        file_state: text("UnitFileState"),
        result: text("Result"),
        main_pid: number("MainPID").filter(|pid| *pid != 0),
        restarts: number("NRestarts"),
        memory_bytes: number("MemoryCurrent"),
        active_since: text("ActiveEnterTimestamp"),
        required_by,
        can_reload: get("CanReload") == Some("yes"),
        kind: text("Type"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nginx")]
    #[case("getty@tty1.service")]
    #[case(r"dev-disk-by\x2duuid.device")]
    fn names_of_units_are_taken(#[case] name: &str) {
        assert_eq!(unit(name).unwrap(), name);
    }

    #[rstest]
    #[case("")]
    #[case("-H")]
    #[case("*")]
    #[case("a b")]
    #[case("a;b")]
    #[case("/etc/x")]
    #[case("nginx\n")]
    fn what_cannot_be_a_unit_is_refused(#[case] name: &str) {
        assert_eq!(
            unit(name).unwrap_err().envelope().field.as_deref(),
            Some("unit")
        );
    }

    #[test]
    fn what_systemd_shows_is_read() {
        let unit = read(
            "Id=nginx.service\nDescription=A web=server\nLoadState=loaded\nActiveState=active\n\
             SubState=running\nMainPID=812\nNRestarts=0\nMemoryCurrent=[not set]\n\
             RequiredBy=b.target a.service\nBoundBy=a.service\nCanReload=yes\n",
        );

        assert_eq!(unit.description, "A web=server");
        assert_eq!(unit.main_pid, Some(812));
        assert_eq!(unit.memory_bytes, None);
        assert_eq!(unit.required_by, ["a.service", "b.target"]);
        assert!(unit.can_reload && unit.exists());
    }

    #[test]
    fn a_unit_that_is_not_there_says_so() {
        let unit = read("Id=x.service\nLoadState=not-found\nMemoryCurrent=18446744073709551615\n");

        assert!(!unit.exists());
        assert_eq!(unit.memory_bytes, None);
    }
}
