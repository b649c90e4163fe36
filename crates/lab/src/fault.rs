//! Failing on purpose.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status with a short JSON body, instead of the answer.
    Status(u16),
    /// 429 with `Retry-After`.
    RateLimited {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// The right answer, late.
    Delay(Duration),
    /// 302 to this place.
    Redirect(String),
    /// Half of the right answer, then the connection breaks.
    CutBody,
    /// 200 with an HTML page, as a proxy in between would answer.
    NotJson,
    /// 200 with this many bytes.
    Oversized(usize),
}

/// The faults of one upstream; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Armed>>>);

#[derive(Debug)]
struct Armed {
    path: String,
    fault: Fault,
    /// `None` lasts until cleared.
    times: Option<usize>,
}

impl Faults {
    /// The next `times` requests whose path starts with `path` fail.
    pub fn next(&self, times: usize, path: impl Into<String>, fault: Fault) {
        self.arm(path.into(), fault, Some(times));
    }

    /// Every request whose path starts with `path` fails, until [`Faults::clear`].
    pub fn always(&self, path: impl Into<String>, fault: Fault) {
        self.arm(path.into(), fault, None);
    }

    /// Ends all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Whether every fault that was to happen has happened, and none lasts.
    pub fn are_over(&self) -> bool {
        self.lock().is_empty()
    }

    /// The fault of a request to this path, used up by it; the one armed first wins.
    pub(crate) fn take(&self, path: &str) -> Option<Fault> {
        let mut armed = self.lock();
        let index = armed.iter().position(|one| path.starts_with(&one.path))?;
        let fault = armed[index].fault.clone();
        if let Some(times) = &mut armed[index].times {
            *times -= 1;
            if *times == 0 {
                armed.remove(index);
            }
        }
        Some(fault)
    }

    fn arm(&self, path: String, fault: Fault, times: Option<usize>) {
        if times != Some(0) {
            self.lock().push(Armed { path, fault, times });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_after_its_number_of_times() {
        let faults = Faults::default();
        faults.next(2, "/api", Fault::Status(503));

        let taken: Vec<bool> = ["/api/a", "/other", "/api", "/api"]
            .iter()
            .map(|path| faults.take(path).is_some())
            .collect();

        assert_eq!(taken, [true, false, true, false]);
        assert!(faults.are_over());
    }
}
