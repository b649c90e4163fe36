//! What agents learned, as a service: scopes, hybrid search, embeddings and summaries. No MCP, no SQL
//! and no network: the store is behind [`homelab_core::store::Memories`], remote models are behind
//! [`homelab_core::memory::Embedder`] and [`homelab_core::memory::LanguageModel`].

pub mod embed;
