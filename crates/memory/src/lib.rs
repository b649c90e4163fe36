//! What agents learned, as a service: scopes, hybrid search, embeddings and summaries. No MCP, no SQL
//! and no network: the store is behind [`homelab_core::store::Memories`], remote models are behind
//! [`homelab_core::memory::Embedder`] and [`homelab_core::memory::LanguageModel`].
//!
//! [`MemoryService`] is the whole of it. Whoever asks is a [`Caller`]: its owner comes from
//! authentication through [`Owners`], never from an argument. Everything works without a language
//! model, and without an embedder; answers say in `degraded` what was not to be had.

mod add;
mod answers;
mod current;
pub mod embed;
mod embedding;
mod errors;
mod extract;
pub mod filters;
mod manage;
pub mod moving;
mod owners;
mod prepare;
mod search;
pub mod secrets;
mod service;
mod similar;
mod summary;
pub mod text;
mod work;

pub use add::{AddAnswer, EmbeddingState, Message, NewEntry, OnSimilar, Outcome, Written};
pub use answers::{Degraded, Told};
pub use current::Current;
pub use manage::{Deleted, Edit, History, ListRequest, Restored, Updated};
pub use owners::{Caller, LOCAL, Owners};
pub use search::{Explained, Found, Mode, SearchAnswer, SearchRequest};
pub use secrets::OnSecret;
pub use service::{MemoryService, Parts, Settings, Weights};
pub use similar::Similar;
pub use summary::{SummaryAnswer, SummaryKind, SummaryLine, SummaryRequest};
pub use work::Worked;
