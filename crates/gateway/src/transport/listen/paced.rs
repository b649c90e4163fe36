//! A connection whose peer must keep going: headers in time, no endless idling, no unread answers.
//!
//! hyper has one time-out for all that precedes a request; a client may lie idle far longer than it
//! may take for its headers, so both are kept here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;

/// Whether a connection waits for a request or works on one; shared by its two ends, the bytes and
/// the service.
#[derive(Debug, Default)]
pub(super) struct HeadClock(AtomicU32);

impl HeadClock {
    /// The headers of a request are complete.
    pub(super) fn request(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Its answer is on the way: what comes next is another request.
    pub(super) fn answered(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn turn(&self) -> Turn {
        Turn(self.0.load(Ordering::Relaxed))
    }
}

/// Even while waiting for a request, odd while working on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn(u32);

impl Turn {
    fn waits(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

/// See the module.
pub(super) struct Paced<I> {
    io: I,
    clock: Arc<HeadClock>,
    head: Duration,
    idle: Duration,
    stall: Duration,
    /// The wait that is going on, and when its time is up.
    wait: Option<Wait>,
    reading: Timer,
    /// Since when the peer does not read.
    unread: Option<Instant>,
    writing: Timer,
}

struct Wait {
    turn: Turn,
    deadline: Instant,
    begun: bool,
}

impl<I> Paced<I> {
    pub(super) fn new(io: I, clock: Arc<HeadClock>, limits: &Limits) -> Self {
        Self {
            io,
            clock,
            head: limits.head,
            idle: limits.idle,
            stall: limits.stall,
            wait: None,
            reading: Timer::default(),
            unread: None,
            writing: Timer::default(),
        }
    }

    /// When the peer must have sent something, while a request is waited for.
    fn deadline(&mut self) -> Option<Instant> {
        let turn = self.clock.turn();
        if !turn.waits() {
            return None;
        }
        let wait = self
            .wait
            .take_if(|wait| wait.turn == turn)
            .unwrap_or_else(|| Wait {
                turn,
                deadline: Instant::now() + self.idle,
                begun: false,
            });
        let deadline = wait.deadline;
        self.wait = Some(wait);
        Some(deadline)
    }

    /// The first byte of a request starts its own, shorter time.
    fn received(&mut self) {
        let turn = self.clock.turn();
        let begun = self
            .wait
            .as_ref()
            .is_some_and(|wait| wait.turn == turn && wait.begun);
        if turn.waits() && !begun {
            self.wait = Some(Wait {
                turn,
                deadline: Instant::now() + self.head,
                begun: true,
            });
        }
    }

    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let since = *self.unread.get_or_insert_with(Instant::now);
        ready!(self.writing.poll_until(since + self.stall, context));
        Poll::Ready(timed_out("the client does not read its answer"))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        if polled.is_ready() {
            if buffer.filled().len() > before {
                self.received();
            }
            return polled;
        }
        let Some(deadline) = self.deadline() else {
            return Poll::Pending;
        };
        ready!(self.reading.poll_until(deadline, context));
        Poll::Ready(Err(timed_out("the client sent no request in time")))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, data);
        self.or_stalled(polled, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(context);
        self.or_stalled(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(context);
        self.or_stalled(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, data);
        self.or_stalled(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<I> Paced<I> {
    fn or_stalled<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.unread = None;
            return polled;
        }
        self.poll_stall(context).map(Err)
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// A timer for deadlines that mostly move later: it is set again only when it fires too early, not
/// with each request.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll_until(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    fn limits() -> Limits {
        Limits {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(100),
            stall: Duration::from_secs(30),
            ..Limits::default()
        }
    }

    fn pair() -> (DuplexStream, Paced<DuplexStream>, Arc<HeadClock>) {
        let (client, server) = duplex(16);
        let clock = Arc::new(HeadClock::default());
        (client, Paced::new(server, clock.clone(), &limits()), clock)
    }

    async fn read_error(paced: &mut Paced<DuplexStream>) -> (io::ErrorKind, Duration) {
        let start = Instant::now();
        loop {
            if let Err(error) = paced.read_u8().await {
                return (error.kind(), start.elapsed());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_after_its_idle_time() {
        let (_client, mut paced, _) = pair();

        let (kind, after) = read_error(&mut paced).await;

        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert_eq!(after.as_secs(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_of_headers_is_closed_after_the_head_time() {
        let (mut client, mut paced, _) = pair();
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        });

        let (kind, after) = read_error(&mut paced).await;

        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert_eq!(after.as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_answer_does_not_count_and_the_next_wait_starts_afresh() {
        let (mut client, mut paced, clock) = pair();
        client.write_all(b"x").await.unwrap();
        paced.read_u8().await.unwrap();
        clock.request();
        let during = tokio::time::timeout(Duration::from_secs(1000), paced.read_u8()).await;
        clock.answered();

        let (kind, after) = read_error(&mut paced).await;

        assert!(during.is_err(), "no time-out while a request is worked on");
        assert_eq!(kind, io::ErrorKind::TimedOut);
        assert_eq!(after.as_secs(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_the_connection() {
        let (_client, mut paced, _) = pair();
        let start = Instant::now();

        let written = paced.write_all(&[0; 64]).await;

        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
