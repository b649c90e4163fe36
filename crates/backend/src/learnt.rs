//! What is learnt of an upstream once and may be another after an update of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::error::ToolResult;
use tokio::time::Instant;

/// How long it is relied on: upstreams are updated while we run.
const KEPT: Duration = Duration::from_hours(1);

/// A value such as a version that is asked for when it is needed and relied on for an hour. Reading
/// what is known never waits.
#[derive(Debug, Default)]
pub struct Learnt<T>(Mutex<Option<(Instant, T)>>);

impl<T: Clone> Learnt<T> {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// What was answered within the last hour.
    pub fn known(&self) -> Option<T> {
        self.known_at(Instant::now())
    }

    fn known_at(&self, now: Instant) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = known.as_ref()?;
        (now.saturating_duration_since(*since) < KEPT).then(|| value.clone())
    }

    /// What is known, else what is answered now. Two callers at the same time may both ask.
    ///
    /// # Errors
    /// What asking ends with; nothing is kept then.
    pub async fn or_ask(&self, ask: impl Future<Output = ToolResult<T>>) -> ToolResult<T> {
        match self.known() {
            Some(value) => Ok(value),
            None => self.ask(ask).await,
        }
    }

    /// What is answered now.
    ///
    /// # Errors
    /// What asking ends with; what is known stays.
    pub async fn ask(&self, ask: impl Future<Output = ToolResult<T>>) -> ToolResult<T> {
        let value = ask.await?;
        let now = (Instant::now(), value.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::error::ToolError;

    use super::*;

    #[tokio::test]
    async fn it_is_not_relied_on_for_ever() {
        let version = Learnt::new();
        assert_eq!(version.ask(async { Ok(8) }).await, Ok(8));

        let now = Instant::now();
        assert_eq!(version.known_at(now + KEPT / 2), Some(8));
        assert_eq!(version.known_at(now + KEPT), None);
    }

    #[tokio::test]
    async fn it_is_asked_once_until_somebody_asks_anew() {
        let version = Learnt::new();
        let failing = async || Err(ToolError::internal("down"));

        assert_eq!(version.known(), None);
        assert!(version.or_ask(failing()).await.is_err());
        assert_eq!(version.known(), None);
        assert_eq!(version.or_ask(async { Ok(8) }).await, Ok(8));
        assert_eq!(version.or_ask(async { Ok(9) }).await, Ok(8));
        assert!(version.ask(failing()).await.is_err());
        assert_eq!(version.known(), Some(8));
        assert_eq!(version.ask(async { Ok(9) }).await, Ok(9));
        assert_eq!(version.known(), Some(9));
    }
}
