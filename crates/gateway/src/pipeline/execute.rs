//! Running a tool: a place in its instance's queue, a deadline, cancellation, and no panic that
//! reaches the process.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::redact::Redactor;
use homelab_core::tool::{Mismatch, ToolSpec};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What bounds one call.
pub(super) struct Bounds<'a> {
    pub(super) spec: &'a ToolSpec,
    pub(super) cancel: &'a CancellationToken,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    pub(super) redactor: &'a Redactor,
}

impl Bounds<'_> {
    /// Runs `work` until it ends, panics, runs out of time, or the caller goes away.
    pub(super) async fn hold<T>(
        &self,
        work: impl Future<Output = ToolResult<T>> + Send,
    ) -> ToolResult<T> {
        // Looked at first: a change whose caller has left, or whose time is up, is not begun.
        if self.cancel.is_cancelled() {
            return Err(self.cancelled());
        }
        if Instant::now() >= self.deadline {
            return Err(self.timed_out());
        }
        let caught = AssertUnwindSafe(work).catch_unwind();
        tokio::select! {
            biased;
            ended = tokio::time::timeout_at(self.deadline, caught) => match ended {
                Ok(Ok(result)) => result,
                Ok(Err(panic)) => Err(self.panicked(&*panic)),
                Err(_) => Err(self.timed_out()),
            },
            () = self.cancel.cancelled() => Err(self.cancelled()),
        }
    }

    /// The payload goes to the log, redacted; the caller learns only that it happened.
    fn panicked(&self, payload: &(dyn Any + Send)) -> ToolError {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let text = self.redactor.text(text);
        tracing::error!(tool.name = self.spec.name, panic = %text, "a tool panicked");
        ToolError::internal("the tool failed unexpectedly")
            .reason("panic")
            .hint("find the request id in the log, and report it")
    }

    fn timed_out(&self) -> ToolError {
        let limit = seconds(self.deadline.saturating_duration_since(self.started));
        self.cut_short(ToolError::new(
            Code::Timeout,
            format!("`{}` took longer than its limit of {limit}", self.spec.name),
        ))
    }

    fn cancelled(&self) -> ToolError {
        self.cut_short(
            ToolError::new(
                Code::Timeout,
                format!("the caller cancelled `{}`", self.spec.name),
            )
            .reason("cancelled"),
        )
    }

    /// A call that ended half-way may have had its effect.
    fn cut_short(&self, error: ToolError) -> ToolError {
        if self.spec.idempotent {
            error.retryable(true)
        } else {
            error
                .retryable(false)
                .hint("it may or may not have taken effect: read the state before you repeat it")
        }
    }
}

/// A call whose turn did not come before its deadline.
pub(super) fn busy(error: ToolError, instance: &str) -> ToolError {
    if error.code() != Code::Timeout || error.envelope().reason.is_some() {
        return error;
    }
    ToolError::new(
        Code::RateLimited,
        format!("`{instance}` is busy with other calls"),
    )
    .reason("busy")
    .retry_after_s(5)
}

/// Fields that did not take are an error, not a success.
pub(super) fn not_applied(mismatches: &[Mismatch], sensitive: &[&str]) -> Option<ToolError> {
    let first = mismatches.first()?;
    let said: Vec<String> = mismatches
        .iter()
        .map(|one| {
            let is_secret =
                sensitive.contains(&one.field) || homelab_core::redact::names_a_secret(one.field);
            if is_secret {
                format!("`{}` is not what was asked for", one.field)
            } else {
                format!("`{}` is `{}`, not `{}`", one.field, one.found, one.wanted)
            }
        })
        .collect();
    Some(
        ToolError::new(
            Code::Conflict,
            format!("the change was made, but not all of it took: {}", said.join("; ")),
        )
        .reason("not_applied")
        .field(first.field)
        .hint("read the object again before you change it once more; the upstream may refuse or rewrite these values"),
    )
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_did_not_take_are_listed_without_their_secrets() {
        let mismatch = |field, wanted: &str, found: &str| Mismatch {
            field,
            wanted: wanted.into(),
            found: found.into(),
        };
        let mismatches = [
            mismatch("level", "40", "0"),
            mismatch("pin", "1234", "0000"),
            mismatch("password", "hunter2", ""),
        ];

        let error = not_applied(&mismatches, &["pin"]).unwrap();

        assert_eq!(error.envelope().field.as_deref(), Some("level"));
        assert_eq!(
            error.envelope().message,
            "the change was made, but not all of it took: `level` is `0`, not `40`; \
             `pin` is not what was asked for; `password` is not what was asked for"
        );
        assert_eq!(not_applied(&[], &[]), None);
    }
}
