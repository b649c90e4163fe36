//! Proxmox Backup Server: datastores with snapshots, their verification, pruning and copying.
//!
//! Contract: the API's documentation of releases 3.2, 3.4 and 4.1. It differs from Proxmox VE where
//! one does not expect it: errors are plain text with status 400, a colon stands before a token's
//! secret, task names have one field more, and the node is always `localhost`.

mod auth;
mod contract;
mod entry;
mod jobs;
mod maintenance;
mod node;
mod reply;
mod seed;
mod snapshots;
mod state;
mod stores;
mod sync;
mod tasks;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::{Clock, SystemClock};

use crate::log::RequestLog;
use crate::rights::ROOT;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
pub use crate::worker::{Outcome, Pace};
use crate::{Faults, Identity};
pub use seed::SnapshotSeed;
pub use state::Condition;
use state::State;

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Cannot push.
    V3_2,
    /// Can push.
    V3_4,
    /// Threads can be chosen, and running a job tells its task.
    V4_1,
}

/// What a server is started with.
pub struct Options {
    /// Its release.
    pub release: Release,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: Release::V4_1,
            tls: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Password of `root@pam`.
pub const ROOT_PASSWORD: &str = "lab-root";

/// A token of `root@pam` with all of its rights: id and secret.
pub const ROOT_TOKEN: (&str, &str) = ("root@pam!lab", "66666666-7777-8888-9999-000000000000");

/// A server; it ends when this is dropped.
pub struct Pbs {
    upstream: Upstream,
    identity: Identity,
    state: Shared<State>,
}

impl Pbs {
    /// A server of release 4.1 without datastores, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Options::default()).await
    }

    /// A server without datastores.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not made.
    pub async fn with(options: Options) -> io::Result<Self> {
        let identity = Identity::self_signed(&["127.0.0.1", "localhost", "pbs"])?;
        let mut state = State::new(options.clock, options.release, identity.fingerprint());
        state
            .rights
            .users
            .insert(ROOT.to_owned(), ROOT_PASSWORD.to_owned());
        state.rights.add_token(ROOT_TOKEN.0, ROOT_TOKEN.1, false);
        let state = Shared::new(state);
        let routes = entry::router(state.clone());
        let with = options.tls.then_some(&identity);
        let upstream = Upstream::start(routes, with, Frame::default()).await?;
        Ok(Self {
            upstream,
            identity,
            state,
        })
    }

    /// The backup server of the demo lab. Tasks end by the clock.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let server = Self::start().await?;
        server.state.lock().furnish_demo();
        server.set_pace(Pace::Seconds(2));
        Ok(server)
    }

    /// Base URL without a path.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its certificate.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail. Paths begin with `/api2/json`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// A token with rights of its own, of which it has none yet; it never has more than its user.
    pub fn add_token(&self, id: &str, secret: &str) {
        self.state.lock().rights.add_token(id, secret, true);
    }

    /// Gives a user or token privileges on a path and below it, such as `/datastore/main`.
    pub fn grant(&self, who: &str, path: &str, privileges: &[&str]) {
        self.state.lock().rights.grant(who, path, privileges);
    }

    /// Ends all tickets.
    pub fn revoke_tickets(&self) {
        self.state.lock().tickets.clear();
    }

    /// How long a refused authentication is answered late; not at all by default, 3 s in the
    /// product.
    pub fn set_refusal_delay(&self, delay: Duration) {
        self.state.lock().refusal_delay = delay;
    }

    /// Refuses the next call whose path below `/api2/json` begins with this, in plain text.
    pub fn refuse_next(&self, path: &str, status: u16, text: &str) {
        let refusal = (path.to_owned(), reply::Failure::new(status, text));
        self.state.lock().refusals.push(refusal);
    }

    /// How long tasks run from now on; for one look at their status by default.
    pub fn set_pace(&self, pace: Pace) {
        self.state.lock().pace = pace;
    }

    /// How the next task ends; several stand in a queue.
    pub fn next_task(&self, outcome: Outcome) {
        self.state.lock().outcomes.push(outcome);
    }

    /// Ends every task that still runs.
    pub fn finish_tasks(&self) {
        self.state.lock().finish_all();
    }

    /// Types of the tasks so far, such as `verify`.
    pub fn tasks(&self) -> Vec<String> {
        let state = self.state.lock();
        state
            .tasks
            .iter()
            .map(|task| task.kind.to_owned())
            .collect()
    }
}
