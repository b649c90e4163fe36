//! Traefik: a reverse proxy whose API is read, and whose file provider is written to.
//!
//! Contract: the API as recorded from a real 3.7.15, and the measured behaviour of its file
//! provider: one broken file freezes the whole directory, and after a restart empties it.

mod check;
mod contract;
mod demo;
mod files;
mod reply;
mod routes;
mod state;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
use state::State;
pub use state::{Protocol, Release};

/// A proxy that routes nothing but says what it would; it ends when this is dropped.
pub struct Traefik {
    upstream: Upstream,
    state: Shared<State>,
}

impl Traefik {
    /// A proxy of release 3.7 with the entry points `web`, `websecure` and `traefik`, and nothing but
    /// its internal routers.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::serve(None).await
    }

    /// The same over TLS.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not used.
    pub async fn start_tls(identity: &Identity) -> io::Result<Self> {
        Self::serve(Some(identity)).await
    }

    async fn serve(identity: Option<&Identity>) -> io::Result<Self> {
        let state = Shared::new(State::new());
        let routes = routes::router(state.clone());
        let upstream = Upstream::start(routes, identity, Frame::default()).await?;
        Ok(Self { upstream, state })
    }

    /// The proxy of the demo lab.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let proxy = Self::start().await?;
        demo::fill(&mut proxy.state.lock());
        Ok(proxy)
    }

    /// Says it is of this release from now on.
    pub fn set_release(&self, release: Release) {
        self.state.lock().release = release;
    }

    /// Asks for this user and password from now on, as a router with basic authentication would.
    pub fn require_password(&self, user: &str, password: &str) {
        self.state.lock().login = Some((user.to_owned(), password.to_owned()));
    }

    /// Puts a router there. The name has its provider: `app@docker`.
    pub fn add_router(&self, protocol: Protocol, name: &str, router: Value) {
        self.state
            .lock()
            .given(protocol)
            .routers
            .insert(name.to_owned(), router);
    }

    /// Puts a service there.
    pub fn add_service(&self, protocol: Protocol, name: &str, service: Value) {
        self.state
            .lock()
            .given(protocol)
            .services
            .insert(name.to_owned(), service);
    }

    /// Puts a middleware there.
    pub fn add_middleware(&self, protocol: Protocol, name: &str, middleware: Value) {
        self.state
            .lock()
            .given(protocol)
            .middlewares
            .insert(name.to_owned(), middleware);
    }

    /// Puts a certificate there: what `/api/certificates` tells of it.
    pub fn add_certificate(&self, certificate: Value) {
        self.state.lock().certificates.push(certificate);
    }

    /// Whether a server of a service answers its health check; it does unless said otherwise.
    pub fn set_server(&self, url: &str, answers: bool) {
        self.state.lock().down.retain(|down| down != url);
        if !answers {
            self.state.lock().down.push(url.to_owned());
        }
    }

    /// Reads the directory of its file provider from now on.
    pub fn watch(&self, directory: &Path) {
        let mut state = self.state.lock();
        state.files.directory = Some(directory.to_owned());
        state.files.restart();
    }

    /// Sees a change of its files only after so many requests.
    pub fn set_reload_delay(&self, requests: usize) {
        self.state.lock().files.delay = requests;
    }

    /// Forgets the last good files, as a restart does.
    pub fn restart(&self) {
        self.state.lock().files.restart();
    }

    /// What is wrong with its files, as its log would say it.
    pub fn file_error(&self) -> Option<String> {
        self.state.lock().files.error.clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}
