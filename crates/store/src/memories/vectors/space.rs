//! Where vectors are compared: in this process, or by PostgreSQL's extension `vector`.

use homelab_core::memory::{Hit, MemoryQuery, Vector};
use homelab_core::store::StoreResult;
use serde_json::Value;

use crate::db::{Arg, Batch, Conn, Db};
use crate::shared::Shared;

const PUT: &str = concat!(
    crate::table::insert!(
        "memory_vectors", int "number", text "model", int "dimensions", text "vector", int "change"
    ),
    " ON CONFLICT (number, model) DO UPDATE SET dimensions = excluded.dimensions, \
     vector = excluded.vector, change = excluded.change"
);

/// Where they are compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Space;

impl Space {
    /// Looks what the database offers.
    pub(crate) async fn prepare(_: &Db) -> StoreResult<Self> {
        Ok(Self)
    }

    /// Stores rows of [`super::coded`].
    pub(in crate::memories) async fn put(
        &self,
        conn: &mut Conn<'_>,
        rows: &[Value],
    ) -> StoreResult<()> {
        conn.run(PUT, &[Arg::Rows(&Batch::of(rows)?)])
            .await
            .map(drop)
    }

    /// Gives those that were copied what the extension compares.
    pub(in crate::memories) async fn complete(&self, _: &mut Conn<'_>) -> StoreResult<()> {
        Ok(())
    }

    /// The nearest, where the database finds them.
    pub(super) async fn nearest(
        &self,
        _: &Shared,
        _: &MemoryQuery,
        _: &Vector,
        _: u32,
    ) -> StoreResult<Option<Vec<Hit>>> {
        Ok(None)
    }
}
