//! Launchers of the real programs that tests talk to: a PostgreSQL server, an OpenSSH server, a Docker engine, Traefik,
//! a Proxmox VE that others wrote, foreign MCP clients, our own binary.
//!
//! A fake agrees with our mistakes; these do not. `scripts/install-peers` installs them. Where one is missing, the
//! test says `SKIPPED: <why>` on stderr and returns; with `HOMELAB_TEST_REQUIRE_PEERS=1`, as in CI, it fails instead.
//!
//! ```no_run
//! use homelab_testkit::{Peer, Postgres, Proc, command};
//! use std::time::Duration;
//!
//! fn python_client_lists_tools() {
//!     let Some(python) = Peer::Python.require() else { return };
//!     let Some(postgres) = Postgres::shared() else { return };
//!     let url = postgres.fresh_database().unwrap();
//!
//!     let server = Proc::spawn(command("homelab-mcp").args(["serve", "--listen", "127.0.0.1:0"])).unwrap();
//!     server.wait_for_line("listening", Duration::from_secs(10)).unwrap();
//!     // …
//! }
//! ```
//!
//! Everything started here ends with its guard; what a killed test run leaves behind is ended by a small watcher
//! process, see [`Proc`]. Nothing in this crate is asynchronous, and it knows no other crate of the workspace.
//!
//! # Adding a peer
//! 1. Install it in `scripts/install-peers`, version pinned, and let `check_programs` there run it once.
//! 2. Add a variant to [`Peer`] with its place and the reason that a skipped test prints.
//! 3. A server of its own gets a module like `postgres`: a guard around a [`Proc`], ready when its constructor returns.

mod engine;
mod error;
mod fakepve;
mod peers;
mod port;
mod postgres;
mod process;
mod skip;
mod sshd;
mod traefik;

pub use engine::{DockerEngine, PodmanEngine};
pub use error::{Error, Result};
pub use fakepve::FakePve;
pub use peers::Peer;
pub use port::{free_port, wait_for_port};
pub use postgres::Postgres;
pub use process::{Mark, Proc, command};
pub use rustix::process::Signal;
pub use skip::{peers_are_required, skip};
pub use sshd::{KeyType, SshAgent, Sshd, SshdSetup};
pub use traefik::Traefik;
