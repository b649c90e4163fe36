//! Docker's engine, over TCP or a Unix socket.
//!
//! Contract: the Engine API's documentation of versions 1.41 to 1.53, and answers seen on a real
//! 20.10. [`ApiVersion`] switches what differs between them.

mod compose;
mod containers;
mod contract;
mod create;
mod demo;
mod disk;
mod entry;
mod exec;
mod images;
mod inspect;
mod logs;
mod networks;
mod reply;
mod seed;
mod state;
mod stats;
mod system;
mod volumes;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_core::clock::{Clock, SystemClock};

use crate::Faults;
use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Serving, Upstream};
pub(crate) use entry::serve;
pub use seed::{ContainerSeed, ImageSeed};
pub use state::ApiVersion;
pub(crate) use state::Engine;

/// An engine; it ends when this is dropped.
pub struct Docker {
    upstream: Upstream,
    sockets: Vec<(PathBuf, Serving)>,
    frame: Frame,
    engine: Shared<Engine>,
}

impl Docker {
    /// An engine of API 1.51 without containers, over TCP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(ApiVersion::V1_51, Arc::new(SystemClock)).await
    }

    /// The same of another version, with another clock.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn with(version: ApiVersion, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let engine = Shared::new(Engine::new(version, clock));
        let frame = Frame::default();
        let upstream = Upstream::start(entry::router(engine.clone()), None, frame.clone()).await?;
        Ok(Self {
            upstream,
            sockets: Vec::new(),
            frame,
            engine,
        })
    }

    /// The engine of the demo lab's first Docker host.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let docker = Self::start().await?;
        demo::fill(&mut docker.engine.lock());
        Ok(docker)
    }

    /// The engine of the demo lab's second Docker host.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo_second() -> io::Result<Self> {
        let docker = Self::start().await?;
        docker.set_name("docker-2");
        demo::fill_second(&mut docker.engine.lock());
        Ok(docker)
    }

    /// Calls its host so from now on.
    pub fn set_name(&self, name: &str) {
        name.clone_into(&mut self.engine.lock().name);
    }

    /// Listens on a Unix socket too, which must not exist yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn listen_at(&mut self, path: &Path) -> io::Result<()> {
        let routes = entry::router(self.engine.clone());
        let serving = Serving::on_unix_socket(routes, path, self.frame.clone())?;
        self.sockets.push((path.to_owned(), serving));
        Ok(())
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.frame.log()
    }

    /// How it is to fail. Paths begin with the version, such as `/v1.51/containers`.
    pub fn faults(&self) -> &Faults {
        self.frame.faults()
    }

    pub(crate) fn engine(&self) -> Shared<Engine> {
        self.engine.clone()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        for (path, _) in &self.sockets {
            // It may be gone already, with its directory.
            drop(std::fs::remove_file(path));
        }
    }
}
