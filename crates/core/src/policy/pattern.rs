//! Name patterns, and what a key's patterns permit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
