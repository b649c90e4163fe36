//! Fernet encryption of stored secrets, compatible with Python's `cryptography.fernet.MultiFernet`.
//!
//! Source: the Fernet specification (github.com/fernet/spec): 128-bit AES-CBC with HMAC-SHA256;
//! keys are 32 bytes in URL-safe base64.

use fernet::Fernet;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::clock::Entropy;
use crate::secret::{Secret, SecretBytes};

/// Several keys: the first encrypts, all decrypt.
pub struct Keyring {
    keys: Vec<Fernet>,
    fingerprint: String,
}

/// Why a key or a ciphertext was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not 32 bytes in URL-safe base64.
    #[error("key {0} is not a Fernet key: 32 bytes in URL-safe base64, 44 characters")]
    Malformed(usize),
    /// No key was given.
    #[error("no key was given")]
    Empty,
    /// None of the keys decrypts this.
    #[error("none of the {0} known keys decrypts this secret")]
    Undecryptable(usize),
    /// The decrypted bytes are not text.
    #[error("the decrypted secret is not UTF-8 text")]
    NotText,
}

impl Keyring {
    /// Reads keys separated by commas or white space, newest first.
    pub fn parse(keys: &Secret) -> Result<Self, KeyError> {
        let texts: Vec<&str> = keys
            .expose()
            .split(|letter: char| letter == ',' || letter.is_whitespace())
            .filter(|text| !text.is_empty())
            .collect();
        let first = texts.first().ok_or(KeyError::Empty)?;
        let digest = Sha256::digest(first.trim_end_matches('=').as_bytes());
        let fingerprint = hex::encode(&digest[..8]);
        let keys = texts
            .iter()
            .enumerate()
            .map(|(index, text)| Fernet::new(text).ok_or(KeyError::Malformed(index + 1)))
            .collect::<Result<_, _>>()?;
        Ok(Self { keys, fingerprint })
    }

    /// A new key as text.
    pub fn generate(entropy: &dyn Entropy) -> Secret {
        use base64::Engine as _;
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut());
        Secret::new(base64::engine::general_purpose::URL_SAFE.encode(bytes.as_ref()))
    }

    /// 16 hexadecimal digits that tell keys apart without revealing them.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Encrypts with the first key.
    pub fn encrypt(&self, secret: &Secret) -> String {
        self.keys[0].encrypt(secret.expose().as_bytes())
    }

    /// Encrypts what need not be text with the first key.
    pub fn encrypt_bytes(&self, secret: &SecretBytes) -> String {
        self.keys[0].encrypt(secret.expose())
    }

    /// Decrypts with whichever key fits.
    pub fn decrypt(&self, token: &str) -> Result<Secret, KeyError> {
        let bytes = self.decrypt_bytes(token)?;
        std::str::from_utf8(bytes.expose())
            .map(Secret::new)
            .map_err(|_| KeyError::NotText)
    }

    /// Decrypts what need not be text with whichever key fits.
    pub fn decrypt_bytes(&self, token: &str) -> Result<SecretBytes, KeyError> {
        self.keys
            .iter()
            .find_map(|key| key.decrypt(token).ok())
            .map(SecretBytes::new)
            .ok_or(KeyError::Undecryptable(self.keys.len()))
    }

    /// The token as the first key writes it; `None` where that is the one that wrote it.
    pub fn renew(&self, token: &str) -> Result<Option<String>, KeyError> {
        if self.keys[0].decrypt(token).is_ok() {
            return Ok(None);
        }
        let secret = self.decrypt_bytes(token)?;
        Ok(Some(self.encrypt_bytes(&secret)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn the_reference_token_of_the_fernet_specification_decrypts() {
        let ring =
            Keyring::parse(&Secret::new("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")).unwrap();
        let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

        assert_eq!(ring.decrypt(token).unwrap().expose(), "hello");
    }

    #[test]
    fn old_keys_still_decrypt_and_the_first_one_encrypts() {
        let entropy = SeededEntropy::new(7);
        let (old, new) = (Keyring::generate(&entropy), Keyring::generate(&entropy));
        let before = Keyring::parse(&old).unwrap();
        let token = before.encrypt(&Secret::new("s3cret"));

        let after =
            Keyring::parse(&Secret::new(format!("{},{}", new.expose(), old.expose()))).unwrap();

        assert_eq!(after.decrypt(&token).unwrap().expose(), "s3cret");
        assert_ne!(after.fingerprint(), before.fingerprint());
    }

    #[test]
    fn a_token_is_renewed_once_and_the_old_key_needed_no_more() {
        let entropy = SeededEntropy::new(8);
        let (old, new) = (Keyring::generate(&entropy), Keyring::generate(&entropy));
        let both = Keyring::parse(&Secret::new(format!("{} {}", new.expose(), old.expose())));
        let (both, old) = (both.unwrap(), Keyring::parse(&old).unwrap());
        let new = Keyring::parse(&new).unwrap();
        let bytes = SecretBytes::new(vec![0xff, 0, 0x80]);
        let token = old.encrypt_bytes(&bytes);

        let renewed = both.renew(&token).unwrap().unwrap();

        assert_eq!(new.decrypt_bytes(&renewed).unwrap(), bytes);
        assert_eq!(both.renew(&renewed), Ok(None));
        assert_eq!(new.renew(&token), Err(KeyError::Undecryptable(1)));
        assert_eq!(new.decrypt(&renewed), Err(KeyError::NotText));
    }

    #[test]
    fn a_wrong_key_is_named_by_its_place() {
        let good = Keyring::generate(&SeededEntropy::new(1));

        let error = Keyring::parse(&Secret::new(format!("{} short", good.expose()))).err();

        assert_eq!(error, Some(KeyError::Malformed(2)));
    }
}
