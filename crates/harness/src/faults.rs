//! What every upstream can do wrong, tried with one call of a suite's own.

use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_lab::{Fault, Faults};
use serde_json::Value;

use crate::{Bench, reason};

/// An address where nothing listens.
pub const NOWHERE: &str = "http://127.0.0.1:1";

/// What these mean is the same everywhere.
const STATUSES: [(u16, Code); 4] = [
    (401, Code::UpstreamUnauthorized),
    (403, Code::UpstreamUnauthorized),
    (500, Code::UpstreamRejected),
    (502, Code::UpstreamRejected),
];

/// A call, and the request of it that goes wrong.
#[derive(Clone)]
pub struct Trial<'a> {
    /// The server under test.
    pub bench: &'a Bench,
    /// How its upstream is to fail.
    pub faults: &'a Faults,
    /// The tool.
    pub tool: &'a str,
    /// Its arguments.
    pub args: Value,
    /// How the path of the request begins, as the stand-in sees it.
    pub path: &'a str,
}

impl Trial<'_> {
    /// The error of the call while the request always goes wrong in this way.
    pub async fn fail(&self, fault: &Fault) -> ToolError {
        self.faults.always(self.path, fault.clone());
        let ran = self.bench.run(self.tool, self.args.clone()).await;
        self.faults.clear();
        match ran {
            Ok(ran) => panic!("{fault:?}: {} answered {}", self.tool, ran.output),
            Err(error) => error,
        }
    }

    /// The upstream is blamed, for this reason or for none that has a name.
    pub async fn is_rejected(&self, fault: Fault, wanted: Option<&str>) {
        let error = self.fail(&fault).await;
        let envelope = error.envelope();
        assert_eq!(
            (envelope.code, envelope.reason.as_deref()),
            (Code::UpstreamRejected, wanted),
            "{fault:?}: {error}"
        );
    }

    /// Missing addresses, pages and broken answers are told apart, where the words for them are the
    /// usual ones.
    pub async fn tells_answers_apart(&self, too_large: usize) {
        self.is_rejected(Fault::Status(404), Some("not_supported"))
            .await;
        self.is_rejected(Fault::NotJson, Some("unexpected_answer"))
            .await;
        self.tells_broken_answers_apart(too_large).await;
    }

    /// So are answers that are cut, that lead elsewhere, and that have too many bytes.
    pub async fn tells_broken_answers_apart(&self, too_large: usize) {
        let elsewhere = Fault::Redirect("http://192.0.2.1/".to_owned());
        self.is_rejected(Fault::CutBody, Some("cut")).await;
        self.is_rejected(elsewhere, Some("redirect")).await;
        self.is_rejected(Fault::Oversized(too_large), Some("too_large"))
            .await;
    }

    /// Statuses keep their meaning whatever the body says: those that mean the same everywhere, and
    /// those of this upstream.
    pub async fn keeps_statuses(&self, own: &[(u16, Code)]) {
        for (status, code) in STATUSES.iter().chain(own) {
            let error = self.fail(&Fault::Status(*status)).await;
            let envelope = error.envelope();
            assert_eq!(
                (
                    envelope.code,
                    envelope.upstream_status,
                    envelope.instance.as_deref()
                ),
                (*code, Some(*status), Some(self.bench.instance)),
                "{status}: {error}"
            );
        }
    }

    /// Too many requests say when to come back.
    pub async fn says_when_to_come_back(&self, retry_after_s: u64) {
        let error = self.fail(&Fault::RateLimited { retry_after_s }).await;
        let envelope = error.envelope();
        assert_eq!(
            (envelope.code, envelope.retry_after_s, envelope.retryable),
            (Code::RateLimited, Some(retry_after_s), true),
            "429: {error}"
        );
    }

    /// An upstream slower than the time-out, which the suite has set to seconds, is given up on.
    pub async fn gives_up(&self) {
        let fault = Fault::Delay(Duration::from_mins(1));
        let error = self.fail(&fault).await;
        assert_eq!(
            (error.code(), error.envelope().retryable),
            (Code::Timeout, true),
            "{fault:?}: {error}"
        );
    }

    /// A request that fails once is sent again.
    pub async fn is_tried_again(&self) {
        self.faults.next(1, self.path, Fault::Status(503));
        match self.bench.run(self.tool, self.args.clone()).await {
            Ok(ran) => assert_eq!(ran.mismatches, [], "503, once: {} did not take", self.tool),
            Err(error) => panic!("503, once: {} failed: {error}", self.tool),
        }
        // Otherwise the call never came to this path, and nothing was tried.
        assert!(
            self.faults.are_over(),
            "503, once: nothing asked for {}",
            self.path
        );
    }

    /// A request that fails is the last one, and nobody is told to repeat it. How often it was sent is
    /// for the suite to count.
    pub async fn is_not_tried_again(&self) {
        let error = self.fail(&Fault::Status(503)).await;
        let envelope = error.envelope();
        assert_eq!(
            (envelope.upstream_status, envelope.retryable),
            (Some(503), false),
            "503: {error}"
        );
    }

    /// An upstream that is gone, for which the suite has set [`NOWHERE`], is unreachable; health says
    /// which setting to look at, and this many tools stay.
    pub async fn is_unreachable(&self, tools: usize) {
        let error = self.bench.fail(self.tool, self.args.clone()).await;
        let health = self.bench.health().await;
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamUnreachable, "refused"),
            "gone: {error}"
        );
        let (setting, hint) = (self.setting("url"), health.hint.unwrap_or_default());
        assert!(hint.contains(&setting), "gone: no {setting} in `{hint}`");
        assert_eq!(self.bench.server.tools().len(), tools, "gone");
    }

    /// A section that cannot be used says which of its settings is wrong.
    pub async fn names_setting(&self, name: &str) {
        let error = self.bench.fail(self.tool, self.args.clone()).await;
        let envelope = error.envelope();
        assert_eq!(
            (envelope.code, envelope.field.as_deref()),
            (Code::NotConfigured, Some(&*self.setting(name))),
            "{error}"
        );
    }

    fn setting(&self, name: &str) -> String {
        format!("servers.{}.{name}", self.bench.instance)
    }
}

/// Every one of these calls says that the upstream failed, when all requests do.
pub async fn all_report_failure(
    bench: &Bench,
    faults: &Faults,
    path: &str,
    calls: &[(&str, Value)],
) {
    for (tool, args) in calls {
        let args = args.clone();
        let trial = Trial {
            bench,
            faults,
            tool,
            args,
            path,
        };
        let error = trial.fail(&Fault::Status(500)).await;
        let status = error.envelope().upstream_status;
        assert_eq!(status, Some(500), "500: {tool}: {error}");
    }
}
