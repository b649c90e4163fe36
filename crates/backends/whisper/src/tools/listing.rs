//! What a directory holds.

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};
use homelab_core::tool::tool;
use homelab_ssh::Listed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Whisper;

/// Which directory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDirectory {
    /// Absolute path on the host.
    #[schemars(length(min = 1, max = 4096))]
    path: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Most entries to return.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(min = 1, max = 1024))]
    cursor: Option<String>,
}

/// Entries of a directory.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DirectoryPage {
    /// Where it is.
    host: String,
    #[serde(flatten)]
    page: Page<Listed>,
    /// The directory has more entries than are looked at; the rest is missing.
    truncated: bool,
}

/// List a directory of a remote host, below the folders that its settings allow: names, kinds, sizes, modes, times.
#[tool(
    read,
    open_world,
    permission = "whisper:file:read",
    title = "List a remote directory",
    timeout = 60,
    untrusted("items.*.name", "items.*.path")
)]
pub(crate) async fn whisper_list_directory(
    whisper: &Whisper,
    args: ListDirectory,
) -> ToolResult<DirectoryPage> {
    let host = whisper.host(args.host.as_deref())?;
    let request = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let files = host.files();
    // One more than asked for tells whether there is another page.
    let most = request.limit as usize + 1;
    let listing = files
        .list(&args.path, request.after.as_deref(), most)
        .await?;
    let total = listing.total as u64;
    Ok(DirectoryPage {
        host: host.name().to_owned(),
        page: Page::from_rows(listing.entries, &request, total, |entry| entry.name.clone()),
        truncated: listing.truncated,
    })
}
