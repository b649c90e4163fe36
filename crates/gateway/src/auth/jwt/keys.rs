//! The keys that an issuer publishes.

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use serde_json::Value;

use super::algorithm::Algorithm;
use crate::auth::fault::Fault;

/// Keys of one issuer that are kept; the rest of a longer list is passed over.
const MOST: usize = 64;

/// One public key, and what it may have signed.
struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    verifies: DecodingKey,
}

/// All keys of an issuer at one time.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a JWK set. Keys that cannot sign what we verify are passed over: those for encryption,
    /// of unknown types, and secrets, which have no place in a public document.
    pub(super) fn read(document: &Value) -> Option<Self> {
        let keys = document.get("keys")?.as_array()?;
        Some(Self(keys.iter().filter_map(key).take(MOST).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token with this header, mostly one. A token that names no key
    /// is only accepted where there is no choice.
    pub(super) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<&DecodingKey>, Fault> {
        let named: Vec<&Key> = match (id, self.0.as_slice()) {
            (Some(id), keys) => keys
                .iter()
                .filter(|key| key.id.as_deref() == Some(id))
                .collect(),
            (None, [only]) => vec![only],
            (None, _) => Vec::new(),
        };
        if named.is_empty() {
            return Err(Fault::UnknownKey);
        }
        let fitting: Vec<&DecodingKey> = named
            .into_iter()
            .filter(|key| key.algorithms.contains(&algorithm))
            .map(|key| &key.verifies)
            .collect();
        if fitting.is_empty() {
            return Err(Fault::WrongAlgorithm);
        }
        Ok(fitting)
    }
}

fn key(value: &Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    if !matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    ) {
        return None;
    }
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    // The text itself, because an algorithm that the library does not know must not count as none.
    let algorithms = match value.get("alg") {
        None | Some(Value::Null) => possible.to_vec(),
        Some(stated) => {
            let stated = Algorithm::named(stated.as_str()?)?;
            possible
                .iter()
                .copied()
                .filter(|one| *one == stated)
                .collect()
        }
    };
    if algorithms.is_empty() {
        return None;
    }
    Some(Key {
        id: jwk.common.key_id.clone(),
        verifies: DecodingKey::from_jwk(&jwk).ok()?,
        algorithms,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn rsa(id: &str) -> Value {
        json!({ "kty": "RSA", "kid": id, "n": "AQAB", "e": "AQAB" })
    }

    fn ec(id: &str) -> Value {
        json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": "AQAB", "y": "AQAB" })
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::read(&json!({ "keys": keys })).unwrap()
    }

    #[test]
    fn the_type_of_a_key_bounds_its_algorithms() {
        let set = set(&[rsa("r"), ec("e")]);
        let fits = |id, algorithm| set.candidates(Some(id), algorithm).map(|keys| keys.len());

        assert_eq!(fits("r", Algorithm::RS256), Ok(1));
        assert_eq!(fits("r", Algorithm::PS512), Ok(1));
        assert_eq!(fits("e", Algorithm::ES256), Ok(1));
        for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert_eq!(fits("r", algorithm), Err(Fault::WrongAlgorithm));
        }
        assert_eq!(fits("e", Algorithm::ES384), Err(Fault::WrongAlgorithm));
        assert_eq!(fits("x", Algorithm::RS256), Err(Fault::UnknownKey));
    }

    #[test]
    fn a_key_that_names_its_algorithm_has_no_other() {
        let mut key = rsa("r");
        key["alg"] = json!("RS256");
        let set = set(&[key]);

        assert!(set.candidates(Some("r"), Algorithm::RS256).is_ok());
        assert!(set.candidates(Some("r"), Algorithm::PS256).is_err());
    }

    #[test]
    fn a_token_must_name_its_key_where_there_are_several() {
        let one = set(&[rsa("r")]);
        let two = set(&[rsa("r"), ec("e")]);

        assert!(one.candidates(None, Algorithm::RS256).is_ok());
        assert_eq!(
            two.candidates(None, Algorithm::RS256)
                .map(|keys| keys.len()),
            Err(Fault::UnknownKey)
        );
    }

    #[rstest]
    #[case(json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }))]
    #[case(json!({ "kty": "RSA", "kid": "s", "use": "enc", "n": "AQAB", "e": "AQAB" }))]
    #[case(json!({ "kty": "RSA", "kid": "s", "alg": "HS256", "n": "AQAB", "e": "AQAB" }))]
    #[case(json!({ "kty": "RSA", "kid": "s", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB" }))]
    #[case(json!({ "kty": "EC", "crv": "P-521", "kid": "s", "x": "AQAB", "y": "AQAB" }))]
    #[case(json!({ "kty": "EC", "crv": "secp256k1", "kid": "s", "x": "AQAB", "y": "AQAB" }))]
    #[case(json!("nonsense"))]
    fn a_key_of_no_use_is_passed_over(#[case] key: Value) {
        assert!(set(&[key]).is_empty());
    }

    #[test]
    fn what_is_no_set_is_none() {
        assert!(KeySet::read(&json!({})).is_none());
        assert!(KeySet::read(&json!([])).is_none());
    }
}
