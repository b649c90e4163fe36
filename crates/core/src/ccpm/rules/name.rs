//! Names of agents.

use crate::ccpm::id::canonical;
use crate::ccpm::{CcpmError, CcpmResult};

/// Names that mean something else.
pub const RESERVED: [&str; 4] = ["me", "all", "none", "system"];

/// Longest name.
const LONGEST: usize = 64;

/// A name as it is compared. Names are ASCII, so this is the same on every engine.
pub fn fold_name(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// Whether an agent may have this name.
///
/// # Errors
/// `validation_failed` on `name`.
pub fn check_agent_name(name: &str) -> CcpmResult<()> {
    let invalid = |what: &str| {
        Err(
            CcpmError::invalid("name", format!("an agent cannot have this name: {what}")).hint(
                "use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
            ),
        )
    };
    let is_made_well = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !is_made_well {
        return invalid("it has characters that names do not have");
    }
    if name.len() > LONGEST {
        return invalid("it is longer than 64 characters");
    }
    if canonical(name).is_some() {
        return invalid("it looks like an id");
    }
    if RESERVED.contains(&fold_name(name).as_str()) {
        return invalid("it is reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("builder", true)]
    #[case("Build.er_2-x", true)]
    #[case("7", true)]
    #[case("", false)]
    #[case("-x", false)]
    #[case("two words", false)]
    #[case("größe", false)]
    #[case("@all", false)]
    #[case("All", false)]
    #[case("ME", false)]
    #[case("none", false)]
    #[case("system", false)]
    #[case("11111111-1111-1111-1111-111111111111", false)]
    #[case("11111111111111111111111111111111", false)]
    fn names_are_made_of_ascii_and_mean_nothing_else(#[case] name: &str, #[case] good: bool) {
        assert_eq!(check_agent_name(name).is_ok(), good, "{name}");
    }

    #[test]
    fn a_name_has_at_most_64_characters() {
        assert!(check_agent_name(&"n".repeat(64)).is_ok());
        assert!(check_agent_name(&"n".repeat(65)).is_err());
    }
}
