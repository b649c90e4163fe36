//! Secrets that cannot be printed or serialised by accident, and references to where they live.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::error::ToolResult;

/// A secret text: zeroed on drop, printed as `[redacted]`, not serialisable.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes over a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself; every use is a place to look at in review.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.expose()
            .as_bytes()
            .ct_eq(other.expose().as_bytes())
            .into()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

/// Secret bytes that need not be text: zeroed on drop, printed as `[redacted]`, not serialisable.
#[derive(PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes over secret bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves; every use is a place to look at in review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Where a secret setting comes from: written out, or one of the three references.
///
/// Spelled `env:NAME`, `file:/path` or `credential:TARGET`; anything else is the secret itself.
/// The configuration resolves `env:` and `file:` when it is read, `credential:` when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// The secret itself.
    Plain(Secret),
    /// The environment variable's value.
    Env(String),
    /// The file's content without its trailing newline.
    File(String),
    /// The password of a stored credential.
    Credential(String),
}

impl FromStr for SecretRef {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some(("env", name)) => Self::Env(name.to_owned()),
            Some(("file", path)) => Self::File(path.to_owned()),
            Some(("credential", target)) => Self::Credential(target.to_owned()),
            _ => Self::Plain(Secret::new(text)),
        })
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or_else(|never| match never {}))
    }
}

impl JsonSchema for SecretRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "writeOnly": true,
            "description": "the secret, or `env:NAME`, `file:/path`, `credential:TARGET`",
        })
    }
}

/// Where secrets are looked up when they are used, so that a rotated one needs no restart.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret that a setting names. Whoever implements this teaches it to the redactor.
    ///
    /// # Errors
    /// `not_configured` if a reference leads nowhere.
    async fn secret(&self, reference: &SecretRef) -> ToolResult<Secret>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new("hunter2");

        assert_eq!(format!("{secret:?}"), "[redacted]");
        let bytes = SecretBytes::new(secret.expose().into());
        assert_eq!(format!("{bytes:?}"), "[redacted]");
        assert!(!format!("{:?}", SecretRef::Plain(secret)).contains("hunter2"));
    }

    #[test]
    fn a_reference_is_told_from_a_secret_with_a_colon() {
        assert_eq!("env:TOKEN".parse(), Ok(SecretRef::Env("TOKEN".into())));
        assert_eq!("file:/run/x".parse(), Ok(SecretRef::File("/run/x".into())));
        assert_eq!(
            "credential:nas".parse(),
            Ok(SecretRef::Credential("nas".into()))
        );
        assert_eq!("a:b".parse(), Ok(SecretRef::Plain(Secret::new("a:b"))));
    }
}
