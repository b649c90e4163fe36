//! Proxmox VE: a cluster of hypervisors with virtual machines and containers.
//!
//! Contract: the API's documentation of releases 8.2, 8.4 and 9.1; error texts as seen on it.
//! Every node listens on a port of its own and answers for all of them. What a power, backup or
//! configuration call does is done when its task ends: see [`Pace`].

mod access;
mod auth;
mod backup;
mod cluster;
mod contract;
mod demo;
mod downloads;
mod entry;
mod guests;
mod jobs;
mod reply;
mod seed;
mod state;
mod storage;
mod tasks;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::{Clock, SystemClock};

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
pub use crate::worker::{Outcome, Pace};
use crate::{Faults, Identity};
pub use guests::GuestKind;
pub use seed::{GuestSeed, StorageSeed};
pub use state::Down;
use state::State;

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Error texts in the reason phrase alone.
    V8_2,
    /// The last of 8.
    V8_4,
    /// 9.1: other privileges for the guest agent, and some new calls.
    V9_1,
}

/// What a cluster is started with.
pub struct Options {
    /// Its release.
    pub release: Release,
    /// Names of its nodes; the first is the one that [`Proxmox::url`] is of.
    pub nodes: Vec<String>,
    /// Whether it speaks TLS, each node with a certificate of its own.
    pub tls: bool,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: Release::V9_1,
            nodes: ["pve1", "pve2"].map(str::to_owned).to_vec(),
            tls: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Password of `root@pam`.
pub const ROOT_PASSWORD: &str = "lab-root";

/// A token of `root@pam` with all of its rights: id and secret.
pub const ROOT_TOKEN: (&str, &str) = ("root@pam!lab", "11111111-2222-3333-4444-555555555555");

/// A cluster; it ends when this is dropped.
pub struct Proxmox {
    first: String,
    tls: bool,
    doors: BTreeMap<String, Upstream>,
    addresses: BTreeMap<String, SocketAddr>,
    identities: BTreeMap<String, Identity>,
    frame: Frame,
    state: Shared<State>,
}

impl Proxmox {
    /// A cluster of two nodes without guests, over plain HTTP.
    ///
    /// # Errors
    /// When a port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Options::default()).await
    }

    /// A cluster without guests. Its storages are `local` (backups, templates, images of discs),
    /// `local-lvm` (disks) and the shared `nas` (backups and disks).
    ///
    /// # Errors
    /// When a port cannot be opened, or a certificate not made.
    pub async fn with(options: Options) -> io::Result<Self> {
        let Some(first) = options.nodes.first().cloned() else {
            return Err(io::Error::other("a cluster has at least one node"));
        };
        let state = Shared::new(State::new(options.clock, options.release, "homelab"));
        let mut cluster = Self {
            first,
            tls: options.tls,
            doors: BTreeMap::new(),
            addresses: BTreeMap::new(),
            identities: BTreeMap::new(),
            frame: Frame::default(),
            state,
        };
        for node in &options.nodes {
            let identity = Identity::self_signed(&["127.0.0.1", "localhost", node])?;
            cluster.state.lock().add_node(node, &identity.fingerprint());
            let routes = entry::router(cluster.state.clone(), node);
            let with = options.tls.then_some(&identity);
            let door = Upstream::start(routes, with, cluster.frame.clone()).await?;
            cluster.addresses.insert(node.clone(), door.address());
            cluster.doors.insert(node.clone(), door);
            cluster.identities.insert(node.clone(), identity);
        }
        cluster.state.lock().furnish();
        Ok(cluster)
    }

    /// The cluster of the demo lab: three nodes, its guests, backups and jobs. Tasks end by the
    /// clock.
    ///
    /// # Errors
    /// When a port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let nodes = ["pve1", "pve2", "pve3"].map(str::to_owned).to_vec();
        let cluster = Self::with(Options {
            nodes,
            ..Options::default()
        })
        .await?;
        demo::fill(&mut cluster.state.lock());
        cluster.set_pace(Pace::Seconds(2));
        Ok(cluster)
    }

    // Where it is.

    /// Base URL of the first node, without a path.
    pub fn url(&self) -> String {
        self.url_of(&self.first)
    }

    /// Base URL of a node, which is kept when the node goes down.
    ///
    /// # Panics
    /// For a node that is not there.
    pub fn url_of(&self, node: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address_of(node))
    }

    /// Where the first node listens.
    pub fn address(&self) -> SocketAddr {
        self.address_of(&self.first)
    }

    /// Where a node listens.
    ///
    /// # Panics
    /// For a node that is not there.
    pub fn address_of(&self, node: &str) -> SocketAddr {
        self.addresses[node]
    }

    /// A node's certificate.
    ///
    /// # Panics
    /// For a node that is not there.
    pub fn identity(&self, node: &str) -> &Identity {
        &self.identities[node]
    }

    /// What all nodes were asked.
    pub fn log(&self) -> &RequestLog {
        self.frame.log()
    }

    /// How they are to fail. Paths begin with `/api2/json`.
    pub fn faults(&self) -> &Faults {
        self.frame.faults()
    }

    // Who may do what.

    /// A user with a password.
    pub fn add_user(&self, user: &str, password: &str) {
        let users = &mut self.state.lock().access.users;
        users.insert(user.to_owned(), password.to_owned());
    }

    /// A token with rights of its own, of which it has none yet; it never has more than its user.
    pub fn add_token(&self, id: &str, secret: &str) {
        self.state.lock().access.add_token(id, secret, true);
    }

    /// A token with its user's rights.
    pub fn add_full_token(&self, id: &str, secret: &str) {
        self.state.lock().access.add_token(id, secret, false);
    }

    /// Gives a user or token privileges on a path and below it.
    pub fn grant(&self, who: &str, path: &str, privileges: &[&str]) {
        self.state.lock().access.grant(who, path, privileges);
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

    // Nodes.

    /// Takes a node down: its port refuses connections, and the others answer for it as said.
    pub async fn take_down(&mut self, node: &str, how: Down) {
        self.lose_contact(node, how);
        if let Some(door) = self.doors.remove(node) {
            door.stop().await;
        }
    }

    /// The others no longer reach a node, which itself goes on answering.
    pub fn lose_contact(&self, node: &str, how: Down) {
        if let Some(node) = self.state.lock().nodes.get_mut(node) {
            node.down = Some(how);
        }
    }

    // Tasks.

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

    /// Types of the tasks so far, such as `qmstart`.
    pub fn tasks(&self) -> Vec<String> {
        let state = self.state.lock();
        state
            .tasks
            .iter()
            .map(|task| task.kind.to_owned())
            .collect()
    }

    // The rest.

    /// Refuses the next call whose path below `/api2/json` begins with this, in the product's own
    /// way: the text stands where its release puts it.
    pub fn refuse_next(&self, path: &str, status: u16, text: &str) {
        let refusal = (path.to_owned(), reply::Failure::new(status, text));
        self.state.lock().refusals.push(refusal);
    }

    /// Sends some numbers as text from now on, as older releases do.
    pub fn send_numbers_as_text(&self) {
        self.state.lock().numbers_as_text = true;
    }
}
