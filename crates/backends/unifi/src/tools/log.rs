//! What happened: events and alarms. Only the old API tells, in two forms.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::explain::is_absent;
use crate::page::{newest_first, page, timestamp};
use crate::site::{Site, SiteName};
use crate::types::{EventRow, LogPage};

/// Entries that are read at most: the newest ones.
const MOST: u32 = 1000;
/// Hours that are looked back unless a call says otherwise.
const USUAL_HOURS: u32 = 24;

/// Which entries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEvents {
    /// Hours to look back; default 24.
    #[schemars(range(min = 1, max = 8760))]
    hours: Option<u32>,
    /// Only those whose text, key or category contains this.
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

/// An entry.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EventItem {
    id: String,
    time: Option<String>,
    /// Such as `CLIENT_DEVICES`; or `wlan` in older releases.
    category: Option<String>,
    /// Such as `DEVICE_DISCONNECTED`.
    key: Option<String>,
    severity: Option<String>,
    message: Option<String>,
    /// Whether somebody has put it away.
    archived: Option<bool>,
    #[serde(skip)]
    at: i64,
}

/// A page of entries.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventPage {
    #[serde(flatten)]
    page: Page<EventItem>,
    /// The API that told it.
    api: Source,
}

/// List what happened in the network, the newest first.
#[tool(
    read,
    open_world,
    permission = "unifi:event:read",
    timeout = 60,
    untrusted("items.message")
)]
pub(crate) async fn list_events(unifi: &Unifi, args: ListEvents) -> ToolResult<EventPage> {
    unifi.entries(&args, What::Events).await
}

/// List what somebody should look at, the newest first.
#[tool(
    read,
    open_world,
    permission = "unifi:alarm:read",
    timeout = 60,
    untrusted("items.message")
)]
pub(crate) async fn list_alarms(unifi: &Unifi, args: ListEvents) -> ToolResult<EventPage> {
    unifi.entries(&args, What::Alarms).await
}

#[derive(Debug, Clone, Copy)]
enum What {
    Events,
    Alarms,
}

impl What {
    /// `v2/…/system-log`, since 9.0.
    fn call(self, site: &Site, from_ms: i64, to_ms: i64) -> Call {
        let template = match self {
            Self::Events => "/v2/api/site/{}/system-log/all",
            Self::Alarms => "/v2/api/site/{}/system-log/critical",
        };
        let body = json!({
            "timestampFrom": from_ms,
            "timestampTo": to_ms,
            "pageNumber": 0,
            "pageSize": MOST,
        });
        Call::post("system_log", template, &[&site.name], body).reading()
    }

    /// `stat/event` and `stat/alarm`, which went in 10.0.
    fn old_call(self, site: &Site, hours: u32) -> Call {
        let template = match self {
            Self::Events => "/api/s/{}/stat/event",
            Self::Alarms => "/api/s/{}/stat/alarm",
        };
        Call::get("events", template, &[&site.name])
            .query("_limit", MOST)
            .query("within", hours)
    }
}

impl Unifi {
    async fn entries(&self, args: &ListEvents, what: What) -> ToolResult<EventPage> {
        let site = self.site(args.site.as_ref()).await?;
        let hours = args.hours.unwrap_or(USUAL_HOURS);
        let to = self.now_s() * 1000;
        let from = to - i64::from(hours) * 3_600_000;
        let rows = match self.api.json::<LogPage>(&what.call(&site, from, to)).await {
            Ok(page) => page.data,
            // Before 9.0.
            Err(error) if is_absent(&error) => self.api.rows(&what.old_call(&site, hours)).await?,
            Err(error) => return Err(error),
        };
        let mut rows: Vec<EventItem> = rows.into_iter().map(item).collect();
        rows.retain(|row| args.search.as_ref().is_none_or(|text| row.has(text)));
        let key = |row: &EventItem| newest_first(row.at, &row.id);
        Ok(EventPage {
            page: page(rows, args.limit, args.cursor.as_deref(), key)?,
            api: Source::Legacy,
        })
    }
}

fn item(row: EventRow) -> EventItem {
    let at = row.timestamp.unwrap_or(0);
    EventItem {
        id: row.id.unwrap_or_default(),
        time: timestamp(Some(at / 1000)),
        category: row.category,
        key: row.key,
        severity: row.severity,
        message: row.message,
        archived: row.archived,
        at,
    }
}

impl EventItem {
    fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [&self.message, &self.key, &self.category]
            .into_iter()
            .flatten()
            .any(|part| part.to_lowercase().contains(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_in_both_its_forms() {
        let new: EventRow = serde_json::from_value(json!({
            "id": "e1", "timestamp": 1_795_140_000_000_i64, "category": "POWER", "key": "K",
            "severity": "HIGH", "message_raw": "it went off",
        }))
        .unwrap();
        let old: EventRow = serde_json::from_value(json!({
            "_id": "e2", "time": 1_795_140_000_000_i64, "subsystem": "wlan", "key": "EVT_K",
            "msg": "it went off", "archived": false,
        }))
        .unwrap();

        let (new, old) = (item(new), item(old));

        assert_eq!(new.time.as_deref(), Some("2026-11-20T02:00:00Z"));
        assert_eq!((&new.time, &new.message), (&old.time, &old.message));
        assert_eq!(
            (old.category.as_deref(), old.archived),
            (Some("wlan"), Some(false))
        );
    }
}
