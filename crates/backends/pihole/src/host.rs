//! One Pi-hole: sends calls with its session, reads answers, waits for it after a restart.

use std::time::Duration;

use homelab_backend::Env;
use homelab_backend::api::Book;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{
    Client, ClientConfig, Overflow, Response, StatusCode, Stream, TlsConfig, Url, header,
};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

use crate::call::Call;
use crate::explain::Who;
use crate::session::{Proof, Session};
use crate::teleporter::WaysBack;
use crate::types::Blocking;

/// How long a restart may take.
const RESTART: Duration = Duration::from_secs(30);
/// Most bytes of an update's text.
const GRAVITY_BODY: usize = 8 * 1024 * 1024;

/// What a [`Host`] is made from.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) password: Option<SecretRef>,
    pub(crate) tls: TlsConfig,
    pub(crate) timeout: Duration,
    pub(crate) restart_wait: Duration,
    pub(crate) gravity_idle: Duration,
}

pub(crate) struct Host {
    /// Its name in arguments and answers.
    pub(crate) name: String,
    pub(crate) env: Env,
    /// The description of its API.
    pub(crate) book: Book,
    who: Who,
    settings: ClientConfig,
    client: Client,
    session: Session,
    restart_wait: Duration,
    gravity_idle: Duration,
    /// Held while its lists are updated or an archive is imported: it would start a second one beside
    /// the first.
    updating: Mutex<()>,
    /// Ids under which the state before the import of an archive will be kept, by that archive.
    pub(crate) ways_back: WaysBack,
}

impl Host {
    pub(crate) fn new(instance: &str, place: Place, env: &Env) -> ToolResult<Self> {
        let settings = ClientConfig {
            base_url: Some(place.url),
            timeout: place.timeout,
            tls: place.tls,
            settings: format!("servers.{instance}"),
            ..ClientConfig::new(place.name.clone())
        };
        let client = env.client(settings.clone())?;
        let who = Who {
            host: place.name.clone(),
            section: format!("servers.{instance}"),
            instance: instance.to_owned(),
        };
        let session = Session::new(env.clone(), who.clone(), client.clone(), place.password);
        let book = match place.name.as_str() {
            name if name == instance => Book::new(instance, env),
            name => Book::new(&format!("{instance}-{name}"), env),
        };
        Ok(Self {
            book,
            name: place.name,
            env: env.clone(),
            who,
            settings,
            client,
            session,
            restart_wait: place.restart_wait,
            gravity_idle: place.gravity_idle,
            updating: Mutex::new(()),
            ways_back: WaysBack::default(),
        })
    }

    /// Name or address of the machine, as it is configured.
    pub(crate) fn machine(&self) -> &str {
        let url = self.settings.base_url.as_ref();
        let host = url.and_then(Url::host_str).unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The body of a successful answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call) -> ToolResult<T> {
        self.answer(call).await?.json().map_err(ToolError::from)
    }

    /// A successful answer.
    pub(crate) async fn answer(&self, call: &Call) -> ToolResult<Response> {
        let response = self.send(call).await?;
        self.who.accepted(response, call, &self.env.redactor)
    }

    /// Status and body of a successful answer.
    pub(crate) async fn raw(&self, call: &Call) -> ToolResult<(u16, Vec<u8>)> {
        let response = self.answer(call).await?;
        Ok((response.status.as_u16(), response.body.to_vec()))
    }

    /// Sends a call whose answer has nothing of interest.
    pub(crate) async fn done(&self, call: &Call) -> ToolResult<()> {
        self.answer(call).await.map(drop)
    }

    /// Sends a deletion; false where there was nothing to delete.
    pub(crate) async fn removed(&self, call: &Call) -> ToolResult<bool> {
        let response = self.send(call).await?;
        let named = serde_json::from_slice::<serde_json::Value>(&response.body)
            .is_ok_and(|body| body["error"].is_object());
        // Without an error's object it is the item that is not there, not the call.
        if response.status == StatusCode::NOT_FOUND && !named {
            return Ok(false);
        }
        self.who
            .accepted(response, call, &self.env.redactor)
            .map(|_| true)
    }

    async fn send(&self, call: &Call) -> ToolResult<Response> {
        let mut renewed = false;
        loop {
            let proof = self.session.proof().await?;
            let request = proof.sign(call.request());
            let response = self.client.send(request).await?;
            if response.status != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            let renewable = self.session.forget(&proof).await;
            if !renewable && matches!(proof, Proof::Open) {
                return Err(self.who.no_password());
            }
            // Refused before anything was done, so even a change may be sent again.
            if renewed || !renewable {
                return Err(self.who.not_accepted().upstream_status(401));
            }
            renewed = true;
        }
    }

    /// Keeps others from updating its lists and importing archives as long as the guard lives.
    pub(crate) fn updating(&self) -> ToolResult<MutexGuard<'_, ()>> {
        self.updating.try_lock().map_err(|_| {
            let message = format!("the lists of `{}` are being updated already", self.name);
            ToolError::new(Code::Conflict, message)
                .reason("gravity_running")
                .hint("wait for the other call to end")
        })
    }

    /// Starts an update of the lists, whose text is read as it comes. It has a connection of its
    /// own: Pi-hole writes its result behind the end of the answer, where the next answer on that
    /// connection would be looked for.
    pub(crate) async fn gravity(&self) -> ToolResult<Stream> {
        // Any answer will do to know that the session holds: a refused stream cannot be repeated.
        self.blocking().await?;
        let client = self.env.client(self.settings.clone())?;
        let proof = self.session.proof().await?;
        let call = Call::new(
            "gravity",
            homelab_upstream::Method::POST,
            "/api/action/gravity",
            &[],
        );
        let request = proof
            .sign(call.request())
            .max_body(GRAVITY_BODY, Overflow::Fail)
            .header(header::CONNECTION, "close");
        client
            .stream(request, self.gravity_idle)
            .await
            .map_err(ToolError::from)
    }

    /// `GET /dns/blocking`.
    pub(crate) async fn blocking(&self) -> ToolResult<Blocking> {
        self.json(&Call::get("blocking", "/api/dns/blocking", &[]))
            .await
    }

    /// Waits until it answers again after a change that restarts it.
    pub(crate) async fn settled(&self) -> ToolResult<Blocking> {
        let until = Instant::now() + RESTART;
        let mut pause = self.restart_wait;
        loop {
            sleep(pause).await;
            let found = match self.blocking().await {
                Ok(found) if found.blocking != "unknown" => return Ok(found),
                Ok(_) => None,
                Err(error) if matches!(error.code(), Code::UpstreamUnreachable | Code::Timeout) => {
                    Some(error)
                }
                Err(error) => return Err(error),
            };
            if Instant::now() >= until {
                let message = format!(
                    "`{}` does not answer since it was told to restart",
                    self.name
                );
                let error = ToolError::new(Code::UpstreamUnreachable, message)
                    .reason("still_restarting")
                    .hint("look at the machine: `systemctl status pihole-FTL`, or the container's log");
                return Err(
                    match found.and_then(|error| error.envelope().hint.clone()) {
                        Some(hint) => error.hint(hint),
                        None => error,
                    },
                );
            }
            pause = (pause * 2).clamp(Duration::from_millis(250), Duration::from_secs(3));
        }
    }

    /// Gives its session back.
    pub(crate) async fn close(&self) {
        self.session.close().await;
    }
}
