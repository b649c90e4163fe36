//! Work that outlives the request that started it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Polls `work` in the caller's own task, and if the caller is dropped before it is done, lets it
/// end in a task of its own.
///
/// HTTP drops a request's future when the client goes away. A tool call must not stop in the
/// middle then: it is told to (by its cancellation token), and what it did is still recorded.
/// Spawning at once would do the same, at the price of a task for each call.
pub(crate) fn detach<T, F>(work: F) -> Detached<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    Detached(Some(Box::pin(work)))
}

/// See [`detach`].
pub(crate) struct Detached<T: Send + 'static>(
    Option<Pin<Box<dyn Future<Output = T> + Send + 'static>>>,
);

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out while it is polled, so that one that panics is not polled again on drop. Like
        // any future, this one is not polled after its end.
        let Some(mut work) = self.0.take() else {
            return Poll::Pending;
        };
        let poll = work.as_mut().poll(context);
        if poll.is_pending() {
            self.0 = Some(work);
        }
        poll
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                drop(work.await);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn dropped_work_still_ends() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let mut work = detach(async move {
            gone.await.ok();
            done.send(()).ok();
        });

        let pending = futures_util::poll!(&mut work).is_pending();
        drop(work);
        go.send(()).unwrap();

        assert!(pending);
        assert_eq!(ended.await, Ok(()));
    }

    #[tokio::test]
    async fn finished_work_hands_over_its_result() {
        assert_eq!(detach(async { 42 }).await, 42);
    }
}
