//! What Pi-hole itself finds wrong.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pihole;
use crate::each::{OnHosts, on_each};
use crate::times::time_of;
use crate::types::Messages;

/// Most messages that are shown.
const MOST: usize = 50;

/// Where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetMessages {
    /// Only this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Messages of one Pi-hole, the newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct MessageList {
    items: Vec<Message>,
    /// How many there are in all.
    total: usize,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Message {
    id: i64,
    /// RFC 3339.
    time: Option<String>,
    /// Such as `RATE_LIMIT`, `DNSMASQ_WARN`, `DISK`, `LIST`.
    #[serde(rename = "type")]
    of_type: String,
    text: String,
}

/// Get the messages of Pi-hole's own diagnosis: rate limits, full disks, lists that cannot be fetched.
#[tool(
    read,
    open_world,
    permission = "pihole:summary:read",
    title = "Get diagnosis messages",
    timeout = 90,
    untrusted("hosts.result.items.text")
)]
pub(crate) async fn get_diagnosis_messages(
    pihole: &Pihole,
    args: GetMessages,
) -> ToolResult<OnHosts<MessageList>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, |host| async move {
        let call = Call::get("messages", "/api/info/messages", &[]);
        let mut found = host.json::<Messages>(&call).await?.messages;
        found.sort_by(|a, b| b.timestamp.total_cmp(&a.timestamp));
        let total = found.len();
        let items = found.into_iter().take(MOST).map(|row| Message {
            id: row.id,
            time: time_of(row.timestamp),
            of_type: row.of_type,
            text: row.plain,
        });
        Ok(MessageList {
            items: items.collect(),
            total,
        })
    })
    .await
}
