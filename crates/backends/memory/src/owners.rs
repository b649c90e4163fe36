//! Whose memories a caller's are.

use std::collections::{BTreeMap, HashMap};

use homelab_core::error::{ToolError, ToolResult};

/// Owner of local callers unless the configuration says otherwise.
pub const LOCAL: &str = "local";
/// Before the name of a principal that is called like a group it is not in.
const APART: &str = "principal:";
/// Longest name of an owner, characters.
const LONGEST: usize = 128;

/// Which owner each caller is; made from the configuration alone, so that no argument reaches it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    names: HashMap<String, String>,
    /// What names begin with, longest first.
    prefixes: Vec<(String, String)>,
}

impl Owners {
    /// Reads `owners`: owner to callers.
    ///
    /// # Errors
    /// `invalid_argument` for a name that is none, and for a caller that is in two groups.
    pub fn new(groups: &BTreeMap<String, Vec<String>>) -> ToolResult<Self> {
        let mut owners = Self::default();
        for (owner, callers) in groups {
            let key = format!("owners.{owner}");
            if owner.trim() != owner || owner.is_empty() || owner.chars().count() > LONGEST {
                let message = "an owner's name is empty, overlong, or has blanks around it";
                return Err(ToolError::invalid(key, message));
            }
            if owner.starts_with(APART) {
                let message = format!("an owner's name cannot begin with `{APART}`");
                return Err(ToolError::invalid(key, message));
            }
            for caller in callers {
                if let Some(other) = owners.insert(caller, owner) {
                    let message =
                        format!("`{caller}` belongs to `{other}` and to `{owner}`, not to one");
                    return Err(ToolError::invalid(key, message));
                }
            }
        }
        for local in ["stdio:", "cli:"] {
            if !owners.prefixes.iter().any(|(prefix, _)| prefix == local) {
                owners.prefixes.push((local.to_owned(), LOCAL.to_owned()));
            }
        }
        let longest_first = |(prefix, _): &(String, String)| std::cmp::Reverse(prefix.len());
        owners.prefixes.sort_by_key(longest_first);
        Ok(owners)
    }

    /// The owner that had the caller already, if it was another entry.
    fn insert(&mut self, caller: &str, owner: &str) -> Option<String> {
        let Some(prefix) = caller.strip_suffix('*') else {
            return self.names.insert(caller.to_owned(), owner.to_owned());
        };
        let taken = self.prefixes.iter().find(|(one, _)| one == prefix);
        if let Some((_, other)) = taken {
            return Some(other.clone());
        }
        self.prefixes.push((prefix.to_owned(), owner.to_owned()));
        None
    }

    /// The owner of what a principal of this name keeps.
    pub fn of(&self, principal: &str) -> String {
        let by_prefix = || {
            let mut prefixes = self.prefixes.iter();
            prefixes.find(|(prefix, _)| principal.starts_with(prefix.as_str()))
        };
        let joined = self.names.get(principal);
        if let Some(owner) = joined.or_else(|| by_prefix().map(|(_, owner)| owner)) {
            return owner.clone();
        }
        // Whoever may name a key must not get into a group by calling it like one.
        if principal.starts_with(APART) || self.is_group(principal) {
            return format!("{APART}{principal}");
        }
        principal.to_owned()
    }

    fn is_group(&self, name: &str) -> bool {
        let prefixed = self.prefixes.iter().map(|(_, owner)| owner);
        self.names
            .values()
            .chain(prefixed)
            .any(|owner| owner == name)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn owners(groups: &[(&str, &[&str])]) -> ToolResult<Owners> {
        let groups = groups.iter().map(|(owner, callers)| {
            let callers = callers.iter().map(|one| (*one).to_owned()).collect();
            ((*owner).to_owned(), callers)
        });
        Owners::new(&groups.collect())
    }

    #[rstest]
    #[case("claude", "family")]
    #[case("stdio:0", "family")]
    #[case("stdio:1000", "laptop")]
    #[case("cli:1000", "local")]
    #[case("n8n", "n8n")]
    #[case("lab:alice", "lab:alice")]
    #[case("family", "principal:family")]
    #[case("local", "principal:local")]
    #[case("principal:family", "principal:principal:family")]
    fn a_caller_is_its_group_or_itself(#[case] principal: &str, #[case] owner: &str) {
        let owners = owners(&[
            ("family", &["claude", "stdio:*"]),
            ("laptop", &["stdio:1000"]),
        ]);

        assert_eq!(owners.unwrap().of(principal), owner);
    }

    #[rstest]
    #[case(&[("a", &["x"] as &[&str]), ("b", &["x"])], "owners.b")]
    #[case(&[("a", &["x:*"] as &[&str]), ("b", &["x:*"])], "owners.b")]
    #[case(&[("", &["x"] as &[&str])], "owners.")]
    #[case(&[("principal:x", &["x"] as &[&str])], "owners.principal:x")]
    fn groups_that_contradict_each_other_are_refused(
        #[case] groups: &[(&str, &[&str])],
        #[case] field: &str,
    ) {
        let error = owners(groups).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_glob_of_everything_joins_everybody() {
        let owners = owners(&[("house", &["*"])]).unwrap();

        assert_eq!(owners.of("n8n"), "house");
        assert_eq!(owners.of("cli:0"), "local");
    }
}
