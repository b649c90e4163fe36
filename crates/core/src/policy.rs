//! Who may do what: roles, per-key patterns, and the decision on one call. Pure.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Transport;
use crate::tool::{Effect, ToolSpec};

/// What a principal is trusted with, in rising order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes; destructive calls need a confirmation, critical ones an approval.
    Operator,
    /// Like operator, and may read secrets.
    Admin,
}

impl Role {
    /// The role as it is written in configuration and listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            other => Err(format!(
                "unknown role `{other}`: use viewer, operator or admin"
            )),
        }
    }
}

/// What is to happen with a call, in rising order of strictness.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Runs.
    Allow,
    /// Runs after the user behind the client agreed.
    Confirm,
    /// Runs after an owner agreed through a channel of their own.
    Approve,
    /// Does not run.
    Deny,
}

impl Decision {
    /// The decision as it is written in listings and audit rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// The decision that a role has on a tool where no rule says otherwise.
pub const fn role_default(role: Role, spec: &ToolSpec) -> Decision {
    if spec.secret && !matches!(role, Role::Admin) {
        return Decision::Deny;
    }
    match (role, spec.effect) {
        (_, Effect::Read) | (Role::Operator | Role::Admin, Effect::Write) => Decision::Allow,
        (Role::Viewer, _) => Decision::Deny,
        (_, Effect::Destructive) => Decision::Confirm,
        (_, Effect::Critical) => Decision::Approve,
    }
}

/// What the decision comes to while held calls cannot be decided yet: only the command line, where
/// a person typed the call, runs what would need a confirmation or an approval.
pub const fn without_approvals(decision: Decision, transport: Transport) -> Decision {
    match (decision, transport) {
        (Decision::Confirm | Decision::Approve, Transport::Cli) => Decision::Allow,
        (decision, _) => decision,
    }
}

/// Per-key patterns that narrow a role: a call must match an `allow` pattern (if there are any)
/// and no `deny` pattern. They never widen it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Empty allows everything that the role allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Pattern>,
    /// Wins over `allow`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Pattern>,
}

impl Grants {
    /// Whether the tool is within the patterns. `names` are all names it goes by: bare,
    /// aggregated, permission, `<instance>:<bare>`.
    pub fn permit(&self, names: &[&str]) -> bool {
        let any = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| names.iter().any(|name| pattern.matches(name)))
        };
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.deny)
    }
}

/// A name pattern where `*` stands for any text, such as `proxmox_list_*` or `proxmox:*:read`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Takes over a pattern; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` fits as a whole.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut last = None;
        for part in parts {
            if let Some(inner) = last.replace(part)
                && !inner_match(&mut rest, inner)
            {
                return false;
            }
        }
        match last {
            None => rest.is_empty(),
            Some(suffix) => rest.ends_with(suffix),
        }
    }
}

fn inner_match(rest: &mut &str, part: &str) -> bool {
    match rest.split_once(part) {
        Some((_, after)) => {
            *rest = after;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("proxmox_*", "proxmox_list_vms", true)]
    #[case("proxmox_*", "pbs_list", false)]
    #[case("*", "anything", true)]
    #[case("a*b*c", "a-b-c", true)]
    #[case("a*b*c", "a-c-b", false)]
    #[case("ab*ba", "aba", false)]
    #[case("exact", "exact", true)]
    #[case("exact", "exactly", false)]
    #[case("*:*:read", "homelab:device:read", true)]
    #[case("", "", true)]
    fn a_star_stands_for_any_text(#[case] pattern: &str, #[case] name: &str, #[case] fits: bool) {
        assert_eq!(Pattern::new(pattern).matches(name), fits);
    }

    #[rstest]
    #[case(Role::Viewer, Effect::Read, false, Decision::Allow)]
    #[case(Role::Viewer, Effect::Write, false, Decision::Deny)]
    #[case(Role::Viewer, Effect::Critical, false, Decision::Deny)]
    #[case(Role::Viewer, Effect::Read, true, Decision::Deny)]
    #[case(Role::Operator, Effect::Write, false, Decision::Allow)]
    #[case(Role::Operator, Effect::Destructive, false, Decision::Confirm)]
    #[case(Role::Operator, Effect::Critical, false, Decision::Approve)]
    #[case(Role::Operator, Effect::Read, true, Decision::Deny)]
    #[case(Role::Admin, Effect::Read, true, Decision::Allow)]
    #[case(Role::Admin, Effect::Destructive, false, Decision::Confirm)]
    fn roles_decide_where_no_rule_does(
        #[case] role: Role,
        #[case] effect: Effect,
        #[case] secret: bool,
        #[case] expected: Decision,
    ) {
        let mut spec = ToolSpec::read("t", "", "", "k:t:x");
        spec.effect = effect;
        spec.secret = secret;

        assert_eq!(role_default(role, &spec), expected);
    }

    #[test]
    fn only_the_command_line_runs_what_would_be_held() {
        assert_eq!(
            without_approvals(Decision::Confirm, Transport::Cli),
            Decision::Allow
        );
        assert_eq!(
            without_approvals(Decision::Approve, Transport::Http),
            Decision::Approve
        );
        assert_eq!(
            without_approvals(Decision::Deny, Transport::Cli),
            Decision::Deny
        );
    }

    #[test]
    fn deny_patterns_win_over_allow_patterns() {
        let grants = Grants {
            allow: vec![Pattern::new("homelab_*")],
            deny: vec![Pattern::new("homelab:credential:*")],
        };

        assert!(grants.permit(&["homelab_list_devices", "homelab:device:read"]));
        assert!(!grants.permit(&["homelab_get_credentials", "homelab:credential:read"]));
        assert!(!grants.permit(&["proxmox_list_vms"]));
        assert!(Grants::default().permit(&["proxmox_list_vms"]));
    }
}
