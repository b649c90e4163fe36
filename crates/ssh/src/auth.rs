//! Signing in: certificate, key, agent, password, in that order, as far as they are configured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::{Secret, SecretSource};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg};

use crate::config::HostConfig;
use crate::error::About;
use crate::handshake::{Judge, described};

/// Keys of an agent that are tried: servers hang up after `MaxAuthTries` (6) failures.
const MOST_AGENT_KEYS: usize = 5;

/// What a host's settings say about signing in, ready to use.
pub(crate) struct Credentials<'a> {
    pub(crate) about: About<'a>,
    pub(crate) config: &'a HostConfig,
    pub(crate) secrets: &'a dyn SecretSource,
    /// `$SSH_AUTH_SOCK`.
    pub(crate) agent_socket: Option<&'a Path>,
}

/// What was tried, for the error.
#[derive(Default)]
struct Tried(Vec<String>);

/// How one attempt ended.
enum Attempt {
    Done,
    /// Refused, or only a part of what the server wants.
    Next,
}

impl Credentials<'_> {
    /// Signs in on a fresh connection.
    ///
    /// # Errors
    /// `upstream_unauthorized` names user and keys that were tried; `not_configured` if a key
    /// cannot be read.
    pub(crate) async fn sign_in(&self, session: &mut Handle<Judge>) -> ToolResult<()> {
        let mut tried = Tried::default();
        if let Some(key) = self.private_key().await?
            && let Attempt::Done = self.with_key(session, Arc::new(key), &mut tried).await?
        {
            return Ok(());
        }
        if self.config.agent
            && let Attempt::Done = self.with_agent(session, &mut tried).await?
        {
            return Ok(());
        }
        if let Some(reference) = &self.config.password {
            let password = self.secrets.secret(reference).await?;
            if let Attempt::Done = self.with_password(session, &password, &mut tried).await? {
                return Ok(());
            }
        }
        Err(self.refused(&tried))
    }

    async fn private_key(&self) -> ToolResult<Option<PrivateKey>> {
        let (key, place) = match (&self.config.key, &self.config.key_file) {
            (Some(reference), _) => {
                let text = self.secrets.secret(reference).await?;
                ("key", (text, PathBuf::from("key")))
            }
            (None, Some(path)) => {
                let text = read(path.clone())
                    .await
                    .map_err(|why| self.about.our_file("key_file", path, &why))?;
                ("key_file", (Secret::new(text), path.clone()))
            }
            (None, None) => return Ok(None),
        };
        let passphrase = match &self.config.passphrase {
            Some(reference) => Some(self.secrets.secret(reference).await?),
            None => None,
        };
        let (text, path) = place;
        // The passphrase is hashed slowly, on purpose.
        let decoded = tokio::task::spawn_blocking(move || {
            let passphrase = passphrase.as_ref().map(Secret::expose);
            russh::keys::decode_secret_key(text.expose(), passphrase)
        })
        .await
        .map_err(|_| ToolError::internal("the private key was not decoded"))?;
        decoded.map(Some).map_err(|error| {
            let has_passphrase = self.config.passphrase.is_some();
            let why = match error {
                russh::keys::Error::KeyIsEncrypted => "it is encrypted: set `passphrase`",
                _ if has_passphrase => "it is not a private key, or `passphrase` is wrong",
                _ => "it is not a private key that can be read",
            };
            self.about.our_file(key, &path, why)
        })
    }

    async fn with_key(
        &self,
        session: &mut Handle<Judge>,
        key: Arc<PrivateKey>,
        tried: &mut Tried,
    ) -> ToolResult<Attempt> {
        let user = &self.config.user;
        if let Some(path) = &self.config.certificate_file {
            let certificate = read(path.clone())
                .await
                .and_then(|text| Certificate::from_openssh(&text).map_err(|_| not_a_certificate()))
                .map_err(|why| self.about.our_file("certificate_file", path, &why))?;
            tried
                .0
                .push(format!("certificate `{}`", certificate.key_id()));
            let result = session
                .authenticate_openssh_cert(user, key.clone(), certificate)
                .await;
            if let Attempt::Done = self.outcome(session, result)? {
                return Ok(Attempt::Done);
            }
        }
        let hash = self.rsa_hash(session, key.algorithm().is_rsa()).await?;
        tried.0.push(format!("key {}", described(key.public_key())));
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let result = session.authenticate_publickey(user, key).await;
        self.outcome(session, result)
    }

    async fn with_agent(
        &self,
        session: &mut Handle<Judge>,
        tried: &mut Tried,
    ) -> ToolResult<Attempt> {
        let socket = self
            .config
            .agent_socket_file
            .as_deref()
            .or(self.agent_socket);
        let Some(socket) = socket else {
            return Err(self.agent_unusable("`SSH_AUTH_SOCK` is not set"));
        };
        let place = socket.display();
        let mut agent = AgentClient::connect_uds(socket)
            .await
            .map_err(|_| self.agent_unusable(&format!("nothing answers at `{place}`")))?;
        let identities = agent
            .request_identities()
            .await
            .map_err(|_| self.agent_unusable(&format!("`{place}` lists no keys")))?;
        if identities.is_empty() {
            tried
                .0
                .push(format!("the agent at `{place}`, which holds no keys"));
        }
        for identity in identities.iter().take(MOST_AGENT_KEYS) {
            let result = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    tried.0.push(format!("agent key {}", described(key)));
                    let hash = self.rsa_hash(session, key.algorithm().is_rsa()).await?;
                    let user = &self.config.user;
                    session
                        .authenticate_publickey_with(user, key.clone(), hash, &mut agent)
                        .await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    tried
                        .0
                        .push(format!("agent certificate `{}`", certificate.key_id()));
                    let rsa = certificate.algorithm().is_rsa();
                    let hash = self.rsa_hash(session, rsa).await?;
                    let user = &self.config.user;
                    session
                        .authenticate_certificate_with(user, certificate.clone(), hash, &mut agent)
                        .await
                }
            };
            match result {
                // An agent that does not sign (a key that asks for confirmation) leaves the rest.
                Err(_) if !session.is_closed() => {}
                Err(_) => return Err(self.about.lost("signing in")),
                Ok(result) => {
                    if let Attempt::Done = self.outcome(session, Ok(result))? {
                        return Ok(Attempt::Done);
                    }
                }
            }
        }
        Ok(Attempt::Next)
    }

    async fn with_password(
        &self,
        session: &mut Handle<Judge>,
        password: &Secret,
        tried: &mut Tried,
    ) -> ToolResult<Attempt> {
        let user = &self.config.user;
        tried.0.push("the password".to_owned());
        let result = session.authenticate_password(user, password.expose()).await;
        if let Attempt::Done = self.outcome(session, result)? {
            return Ok(Attempt::Done);
        }
        // Servers with PAM often take a password in this way only.
        let mut answer = session
            .authenticate_keyboard_interactive_start(user, None::<String>)
            .await
            .map_err(|_| self.about.lost("signing in"))?;
        for _ in 0..3 {
            let prompts = match answer {
                KeyboardInteractiveAuthResponse::Success => return Ok(Attempt::Done),
                KeyboardInteractiveAuthResponse::Failure { .. } => break,
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            // Anything but one question with a hidden answer asks for more than the password.
            let hidden = prompts.iter().filter(|prompt| !prompt.echo).count();
            if prompts.len() != hidden || hidden > 1 {
                break;
            }
            let answers = prompts
                .iter()
                .map(|_| password.expose().to_owned())
                .collect();
            answer = session
                .authenticate_keyboard_interactive_respond(answers)
                .await
                .map_err(|_| self.about.lost("signing in"))?;
        }
        Ok(Attempt::Next)
    }

    /// The best hash for an RSA signature that the server takes; never SHA-1.
    async fn rsa_hash(&self, session: &Handle<Judge>, rsa: bool) -> ToolResult<Option<HashAlg>> {
        if !rsa {
            return Ok(None);
        }
        let best = session
            .best_supported_rsa_hash()
            .await
            .map_err(|_| self.about.lost("signing in"))?;
        Ok(Some(best.flatten().unwrap_or(HashAlg::Sha256)))
    }

    fn outcome(
        &self,
        session: &Handle<Judge>,
        result: Result<AuthResult, russh::Error>,
    ) -> ToolResult<Attempt> {
        match result {
            Ok(AuthResult::Success) => Ok(Attempt::Done),
            // A server that hangs up looks like one that refuses.
            Ok(AuthResult::Failure { .. }) if session.is_closed() => {
                Err(self.about.lost("signing in"))
            }
            Ok(AuthResult::Failure { .. }) => Ok(Attempt::Next),
            Err(_) => Err(self.about.lost("signing in")),
        }
    }

    fn agent_unusable(&self, why: &str) -> ToolError {
        let name = self.about.name;
        ToolError::new(
            Code::NotConfigured,
            format!("the SSH agent for `{name}` cannot be used: {why}"),
        )
        .reason("ssh_agent_unusable")
        .field(format!("ssh.hosts.{name}.agent_socket_file"))
        .hint("start an agent and `ssh-add` the key, or set `agent_socket_file`")
    }

    fn refused(&self, tried: &Tried) -> ToolError {
        let name = self.about.name;
        let user = &self.config.user;
        ToolError::new(
            Code::UpstreamUnauthorized,
            format!(
                "the SSH host `{name}` does not let the user `{user}` in with {}",
                tried.0.join(", ")
            ),
        )
        .reason("ssh_auth_failed")
        .hint(format!(
            "add the public key to `~/.ssh/authorized_keys` of `{user}` there, or correct `user` \
             and the key in `[ssh.hosts.{name}]`; the host's log says more"
        ))
    }
}

async fn read(path: PathBuf) -> Result<String, String> {
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
    match read {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("reading it was given up".to_owned()),
    }
}

fn not_a_certificate() -> String {
    "it is not an OpenSSH certificate".to_owned()
}
