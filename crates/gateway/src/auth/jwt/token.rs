//! The outside of a token: what it says about itself before anything is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use crate::auth::fault::Fault;

/// Longer ones are not looked at.
const LONGEST: usize = 16 * 1024;
/// Longest id of a key.
const LONGEST_KEY_ID: usize = 512;

/// A token, taken apart. Nothing in here is verified.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    pub(super) text: &'a str,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    /// Finds the issuer whose keys are tried; it is compared again once the signature fits.
    pub(super) issuer: Option<String>,
}

/// Where the key is to be found (`jku`, `x5u`, `jwk`) is for the token's sender to say, and so not
/// read at all.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Issuer {
    iss: Option<String>,
}

/// Whether a text has the shape of a signed token, so that its faults are those of one.
pub(crate) fn looks_like_one(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Unverified<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::Malformed);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Fault::Malformed);
        };
        let header: Header = decode(header)?;
        let issuer: Issuer = decode(payload)?;
        // Extensions that must be understood are not (RFC 7515 §4.1.11, RFC 7797 §6).
        if header.crit.is_some() || header.b64.is_some() || !is_access_token(header.typ.as_deref())
        {
            return Err(Fault::Malformed);
        }
        if header
            .kid
            .as_ref()
            .is_some_and(|kid| kid.len() > LONGEST_KEY_ID)
        {
            return Err(Fault::Malformed);
        }
        Ok(Self {
            text,
            algorithm: Algorithm::named(&header.alg).ok_or(Fault::WrongAlgorithm)?,
            key_id: header.kid,
            issuer: issuer.iss,
        })
    }

    /// The claims, if the key signed them with the algorithm that the header names.
    pub(super) fn verify(
        &self,
        key: &jsonwebtoken::DecodingKey,
    ) -> Result<Map<String, Value>, Fault> {
        let mut validation = jsonwebtoken::Validation::new(self.algorithm.native());
        // All claims are checked by us, with our clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(self.text, key, &validation)
            .map(|token| token.claims)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => Fault::WrongAlgorithm,
                ErrorKind::InvalidSignature => Fault::WrongSignature,
                _ => Fault::Malformed,
            })
    }
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Fault> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Fault::Malformed)
}

/// Tokens with a type for something else, such as a logout, are none (RFC 8725 §3.11).
fn is_access_token(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| {
        let kind = kind.to_ascii_lowercase();
        let kind = kind.strip_prefix("application/").unwrap_or(&kind);
        matches!(kind, "jwt" | "at+jwt")
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2lnbmF0dXJl", part(header), part(payload))
    }

    #[rstest]
    #[case(r#"{"alg":"none"}"#, Fault::WrongAlgorithm)]
    #[case(r#"{"alg":"NONE"}"#, Fault::WrongAlgorithm)]
    #[case(r#"{"alg":"ES512"}"#, Fault::WrongAlgorithm)]
    #[case(r#"{"alg":"RS256","alg":"none"}"#, Fault::Malformed)]
    #[case(r#"{"alg":"RS256","crit":["exp"]}"#, Fault::Malformed)]
    #[case(r#"{"alg":"RS256","b64":false}"#, Fault::Malformed)]
    #[case(r#"{"alg":"RS256","typ":"logout+jwt"}"#, Fault::Malformed)]
    #[case(r#"{"alg":["RS256"]}"#, Fault::Malformed)]
    #[case("{}", Fault::Malformed)]
    fn a_header_that_is_not_plain_is_refused(#[case] header: &str, #[case] fault: Fault) {
        let token = token(header, r#"{"iss":"x"}"#);

        assert_eq!(Unverified::read(&token).unwrap_err(), fault);
    }

    #[rstest]
    #[case("")]
    #[case("..")]
    #[case("a.b.c")]
    #[case("a.b.c.d")]
    fn what_is_no_token_is_malformed(#[case] text: &str) {
        assert_eq!(Unverified::read(text).unwrap_err(), Fault::Malformed);
    }

    #[test]
    fn several_issuers_in_one_token_are_none() {
        let token = token(r#"{"alg":"RS256"}"#, r#"{"iss":["a","b"]}"#);

        assert_eq!(Unverified::read(&token).unwrap_err(), Fault::Malformed);
    }

    #[test]
    fn a_plain_header_is_read_and_where_to_get_a_key_is_not() {
        let header = r#"{"alg":"ES256","kid":"1","typ":"at+jwt","jku":"https://evil.example"}"#;
        let token = token(header, r#"{"iss":"https://idp.example"}"#);

        let read = Unverified::read(&token).unwrap();

        assert_eq!(read.algorithm, Algorithm::ES256);
        assert_eq!(read.key_id.as_deref(), Some("1"));
        assert_eq!(read.issuer.as_deref(), Some("https://idp.example"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            drop(Unverified::read(&text));
        }
    }
}
