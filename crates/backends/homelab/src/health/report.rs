//! What a check found.

use homelab_core::clock::Micros;
use homelab_core::error::ToolError;
use homelab_core::render::printable;
use homelab_upstream::{Response, TlsInfo, UpstreamError};
use schemars::JsonSchema;
use serde::Serialize;

/// Characters of a body that are shown.
const EXCERPT: usize = 300;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Whether a service is well.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ServiceHealth {
    pub(crate) service: String,
    /// Whether it answered 2xx, or accepted the connection.
    pub(crate) healthy: bool,
    /// What was asked.
    pub(crate) checked: String,
    /// HTTP status.
    pub(crate) status: Option<u16>,
    /// From the first byte sent to the last one read.
    pub(crate) latency_ms: Option<f64>,
    /// Where a redirect led.
    pub(crate) redirected_to: Option<String>,
    /// Certificate of whoever answered.
    pub(crate) tls: Option<Certificate>,
    /// Beginning of the answer.
    pub(crate) body: Option<String>,
    /// Why it is not healthy.
    pub(crate) problem: Option<String>,
    /// What is not wrong yet.
    pub(crate) warning: Option<String>,
    /// What to do.
    pub(crate) hint: Option<String>,
    pub(crate) checked_at: Micros,
}

/// A certificate in short.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Certificate {
    pub(crate) expires: Micros,
    /// Whole days, negative once it has expired.
    pub(crate) days_left: i64,
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

impl ServiceHealth {
    /// A check that has not found anything yet.
    pub(crate) fn started(service: &str, checked: String, checked_at: Micros) -> Self {
        Self {
            service: service.to_owned(),
            healthy: false,
            checked,
            status: None,
            latency_ms: None,
            redirected_to: None,
            tls: None,
            body: None,
            problem: None,
            warning: None,
            hint: None,
            checked_at,
        }
    }

    /// Takes over an answer; the status decides.
    pub(crate) fn answered(&mut self, response: &Response, warn_days: i64) {
        let status = response.status;
        self.status = Some(status.as_u16());
        self.healthy = status.is_success();
        self.body = excerpt(&response.text());
        if !self.healthy {
            self.problem = Some(format!("it answers {status}"));
            self.hint = match status.as_u16() {
                401 | 403 => Some(
                    "it is up but asks for a login: set `health_endpoint` to a page that needs none"
                        .to_owned(),
                ),
                404 => Some("check the service's `health_endpoint`".to_owned()),
                500.. => Some("look at the service's own log".to_owned()),
                _ => None,
            };
        }
        if let Some(info) = &response.tls {
            self.certificate(info, warn_days);
        }
    }

    /// Takes over a failure, with a hint that speaks of the inventory instead of settings.
    pub(crate) fn failed(&mut self, error: UpstreamError, hint: Option<&str>) {
        if let Some(found) = error
            .certificate()
            .and_then(|problem| problem.found.as_ref())
        {
            self.certificate(found, 0);
        }
        let error = ToolError::from(error);
        let envelope = error.envelope();
        self.problem = Some(envelope.message.clone());
        self.hint = hint.map(str::to_owned).or_else(|| envelope.hint.clone());
    }

    fn certificate(&mut self, info: &TlsInfo, warn_days: i64) {
        let days_left = (info.not_after.0 - self.checked_at.0).div_euclid(DAY);
        if self.healthy && days_left < warn_days {
            self.warning = Some(match days_left {
                ..0 => "its certificate has expired".to_owned(),
                days => format!("its certificate expires in {days} days"),
            });
            self.hint = Some("renew the certificate".to_owned());
        }
        self.tls = Some(Certificate {
            expires: info.not_after,
            days_left,
            issuer: info.issuer.clone(),
            subject: info.subject.clone(),
        });
    }
}

/// The beginning of a body on one line, without control characters.
fn excerpt(body: &str) -> Option<String> {
    let start: String = body.chars().take(EXCERPT * 4).collect();
    let line = printable(&start)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let cut: String = line.chars().take(EXCERPT).collect();
    let more = if cut.len() < line.len() || start.len() < body.len() {
        "…"
    } else {
        ""
    };
    (!cut.is_empty()).then(|| cut + more)
}
