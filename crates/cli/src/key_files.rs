//! The keys that the data needs: the Fernet key of stored passwords, the key of the audit's hash
//! chain and the key that signs the audit. Each comes from the configuration or from a file of the data directory, is made
//! when the data is new, and must be the one whose fingerprint the database keeps.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use homelab_core::audit::{AuditKey, SigningKey};
use homelab_core::clock::Entropy;
use homelab_core::keyring::Keyring;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use homelab_core::store::{
    AUDIT_KEY_FINGERPRINT, AUDIT_SIGNING_KEY_FINGERPRINT, MASTER_KEY_FINGERPRINT, Settings,
};
use homelab_store::AuditKeys;

use crate::config::Config;
use crate::data_dir::{AUDIT_KEY, AUDIT_SIGNING_KEY, DataDir, MASTER_KEY};
use crate::exit::Failure;

/// Where a key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `secrets.master_key`.
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

/// A key of 32 bytes, and what is told about it where it is missing or another one.
struct Seed<'a> {
    configured: Option<&'a SecretRef>,
    key: &'static str,
    file: &'static str,
    variable: &'static str,
    /// Name of its fingerprint among the settings.
    setting: &'static str,
    /// What depends on it: "the audit is chained".
    what: [&'static str; 2],
}

/// Finds the two keys of the audit, or makes those that the database knows nothing of yet.
///
/// # Errors
/// If one is malformed, missing though the database knows it, or not the database's.
pub(crate) async fn audit(
    config: &Config,
    data: &DataDir,
    settings: &dyn Settings,
    entropy: &dyn Entropy,
    redactor: &Redactor,
) -> Result<AuditKeys> {
    let chain = Seed {
        configured: config.audit.key.as_ref(),
        key: "`audit.key`",
        file: AUDIT_KEY,
        variable: "HOMELAB__AUDIT__KEY",
        setting: AUDIT_KEY_FINGERPRINT,
        what: ["the audit is chained", "the audit was chained"],
    };
    let bytes = chain.find(data, settings, entropy, redactor).await?;
    let chain_key = AuditKey::new(&bytes);
    chain.check(settings, &chain_key.fingerprint()).await?;

    let signing = Seed {
        configured: config.audit.signing_key.as_ref(),
        key: "`audit.signing_key`",
        file: AUDIT_SIGNING_KEY,
        variable: "HOMELAB__AUDIT__SIGNING_KEY",
        setting: AUDIT_SIGNING_KEY_FINGERPRINT,
        what: ["the audit is signed", "the audit was signed"],
    };
    let bytes = signing.find(data, settings, entropy, redactor).await?;
    let signing_key =
        SigningKey::from_seed(&bytes).context("using the key that signs the audit")?;
    let fingerprint = signing_key.public().fingerprint();
    signing.check(settings, &fingerprint).await?;
    Ok(AuditKeys {
        chain: chain_key,
        signing: Arc::new(signing_key),
    })
}

impl Seed<'_> {
    async fn find(
        &self,
        data: &DataDir,
        settings: &dyn Settings,
        entropy: &dyn Entropy,
        redactor: &Redactor,
    ) -> Result<[u8; 32]> {
        let (text, place) = match (self.configured, data.read_private(self.file)?) {
            (Some(SecretRef::Plain(key)), _) => (key.clone(), self.key.to_owned()),
            (_, Some(text)) => (Secret::new(text), unusable(data, self.file)),
            (_, None) => {
                if let Some(fingerprint) = settings.get(self.setting).await? {
                    let [what, _] = self.what;
                    return Err(no_key(what, &fingerprint, self.file, self.variable));
                }
                let mut bytes = [0; 32];
                entropy.fill(&mut bytes);
                let text = Secret::new(format!("{}\n", hex::encode(bytes)));
                let kept = data.write_private_once(self.file, text.expose())?;
                (Secret::new(kept), unusable(data, self.file))
            }
        };
        let trimmed = text.expose().trim();
        redactor.learn(&Secret::new(trimmed));
        let mut bytes = [0; 32];
        hex::decode_to_slice(trimmed, &mut bytes).map_err(|_| {
            Failure::new(format!("{place} is not an audit key"))
                .hint("it is 64 hexadecimal digits; put back the one that the audit was made with")
        })?;
        Ok(bytes)
    }

    async fn check(&self, settings: &dyn Settings, fingerprint: &str) -> Result<()> {
        let wanted = settings.get_or_set(self.setting, fingerprint).await?;
        if wanted == fingerprint {
            return Ok(());
        }
        let [_, what] = self.what;
        Err(wrong_key(what, &wanted, self.file, self.variable))
    }
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
