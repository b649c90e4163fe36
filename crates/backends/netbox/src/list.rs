//! Pages of NetBox's lists, complete whatever its own largest page is.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::{Page, PageRequest};
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::client::NetBox;
use crate::types::Rows;

/// Rows that are asked for at once where all are wanted.
const BATCH: u64 = 200;

impl NetBox {
    /// The page that `limit` and `cursor` ask for.
    ///
    /// NetBox's own `next` is not followed: behind a proxy it may lead elsewhere.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        call: &Call,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> ToolResult<Page<T>> {
        let request = PageRequest::from_args(limit, cursor)?;
        let offset = start(&request)?;
        // One more, to know whether there is more.
        let wanted = u64::from(request.limit) + 1;
        let (rows, total) = self.rows(call, offset, wanted).await?;
        let next = offset + u64::from(request.limit);
        Ok(Page::from_rows(rows, &request, total, |_| next.to_string()))
    }

    /// All rows, at most `most` of them, and how many there are.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        call: &Call,
        most: u64,
    ) -> ToolResult<(Vec<T>, u64)> {
        self.rows(call, 0, most).await
    }

    /// How many rows there are.
    pub(crate) async fn count(&self, call: &Call) -> ToolResult<u64> {
        let call = call.clone().with("limit", 1).with("fields", "id");
        let rows: Rows<serde_json::Value> = self.api.read(&call).await?;
        Ok(rows.count)
    }

    /// Rows from `offset` on, until there are `wanted` or no more; NetBox may give fewer at once than
    /// it is asked for (`MAX_PAGE_SIZE`).
    async fn rows<T: DeserializeOwned>(
        &self,
        call: &Call,
        offset: u64,
        wanted: u64,
    ) -> ToolResult<(Vec<T>, u64)> {
        let mut rows: Vec<T> = Vec::new();
        loop {
            let have = rows.len() as u64;
            let part = call
                .clone()
                .with("limit", (wanted - have).min(BATCH + 1))
                .with("offset", offset + have);
            let batch: Rows<T> = self.api.read(&part).await?;
            let (total, empty) = (batch.count, batch.results.is_empty());
            rows.extend(batch.results);
            let have = rows.len() as u64;
            if empty || have >= wanted || offset + have >= total {
                return Ok((rows, total));
            }
        }
    }
}

fn start(request: &PageRequest) -> ToolResult<u64> {
    let Some(after) = &request.after else {
        return Ok(0);
    };
    after.parse().map_err(|_| {
        ToolError::invalid("cursor", "this cursor is not one of this list")
            .hint("pass `next_cursor` of the page before unchanged, or leave `cursor` out")
    })
}
