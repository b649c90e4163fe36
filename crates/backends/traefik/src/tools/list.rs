//! What the lists have in common.

use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Deserialize;

/// What stands where a secret stood.
pub(crate) const MARK: &str = "[redacted]";
/// Characters kept of an error of Traefik's.
const LONGEST: usize = 300;

/// The state of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is used.
    Enabled,
    /// It has an error and is not used.
    Disabled,
    /// It is used, and something is wrong with it.
    Warning,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Warning => "warning",
        }
    }
}

/// Errors as they may be shown.
pub(crate) fn errors(errors: &[String]) -> Vec<String> {
    let clean = |error: &String| printable(error).chars().take(LONGEST).collect();
    errors.iter().take(10).map(clean).collect()
}
