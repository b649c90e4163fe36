//! Who may do what: roles, per-key patterns, and the decision on one call. Pure but for
//! [`Decide`], which the rules of the configuration implement elsewhere.

mod pattern;
mod scope;
mod tightening;
mod verdict;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tool::{Effect, ToolSpec};

pub use pattern::{Grants, Pattern};
pub use scope::Scope;
pub use tightening::Tightening;
pub use verdict::{Decide, Question, RoleDefaults, Sight, Verdict};

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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
}
