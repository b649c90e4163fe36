//! Looking at guests.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(test)]
use serde_json::Value;

use crate::client::Proxmox;
use crate::disks::disks;
use crate::guest::{Guest, GuestKind, Tail, tags};
use crate::ids::{NodeName, Tag, Vmid};
use crate::lenient::plain;
use crate::page::page;
use crate::types::{AgentInterfaces, ContainerInterface, GuestConfig};
use crate::units::{load_percent, percent};

/// Characters of a description that a status shows.
const DESCRIPTION: usize = 500;

/// Which guests to list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListVms {
    /// Only virtual machines (`qemu`) or containers (`lxc`).
    #[serde(rename = "type")]
    kind: Option<TypeFilter>,
    /// Only on this node.
    node: Option<NodeName>,
    /// Only in this state.
    status: Option<GuestStatus>,
    /// Only with this tag.
    tag: Option<Tag>,
    /// Only with this text in the name, whatever its case.
    #[schemars(length(max = 100))]
    name: Option<String>,
    /// Templates too.
    templates: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// Both, virtual machines, or containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TypeFilter {
    All,
    Qemu,
    Lxc,
}

/// Running or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GuestStatus {
    Running,
    Stopped,
}

/// Guests, by VMID.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuestList {
    #[serde(flatten)]
    page: Page<GuestRow>,
    /// Why the list may be shorter than expected.
    note: Option<String>,
}

/// A guest in the list; its numbers may be ten seconds old.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuestRow {
    vmid: Vmid,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: GuestKind,
    node: NodeName,
    status: Option<String>,
    cpu_percent: Option<f64>,
    memory_used_bytes: Option<u64>,
    memory_bytes: Option<u64>,
    memory_percent: Option<f64>,
    uptime_s: Option<u64>,
    tags: Vec<String>,
    /// Absent for what is none.
    template: Option<bool>,
    lock: Option<String>,
}

impl From<&Guest> for GuestRow {
    fn from(guest: &Guest) -> Self {
        let row = &guest.row;
        Self {
            vmid: guest.vmid,
            name: guest.name.clone(),
            kind: guest.kind,
            node: guest.node.clone(),
            status: row.status.clone(),
            cpu_percent: load_percent(row.cpu),
            memory_used_bytes: row.mem,
            memory_bytes: row.maxmem,
            memory_percent: percent(row.mem, row.maxmem),
            uptime_s: row.uptime,
            tags: guest.tags.clone(),
            template: row.template.then_some(true),
            lock: row.lock.clone(),
        }
    }
}

impl ListVms {
    fn matches(&self, guest: &Guest) -> bool {
        let kind = match self.kind {
            Some(TypeFilter::Qemu) => guest.kind == GuestKind::Qemu,
            Some(TypeFilter::Lxc) => guest.kind == GuestKind::Lxc,
            Some(TypeFilter::All) | None => true,
        };
        let status = match self.status {
            Some(GuestStatus::Running) => guest.is_running(),
            Some(GuestStatus::Stopped) => guest.row.status.as_deref() == Some("stopped"),
            None => true,
        };
        let name = self.name.as_deref().is_none_or(|part| {
            let name = guest.name.as_deref().unwrap_or_default();
            name.to_lowercase().contains(&part.to_lowercase())
        });
        let tag = self
            .tag
            .as_ref()
            .is_none_or(|tag| guest.tags.iter().any(|has| has == tag.as_str()));
        let node = self.node.as_ref().is_none_or(|node| *node == guest.node);
        kind && status && name && tag && node && (self.templates || !guest.row.template)
    }
}

/// List virtual machines and containers of the cluster with node, state, CPU and memory use, filtered by type, node, state, tag or name.
#[tool(
    read,
    open_world,
    permission = "proxmox:guest:read",
    title = "List guests",
    timeout = 70,
    untrusted("items.*.name")
)]
pub(crate) async fn list_vms(proxmox: &Proxmox, args: ListVms) -> ToolResult<GuestList> {
    let guests = proxmox.guests().await?;
    let note = if guests.is_empty() {
        empty_note(proxmox).await?
    } else {
        None
    };
    let rows: Vec<GuestRow> = guests
        .iter()
        .filter(|guest| args.matches(guest))
        .map(GuestRow::from)
        .collect();
    let key = |row: &GuestRow| format!("{:09}", row.vmid.0);
    Ok(GuestList {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        note,
    })
}

/// No guest at all means none, or no right to see them: Proxmox does not say which.
async fn empty_note(proxmox: &Proxmox) -> ToolResult<Option<String>> {
    let permissions = proxmox.permissions().await?;
    let may_see = permissions
        .values()
        .any(|privileges| privileges.contains_key("VM.Audit"));
    Ok((!may_see).then(|| {
        let name = &proxmox.api.who.name;
        format!(
            "`{name}` has the privilege VM.Audit nowhere, so it sees no guest; a token with privilege separation needs rights of its own: \
             `pveum acl modify /vms --tokens '{name}' --roles PVEAuditor`"
        )
    }))
}

/// Which guest to look at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetVmStatus {
    /// The guest.
    vmid: Vmid,
    /// The whole configuration too.
    #[serde(default)]
    config: bool,
}

/// A guest at this moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GuestDetail {
    vmid: Vmid,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: GuestKind,
    node: NodeName,
    status: Option<String>,
    /// Such as `paused`, where it differs from the status.
    machine_state: Option<String>,
    uptime_s: Option<u64>,
    cpus: Option<f64>,
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    memory_percent: Option<f64>,
    root_disk_bytes: Option<u64>,
    root_disk_used_bytes: Option<u64>,
    network_in_bytes: Option<u64>,
    network_out_bytes: Option<u64>,
    /// As the guest agent or the container's host knows them.
    ip_addresses: Vec<String>,
    /// Why there are none.
    ip_note: Option<String>,
    disks: Vec<DiskRow>,
    /// Interface to its configuration.
    networks: Vec<NetRow>,
    tags: Vec<String>,
    template: bool,
    lock: Option<String>,
    ha_state: Option<String>,
    start_at_boot: bool,
    protection: bool,
    agent: Option<bool>,
    pool: Option<String>,
    description: Option<String>,
    /// Changes whenever the configuration does; `update_vm_config` takes it.
    digest: Option<String>,
    config: Option<std::collections::BTreeMap<String, String>>,
}

/// A disk.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DiskRow {
    disk: String,
    volume: String,
    size: Option<String>,
}

/// A network interface.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NetRow {
    interface: String,
    settings: String,
}

/// Get state, resources, IP addresses, disks and networks of one virtual machine or container, read from its node at this moment.
#[tool(
    read,
    open_world,
    permission = "proxmox:guest:read",
    title = "Get a guest's status",
    timeout = 90,
    untrusted("name", "description", "ip_addresses", "config")
)]
pub(crate) async fn get_vm_status(proxmox: &Proxmox, args: GetVmStatus) -> ToolResult<GuestDetail> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let config = proxmox.guest_config(&guest).await?;
    let is_running = now.status.as_deref() == Some("running");
    let (ip_addresses, ip_note) = if is_running {
        addresses(proxmox, &guest).await
    } else {
        (Vec::new(), None)
    };
    let text = |key: &str| config.get(key).and_then(plain);
    let on = |key: &str| text(key).is_some_and(|value| value != "0");
    let disks = disks(&config).into_iter().map(|disk| DiskRow {
        disk: disk.key,
        volume: disk.volume,
        size: disk.size,
    });
    Ok(GuestDetail {
        vmid: guest.vmid,
        name: text("name").or_else(|| text("hostname")).or(now.name),
        kind: guest.kind,
        status: now.status.clone(),
        machine_state: now
            .qmpstatus
            .filter(|state| Some(state) != now.status.as_ref()),
        uptime_s: now.uptime,
        cpus: now.cpus,
        cpu_percent: load_percent(now.cpu),
        memory_bytes: now.maxmem,
        memory_used_bytes: now.mem,
        memory_percent: percent(now.mem, now.maxmem),
        root_disk_bytes: now.maxdisk,
        // Of a virtual machine the host cannot know it and says 0.
        root_disk_used_bytes: now.disk.filter(|used| *used > 0),
        network_in_bytes: now.netin,
        network_out_bytes: now.netout,
        ip_addresses,
        ip_note,
        disks: disks.collect(),
        networks: networks(&config),
        tags: tags(text("tags").as_deref()),
        template: on("template"),
        lock: now.lock,
        ha_state: now.ha.filter(|ha| ha.managed).and_then(|ha| ha.state),
        start_at_boot: on("onboot"),
        protection: on("protection"),
        agent: now.agent,
        pool: guest.row.pool.clone(),
        description: text("description").map(|text| text.chars().take(DESCRIPTION).collect()),
        digest: text("digest"),
        config: args.config.then(|| without_secrets(&config)),
        node: guest.node,
    })
}

fn networks(config: &GuestConfig) -> Vec<NetRow> {
    config
        .iter()
        .filter(|(key, _)| {
            key.strip_prefix("net").is_some_and(|number| {
                !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
            })
        })
        .filter_map(|(key, value)| {
            Some(NetRow {
                interface: key.clone(),
                settings: plain(value)?,
            })
        })
        .collect()
}

/// Proxmox masks the cloud-init password itself; what else may hold a secret is left out: passwords,
/// and the environment of containers made of images.
fn without_secrets(config: &GuestConfig) -> std::collections::BTreeMap<String, String> {
    config
        .iter()
        .filter(|(key, _)| !key.contains("password") && *key != "env")
        .filter_map(|(key, value)| Some((key.clone(), plain(value)?)))
        .collect()
}

/// Addresses other than of the loopback; where they cannot be read, why.
async fn addresses(proxmox: &Proxmox, guest: &Guest) -> (Vec<String>, Option<String>) {
    let call = guest.get("guest_interfaces", Tail::Interfaces);
    let found = match guest.kind {
        GuestKind::Qemu => proxmox
            .api
            .data::<AgentInterfaces>(&call)
            .await
            .map(|interfaces| {
                interfaces
                    .rows()
                    .into_iter()
                    .filter(|interface| interface.name != "lo")
                    .flat_map(|interface| interface.ip_addresses.unwrap_or_default())
                    .map(|address| address.ip_address)
                    .collect::<Vec<_>>()
            }),
        GuestKind::Lxc => proxmox
            .api
            .list::<ContainerInterface>(&call)
            .await
            .map(|interfaces| {
                interfaces
                    .into_iter()
                    .filter(|interface| interface.name != "lo")
                    .flat_map(|interface| [interface.inet, interface.inet6])
                    .flatten()
                    .map(|address| address.split('/').next().unwrap_or_default().to_owned())
                    .collect()
            }),
    };
    match found {
        Ok(mut addresses) => {
            addresses.retain(|address| {
                !address.is_empty() && !address.starts_with("127.") && address != "::1"
            });
            (addresses, None)
        }
        Err(error) => (Vec::new(), Some(error.envelope().message.clone())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::Resource;

    pub(crate) fn guest(row: Value) -> Guest {
        let row: Resource = serde_json::from_value(row).unwrap();
        Guest::of(row).unwrap()
    }

    pub(crate) fn machine() -> Guest {
        guest(json!({
            "type": "qemu", "id": "qemu/100", "vmid": 100, "node": "pve1", "name": "web",
            "status": "running", "tags": "prod;web", "pool": "apps"
        }))
    }

    pub(crate) fn container() -> Guest {
        guest(json!({
            "type": "lxc", "id": "lxc/200", "vmid": 200, "node": "pve2", "name": "dns", "status": "stopped"
        }))
    }

    #[test]
    fn rules_see_name_tags_node_and_pool() {
        let target = machine().target();

        assert_eq!(target.kind, "guest");
        assert_eq!(target.id, "100");
        assert_eq!(target.name.as_deref(), Some("web"));
        assert_eq!(target.tags, ["prod", "web", "node:pve1", "pool:apps"]);
    }

    #[test]
    fn filters_must_all_fit() {
        let fits = |args: Value| {
            let args: ListVms = serde_json::from_value(args).unwrap();
            args.matches(&machine())
        };

        assert!(fits(json!({})));
        assert!(fits(
            json!({ "type": "qemu", "status": "running", "node": "pve1", "tag": "web", "name": "WE" })
        ));
        assert!(fits(json!({ "type": "all" })));
        assert!(!fits(json!({ "type": "lxc" })));
        assert!(!fits(json!({ "status": "stopped" })));
        assert!(!fits(json!({ "node": "pve2" })));
        assert!(!fits(json!({ "tag": "we" })));
        assert!(!fits(json!({ "name": "dns" })));
    }
}
