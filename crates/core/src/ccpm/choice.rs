//! Closed lists of values that can hold what another service sent instead.

use std::fmt;

use super::error::{CcpmError, CcpmResult};

/// A value that is in none of our lists, as it came. Kept in place and cut at 31 bytes, so that
/// choices stay as small and as easy to copy as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foreign {
    length: u8,
    bytes: [u8; Self::MOST],
}

impl Foreign {
    const MOST: usize = 31;

    /// Keeps a text.
    pub fn new(text: &str) -> Self {
        let mut kept = Self {
            length: 0,
            bytes: [0; Self::MOST],
        };
        for letter in text.chars() {
            let at = usize::from(kept.length);
            let Some(place) = kept.bytes.get_mut(at..at + letter.len_utf8()) else {
                break;
            };
            kept.length += u8::try_from(letter.encode_utf8(place).len()).unwrap_or_default();
        }
        kept
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

/// A closed list of values.
pub trait Choice: Copy + Sized + 'static {
    /// The values of the list, as they are written.
    const NAMES: &'static [&'static str];

    /// Reads a value of the list, as it is written.
    fn parse(text: &str) -> Option<Self>;

    /// The value as it is written.
    fn as_str(&self) -> &str;

    /// Whether the value is in the list.
    fn is_known(&self) -> bool {
        Self::NAMES.contains(&self.as_str())
    }

    /// The value if it is in the list.
    ///
    /// # Errors
    /// `validation_failed` on `field`, with the list in `details.allowed`.
    fn known(self, field: &str) -> CcpmResult<Self> {
        if self.is_known() {
            return Ok(self);
        }
        let value = self.as_str();
        Err(
            CcpmError::invalid(field, format!("`{value}` is no value of `{field}`"))
                .hint(format!("use one of: {}", Self::NAMES.join(", ")))
                .detail("allowed", Self::NAMES),
        )
    }
}

/// Defines a [`Choice`]: `choice! { /// Doc. Name { /// Doc. Variant = "text", … } }`.
macro_rules! choice {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
            /// A value of another service that is in no list of ours.
            Foreign($crate::ccpm::Foreign),
        }

        impl $name {
            /// Every value, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl $crate::ccpm::Choice for $name {
            const NAMES: &'static [&'static str] = &[$($text),+];

            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Foreign(text) => text.as_str(),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str($crate::ccpm::Choice::as_str(self))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::ccpm::Choice::as_str(self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Ok(<Self as $crate::ccpm::Choice>::parse(&text)
                    .unwrap_or_else(|| Self::Foreign($crate::ccpm::Foreign::new(&text))))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($text),+] })
            }
        }
    };
}
pub(crate) use choice;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccpm::{CcpmCode, TaskStatus};

    #[test]
    fn a_foreign_value_passes_through_and_is_refused_on_input() {
        let status: TaskStatus = serde_json::from_str("\"parked\"").unwrap();

        assert_eq!(serde_json::to_string(&status).unwrap(), "\"parked\"");
        let refused = status.known("status").unwrap_err();
        assert_eq!(refused.code(), CcpmCode::ValidationFailed);
        assert_eq!(refused.details()["field"], "status");
        assert_eq!(refused.details()["allowed"][2], "in_progress");
    }

    #[test]
    fn an_overlong_foreign_value_is_cut_between_letters() {
        assert_eq!(Foreign::new(&"ä".repeat(20)).as_str(), "ä".repeat(15));
        assert_eq!(Foreign::new("").as_str(), "");
    }

    #[test]
    fn every_value_reads_as_it_is_written() {
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::parse(status.as_str()), Some(*status));
        }
    }
}
