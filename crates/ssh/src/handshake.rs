//! The host's side of the handshake: its key is judged here, and nothing else that it asks is done.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use homelab_core::clock::Clock;
use homelab_core::error::{Code, ToolError};
use russh::Channel;
use russh::client::{ChannelOpenHandle, Handler, Msg, Session};
use russh::keys::ssh_key::Fingerprint;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};

use crate::config::HostKeyPolicy;
use crate::known_hosts::{HostName, Known, Remembered, Verdict, remember};

/// What a connection's handshake ends with.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The protocol failed.
    Protocol(russh::Error),
    /// The host's key was refused. `shown` is its kind: the host may have others.
    HostKey {
        error: Box<ToolError>,
        shown: Algorithm,
    },
}

impl From<russh::Error> for HandshakeError {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

/// What decides about the host's key.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// This fingerprint and no other.
    Pinned(Fingerprint),
    /// The file with known hosts.
    Known {
        known: Known,
        policy: HostKeyPolicy,
        file: PathBuf,
        /// Makes the name of the new file, should one be written.
        random: String,
    },
}

/// The key that a host has shown.
pub(crate) type Shown = Arc<Mutex<Option<PublicKey>>>;

/// Takes it out.
pub(crate) fn take(shown: &Shown) -> Option<PublicKey> {
    shown.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Judges the host's key during one handshake.
pub(crate) struct Judge {
    pub(crate) name: String,
    /// `host` of the settings: what a certificate must be made for.
    pub(crate) host: String,
    pub(crate) address: HostName,
    pub(crate) trust: Trust,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where the key goes that the host shows, accepted or not.
    pub(crate) shown: Shown,
}

/// Kind and fingerprint of a key, as `ssh-keygen -l` would name it.
pub(crate) fn described(key: &PublicKey) -> String {
    let kind = key.algorithm();
    format!("{} {}", kind.as_str(), key.fingerprint(HashAlg::Sha256))
}

impl Judge {
    async fn judge(&self, shown: &PublicKeyOrCertificate) -> Result<(), ToolError> {
        match (&self.trust, shown.certificate()) {
            (Trust::Pinned(pinned), _) => {
                let key = shown.public_key();
                if key.fingerprint(HashAlg::Sha256) == *pinned {
                    return Ok(());
                }
                let known = format!("the pinned {pinned}");
                Err(self.changed(&key, &known, "`fingerprint`"))
            }
            (Trust::Known { known, .. }, Some(certificate)) => {
                let now = u64::try_from(self.clock.now().0 / 1_000_000).unwrap_or_default();
                let verdict = known.judge_certificate(certificate, &self.host, now);
                self.answer(verdict, &shown.public_key())
            }
            (
                Trust::Known {
                    known,
                    policy,
                    file,
                    random,
                },
                None,
            ) => {
                let key = shown.public_key();
                let verdict = known.judge_key(&key);
                if verdict == Verdict::Unknown
                    && *policy == HostKeyPolicy::AcceptNew
                    // A host that is known by its authority must show a certificate.
                    && !known.vouches()
                {
                    return self.accept_new(file, random, &key).await;
                }
                self.answer(verdict, &key)
            }
        }
    }

    async fn accept_new(
        &self,
        file: &Path,
        random: &str,
        key: &PublicKey,
    ) -> Result<(), ToolError> {
        let (path, host, new) = (file.to_owned(), self.address.clone(), key.clone());
        let random = random.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            let remembered = remember(&path, &host, &new, &random)?;
            Ok::<_, std::io::Error>(match remembered {
                Remembered::Yes => Verdict::Good,
                Remembered::HostIsKnown => Known::read(&path, &host)?.judge_key(&new),
            })
        })
        .await
        .map_err(|_| ToolError::internal("the file with known hosts was not written"))?;
        match written {
            Ok(Verdict::Good) => {
                tracing::warn!(
                    ssh.host = self.name,
                    "the first key of the SSH host `{}` was accepted: {}",
                    self.name,
                    described(key)
                );
                Ok(())
            }
            Ok(verdict) => self.answer(verdict, key),
            Err(error) => Err(known_hosts_unusable(file, &error)),
        }
    }

    fn answer(&self, verdict: Verdict, key: &PublicKey) -> Result<(), ToolError> {
        match verdict {
            Verdict::Good => Ok(()),
            Verdict::Unknown => Err(self.unknown(key)),
            Verdict::Changed { known, line } => {
                let place = format!("line {line} of `{}`", self.file().display());
                Err(self.changed(key, &known, &place))
            }
            Verdict::Revoked { line } => Err(self.refused(
                "host_key_revoked",
                format!(
                    "the SSH host `{}` shows a key that is revoked: {} (line {line} of `{}`)",
                    self.name,
                    described(key),
                    self.file().display()
                ),
            )
            .hint("do not connect: whoever answers may not be the host; give the host a new key first")),
            Verdict::BadCertificate { why } => Err(self.refused(
                "host_key_changed",
                format!(
                    "the certificate of the SSH host `{}` is not good for it: {why} ({})",
                    self.name,
                    described(key)
                ),
            )
            .hint("sign the host's key anew for the name in `host`, or correct the `@cert-authority` line")),
        }
    }

    fn unknown(&self, key: &PublicKey) -> ToolError {
        let Self { name, address, .. } = self;
        let missing = match &self.trust {
            Trust::Known { known, file, .. } if !known.file_is_there => {
                format!("; `{}` is not there", file.display())
            }
            _ => String::new(),
        };
        self.refused(
            "host_key_unknown",
            format!(
                "the key of the SSH host `{name}` (`{address}`) is not known: {}{missing}",
                described(key)
            ),
        )
        .hint(format!(
            "compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub` prints on the host \
             itself; if it is the same, trust it with `homelab-mcp ssh trust {name}`, or set \
             `fingerprint = \"{}\"` in `[ssh.hosts.{name}]`",
            key.fingerprint(HashAlg::Sha256)
        ))
    }

    fn changed(&self, key: &PublicKey, known: &str, place: &str) -> ToolError {
        let Self { name, address, .. } = self;
        self.refused(
            "host_key_changed",
            format!(
                "THE KEY OF THE SSH HOST `{name}` (`{address}`) HAS CHANGED: it shows {}, known is \
                 {known} ({place}); somebody may sit in between",
                described(key)
            ),
        )
        .hint(
            "do not retry and do not work around it: tell the user. Only if they know why the key \
             changed (the host was installed anew), they remove the old one and trust the new one",
        )
    }

    fn refused(&self, reason: &'static str, text: String) -> ToolError {
        ToolError::new(Code::UpstreamUnauthorized, text)
            .reason(reason)
            .retryable(false)
            .field(format!("ssh.hosts.{}", self.name))
    }

    fn file(&self) -> PathBuf {
        match &self.trust {
            Trust::Known { file, .. } => file.clone(),
            Trust::Pinned(_) => PathBuf::new(),
        }
    }
}

/// The file with known hosts cannot be read or written.
pub(crate) fn known_hosts_unusable(file: &Path, error: &std::io::Error) -> ToolError {
    ToolError::new(
        Code::NotConfigured,
        format!(
            "the file with known SSH hosts, `{}`, cannot be used: {error}",
            file.display()
        ),
    )
    .reason("known_hosts_unusable")
    .field("ssh.known_hosts_file")
    .hint("correct its permissions, or `known_hosts_file` in `[ssh]`")
}

impl Handler for Judge {
    type Error = HandshakeError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, HandshakeError> {
        let key = shown.public_key();
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        self.judge(shown)
            .await
            .map_err(|error| HandshakeError::HostKey {
                error: Box::new(error),
                shown: key.algorithm(),
            })?;
        tracing::debug!(ssh.host = self.name, "host key accepted");
        Ok(true)
    }

    // A server may only answer. Channels that it opens are refused: that is what dropping the
    // handle does.

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), HandshakeError> {
        Ok(())
    }
}
