//! Portainer: stacks and environments, with a Docker engine behind each.
//!
//! Contract: the API's documentation of releases 2.18, 2.21 and 2.44. Calls below
//! `/endpoints/{id}/docker` go on to a [`Docker`] that was attached.

mod contract;
mod demo;
mod entry;
mod environments;
mod multipart;
mod reply;
mod stacks;
mod state;
mod system;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use homelab_core::clock::{Clock, SystemClock};

use crate::docker::Docker;
use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
pub use state::Deploy;
use state::{State, User};

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Without `/stacks/create`.
    V2_18,
    /// Answers at the end of a deployment.
    V2_21,
    /// Answers while it goes on.
    V2_44,
}

/// The administrator's access token.
pub const ADMIN_KEY: &str = "ptr_lab-admin";

/// The administrator's name and password.
pub const ADMIN: (&str, &str) = ("admin", "lab-portainer");

/// A server; it ends when this is dropped.
pub struct Portainer {
    upstream: Upstream,
    state: Shared<State>,
}

impl Portainer {
    /// A server of release 2.44 without environments, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Arc::new(SystemClock), None).await
    }

    /// The same with another clock, and over TLS if there is a certificate.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not used.
    pub async fn with(clock: Arc<dyn Clock>, identity: Option<&Identity>) -> io::Result<Self> {
        let mut state = State::new(clock);
        let admin = User {
            name: ADMIN.0.to_owned(),
            password: ADMIN.1.to_owned(),
            admin: true,
            environments: Vec::new(),
        };
        state.users.insert(1, admin);
        state.keys.insert(ADMIN_KEY.to_owned(), 1);
        let state = Shared::new(state);
        let routes = entry::router(state.clone());
        let upstream = Upstream::start(routes, identity, Frame::default()).await?;
        Ok(Self { upstream, state })
    }

    /// The server of the demo lab, before these two engines.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo(first: &Docker, second: &Docker) -> io::Result<Self> {
        let server = Self::start().await?;
        let local = server.add_environment("docker-1", first);
        server.add_environment("docker-2", second);
        demo::fill(&mut server.state.lock(), local);
        Ok(server)
    }

    /// Says it is of this release from now on.
    pub fn set_release(&self, release: Release) {
        self.state.lock().release = release;
    }

    /// An environment with this engine behind it; its id.
    pub fn add_environment(&self, name: &str, engine: &Docker) -> u64 {
        let mut state = self.state.lock();
        let id = state.add_environment(name, 1, "unix:///var/run/docker.sock");
        if let Some(environment) = state.environments.get_mut(&id) {
            environment.engine = Some(engine.engine());
        }
        id
    }

    /// Whether an environment answers.
    pub fn set_up(&self, environment: u64, up: bool) {
        if let Some(environment) = self.state.lock().environments.get_mut(&environment) {
            environment.up = up;
        }
    }

    /// A user with an access token who may use these environments.
    pub fn add_user(&self, name: &str, key: &str, environments: &[u64]) {
        let mut state = self.state.lock();
        let id = state.users.keys().max().map_or(1, |last| last + 1);
        let user = User {
            name: name.to_owned(),
            password: key.to_owned(),
            admin: false,
            environments: environments.to_vec(),
        };
        state.users.insert(id, user);
        state.keys.insert(key.to_owned(), id);
    }

    /// How the deployments from now on go.
    pub fn set_deploy(&self, deploy: Deploy) {
        self.state.lock().deploy = deploy;
    }

    /// Answers a list without stacks with 204 from now on.
    pub fn answer_204_for_none(&self) {
        self.state.lock().empty_is_204 = true;
    }

    /// Names of the stacks.
    pub fn stacks(&self) -> Vec<String> {
        self.state
            .lock()
            .stacks
            .values()
            .map(|stack| stack.name.clone())
            .collect()
    }

    /// Its base URL without a slash at the end; the API is below `/api`.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail. Paths begin with `/api`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}
