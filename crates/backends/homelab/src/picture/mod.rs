//! One picture of the lab from the inventory and from what the servers tell.
//!
//! `nodes` takes everything apart into things as single sources see them; `identity` finds which of them
//! are one and the same; `graph` hangs them together; `conflicts` finds where sources disagree. All of it
//! is pure: who asks hands over what was told.

mod conflicts;
mod graph;
mod identity;
mod index;
mod names;
mod nodes;

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::facts::Gather;

pub(crate) use conflicts::{Conflict, conflicts};
pub(crate) use graph::{Graph, Thing};
pub(crate) use names::Subject;
pub(crate) use nodes::{Basis, Node};

use crate::client::{Homelab, stored};
use crate::sync::SourceRow;

/// The picture, and whom it comes from.
pub(crate) struct Picture {
    pub(crate) graph: Graph,
    pub(crate) sources: Vec<SourceRow>,
}

impl Homelab {
    /// Asks everything that the caller may read, and puts it together.
    pub(crate) async fn picture(
        &self,
        context: &CallContext,
        limit: Duration,
        max_age: Duration,
    ) -> ToolResult<Picture> {
        let wanted = Gather {
            addresses: true,
            instances: None,
            limit,
            max_age,
        };
        let known = async { self.env.stores.sightings.known().await.map_err(stored) };
        let told = async { Ok(self.facts.gather(context, &wanted).await) };
        let (known, told) = tokio::try_join!(known, told)?;
        Ok(Picture {
            sources: told.iter().map(SourceRow::from).collect(),
            graph: Graph::new(nodes::nodes(&known, &told)),
        })
    }
}
