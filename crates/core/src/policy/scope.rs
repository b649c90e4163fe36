//! What a token may be used for at most, whatever its owner's role.

use crate::tool::{Effect, ToolSpec};

/// The bound of an OAuth scope, in rising order.
///
/// A scope narrows the role and never widens it: a tool must be within both. Unlike a tool beyond
/// the role, one beyond the scope is listed, so that a client can ask its user for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reads that reveal no secret.
    Read,
    /// All but secrets.
    Write,
    /// Everything that the role allows.
    Admin,
}

impl Scope {
    /// The least scope that a call of this tool needs.
    pub const fn needed(spec: &ToolSpec) -> Self {
        if spec.secret {
            return Self::Admin;
        }
        match spec.effect {
            Effect::Read => Self::Read,
            Effect::Write | Effect::Destructive | Effect::Critical => Self::Write,
        }
    }

    /// Whether a token with this scope may call the tool.
    pub fn covers(self, spec: &ToolSpec) -> bool {
        self >= Self::needed(spec)
    }

    /// The last word of the scope's usual name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Effect::Read, false, Scope::Read)]
    #[case(Effect::Write, false, Scope::Write)]
    #[case(Effect::Destructive, false, Scope::Write)]
    #[case(Effect::Critical, false, Scope::Write)]
    #[case(Effect::Read, true, Scope::Admin)]
    #[case(Effect::Write, true, Scope::Admin)]
    fn a_tool_needs_the_scope_of_its_class(
        #[case] effect: Effect,
        #[case] secret: bool,
        #[case] needed: Scope,
    ) {
        let mut spec = ToolSpec::read("t", "", "", "k:t:x");
        spec.effect = effect;
        spec.secret = secret;

        assert_eq!(Scope::needed(&spec), needed);
        assert!(needed.covers(&spec) && Scope::Admin.covers(&spec));
        assert_eq!(Scope::Read.covers(&spec), needed == Scope::Read);
    }
}
