//! One connection for each host, made when it is needed and shared by all who use the host.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{ToolError, ToolResult};
use russh::Channel;
use russh::client::{Config, Handle, Msg, connect_stream};
use russh::keys::ssh_key::Fingerprint;
use russh::{AlgorithmKind, ChannelOpenFailure, Preferred, client};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::auth::Credentials;
use crate::config::HostConfig;
use crate::error::About;
use crate::handshake::{
    HandshakeError, Judge, Shown, Trust, described, known_hosts_unusable, take,
};
use crate::hosts::Parts;
use crate::known_hosts::{HostName, Known, Offer};

/// Longest pause between two attempts to open a session; all of them take twice as long.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// One that all commands share.
    Shared,
    /// One of its own, all the way: whoever does not read what comes holds up everybody else on the
    /// same connection.
    Own,
}

/// An open connection whose user is signed in.
pub(crate) struct Connection {
    pub(crate) handle: Handle<Judge>,
    /// Kind and fingerprint of the host's key.
    pub(crate) host_key: String,
    /// The connection that this one runs through, kept open.
    _through: Option<Arc<Connection>>,
}

/// A session channel with what must outlive it.
pub(crate) struct SessionChannel {
    pub(crate) channel: Channel<Msg>,
    pub(crate) connection: Arc<Connection>,
    /// The place among the host's sessions.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// A host and the connection to it.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) config: HostConfig,
    pub(crate) address: HostName,
    pub(crate) parts: Parts,
    /// The host that the connection goes through.
    through: Option<Arc<Link>>,
    slot: AsyncMutex<Slot>,
    sessions: Arc<Semaphore>,
}

#[derive(Default)]
struct Slot {
    live: Option<Arc<Connection>>,
    /// The last failure and when it was. Whoever has waited for that attempt fails with it, instead
    /// of making the same attempt again one after the other.
    failed: Option<(Instant, ToolError)>,
}

impl Link {
    pub(crate) fn new(
        name: &str,
        config: HostConfig,
        parts: Parts,
        through: Option<Arc<Self>>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            address: HostName::new(&config.host, config.port),
            sessions: Arc::new(Semaphore::new(config.max_sessions.max(1))),
            config,
            parts,
            through,
            slot: AsyncMutex::default(),
        }
    }

    pub(crate) fn about(&self) -> About<'_> {
        About {
            name: &self.name,
            address: &self.address,
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.config.connect_timeout_s)
    }

    /// The open connection, or a new one.
    pub(crate) async fn connection(&self) -> ToolResult<Arc<Connection>> {
        let since = Instant::now();
        let mut slot = self.slot.lock().await;
        if let Some(live) = &slot.live
            && !live.handle.is_closed()
        {
            return Ok(live.clone());
        }
        if let Some((at, error)) = &slot.failed
            && *at >= since
        {
            return Err(error.clone());
        }
        slot.live = None;
        // Boxed: the host that it goes through is connected in the same way.
        match Box::pin(self.connect(Use::Shared)).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                slot.live = Some(connection.clone());
                slot.failed = None;
                Ok(connection)
            }
            Err(error) => {
                slot.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Lets the next caller make a new connection. Who still uses this one may go on.
    async fn forget(&self, connection: &Arc<Connection>) {
        let mut slot = self.slot.lock().await;
        if let Some(live) = &slot.live
            && Arc::ptr_eq(live, connection)
        {
            slot.live = None;
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self, of: Use) -> ToolResult<Connection> {
        let (trust, mut offer) = self.trust().await?;
        let pinned = matches!(trust, Trust::Pinned(_));
        let mut first_refusal = None;
        let shown = Shown::default();
        loop {
            match self.handshake(&trust, &offer, of, &shown).await? {
                Ok((mut handle, through)) => {
                    self.sign_in(&mut handle).await?;
                    return Ok(Connection {
                        handle,
                        host_key: take(&shown).map(|key| described(&key)).unwrap_or_default(),
                        _through: through,
                    });
                }
                Err(HandshakeError::HostKey { error, shown }) => {
                    let error = first_refusal.get_or_insert(*error).clone();
                    offer = offer.without(&shown);
                    // A pin does not say which kind of key it is of: the host may have it besides
                    // the one it has shown.
                    if !pinned || offer.keys.is_empty() {
                        return Err(error);
                    }
                }
                // It has no key of a kind that it is known by: see what it shows instead, so that the
                // change is reported with both fingerprints.
                Err(HandshakeError::Protocol(russh::Error::NoCommonAlgo {
                    kind: AlgorithmKind::Key,
                    ..
                })) if !pinned && offer.is_narrowed() => offer = Offer::any(),
                Err(HandshakeError::Protocol(error)) => {
                    return Err(first_refusal.unwrap_or_else(|| self.about().handshake(&error)));
                }
            }
        }
    }

    /// What decides about the host's key, and which kinds of key to ask for.
    pub(crate) async fn trust(&self) -> ToolResult<(Trust, Offer)> {
        if let Some(pinned) = &self.config.fingerprint {
            let pinned: Fingerprint = pinned
                .parse()
                .map_err(|_| ToolError::internal("the fingerprint was not checked"))?;
            return Ok((Trust::Pinned(pinned), Offer::any()));
        }
        let (file, address) = (self.parts.known_hosts.clone(), self.address.clone());
        let read = tokio::task::spawn_blocking(move || Known::read(&file, &address)).await;
        let known = read
            .map_err(|_| ToolError::internal("the file with known hosts was not read"))?
            .map_err(|error| known_hosts_unusable(&self.parts.known_hosts, &error))?;
        let offer = known.offer();
        let trust = Trust::Known {
            known,
            policy: self.config.host_key_policy,
            file: self.parts.known_hosts.clone(),
            random: self.parts.random(),
        };
        Ok((trust, offer))
    }

    /// Up to the point where the host's key is accepted; `shown` gets it. The outer error says that
    /// there is nobody to shake hands with.
    pub(crate) async fn handshake(
        &self,
        trust: &Trust,
        offer: &Offer,
        of: Use,
        shown: &Shown,
    ) -> ToolResult<Result<(Handle<Judge>, Option<Arc<Connection>>), HandshakeError>> {
        let judge = Judge {
            name: self.name.clone(),
            host: self.config.host.clone(),
            address: self.address.clone(),
            trust: trust.clone(),
            clock: self.parts.clock.clone(),
            shown: shown.clone(),
        };
        let settings = Arc::new(self.settings(offer));
        let whole = async {
            let (stream, through) = self.stream(of).await?;
            let shaken = connect_stream(settings, stream, judge).await;
            Ok(shaken.map(|handle| (handle, through)))
        };
        match timeout(self.limit(), whole).await {
            Ok(result) => result,
            Err(_) => Err(self.about().connect_timeout(self.config.connect_timeout_s)),
        }
    }

    async fn stream(&self, of: Use) -> ToolResult<(Box<dyn Stream>, Option<Arc<Connection>>)> {
        let (host, port) = (self.config.host.as_str(), self.config.port);
        let Some(through) = &self.through else {
            let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
                Ok(addresses) => addresses.collect(),
                Err(_) => return Err(self.about().no_address()),
            };
            let stream = TcpStream::connect(addresses.as_slice())
                .await
                .map_err(|error| self.about().unreachable(&error))?;
            // Without it only latency is lost.
            stream.set_nodelay(true).unwrap_or_default();
            return Ok((Box::new(stream), None));
        };
        let connection = match of {
            Use::Shared => Box::pin(through.connection()).await?,
            Use::Own => Arc::new(Box::pin(through.connect(of)).await?),
        };
        let channel = connection
            .handle
            .channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0)
            .await
            .map_err(|error| {
                let what = format!("the way to `{}`", self.name);
                through.about().refused_channel(&error, &what)
            })?;
        Ok((Box::new(channel.into_stream()), Some(connection)))
    }

    fn settings(&self, offer: &Offer) -> Config {
        Config {
            keepalive_interval: Some(Duration::from_secs(self.config.keepalive_s)),
            keepalive_max: 3,
            preferred: Preferred {
                key: offer.keys.clone().into(),
                host_key_certificates: offer.certificates.clone().into(),
                ..Preferred::DEFAULT
            },
            client_id: russh::SshId::Standard("SSH-2.0-homelab_mcp".into()),
            ..client::Config::default()
        }
    }

    async fn sign_in(&self, session: &mut Handle<Judge>) -> ToolResult<()> {
        let credentials = Credentials {
            about: self.about(),
            config: &self.config,
            secrets: self.parts.secrets.as_ref(),
            agent_socket: self.parts.agent_socket.as_deref(),
        };
        match timeout(self.limit(), credentials.sign_in(session)).await {
            Ok(result) => result,
            Err(_) => Err(self.about().connect_timeout(self.config.connect_timeout_s)),
        }
    }

    /// A channel for a command or a subsystem; waits until fewer than `max_sessions` are open.
    /// Connects anew once if the shared connection opens none any more: nothing has been started.
    pub(crate) async fn session(&self, what: &str) -> ToolResult<SessionChannel> {
        let permit = self
            .sessions
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| ToolError::internal("the host's sessions are closed"))?;
        let mut refusal = None;
        for _ in 0..2 {
            let connection = match self.connection().await {
                Ok(connection) => connection,
                Err(error) => return Err(refusal.unwrap_or(error)),
            };
            match timeout(self.limit(), open_session(&connection)).await {
                Ok(Ok(channel)) => {
                    return Ok(SessionChannel {
                        channel,
                        connection,
                        permit,
                    });
                }
                Ok(Err(error)) => refusal = Some(self.about().refused_channel(&error, what)),
                Err(_) => {
                    let seconds = self.config.connect_timeout_s;
                    refusal = Some(self.about().connect_timeout(seconds));
                }
            }
            self.forget(&connection).await;
        }
        Err(refusal.unwrap_or_else(|| ToolError::internal("no channel was tried")))
    }
}

/// A session channel. OpenSSH counts a session that both sides have closed until it has tidied up,
/// and refuses the next one if that comes at once: a refusal is worth some patience.
async fn open_session(connection: &Connection) -> Result<Channel<Msg>, russh::Error> {
    let mut pause = Duration::from_millis(5);
    loop {
        let refusal = match connection.handle.channel_open_session().await {
            Err(error @ russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed)) => {
                error
            }
            result => return result,
        };
        if pause > LONGEST_PAUSE {
            return Err(refusal);
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// What SSH runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A broken pipe as the reader of a stream sees it.
pub(crate) fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, text)
}
