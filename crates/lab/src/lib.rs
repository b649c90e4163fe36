//! Upstreams that live in this process: what the backends' clients talk to in tests, and in
//! `serve --demo`.
//!
//! They speak the real protocols over loopback sockets and keep state, so that a write can be read
//! back; they answer only what their contract table states, and note everything else as
//! unexpected. [`Fault`] makes them fail on purpose, and each keeps a log of what it was asked.
//!
//! # Adding an upstream
//! 1. One module named after the backend: its state, its contract (a table of routes with the
//!    parameters each takes), its answers in the product's dialect, its faults beyond the common
//!    ones, and `demo()`. It serves an [`axum::Router`] under [`Upstream::serve`], which brings log
//!    and faults. Write the contract from the vendor's documentation; vendors' schemas are not copied
//!    here.
//! 2. A field in [`Systems`], started in `Systems::start`, and the settings that lead to it in
//!    [`Systems::settings`].
//! 3. Demo data in [`demo`] that points at it.

use std::collections::BTreeMap;
use std::io;

pub mod anthropic;
mod calendar;
pub mod ccpm_legacy;
pub mod cloudflare;
mod contract;
pub mod demo;
pub mod docker;
mod fault;
mod hash;
mod instrument;
mod listen;
mod log;
mod model;
pub mod netbox;
pub mod oidc;
pub mod ollama;
pub mod openai;
pub mod pbs;
pub mod pihole;
pub mod portainer;
pub mod proxmox;
mod retention;
mod rights;
mod services;
mod shared;
mod systems;
pub mod tailscale;
mod tls;
pub mod traefik;
pub mod unifi;
mod upstream;
mod worker;

pub use fault::{Fault, Faults};
pub use instrument::{Action, Instrument, Profile};
pub use log::{Recorded, RequestLog};
pub use model::{Saying, Vectors};
pub use services::{Behaviour, Services};
pub use systems::Systems;
pub use tls::Identity;
pub use upstream::Upstream;

use upstream::ClosedPort;

/// All upstreams of the demo lab, each on a loopback port of its own; they end when this is dropped.
pub struct Lab {
    /// The web services of the demo inventory.
    pub services: Services,
    /// The instruments of the demo inventory that speak SCPI over a raw socket, by name.
    pub instruments: BTreeMap<String, Instrument>,
    /// The systems that have an API of their own.
    pub systems: Systems,
    closed: ClosedPort,
}

impl Lab {
    /// Starts everything.
    ///
    /// # Errors
    /// When a loopback port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        let mut instruments = BTreeMap::new();
        for profile in demo::profiles() {
            instruments.insert(profile.name.clone(), Instrument::start(profile).await?);
        }
        Ok(Self {
            services: Services::start(demo::endpoints()).await?,
            instruments,
            systems: Systems::start().await?,
            closed: ClosedPort::reserve()?,
        })
    }

    /// A loopback port that refuses connections for as long as this lives.
    pub fn closed_port(&self) -> u16 {
        self.closed.port()
    }
}
