//! DNS records, as they are.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Source;
use crate::client::Unifi;
use crate::dns::{RecordItem, RecordType};
use crate::page::page;
use crate::site::SiteName;

/// Which records.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDnsRecords {
    /// Only of this type.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// Only those whose name or value contains this.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// A page of records.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordPage {
    #[serde(flatten)]
    page: Page<RecordItem>,
    /// The API that told it.
    api: Source,
}

/// A record after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordChanged {
    /// As read afterwards; as it was, if it was deleted.
    pub(super) record: RecordItem,
    /// False where it was so before.
    pub(super) changed: bool,
    /// The API that did it.
    pub(super) api: Source,
}

/// List the names that the console's own DNS answers, and the domains that it asks elsewhere.
#[tool(
    read,
    open_world,
    permission = "unifi:dns:read",
    title = "List DNS records",
    timeout = 60
)]
pub(crate) async fn list_dns_records(
    unifi: &Unifi,
    args: ListDnsRecords,
) -> ToolResult<RecordPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.dns_records(&site).await?;
    let mut rows = told.rows;
    rows.retain(|row| {
        args.kind.is_none_or(|kind| row.kind == kind.name())
            && args.search.as_ref().is_none_or(|text| row.has(text))
    });
    Ok(RecordPage {
        page: page(rows, args.limit, args.cursor.as_deref(), RecordItem::key)?,
        api: told.api,
    })
}

/// Arguments of an inverse, at the site of the call.
pub(super) fn at(site: Option<&SiteName>, mut arguments: Value) -> Value {
    if let Some(site) = site {
        arguments["site"] = json!(site);
    }
    arguments
}
