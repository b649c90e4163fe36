//! An instrument that speaks SCPI over a raw TCP socket.
//!
//! Sources: IEEE 488.2 (common commands, status bytes, definite-length blocks), SCPI-99 volume 1
//! (header forms, error queue).

mod header;
mod state;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::upstream::EndsWithOwner;
use state::State;
pub use state::{Action, Profile};

/// Longest message that is read; a longer one ends the connection.
const MAX_MESSAGE: u64 = 4096;

/// A running instrument; it ends when this is dropped.
///
/// Like many real ones it serves one connection at a time: a second one is accepted and dropped
/// without a word. A header it does not know is answered with silence and an entry in the error
/// queue.
pub struct Instrument {
    address: SocketAddr,
    shared: Arc<Shared>,
    _task: EndsWithOwner,
}

struct Shared {
    state: Mutex<State>,
    log: Mutex<Vec<String>>,
    clients: AtomicUsize,
    dropped: AtomicUsize,
}

impl Instrument {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(profile: Profile) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(profile)),
            log: Mutex::default(),
            clients: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            _task: EndsWithOwner(task),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it was sent, one message each, oldest first.
    pub fn log(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }

    /// How many connections it dropped because another one was open.
    pub fn dropped(&self) -> usize {
        self.shared.dropped.load(Ordering::SeqCst)
    }

    /// Makes it answer a header so from now on.
    pub fn set(&self, header: &str, action: Action) {
        lock(&self.shared.state).set(header, action);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the instrument.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if shared.clients.fetch_add(1, Ordering::SeqCst) > 0 {
            shared.clients.fetch_sub(1, Ordering::SeqCst);
            shared.dropped.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let shared = shared.clone();
        connections.spawn(async move {
            let seat = Seat(&shared);
            // A client that goes away in the middle is no fault of the instrument.
            drop(converse(stream, &shared).await);
            drop(seat);
        });
    }
}

/// The one place for a client, free again however the conversation ends.
struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        (&mut read)
            .take(MAX_MESSAGE)
            .read_until(b'\n', &mut line)
            .await?;
        if line.pop() != Some(b'\n') {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&line).trim().to_owned();
        lock(&shared.log).push(message.clone());
        let (delay, answer) = lock(&shared.state).run(&message);
        tokio::time::sleep(delay).await;
        if !answer.is_empty() {
            write.write_all(&answer).await?;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
