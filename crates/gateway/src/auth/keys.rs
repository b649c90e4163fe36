//! The text of an API key: `hlab_<id>_<secret>`.
//!
//! The id (12 hexadecimal digits) is public and finds the row; the secret is 256 random bits in
//! base64url without padding. Only the secret's SHA-256 is stored: with that much randomness a slow
//! password hash would protect nothing more and cost every request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homelab_core::call::CredentialKind;
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::policy::{Grants, Role};
use homelab_core::secret::Secret;
use homelab_core::store::ApiKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// What every key starts with, so that scanners for leaked secrets find it.
pub const PREFIX: &str = "hlab_";

const ID_DIGITS: usize = 12;
const SECRET_BYTES: usize = 32;
const SECRET_LETTERS: usize = 43;

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Name for people and rules.
    pub name: String,
    /// Agent or owner.
    pub kind: CredentialKind,
    /// Its role.
    pub role: Role,
    /// Patterns that narrow the role.
    pub grants: Grants,
    /// When it stops working; never if absent.
    pub expires_at: Option<Micros>,
}

/// Makes a key: the row to store, and the text to show once.
pub fn generate(new: NewKey, clock: &dyn Clock, entropy: &dyn Entropy) -> (ApiKey, Secret) {
    let mut id = [0; ID_DIGITS / 2];
    entropy.fill(&mut id);
    let id = hex::encode(id);
    let mut random = zeroize::Zeroizing::new([0; SECRET_BYTES]);
    entropy.fill(random.as_mut());
    let secret = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_ref()));

    let text = Secret::new(format!("{PREFIX}{id}_{}", secret.as_str()));
    let key = ApiKey {
        id,
        name: new.name,
        kind: new.kind,
        role: new.role,
        grants: new.grants,
        hash: hex::encode(Sha256::digest(secret.as_bytes())),
        created_at: clock.now(),
        expires_at: new.expires_at,
        revoked_at: None,
    };
    (key, text)
}

/// A key as somebody presented it.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    id: &'a str,
    secret: &'a str,
}

impl<'a> Presented<'a> {
    /// Its id.
    pub fn id(&self) -> &'a str {
        self.id
    }

    /// Whether its secret is the one whose hash (hexadecimal) is stored; takes the same time
    /// wherever the two differ.
    pub fn verify(&self, hash: &str) -> bool {
        let mut stored = [0; SECRET_BYTES];
        let readable = hex::decode_to_slice(hash, &mut stored).is_ok();
        let presented: [u8; SECRET_BYTES] = Sha256::digest(self.secret.as_bytes()).into();
        bool::from(presented.ct_eq(&stored)) && readable
    }
}

/// Takes a key's text apart; `None` if it is not one of ours.
pub fn parse(text: &str) -> Option<Presented<'_>> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_id = id.len() == ID_DIGITS
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_secret = secret.len() == SECRET_LETTERS
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_id && is_secret).then_some(Presented { id, secret })
}

#[cfg(test)]
mod tests {
    use homelab_core::clock::{ManualClock, SeededEntropy};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn new_key() -> NewKey {
        NewKey {
            name: "claude".into(),
            kind: CredentialKind::Agent,
            role: Role::Operator,
            grants: Grants::default(),
            expires_at: None,
        }
    }

    fn generated(seed: u64) -> (ApiKey, Secret) {
        generate(
            new_key(),
            &ManualClock::default(),
            &SeededEntropy::new(seed),
        )
    }

    #[test]
    fn a_key_is_stored_as_a_hash_and_verifies_by_its_text() {
        let (key, text) = generated(1);

        let presented = parse(text.expose()).unwrap();

        assert_eq!(presented.id(), key.id);
        assert!(presented.verify(&key.hash));
        assert!(!presented.verify(&generated(2).0.hash));
        assert!(!key.hash.contains(presented.secret));
    }

    #[test]
    fn an_unreadable_hash_verifies_nothing() {
        let (_, text) = generated(1);

        assert!(!parse(text.expose()).unwrap().verify("not hexadecimal"));
    }

    #[rstest]
    #[case("")]
    #[case("hlab_")]
    #[case("hlab_0123456789ab_tooshort")]
    #[case("hlab_0123456789AB_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    #[case("other_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    #[case("hlab_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    fn other_texts_are_not_keys(#[case] text: &str) {
        assert!(parse(text).is_none());
    }

    proptest! {
        #[test]
        fn every_generated_key_parses_even_with_underscores_in_its_secret(seed in any::<u64>()) {
            let (key, text) = generated(seed);

            prop_assert!(parse(text.expose()).is_some_and(|presented| presented.verify(&key.hash)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            if let Some(presented) = parse(&text) {
                prop_assert!(!presented.verify(&"00".repeat(SECRET_BYTES)));
            }
        }
    }
}
