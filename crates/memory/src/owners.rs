//! Whose memories a principal sees.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{MAX_LABEL, Visible};
use homelab_core::policy::Pattern;

/// Owner of what is learned on the machine itself, by stdio and on the command line.
pub const LOCAL: &str = "local";

/// Which principals share their memories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    groups: Vec<(String, Vec<Pattern>)>,
}

impl Owners {
    /// From the setting `owners`: the name of a group, and patterns of the principals that belong to it. The first
    /// group that fits is a principal's owner.
    ///
    /// # Errors
    /// `invalid_argument` on a name that is empty or longer than [`MAX_LABEL`], or a group without members.
    pub fn new(groups: &BTreeMap<String, Vec<String>>) -> ToolResult<Self> {
        let mut read = Vec::new();
        for (name, members) in groups {
            let field = format!("owners.{name}");
            if name.trim().is_empty() || name.chars().count() > MAX_LABEL {
                let message = format!("the name of a group has 1 to {MAX_LABEL} characters");
                return Err(ToolError::invalid(field, message));
            }
            if members.is_empty() {
                return Err(ToolError::invalid(field, "this group has no members")
                    .hint("list principals, such as `claude` or `stdio:*`"));
            }
            read.push((name.clone(), members.iter().map(Pattern::new).collect()));
        }
        Ok(Self { groups: read })
    }

    /// Whose memories this principal's are: its group's; [`LOCAL`] for the local user; its own otherwise.
    ///
    /// A key that is called like a group is no member of it: its owner has a `=` in front.
    pub fn owner_of(&self, principal: &str) -> String {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|one| one.matches(principal));
        if let Some((name, _)) = self.groups.iter().find(|(_, members)| fits(members)) {
            return name.clone();
        }
        if principal.starts_with("stdio:") || principal.starts_with("cli:") {
            return LOCAL.to_owned();
        }
        let is_taken = principal == LOCAL
            || principal.starts_with('=')
            || self.groups.iter().any(|(name, _)| name == principal);
        if is_taken {
            format!("={principal}")
        } else {
            principal.to_owned()
        }
    }

    /// A caller who sees what its owner has.
    pub fn caller(&self, principal: &str, request_id: Option<&str>) -> Caller {
        let owner = self.owner_of(principal);
        Caller {
            visible: Visible::Owner(owner.clone()),
            owner,
            name: principal.to_owned(),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// The machine's administrator on the command line: sees everything, and keeps what it adds for its own owner.
    pub fn administrator(&self, principal: &str) -> Caller {
        Caller {
            visible: Visible::Everything,
            ..self.caller(principal, None)
        }
    }

    /// The same administrator looking at what one owner has.
    pub fn administrator_of(&self, principal: &str, owner: &str) -> Caller {
        Caller {
            visible: Visible::Owner(owner.to_owned()),
            owner: owner.to_owned(),
            ..self.caller(principal, None)
        }
    }
}

/// Who asks; made by [`Owners`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(crate) owner: String,
    pub(crate) visible: Visible,
    pub(crate) name: String,
    pub(crate) request_id: Option<String>,
}

impl Caller {
    /// Whose memories it keeps and sees.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What it may touch, for questions to the store that the service does not have.
    pub fn visible(&self) -> &Visible {
        &self.visible
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn family() -> Owners {
        let groups = [("family", vec!["claude", "n8n", "stdio:*"])];
        let groups = groups.map(|(name, members)| {
            let members = members.into_iter().map(str::to_owned).collect();
            (name.to_owned(), members)
        });
        Owners::new(&groups.into()).unwrap()
    }

    #[test]
    fn a_group_shares_and_everybody_else_is_alone() {
        let owners = family();

        assert_eq!(owners.owner_of("claude"), "family");
        assert_eq!(owners.owner_of("stdio:1000"), "family");
        assert_eq!(owners.owner_of("cli:0"), LOCAL);
        assert_eq!(owners.owner_of("claude-2"), "claude-2");
        assert_eq!(Owners::default().owner_of("stdio:1000"), LOCAL);
    }

    #[test]
    fn a_key_called_like_a_group_is_no_member() {
        let owners = family();

        assert_eq!(owners.owner_of("family"), "=family");
        assert_eq!(owners.owner_of("=family"), "==family");
        assert_eq!(owners.owner_of(LOCAL), "=local");
    }

    #[test]
    fn a_group_without_members_is_refused() {
        let error = Owners::new(&[("x".to_owned(), vec![])].into()).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("owners.x"));
    }

    proptest! {
        #[test]
        fn two_principals_outside_of_groups_never_share(left in "[=a-z:]{0,8}|local|family", right in "[=a-z:]{0,8}|local|family") {
            let outside = |name: &str| !name.starts_with("stdio:") && !name.starts_with("cli:");
            prop_assume!(left != right && outside(&left) && outside(&right));

            prop_assert_ne!(family().owner_of(&left), family().owner_of(&right));
        }
    }
}
