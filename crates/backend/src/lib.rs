//! What all backends share: the [`Backend`] trait, its [`Env`], the adaptor to
//! [`homelab_core::server::Server`], and [`shape::faults`], which every backend's tests call.
//!
//! # Adding a backend
//! 1. Copy the file set of an existing one: `lib.rs` (configuration, `connect`, `health`, the list
//!    of tools), `client.rs` (one method per upstream endpoint), `types.rs`, `tools/`, `tests/it/`.
//! 2. Implement [`Backend`]; every field of its configuration has a doc comment, because the
//!    configuration reference is made from them.
//! 3. Export `pub fn kind() -> Kind { Kind::of::<Mine>() }` and add that to the program's list.
//! 4. Test that `shape::faults(&kind())` is empty, and every tool with one success and one failure.

use std::future::Future;

use homelab_core::error::ToolResult;
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

mod adaptor;
pub mod address;
pub mod api;
mod archives;
pub mod engine;
mod env;
pub mod ids;
mod kind;
mod learnt;
pub mod names;
pub mod page;
pub mod settings;
pub mod shape;

pub use archives::NewArchive;
pub use env::{Env, Shared};
pub use kind::Kind;
pub use learnt::Learnt;

/// One kind of server: how it is configured, connected and watched, and which tools it has.
pub trait Backend: Sized + Send + Sync + 'static {
    /// The kind, such as `proxmox`: one word of `[a-z0-9]`.
    const KIND: &'static str;
    /// A title for people, such as `Proxmox VE`.
    const TITLE: &'static str;
    /// Its section of the configuration. Unknown keys are refused by name, so it needs
    /// `#[serde(deny_unknown_fields, default)]` and a doc comment on every field.
    type Config: DeserializeOwned + JsonSchema + Default + Send;
    /// Variable names that users of comparable servers have already: the variable, and the dotted
    /// key within this section that it sets.
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[];
    /// Most calls of one instance at a time.
    const CONCURRENCY: usize = 16;
    /// Bare names of its tools that show what [`Backend::facts`] tells, all of them reads: a caller who
    /// may not call every one of them is not shown the facts. Empty: it tells nothing.
    const FACTS: &'static [&'static str] = &[];

    /// Refuses settings that are well-formed but make no sense together; no I/O.
    /// The error's field is the dotted key within the section.
    fn check(_config: &Self::Config) -> ToolResult<()> {
        Ok(())
    }

    /// Makes an instance; no network I/O, so that an upstream that is down never delays the start.
    fn connect(instance: &str, config: Self::Config, env: &Env) -> ToolResult<Self>;

    /// Whether the upstream answers; the caller gives it 5 s.
    fn health(&self) -> impl Future<Output = Health> + Send;

    /// What it knows of the lab's things, for the picture across systems; see
    /// [`homelab_core::facts`]. Asked only where [`Backend::FACTS`] is not empty.
    ///
    /// # Errors
    /// As a tool of it that lists: where nothing can be told. What can be told in part is told, with
    /// the gaps named.
    fn facts(&self, _query: &FactsQuery) -> impl Future<Output = ToolResult<Facts>> + Send {
        async { Ok(Facts::default()) }
    }

    /// Whether the upstream's version lacks what a tool needs as a whole, so that it is not listed; see
    /// [`Server::lacks`](homelab_core::server::Server::lacks). Told from what is known already, such as
    /// [`Learnt::known`]: no I/O, and `false` while nothing is known.
    fn lacks(&self, _tool: &str) -> bool {
        false
    }

    /// Ends what the upstream keeps for us, such as a session of which it has few. Called once, when
    /// the program ends; the caller gives it 5 s. Whatever is dropped before that is gone already.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Its tools, in the order in which they are listed: `tools![…]`.
    fn tools() -> Vec<ToolDef<Self>>;
}
