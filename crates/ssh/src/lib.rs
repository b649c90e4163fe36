//! The SSH and SFTP client that backends share: commands, byte streams and files on the hosts of
//! `[ssh.hosts]`.
//!
//! A backend takes [`Hosts`] from its environment, a [`Host`] from them, and asks that:
//!
//! ```no_run
//! use homelab_core::error::ToolResult;
//! use homelab_ssh::{Exec, Hosts, quote};
//! use tokio_util::sync::CancellationToken;
//!
//! async fn uptime(hosts: &Hosts, cancel: &CancellationToken) -> ToolResult<String> {
//!     let output = hosts.host(Some("nas"))?.exec(Exec::new("uptime"), cancel).await?;
//!     Ok(output.stdout.text())
//! }
//!
//! async fn service(hosts: &Hosts, unit: &str, cancel: &CancellationToken) -> ToolResult<bool> {
//!     let command = format!("systemctl is-active --quiet -- {}", quote(unit));
//!     let output = hosts.host(None)?.exec(Exec::new(command), cancel).await?;
//!     Ok(output.ok())
//! }
//! ```
//!
//! What holds for every use:
//!
//! - a host's key is checked against the file with known hosts or a pinned fingerprint, always; see
//!   [`HostKeyPolicy`];
//! - one connection for each host, made when it is needed, kept alive, made anew when it is lost;
//!   at most `max_sessions` commands and transfers at a time, more wait;
//! - nothing that may have started is repeated;
//! - a command that takes too long, or whose caller goes away, is killed with all it started;
//! - files are read and written below roots only, and written in one step.

mod auth;
mod config;
mod connection;
mod cut;
mod error;
mod exec;
mod files;
mod handshake;
mod hosts;
mod known_hosts;
mod quote;
mod stream;
mod text;
mod trust;

pub use config::{HostConfig, HostKeyPolicy, SshConfig};
pub use cut::HeadTail;
pub use exec::{Captured, Ended, Exec, LONGEST, Output, STDERR_CAP, STDOUT_CAP};
pub use files::{
    FileContent, FileInfo, FileKind, Files, Listed, Listing, Previous, READ_CAP, Removed, Roots,
    WRITE_CAP, WriteOptions, Written,
};
pub use hosts::{Host, Hosts, Parts, Probe};
pub use quote::quote;
pub use stream::HostStream;
pub use text::plain_text;
pub use trust::{ShownKey, Trusted};
