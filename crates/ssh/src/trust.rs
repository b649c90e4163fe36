//! Looking at a host's key, and trusting it, for the owner's command line.

use std::sync::{Arc, Mutex};

use homelab_core::error::{ToolError, ToolResult};
use russh::keys::{HashAlg, PublicKey};

use crate::connection::Use;
use crate::handshake::{HandshakeError, known_hosts_unusable};
use crate::hosts::Host;
use crate::known_hosts::{HostName, Known, Remembered, remember};

/// The key that a host shows, and what we make of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownKey {
    /// Kind, such as `ssh-ed25519`.
    pub kind: String,
    /// Fingerprint: `SHA256:…`.
    pub fingerprint: String,
    /// Why it is not trusted; `None` if it is.
    pub refusal: Option<ToolError>,
}

/// What the settings and the file say about a host, without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// Its fingerprint is in the settings.
    Pinned,
    /// The file knows it.
    Known,
    /// Nothing is known about it.
    Not,
}

impl Host {
    /// What is known about the host's key, without asking it.
    ///
    /// # Errors
    /// `not_configured` if the file with known hosts cannot be read.
    pub fn trusted(&self) -> ToolResult<Trusted> {
        if self.link.config.fingerprint.is_some() {
            return Ok(Trusted::Pinned);
        }
        let file = &self.link.parts.known_hosts;
        let known = Known::read(file, &self.link.address)
            .map_err(|error| known_hosts_unusable(file, &error))?;
        Ok(if known.vouches() {
            Trusted::Known
        } else {
            Trusted::Not
        })
    }

    /// Asks the host for its key. Nobody signs in, and nothing is written.
    ///
    /// # Errors
    /// What connecting ends with before the host shows a key.
    pub async fn shown_key(&self) -> ToolResult<ShownKey> {
        let (key, refusal) = self.look().await?;
        Ok(ShownKey {
            kind: key.algorithm().as_str().to_owned(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            refusal,
        })
    }

    /// Adds the host's key to the file with known hosts, if it has this fingerprint.
    ///
    /// # Errors
    /// `host_key_unknown` if the host shows another one, `host_key_changed` and the like if there is
    /// a line about the host already, `not_configured` if the file cannot be written.
    pub async fn trust(&self, fingerprint: &str) -> ToolResult<()> {
        let (key, refusal) = self.look().await?;
        let Some(refusal) = refusal else {
            return Ok(());
        };
        let unknown = refusal.envelope().reason.as_deref() == Some("host_key_unknown");
        if !unknown || key.fingerprint(HashAlg::Sha256).to_string() != fingerprint {
            return Err(refusal);
        }
        let file = self.link.parts.known_hosts.clone();
        let (path, address) = (file.clone(), self.link.address.clone());
        let random = self.link.parts.random();
        let written = tokio::task::spawn_blocking(move || remember(&path, &address, &key, &random));
        match written.await {
            Ok(Ok(Remembered::Yes)) => Ok(()),
            Ok(Ok(Remembered::HostIsKnown)) => Err(refusal),
            Ok(Err(error)) => Err(known_hosts_unusable(&file, &error)),
            Err(_) => Err(ToolError::internal(
                "the file with known hosts was not written",
            )),
        }
    }

    /// How the host is called in the file with known hosts, for `ssh-keygen -R`.
    pub fn known_as(&self) -> &str {
        HostName::as_str(&self.link.address)
    }

    async fn look(&self) -> ToolResult<(PublicKey, Option<ToolError>)> {
        let (trust, offer) = self.link.trust().await?;
        let shown = Arc::new(Mutex::new(None));
        let hands = self.link.handshake(&trust, &offer, Use::Shared, &shown);
        let refusal = match hands.await? {
            Ok(_) => None,
            Err(HandshakeError::HostKey { error, .. }) => Some(*error),
            Err(HandshakeError::Protocol(error)) => {
                return Err(self.link.about().handshake(&error));
            }
        };
        let key = crate::handshake::take(&shown);
        let key = key.ok_or_else(|| ToolError::internal("the host showed no key"))?;
        Ok((key, refusal))
    }
}
