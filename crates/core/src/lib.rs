//! The domain of homelab-mcp: types, traits and pure decisions. No network, no SQL, no HTTP, no
//! MCP SDK, so that everything in here is tested without any of them.
//!
//! Read in this order: [`tool`] (what a tool is), [`server`] (kinds, instances, registry),
//! [`call`] (one call on its way), [`policy`] (who may), [`approval`] (what waits for a person),
//! [`audit`] (what is kept), [`facts`] (what the lab's systems tell), [`ccpm`] (what agents share),
//! [`memory`] (what agents learned),
//! [`store`] (what storage must offer).

use std::future::Future;
use std::pin::Pin;

pub mod approval;
pub mod audit;
pub mod call;
pub mod ccpm;
pub mod clock;
pub mod error;
pub mod facts;
pub mod id;
pub mod inventory;
pub mod json;
pub mod keyring;
pub mod memory;
pub mod net;
pub mod observe;
pub mod page;
pub mod policy;
pub mod redact;
pub mod render;
pub mod schema;
pub mod secret;
pub mod server;
pub mod store;
pub mod tool;

/// A future behind a pointer, where a trait has to be object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
