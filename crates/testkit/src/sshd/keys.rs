//! Keys, made by `ssh-keygen`.

use std::path::Path;
use std::time::Duration;

use crate::error::Context;
use crate::process::{Proc, command};
use crate::{Error, Result};

/// Large RSA keys take their time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `ssh-ed25519`.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    Ecdsa,
    /// `ssh-rsa`, 2048 bits.
    Rsa,
}

impl KeyType {
    /// As `ssh-keygen -t` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    /// Makes a key pair, the public part beside the private one with `.pub`; returns the public line.
    ///
    /// The passphrase encrypts the private part, unless it is empty.
    pub fn generate(self, path: &Path, passphrase: &str) -> Result<String> {
        generate(path, self, passphrase)
    }
}

pub(super) fn generate(path: &Path, kind: KeyType, passphrase: &str) -> Result<String> {
    let mut keygen = command("ssh-keygen");
    keygen.args(["-q", "-t", kind.name(), "-N", passphrase, "-C", "", "-f"]);
    if kind == KeyType::Rsa {
        keygen.args([path.as_os_str(), "-b".as_ref(), "2048".as_ref()]);
    } else {
        keygen.arg(path);
    }
    let mut keygen = Proc::spawn(&mut keygen)?;
    if !keygen.wait(PATIENCE)?.success() {
        return Err(Error::new(format!(
            "ssh-keygen failed:\n{}",
            keygen.stderr()
        )));
    }
    let public = path.with_extension("pub");
    std::fs::read_to_string(&public).context(|| format!("cannot read {}", public.display()))
}
