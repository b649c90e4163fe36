//! The two keys that the data needs: the Fernet key of stored passwords and the key of the audit's
//! hash chain. Each comes from the configuration or from a file of the data directory, is made
//! when the data is new, and must be the one whose fingerprint the database keeps.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use homelab_core::audit::AuditKey;
use homelab_core::clock::Entropy;
use homelab_core::keyring::Keyring;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use homelab_core::store::{AUDIT_KEY_FINGERPRINT, MASTER_KEY_FINGERPRINT, Settings};

use crate::config::Config;
use crate::data_dir::{AUDIT_KEY, DataDir, MASTER_KEY};
use crate::exit::Failure;

/// Where a key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `secrets.master_key` or `audit.key`.
    Configuration,
    /// A file of the data directory.
    File,
}

/// The Fernet keys.
pub(crate) struct MasterKeys {
    /// Encrypts with the database's key and decrypts with all known ones.
    pub(crate) ring: Arc<Keyring>,
    /// All known keys as text, the database's key first, with where each is.
    pub(crate) keys: Vec<(Secret, Source)>,
}

impl MasterKeys {
    /// Where the database's key is.
    pub(crate) fn source(&self) -> Source {
        self.keys
            .first()
            .map_or(Source::File, |(_, source)| *source)
    }

    /// All known keys, the database's first.
    pub(crate) fn texts(&self) -> Vec<Secret> {
        self.keys.iter().map(|(key, _)| key.clone()).collect()
    }

    /// The keys of the key file alone, the database's first.
    pub(crate) fn in_file(&self) -> Vec<Secret> {
        let in_file = self
            .keys
            .iter()
            .filter(|(_, source)| *source == Source::File);
        in_file.map(|(key, _)| key.clone()).collect()
    }
}

/// One key with where it came from.
struct Candidate {
    key: Secret,
    fingerprint: String,
    source: Source,
}

/// Finds the master key, or makes it for a new database.
///
/// # Errors
/// If none of the known keys is the database's, or one is malformed.
pub(crate) async fn master(
    config: &Config,
    data: &DataDir,
    settings: &dyn Settings,
    entropy: &dyn Entropy,
    redactor: &Redactor,
) -> Result<MasterKeys> {
    let known = settings.get(MASTER_KEY_FINGERPRINT).await?;
    let mut candidates = master_candidates(config, data)?;
    if candidates.is_empty() {
        if let Some(fingerprint) = &known {
            return Err(no_key(
                "stored passwords are encrypted",
                fingerprint,
                MASTER_KEY,
                "HOMELAB_DB_KEY",
            ));
        }
        let made = Keyring::generate(entropy);
        let kept = data.write_private_once(MASTER_KEY, &format!("{}\n", made.expose()))?;
        candidates = split(&Secret::new(kept), Source::File)?;
    }
    for candidate in &candidates {
        redactor.learn(&candidate.key);
    }
    let first = candidates.first().context("no key was made")?;
    let wanted = if let Some(fingerprint) = known {
        fingerprint
    } else {
        let fingerprint = first.fingerprint.as_str();
        settings
            .get_or_set(MASTER_KEY_FINGERPRINT, fingerprint)
            .await?
    };
    let Some(place) = candidates.iter().position(|one| one.fingerprint == wanted) else {
        return Err(wrong_key(
            "stored passwords were encrypted",
            &wanted,
            MASTER_KEY,
            "HOMELAB_DB_KEY",
        ));
    };
    let primary = candidates.remove(place);
    candidates.insert(0, primary);
    let texts: Vec<Secret> = candidates
        .iter()
        .map(|candidate| candidate.key.clone())
        .collect();
    Ok(MasterKeys {
        ring: Arc::new(ring(&texts)?),
        keys: candidates
            .into_iter()
            .map(|one| (one.key, one.source))
            .collect(),
    })
}

/// Several keys as one ring; the first encrypts.
pub(crate) fn ring(keys: &[Secret]) -> Result<Keyring> {
    let joined: Vec<&str> = keys.iter().map(Secret::expose).collect();
    Ok(Keyring::parse(&Secret::new(joined.join("\n")))?)
}

/// The keys of the configuration, newest first; none if it names none.
pub(crate) fn configured_master(config: &Config) -> Result<Vec<Secret>> {
    let candidates = match &config.secrets.master_key {
        Some(SecretRef::Plain(keys)) => {
            split(keys, Source::Configuration).context("`secrets.master_key` cannot be used")?
        }
        _ => Vec::new(),
    };
    Ok(candidates
        .into_iter()
        .map(|candidate| candidate.key)
        .collect())
}

fn master_candidates(config: &Config, data: &DataDir) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    if let Some(SecretRef::Plain(keys)) = &config.secrets.master_key {
        let found = split(keys, Source::Configuration);
        candidates.extend(found.context("`secrets.master_key` cannot be used")?);
    }
    if let Some(text) = data.read_private(MASTER_KEY)? {
        let found = split(&Secret::new(text), Source::File);
        candidates.extend(found.with_context(|| unusable(data, MASTER_KEY))?);
    }
    Ok(candidates)
}

fn split(keys: &Secret, source: Source) -> Result<Vec<Candidate>> {
    let texts = keys
        .expose()
        .split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|text| !text.is_empty());
    let mut candidates = Vec::new();
    for text in texts {
        let key = Secret::new(text);
        let fingerprint = Keyring::parse(&key)?.fingerprint().to_owned();
        candidates.push(Candidate {
            key,
            fingerprint,
            source,
        });
    }
    Ok(candidates)
}

/// Finds the audit key, or makes it for a new database.
///
/// # Errors
/// If it is malformed, missing though the database has rows of it, or not the database's.
pub(crate) async fn audit(
    config: &Config,
    data: &DataDir,
    settings: &dyn Settings,
    entropy: &dyn Entropy,
    redactor: &Redactor,
) -> Result<AuditKey> {
    let known = settings.get(AUDIT_KEY_FINGERPRINT).await?;
    let (text, place) = match (&config.audit.key, data.read_private(AUDIT_KEY)?) {
        (Some(SecretRef::Plain(key)), _) => (key.clone(), "`audit.key`".to_owned()),
        (_, Some(text)) => (Secret::new(text), unusable(data, AUDIT_KEY)),
        (_, None) => {
            if let Some(fingerprint) = &known {
                return Err(no_key(
                    "the audit is chained",
                    fingerprint,
                    AUDIT_KEY,
                    "HOMELAB__AUDIT__KEY",
                ));
            }
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes);
            let text = Secret::new(format!("{}\n", hex::encode(bytes)));
            let kept = data.write_private_once(AUDIT_KEY, text.expose())?;
            (Secret::new(kept), unusable(data, AUDIT_KEY))
        }
    };
    let trimmed = text.expose().trim();
    redactor.learn(&Secret::new(trimmed));
    let mut bytes = [0; 32];
    hex::decode_to_slice(trimmed, &mut bytes).map_err(|_| {
        Failure::new(format!("{place} is not an audit key"))
            .hint("it is 64 hexadecimal digits; put back the one that the audit was made with")
    })?;
    let key = AuditKey::new(&bytes);
    let fingerprint = key.fingerprint();
    let wanted = settings
        .get_or_set(AUDIT_KEY_FINGERPRINT, &fingerprint)
        .await?;
    if wanted != fingerprint {
        return Err(wrong_key(
            "the audit was chained",
            &wanted,
            AUDIT_KEY,
            "HOMELAB__AUDIT__KEY",
        ));
    }
    Ok(key)
}

fn unusable(data: &DataDir, name: &str) -> String {
    format!("`{}`", data.file(name).display())
}

fn no_key(what: &str, fingerprint: &str, file: &str, variable: &str) -> anyhow::Error {
    Failure::new(format!(
        "{what} with key {fingerprint}, and there is no key"
    ))
    .hint(format!(
        "put `{file}` back into the data directory, or set `{variable}`"
    ))
    .into()
}

fn wrong_key(what: &str, fingerprint: &str, file: &str, variable: &str) -> anyhow::Error {
    Failure::new(format!(
        "{what} with key {fingerprint}, and this is another one"
    ))
    .hint(format!(
        "put the right `{file}` back into the data directory, or set `{variable}` to the right key"
    ))
    .into()
}
