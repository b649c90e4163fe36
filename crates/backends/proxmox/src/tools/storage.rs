//! Storages and what is on them.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placing::Places;
use crate::client::Proxmox;
use crate::ids::{NodeName, StorageId, Vmid};
use crate::page::{newest_first, page};
use crate::types::{Resource, Volume};
use crate::units::{percent, timestamp};

/// Which storages.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListStorage {
    /// Only on this node.
    node: Option<NodeName>,
    /// Only those that take this kind of volume.
    content: Option<Content>,
    /// Only the storage of this id.
    storage: Option<StorageId>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// Kinds of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// Disks of virtual machines.
    Images,
    /// File systems of containers.
    Rootdir,
    /// Backups.
    Backup,
    /// CD images.
    Iso,
    /// Container templates.
    Vztmpl,
    /// Snippets.
    Snippets,
    /// Disk images to import.
    Import,
}

impl Content {
    fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Rootdir => "rootdir",
            Self::Backup => "backup",
            Self::Iso => "iso",
            Self::Vztmpl => "vztmpl",
            Self::Snippets => "snippets",
            Self::Import => "import",
        }
    }
}

/// A storage: a shared one once, others once for each node.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StorageRow {
    storage: String,
    /// Nodes that have it.
    nodes: Vec<String>,
    /// Such as `dir`, `lvmthin`, `zfspool`, `nfs`, `pbs`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `available` or `unknown`.
    status: Option<String>,
    content: Vec<String>,
    shared: bool,
    total_bytes: Option<u64>,
    used_bytes: Option<u64>,
    used_percent: Option<f64>,
}

/// List storages with type, what they take, and how full they are; a shared storage is one row.
#[tool(
    read,
    open_world,
    permission = "proxmox:storage:read",
    title = "List storages",
    timeout = 70
)]
pub(crate) async fn list_storage(
    proxmox: &Proxmox,
    args: ListStorage,
) -> ToolResult<Page<StorageRow>> {
    let rows = proxmox.resources(Some("storage")).await?;
    let rows = merged(rows.into_iter().filter(|row| row.kind == "storage"));
    let rows: Vec<StorageRow> = rows.into_iter().filter(|row| args.matches(row)).collect();
    let key = |row: &StorageRow| {
        format!(
            "{} {}",
            row.storage,
            row.nodes.first().map_or("", String::as_str)
        )
    };
    page(rows, args.limit, args.cursor.as_deref(), key)
}

impl ListStorage {
    fn matches(&self, row: &StorageRow) -> bool {
        let node = self
            .node
            .as_ref()
            .is_none_or(|node| row.nodes.iter().any(|has| has == node.as_str()));
        let content = self
            .content
            .is_none_or(|content| row.content.iter().any(|has| has == content.as_str()));
        let id = self
            .storage
            .as_ref()
            .is_none_or(|id| id.as_str() == row.storage);
        node && content && id
    }
}

fn merged(rows: impl Iterator<Item = Resource>) -> Vec<StorageRow> {
    let mut merged: Vec<StorageRow> = Vec::new();
    for row in rows {
        let Some(storage) = row.storage else {
            continue;
        };
        let node = row.node.unwrap_or_default();
        let same = merged
            .iter_mut()
            .find(|other| row.shared && other.shared && other.storage == storage);
        if let Some(other) = same {
            other.nodes.push(node);
            other.nodes.sort();
            continue;
        }
        merged.push(StorageRow {
            storage,
            nodes: vec![node],
            kind: row.plugintype,
            status: row.status,
            content: kinds(row.content.as_deref()),
            shared: row.shared,
            used_percent: percent(row.disk, row.maxdisk),
            total_bytes: row.maxdisk,
            used_bytes: row.disk,
        });
    }
    merged
}

fn kinds(content: Option<&str>) -> Vec<String> {
    let mut kinds: Vec<String> = content
        .unwrap_or_default()
        .split(',')
        .map(|kind| kind.trim().to_owned())
        .filter(|kind| !kind.is_empty())
        .collect();
    kinds.sort();
    kinds
}

/// What to look at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListStorageContent {
    /// The storage.
    storage: StorageId,
    /// The node whose storage it is, where each has one of its own; without, any node that has it.
    node: Option<NodeName>,
    /// Only this kind.
    content: Option<Content>,
    /// Only volumes of this guest.
    vmid: Option<Vmid>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A volume.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VolumeRow {
    volid: String,
    content: Option<String>,
    format: Option<String>,
    size_bytes: Option<u64>,
    created: Option<String>,
    vmid: Option<u64>,
    notes: Option<String>,
    /// Absent for what is not.
    protected: Option<bool>,
}

/// Volumes of a storage.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VolumeList {
    /// The node that was asked.
    node: NodeName,
    #[serde(flatten)]
    page: Page<VolumeRow>,
}

/// List volumes of one storage (disks, CD images, templates, backups), newest first.
#[tool(
    read,
    open_world,
    permission = "proxmox:storage:read",
    title = "List a storage's content",
    timeout = 90,
    untrusted("items.*.notes")
)]
pub(crate) async fn list_storage_content(
    proxmox: &Proxmox,
    args: ListStorageContent,
) -> ToolResult<VolumeList> {
    let node = match &args.node {
        Some(node) => node.clone(),
        None => node_of(proxmox, &args.storage).await?,
    };
    let content = args.content.map(Content::as_str);
    let volumes = proxmox
        .volumes(&node, &args.storage, content, args.vmid)
        .await?;
    let key = |volume: &Volume| newest_first(volume.ctime, &volume.volid);
    let page = page(volumes, args.limit, args.cursor.as_deref(), key)?;
    Ok(VolumeList {
        node,
        page: page.map(|volume| VolumeRow {
            created: timestamp(volume.ctime),
            volid: volume.volid,
            content: volume.content,
            format: volume.format,
            size_bytes: volume.size,
            vmid: volume.vmid,
            notes: volume.notes,
            protected: volume.protected.then_some(true),
        }),
    })
}

/// A node that has the storage.
pub(super) async fn node_of(proxmox: &Proxmox, storage: &StorageId) -> ToolResult<NodeName> {
    let nodes = Places::read(proxmox).await?.nodes_of(storage);
    nodes.into_iter().next().ok_or_else(|| {
        ToolError::not_found(format!("no node that is up has a storage `{storage}`"))
            .reason("storage_not_found")
            .field("storage")
            .hint("call `list_storage` to see what our credentials can read (Datastore.Audit)")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shared_storage_is_one_row_and_a_local_one_many() {
        let rows: Vec<Resource> = serde_json::from_value(json!([
            { "type": "storage", "storage": "nas", "node": "b", "shared": 1, "content": "backup,images" },
            { "type": "storage", "storage": "nas", "node": "a", "shared": 1, "content": "backup,images" },
            { "type": "storage", "storage": "local", "node": "a", "content": "iso" },
            { "type": "storage", "storage": "local", "node": "b", "content": "iso" }
        ]))
        .unwrap();

        let rows: Vec<String> = merged(rows.into_iter())
            .iter()
            .map(|row| format!("{} {:?} {:?}", row.storage, row.nodes, row.content))
            .collect();

        assert_eq!(
            rows,
            [
                r#"nas ["a", "b"] ["backup", "images"]"#,
                r#"local ["a"] ["iso"]"#,
                r#"local ["b"] ["iso"]"#
            ]
        );
    }
}
