//! The states in which objects were shown before a change, so that a change that was decided on is
//! not made to another state.

use std::collections::VecDeque;

use tokio::sync::Mutex;

/// Changes that are remembered; a decision rarely waits behind more.
const MOST: usize = 64;

/// When each object that a change was foreseen of had last been changed.
#[derive(Default)]
pub(crate) struct Seen(Mutex<VecDeque<(String, String)>>);

impl Seen {
    /// Remembers the state in which a change was foreseen; the latest counts.
    pub(crate) async fn note(&self, change: String, state: String) {
        let mut all = self.0.lock().await;
        all.retain(|(known, _)| *known != change);
        all.push_back((change, state));
        if all.len() > MOST {
            all.pop_front();
        }
    }

    /// The state in which a change was foreseen, once.
    pub(crate) async fn take(&self, change: &str) -> Option<String> {
        let mut all = self.0.lock().await;
        let at = all.iter().position(|(known, _)| known == change)?;
        all.remove(at).map(|(_, state)| state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_state_is_told_once_and_the_oldest_is_forgotten() {
        let seen = Seen::default();
        seen.note("a".into(), "1".into()).await;
        seen.note("a".into(), "2".into()).await;

        assert_eq!(seen.take("a").await.as_deref(), Some("2"));
        assert_eq!(seen.take("a").await, None);

        for number in 0..=MOST {
            seen.note(number.to_string(), String::new()).await;
        }
        assert_eq!(seen.take("0").await, None);
        assert!(seen.take("1").await.is_some());
    }
}
