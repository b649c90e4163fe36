//! Types for what upstreams call things, read from a text and written as one: what is not one never
//! reaches an address or a parameter.

use homelab_core::render::printable;

#[doc(hidden)]
pub use {schemars, serde};

/// Characters of a refused text that its error repeats.
const SHOWN: usize = 60;

/// The beginning of a text that is refused, as its error may show it: in one line.
pub fn shown(text: &str) -> String {
    let clean = printable(text);
    let shown = clean.chars().filter(|letter| !letter.is_control());
    shown.take(SHOWN).collect()
}

/// Gives a type that has `FromStr` and `Display` the traits of serde and a schema: a text of at most so
/// many characters, of this pattern.
#[macro_export]
macro_rules! as_text {
    ($name:ident, $most:expr, $pattern:literal) => {
        impl $crate::ids::serde::Serialize for $name {
            fn serialize<S: $crate::ids::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> $crate::ids::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::ids::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text: ::std::string::String =
                    $crate::ids::serde::Deserialize::deserialize(deserializer)?;
                text.parse().map_err($crate::ids::serde::de::Error::custom)
            }
        }

        impl $crate::ids::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                ::std::stringify!($name).into()
            }

            fn json_schema(
                _: &mut $crate::ids::schemars::SchemaGenerator,
            ) -> $crate::ids::schemars::Schema {
                $crate::ids::schemars::json_schema!({
                    "type": "string",
                    "maxLength": $most,
                    "pattern": $pattern,
                })
            }
        }
    };
}

/// Makes a type of texts: what its error calls it, most bytes, its pattern in schemas, and which texts are
/// one, a `fn(&str) -> bool`; or after `by`, what a text is kept as, a `fn(&str) -> Option<String>`.
#[macro_export]
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident: $noun:literal, $most:literal, $pattern:literal, by $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(::std::string::String);

        impl ::std::convert::AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::std::string::String;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                let read: fn(&str) -> ::std::option::Option<::std::string::String> = $read;
                let found = if text.len() <= $most { read(text) } else { None };
                found.map(Self).ok_or_else(|| {
                    ::std::format!("`{}` is not {}", $crate::ids::shown(text), $noun)
                })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        $crate::as_text!($name, $most, $pattern);
    };
    ($(#[$doc:meta])* $name:ident: $noun:literal, $most:literal, $pattern:literal, $valid:expr) => {
        $crate::text_id! {
            $(#[$doc])*
            $name: $noun, $most, $pattern, by |text| {
                let valid: fn(&str) -> bool = $valid;
                valid(text).then(|| text.to_owned())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    text_id! {
        /// A word.
        Word: "a word of small letters", 5, "^[a-z]+$", |text| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
        }
    }
    text_id! {
        /// A flag of any case.
        Flag: "a flag", 3, "^([Oo][Nn]|[Oo][Ff][Ff])$", by |text| {
            let lower = text.to_ascii_lowercase();
            ["on", "off"].contains(&lower.as_str()).then_some(lower)
        }
    }

    #[test]
    fn only_what_is_one_is_read() {
        assert_eq!("abc".parse::<Word>().unwrap().as_ref(), "abc");
        for wrong in ["", "Abc", "abcdef"] {
            let error = wrong.parse::<Word>().unwrap_err();
            assert_eq!(error, format!("`{wrong}` is not a word of small letters"));
        }
        assert_eq!("OFF".parse::<Flag>().unwrap().to_string(), "off");
    }

    #[test]
    fn json_has_it_as_a_text() {
        let read: Result<Word, _> = serde_json::from_value(json!("abc"));
        let refused: Result<Word, _> = serde_json::from_value(json!("a b"));

        assert_eq!(serde_json::to_value(read.unwrap()).unwrap(), json!("abc"));
        assert!(refused.unwrap_err().to_string().contains("is not a word"));
        assert_eq!(
            schemars::schema_for!(Word).as_value()["pattern"],
            json!("^[a-z]+$")
        );
    }

    #[test]
    fn an_error_shows_the_beginning_alone_and_nothing_a_terminal_obeys() {
        let long = super::shown(&format!("\u{1b}[2Ja\n{}", "b".repeat(200)));

        assert_eq!(long, format!("a{}", "b".repeat(59)));
    }
}
