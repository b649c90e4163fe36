//! One engine: sends requests, reads answers up to a cap, keeps idle connections, settles the version.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use homelab_core::clock::Entropy;
use homelab_core::json;
use homelab_core::observe::{Observation, Observer, Outcome};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::body::{Body, Driver};
use super::call::Call;
use super::connect::{Connector, LastWords};
use super::error::{ApiError, Fault, Place, exchanging};
use super::version::Api;

/// Idle connections that are kept.
const MOST_IDLE: usize = 4;
/// Repetitions of a request that can do no harm, and the wait before the first.
const RETRIES: u32 = 2;
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Characters kept of what an engine says.
const LONGEST_TEXT: usize = 400;

/// An engine and how to talk to it.
pub(crate) struct Engine {
    /// The host's name.
    pub(crate) name: String,
    /// Whether calls that change something are refused.
    pub(crate) read_only: bool,
    /// Containers without this label do not exist for callers.
    pub(crate) only_label: Option<String>,
    pub(super) place: Arc<Place>,
    pub(super) connector: Connector,
    pub(super) limit: Duration,
    pub(super) api: Mutex<Option<Api>>,
    pub(super) idle: Mutex<Vec<Line>>,
    pub(super) about: Arc<About>,
}

/// What the engines of one instance share.
pub(crate) struct About {
    pub(crate) instance: String,
    pub(crate) redactor: Redactor,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// An open connection that takes requests.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    last_words: Option<LastWords>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What engines say when they refuse.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Engine {
    /// Sends a request and reads the answer; a status that is neither success nor 304 is an error.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, ApiError> {
        let limit = call.timeout.unwrap_or(self.limit);
        // Boxed: what lies below would make the future of every tool large.
        let work = Box::pin(async {
            let answer = self.versioned(&call).await?;
            self.refused(&answer).map_or(Ok(answer), Err)
        });
        let work = async {
            tokio::time::timeout(limit, work)
                .await
                .unwrap_or(Err(Fault::Timeout(limit)))
        };
        self.measured(&call, work, |answer| answer.status).await
    }

    /// The answer as `T`.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let (operation, idempotent) = (call.operation, call.is_idempotent());
        let answer = self.send(call).await?;
        decode(&answer.body)
            .map_err(|what| self.error(Fault::Unexpected(what), operation, idempotent))
    }

    /// Whether the engine did something; 304 says that things were like that already.
    pub(crate) async fn done(&self, call: Call) -> Result<bool, ApiError> {
        Ok(self.send(call).await?.status != 304)
    }

    /// Sends a request and hands out the answer as it comes. The limit holds until it begins.
    pub(crate) async fn open(&self, call: Call) -> Result<Body, ApiError> {
        let limit = call.timeout.unwrap_or(self.limit);
        let work = Box::pin(async {
            let prefix = self.api().await?.prefix();
            let (mut body, _) = self.exchange(&call, &prefix, false).await?;
            if (200..300).contains(&body.status) {
                return Ok(body);
            }
            let answer = Answer {
                status: body.status,
                headers: HeaderMap::new(),
                body: body.rest(call.max_body).await?,
            };
            Err(self
                .refused(&answer)
                .unwrap_or(Fault::Unexpected("status".to_owned())))
        });
        let work = async {
            tokio::time::timeout(limit, work)
                .await
                .unwrap_or(Err(Fault::Timeout(limit)))
        };
        self.measured(&call, work, |body| body.status).await
    }

    /// An error of this engine.
    pub(crate) fn error(
        &self,
        fault: Fault,
        operation: &'static str,
        idempotent: bool,
    ) -> ApiError {
        ApiError {
            fault,
            place: Arc::clone(&self.place),
            operation,
            idempotent,
        }
    }

    /// A foreign text as it may be shown: one line, without secrets, not long.
    pub(crate) fn clean(&self, text: &str) -> String {
        let line = printable(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mut line = self.about.redactor.text(&line).into_owned();
        if let Some((end, _)) = line.char_indices().nth(LONGEST_TEXT) {
            line.truncate(end);
            line.push('…');
        }
        line
    }

    /// The version that both sides speak: asked for once.
    pub(crate) async fn api(&self) -> Result<Api, Fault> {
        let known = *self.api.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(api) = known {
            return Ok(api);
        }
        let answer = self.attempts(&Call::get("ping", "/_ping", &[]), "").await?;
        if let Some(fault) = self.refused(&answer) {
            return Err(fault);
        }
        let theirs = answer
            .headers
            .get("api-version")
            .and_then(|value| value.to_str().ok());
        let api = theirs.and_then(Api::parse).ok_or(Fault::NotDocker)?;
        let api = api.settled().map_err(Fault::Version)?;
        *self.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(api);
        Ok(api)
    }

    /// As [`Engine::api`], outside of a request.
    pub(crate) async fn version(&self) -> Result<Api, ApiError> {
        self.api()
            .await
            .map_err(|fault| self.error(fault, "ping", true))
    }

    async fn versioned(&self, call: &Call) -> Result<Answer, Fault> {
        let prefix = self.api().await?.prefix();
        let answer = self.attempts(call, &prefix).await?;
        // The engine was replaced by another version meanwhile.
        if answer.status == 400
            && answer
                .said()
                .is_some_and(|said| said.contains("client version"))
        {
            *self.api.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let prefix = self.api().await?.prefix();
            return self.attempts(call, &prefix).await;
        }
        Ok(answer)
    }

    async fn attempts(&self, call: &Call, prefix: &str) -> Result<Answer, Fault> {
        let mut retries = 0;
        loop {
            let result = self.attempt(call, prefix).await;
            let passes = match &result {
                Ok(answer) => matches!(answer.status, 502..=504),
                Err(fault) => matches!(fault, Fault::Lost(_) | Fault::Cut),
            };
            if !passes || !call.is_idempotent() || retries == RETRIES {
                return result;
            }
            let mut jitter = [0];
            self.about.entropy.fill(&mut jitter);
            tokio::time::sleep(
                RETRY_DELAY * 2_u32.pow(retries) + Duration::from_millis(jitter[0].into()),
            )
            .await;
            retries += 1;
        }
    }

    async fn attempt(&self, call: &Call, prefix: &str) -> Result<Answer, Fault> {
        // What changes something never goes over a connection that may have ended meanwhile.
        let (mut body, headers) = self.exchange(call, prefix, call.is_idempotent()).await?;
        let answer = Answer {
            status: body.status,
            headers,
            body: body.rest(call.max_body).await?,
        };
        if let Some(line) = body.into_line() {
            self.keep(line);
        }
        Ok(answer)
    }

    /// Sends the request, and waits until the answer begins.
    async fn exchange(
        &self,
        call: &Call,
        prefix: &str,
        reuse: bool,
    ) -> Result<(Body, HeaderMap), Fault> {
        let kept = if reuse { self.kept() } else { None };
        let mut line = match kept {
            Some(line) => line,
            None => self.dial().await?,
        };
        let sent = line.sender.send_request(request(call, prefix)?).await;
        let response = sent.map_err(|error| match exchanging(&error) {
            Fault::Lost(_) => Fault::Lost(line.said().map(|said| self.clean(&said))),
            fault => fault,
        })?;
        let (head, incoming) = response.into_parts();
        Ok((
            Body::new(head.status.as_u16(), incoming, line),
            head.headers,
        ))
    }

    async fn dial(&self) -> Result<Line, Fault> {
        let stream = self.connector.connect().await?;
        let last_words = stream.last_words();
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| exchanging(&error))?;
        // Its end is seen by whoever sends or reads.
        let driver = Driver::new(tokio::spawn(async move { drop(connection.await) }));
        Ok(Line {
            sender,
            driver,
            last_words,
        })
    }

    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|line| line.sender.is_ready())
    }

    fn keep(&self, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE && !line.sender.is_closed() && !line.driver.is_finished() {
            idle.push(line);
        }
    }

    fn refused(&self, answer: &Answer) -> Option<Fault> {
        if (200..300).contains(&answer.status) || answer.status == 304 {
            return None;
        }
        let said = answer
            .said()
            .unwrap_or_else(|| "it does not say why".to_owned());
        Some(Fault::Status(answer.status, self.clean(&said)))
    }

    /// Counts a request and puts it into a span, also where its caller goes away.
    async fn measured<T>(
        &self,
        call: &Call,
        work: impl Future<Output = Result<T, Fault>>,
        status: impl Fn(&T) -> u16,
    ) -> Result<T, ApiError> {
        let (operation, idempotent) = (call.operation, call.is_idempotent());
        let span = tracing::info_span!(
            "upstream.request",
            service = self.about.instance.as_str(),
            host = self.name.as_str(),
            operation,
            status = Empty,
            outcome = Empty,
            duration_ms = Empty,
        );
        let mut measure = Measure {
            about: &self.about,
            operation,
            span: &span,
            started: Instant::now(),
            outcome: Outcome::Cancelled,
        };
        let result = work.instrument(span.clone()).await;
        let found = match &result {
            Ok(done) => Some(status(done)),
            Err(Fault::Status(status, _)) => Some(*status),
            Err(_) => None,
        };
        if let Some(status) = found {
            span.record("status", status);
        }
        measure.outcome = outcome(found, result.as_ref().err());
        drop(measure);
        result.map_err(|fault| self.error(fault, operation, idempotent))
    }
}

impl Line {
    /// What the far end wrote about the end of the connection.
    fn said(&self) -> Option<String> {
        self.last_words.as_ref().and_then(LastWords::get)
    }
}

impl Answer {
    fn said(&self) -> Option<String> {
        let refusal: Result<Refusal, _> = serde_json::from_slice(&self.body);
        let text = match refusal {
            Ok(refusal) => refusal.message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        Some(text).filter(|text| !text.trim().is_empty())
    }
}

/// Reads a body; the error says where it does not fit, without values.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    json::from_slice(body).map_err(|error| match error.path() {
        _ if !error.is_data() => "it is not JSON".to_owned(),
        "" => "it is not what it should be".to_owned(),
        path => format!("`{path}` is not what it should be"),
    })
}

fn request(call: &Call, prefix: &str) -> Result<Request<Full<Bytes>>, Fault> {
    let body = call.body.as_ref().map(|body| Bytes::from(body.to_string()));
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(call.target(prefix))
        // A name as the engine's own command line sends it: there is none behind a socket.
        .header(header::HOST, "docker")
        .header(
            header::USER_AGENT,
            concat!("homelab-mcp/", env!("CARGO_PKG_VERSION")),
        );
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let mut request = request
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|_| Fault::Unexpected("the request cannot be sent".to_owned()))?;
    request.headers_mut().extend(call.headers.clone());
    Ok(request)
}

/// Reports one request when dropped.
struct Measure<'a> {
    about: &'a About,
    operation: &'static str,
    span: &'a tracing::Span,
    started: Instant,
    outcome: Outcome,
}

impl Drop for Measure<'_> {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        self.span.record("outcome", self.outcome.as_str());
        self.span.record(
            "duration_ms",
            u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        );
        self.about.observer.observe(&Observation {
            service: &self.about.instance,
            operation: self.operation,
            outcome: self.outcome,
            duration,
            retries: 0,
        });
    }
}

fn outcome(status: Option<u16>, fault: Option<&Fault>) -> Outcome {
    match (status, fault) {
        (Some(..300), _) => Outcome::Success,
        (Some(..400), _) => Outcome::Redirect,
        (Some(..500), _) => Outcome::ClientError,
        (Some(_), _) => Outcome::ServerError,
        (None, Some(Fault::Timeout(_))) => Outcome::Timeout,
        (
            None,
            Some(
                Fault::NotHttp
                | Fault::NotDocker
                | Fault::Cut
                | Fault::TooLarge(_)
                | Fault::Version(_)
                | Fault::Unexpected(_),
            ),
        ) => Outcome::Unusable,
        (None, _) => Outcome::Unreachable,
    }
}
