//! Choosing where new things go: node, storage, VMID. Nobody has to know the node.

use homelab_core::error::{Code, ToolError, ToolResult};

use crate::client::Proxmox;
use crate::ids::{NodeName, StorageId, Upid, Vmid};
use crate::types::Resource;
use crate::{call::Call, guest};

/// How often the next VMID is tried when another caller was faster.
const TRIES: u32 = 5;

/// The cluster's nodes and storages, as far as our credentials see them.
pub(super) struct Places {
    nodes: Vec<Resource>,
    storages: Vec<Resource>,
}

impl Places {
    pub(super) async fn read(proxmox: &Proxmox) -> ToolResult<Self> {
        let rows = proxmox.resources(None).await?;
        let of = |kind: &str| -> Vec<Resource> {
            rows.iter()
                .filter(|row| row.kind == kind)
                .cloned()
                .collect()
        };
        Ok(Self {
            nodes: of("node"),
            storages: of("storage"),
        })
    }

    /// Whether a node is up; unknown ones are taken to be, and Proxmox says otherwise.
    fn is_online(&self, node: &str) -> bool {
        let mut nodes = self.nodes.iter();
        nodes
            .find(|row| row.node.as_deref() == Some(node))
            .is_none_or(|row| row.status.as_deref() != Some("offline"))
    }

    /// Storages that can be used, with what they take.
    fn usable(&self) -> impl Iterator<Item = (&Resource, &str, &str)> {
        self.storages.iter().filter_map(|row| {
            let (node, storage) = (row.node.as_deref()?, row.storage.as_deref()?);
            let available = row
                .status
                .as_deref()
                .is_none_or(|status| status == "available");
            (available && self.is_online(node)).then_some((row, node, storage))
        })
    }

    /// Whether the node has the storage, and it works.
    fn has(&self, node: &str, storage: &StorageId) -> bool {
        self.usable()
            .any(|(_, at, name)| at == node && name == storage.as_str())
    }

    /// The node that has all these storages and most free memory; `wanted` if it is given.
    pub(super) fn node(
        &self,
        wanted: Option<&NodeName>,
        storages: &[&StorageId],
    ) -> ToolResult<NodeName> {
        if let Some(node) = wanted {
            return Ok(node.clone());
        }
        let free = |row: &Resource| row.maxmem.unwrap_or(0).saturating_sub(row.mem.unwrap_or(0));
        let best = self
            .nodes
            .iter()
            .filter(|row| row.status.as_deref() != Some("offline"))
            .filter_map(|row| Some((row, row.node.as_deref()?)))
            .filter(|(_, node)| storages.iter().all(|storage| self.has(node, storage)))
            .max_by_key(|(row, _)| free(row))
            .and_then(|(_, node)| node.parse().ok());
        // A token without Sys.Audit may see storages, but no nodes.
        let beside = || {
            let first = storages.first()?;
            self.usable()
                .filter(|(_, _, name)| *name == first.as_str())
                .map(|(_, node, _)| node)
                .find(|node| storages.iter().all(|storage| self.has(node, storage)))
                .and_then(|node| node.parse().ok())
        };
        best.or_else(beside).ok_or_else(|| {
            let names: Vec<String> = storages.iter().map(|id| format!("`{id}`")).collect();
            let message = match names.as_slice() {
                [] => "no node that is up can be seen".to_owned(),
                names => format!("no node that is up has {}", names.join(" and ")),
            };
            ToolError::new(Code::Conflict, message)
                .reason("no_node")
                .hint("see `list_nodes` and `list_storage`, or name a `node`; a token sees only what it has Sys.Audit or Datastore.Audit on")
        })
    }

    /// A storage of the node that takes `content`: the one given, the configured one, else the one
    /// with most free space.
    pub(super) fn storage(
        &self,
        given: Option<&StorageId>,
        configured: Option<&StorageId>,
        node: Option<&NodeName>,
        content: &str,
    ) -> ToolResult<StorageId> {
        if let Some(storage) = given.or(configured) {
            return Ok(storage.clone());
        }
        let free = |row: &Resource| {
            row.maxdisk
                .unwrap_or(0)
                .saturating_sub(row.disk.unwrap_or(0))
        };
        self.usable()
            .filter(|(row, at, _)| {
                takes(row, content) && node.is_none_or(|node| node.as_str() == *at)
            })
            .max_by_key(|(row, ..)| free(row))
            .and_then(|(_, _, name)| name.parse().ok())
            .ok_or_else(|| self.no_storage(content))
    }

    /// The only storage of the node that takes `content`, unless one is given or configured.
    pub(super) fn only_storage(
        &self,
        given: Option<&StorageId>,
        configured: Option<&StorageId>,
        node: &NodeName,
        content: &str,
    ) -> ToolResult<StorageId> {
        if let Some(storage) = given.or(configured) {
            return Ok(storage.clone());
        }
        let names: Vec<&str> = self
            .usable()
            .filter(|(row, at, _)| takes(row, content) && *at == node.as_str())
            .map(|(_, _, name)| name)
            .collect();
        match names.as_slice() {
            [] => Err(self.no_storage(content)),
            [only] => only.parse().map_err(|_| self.no_storage(content)),
            several => {
                let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
                Err(ToolError::invalid(
                    "storage",
                    format!("several storages take this: {}", names.join(", ")),
                )
                .hint("name one of them"))
            }
        }
    }

    fn no_storage(&self, content: &str) -> ToolError {
        let hint = if self.storages.is_empty() {
            "our credentials see no storage at all: give the token Datastore.Audit on `/storage`"
        } else {
            "see `content` in `list_storage`; name a `storage`, or let one take this kind in Proxmox"
        };
        ToolError::new(
            Code::Conflict,
            format!("no storage that is up takes `{content}`"),
        )
        .reason("no_storage")
        .field("storage")
        .hint(hint)
    }

    /// Nodes on which a storage is up.
    pub(super) fn nodes_of(&self, storage: &StorageId) -> Vec<NodeName> {
        self.usable()
            .filter(|(_, _, name)| *name == storage.as_str())
            .filter_map(|(_, node, _)| node.parse().ok())
            .collect()
    }

    /// Storages that take `content`, each with one node to ask: those that are shared only once.
    pub(super) fn storages_for(&self, content: &str) -> Vec<(NodeName, StorageId, bool)> {
        let mut found: Vec<(NodeName, StorageId, bool)> = Vec::new();
        for (row, node, name) in self.usable().filter(|(row, ..)| takes(row, content)) {
            let seen = row.shared && found.iter().any(|(_, id, _)| id.as_str() == name);
            if let (false, Ok(node), Ok(id)) = (seen, node.parse(), name.parse()) {
                found.push((node, id, row.shared));
            }
        }
        found
    }
}

fn takes(row: &Resource, content: &str) -> bool {
    row.content
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .any(|kind| kind.trim() == content)
}

/// Runs `build` with a free VMID: the one given, else the lowest free one, and the next ones if
/// another caller takes it meanwhile (asking reserves nothing).
pub(super) async fn with_vmid(
    proxmox: &Proxmox,
    given: Option<Vmid>,
    field: &str,
    build: impl Fn(Vmid) -> Call,
) -> ToolResult<(Vmid, Option<Upid>)> {
    if let Some(vmid) = given {
        free(proxmox, vmid, field).await?;
        return Ok((vmid, proxmox.api.task(&build(vmid)).await?));
    }
    let mut vmid = proxmox.next_vmid().await?;
    for _ in 1..TRIES {
        match proxmox.api.task(&build(vmid)).await {
            Err(error) if error.envelope().reason.as_deref() == Some("vmid_in_use") => {
                let next = proxmox.next_vmid().await?;
                vmid = if next == vmid {
                    Vmid::new(u64::from(vmid.0) + 1).ok_or(error)?
                } else {
                    next
                };
            }
            other => return Ok((vmid, other?)),
        }
    }
    Ok((vmid, proxmox.api.task(&build(vmid)).await?))
}

/// Refuses a VMID that a guest has.
pub(super) async fn free(proxmox: &Proxmox, vmid: Vmid, field: &str) -> ToolResult<()> {
    let guests = proxmox.guests().await?;
    let Ok(guest) = guest::pick(&guests, vmid, field) else {
        return Ok(());
    };
    let message = format!("the VMID `{vmid}` belongs to {}", guest.described());
    Err(ToolError::new(Code::Conflict, message)
        .reason("vmid_in_use")
        .field(field.to_owned())
        .hint("leave it out to get a free one"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places() -> Places {
        let rows: Vec<Resource> = serde_json::from_value(json!([
            { "type": "node", "node": "pve1", "status": "online", "mem": 30, "maxmem": 32 },
            { "type": "node", "node": "pve2", "status": "online", "mem": 2, "maxmem": 32 },
            { "type": "node", "node": "pve3", "status": "offline" },
            { "type": "storage", "storage": "local", "node": "pve1", "status": "available", "content": "vztmpl,iso,backup", "disk": 1, "maxdisk": 10 },
            { "type": "storage", "storage": "local", "node": "pve2", "status": "available", "content": "vztmpl,iso,backup", "disk": 1, "maxdisk": 10 },
            { "type": "storage", "storage": "local-lvm", "node": "pve1", "status": "available", "content": "images,rootdir", "disk": 9, "maxdisk": 10 },
            { "type": "storage", "storage": "tank", "node": "pve1", "status": "available", "content": "images,rootdir", "disk": 1, "maxdisk": 100 },
            { "type": "storage", "storage": "nas", "node": "pve1", "status": "available", "content": "backup", "shared": 1 },
            { "type": "storage", "storage": "nas", "node": "pve2", "status": "available", "content": "backup", "shared": 1 },
            { "type": "storage", "storage": "gone", "node": "pve3", "status": "available", "content": "backup,rootdir", "maxdisk": 1000 },
            { "type": "storage", "storage": "down", "node": "pve2", "status": "unknown", "content": "rootdir", "maxdisk": 1000 }
        ]))
        .unwrap();
        Places {
            nodes: rows
                .iter()
                .filter(|row| row.kind == "node")
                .cloned()
                .collect(),
            storages: rows
                .iter()
                .filter(|row| row.kind == "storage")
                .cloned()
                .collect(),
        }
    }

    fn id(text: &str) -> StorageId {
        text.parse().unwrap()
    }

    #[test]
    fn the_node_with_most_free_memory_that_has_the_storages_is_chosen() {
        let places = places();

        assert_eq!(places.node(None, &[]).unwrap().as_str(), "pve2");
        assert_eq!(places.node(None, &[&id("tank")]).unwrap().as_str(), "pve1");
        assert!(places.node(None, &[&id("gone")]).is_err());
    }

    #[test]
    fn the_storage_with_most_space_that_takes_the_content_is_chosen() {
        let places = places();

        assert_eq!(
            places.storage(None, None, None, "rootdir").unwrap(),
            id("tank")
        );
        assert_eq!(
            places
                .storage(None, Some(&id("local-lvm")), None, "rootdir")
                .unwrap(),
            id("local-lvm")
        );
        assert!(places.storage(None, None, None, "snippets").is_err());
    }

    #[test]
    fn one_of_several_backup_storages_is_not_guessed() {
        let error = places()
            .only_storage(None, None, &"pve1".parse().unwrap(), "backup")
            .unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("storage"));
    }

    #[test]
    fn a_shared_storage_is_asked_once() {
        let found: Vec<String> = places()
            .storages_for("backup")
            .iter()
            .map(|(node, storage, _)| format!("{node}:{storage}"))
            .collect();

        assert_eq!(found, ["pve1:local", "pve2:local", "pve1:nas"]);
    }
}
