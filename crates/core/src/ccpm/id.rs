//! Identifiers of the contract: UUIDs of any version as lower-case text.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A UUID in any spelling and of any version (also the nil one, and one of a repeated digit) in its
/// usual one.
pub(crate) fn canonical(text: &str) -> Option<String> {
    Uuid::parse_str(text.trim()).ok().map(|id| id.to_string())
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            JsonSchema,
        )]
        #[serde(transparent)]
        #[schemars(inline, extend("format" = "uuid"))]
        pub struct $name(pub String);

        impl $name {
            /// Takes over an id as it is.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// Reads a UUID of any version and spelling.
            pub fn parse(text: &str) -> Option<Self> {
                canonical(text).map(Self)
            }

            /// The id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+ };
}

ids! {
    /// Of an agent.
    AgentId,
    /// Of a message, and of a thread: the id of its first message.
    MessageId,
    /// Of a task.
    TaskId,
    /// Of a task's event.
    EventId,
    /// Of a completion report.
    ReportId,
    /// Of a sprint.
    SprintId,
    /// Of a session report.
    SessionId,
    /// Of a context item of a session.
    ContextId,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("00000000-0000-0000-0000-000000000000", true)]
    #[case("11111111-1111-1111-1111-111111111111", true)]
    #[case("AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA", true)]
    #[case("018f3c2e7b7c7cc88d3b2a1f0e9d8c7b", true)]
    #[case("builder", false)]
    #[case("", false)]
    fn any_uuid_is_an_id(#[case] text: &str, #[case] expected: bool) {
        let id = AgentId::parse(text);

        assert_eq!(id.is_some(), expected);
        assert!(id.is_none_or(|id| id.as_str().len() == 36));
    }
}
