//! Making virtual machines.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::net::Mac;
use homelab_core::tool::{Inverse, Mismatch, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::containers::new_target;
use super::options::add_options;
use super::outcome::GuestChange;
use super::placing::{Places, with_vmid};
use super::provision::{CloudInit, Link, tag_list};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{GuestKind, Tail};
use crate::ids::{Bridge, GuestName, NodeName, PoolId, StorageId, Tag, Vmid, Volid};

/// A new virtual machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateVm {
    /// Its name.
    name: GuestName,
    /// Its number; the lowest free one without.
    vmid: Option<Vmid>,
    /// Node; without, the one with most free memory that has the storages.
    node: Option<NodeName>,
    /// Storage of its disks; without, as configured or the one with most space.
    storage: Option<StorageId>,
    /// Size of its disk in GiB; with `import_from`, what the imported disk is grown to.
    #[schemars(range(min = 1, max = 65536))]
    disk_gib: Option<u32>,
    /// Disk image to start from, such as a cloud image on a storage that takes `import`.
    import_from: Option<Volid>,
    /// CD image to boot from, such as `local:iso/debian-12.iso`.
    iso: Option<Volid>,
    /// Set up by cloud-init at its first start.
    cloud_init: Option<CloudInit>,
    /// Processor cores.
    #[serde(default = "default_cores")]
    #[schemars(range(min = 1, max = 512))]
    cores: u32,
    /// Memory in MiB.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 16, max = 4_194_304))]
    memory_mib: u32,
    /// Interfaces; one on the configured bridge without.
    #[schemars(length(max = 8))]
    networks: Option<Vec<MachineNic>>,
    /// UEFI instead of BIOS.
    #[serde(default)]
    uefi: bool,
    /// Start it when its node starts.
    #[serde(default)]
    start_at_boot: bool,
    /// Start it when it is made.
    #[serde(default)]
    start: bool,
    /// Tags.
    #[schemars(length(max = 32))]
    tags: Option<Vec<Tag>>,
    /// Pool to put it in.
    pool: Option<PoolId>,
    /// Notes.
    #[schemars(length(max = 8000))]
    description: Option<String>,
    /// Other properties by Proxmox's names, such as `cpu`, `ostype`, `startup`, `vga`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 1000}))]
    options: BTreeMap<String, String>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// An interface of a virtual machine.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MachineNic {
    /// Bridge; the configured one without.
    bridge: Option<Bridge>,
    /// VLAN.
    #[schemars(range(min = 1, max = 4094))]
    vlan: Option<u16>,
    /// Apply Proxmox's firewall.
    firewall: bool,
    /// MAC address; a new one without.
    #[schemars(length(max = 17))]
    mac: Option<Mac>,
}

fn default_cores() -> u32 {
    2
}

fn default_memory() -> u32 {
    2048
}

/// Create a virtual machine with an empty disk and a CD image, or from a cloud image with cloud-init. To copy an existing one or a template, use `clone_vm`.
#[tool(
    write,
    open_world,
    permission = "proxmox:guest:create",
    title = "Create a virtual machine",
    timeout = 630,
    untrusted("task.log"),
    sensitive_args("cloud_init.password"),
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_vm(
    proxmox: &Proxmox,
    args: CreateVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let places = Places::read(proxmox).await?;
    let sources: Vec<StorageId> = [&args.iso, &args.import_from]
        .into_iter()
        .flatten()
        .map(|volume| volume.storage().to_id())
        .collect();
    let wanted = args
        .storage
        .as_ref()
        .or(proxmox.config.default_storage.as_ref());
    let needed: Vec<&StorageId> = sources.iter().chain(wanted).collect();
    let node = places.node(args.node.as_ref(), &needed)?;
    let storage = places.storage(
        args.storage.as_ref(),
        proxmox.config.default_storage.as_ref(),
        Some(&node),
        "images",
    )?;
    let call = create_call(&args, &node, &storage, &proxmox.config.bridge)?;
    let numbered = |vmid: Vmid| call.clone().with("vmid", vmid);
    let (vmid, upid) = with_vmid(proxmox, args.vmid, "vmid", numbered).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let name = args.name.as_str();
    let mut done = GuestChange::created(proxmox, vmid, GuestKind::Qemu, name, &node, task).await?;
    if !args.grows() {
        return Ok(done);
    }
    if !done.is_finished() {
        done.note = Some(
            "once the task has ended, grow its disk with `resize_disk` and start it with `start_vm`: that is not done yet".to_owned(),
        );
        return Ok(done);
    }
    grow_and_start(proxmox, ctx, &args, vmid, done).await
}

impl CreateVm {
    /// An imported disk has its own size first, and has to grow before the first start.
    fn grows(&self) -> bool {
        self.import_from.is_some() && self.disk_gib.is_some()
    }
}

async fn grow_and_start(
    proxmox: &Proxmox,
    ctx: &CallContext,
    args: &CreateVm,
    vmid: Vmid,
    mut done: GuestChange,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(vmid).await?;
    if let Some(size) = args.disk_gib {
        let grow = |guest: &crate::guest::Guest| {
            guest
                .put("disk_resize", Tail::Resize)
                .with("disk", "scsi0")
                .with("size", format!("{size}G"))
        };
        let upid = proxmox.guest_task(&guest, grow).await?;
        proxmox.finish(ctx, upid, args.wait_s).await?;
    }
    if args.start {
        let start = |guest: &crate::guest::Guest| guest.post("guest_start", Tail::Start);
        let upid = proxmox.guest_task(&guest, start).await?;
        done.task = proxmox.finish(ctx, upid, args.wait_s).await?;
    }
    done.status = proxmox.current(&guest).await?.status;
    Ok(done)
}

/// The call without its VMID.
fn create_call(
    args: &CreateVm,
    node: &NodeName,
    storage: &StorageId,
    bridge: &Bridge,
) -> ToolResult<Call> {
    let disk = match (&args.import_from, args.disk_gib) {
        (Some(image), _) => Some(format!("{storage}:0,import-from={image},discard=on")),
        (None, Some(size)) => Some(format!("{storage}:{size},discard=on")),
        (None, None) => None,
    };
    let order: Vec<&str> = [
        disk.is_some().then_some("scsi0"),
        args.iso.is_some().then_some("ide2"),
        Some("net0"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let unless_given =
        |key: &str, value: &'static str| (!args.options.contains_key(key)).then_some(value);
    let mut call = Call::post("machine_create", "/nodes/{}/qemu", &[node])
        .with("name", &args.name)
        .with("cores", args.cores)
        .with("memory", args.memory_mib)
        .with_opt("ostype", unless_given("ostype", "l26"))
        .with_opt("scsihw", unless_given("scsihw", "virtio-scsi-single"))
        .with_opt("agent", unless_given("agent", "1"))
        .with_opt("scsi0", disk)
        .with_opt(
            "ide2",
            args.iso.as_ref().map(|iso| format!("{iso},media=cdrom")),
        );
    if !args.options.contains_key("boot") {
        call = call.with("boot", format!("order={}", order.join(";")));
    }
    if args.uefi {
        call = call
            .with("bios", "ovmf")
            .with_opt("machine", unless_given("machine", "q35"))
            .with("efidisk0", format!("{storage}:1,efitype=4m"));
    }
    let default = [MachineNic::default()];
    let networks = args.networks.as_deref().unwrap_or(&default);
    for (index, nic) in networks.iter().enumerate() {
        let link = Link {
            bridge: nic.bridge.as_ref().unwrap_or(bridge),
            vlan: nic.vlan,
            firewall: nic.firewall,
            mac: nic.mac,
        };
        call = call.with(&format!("net{index}"), link.of_machine());
    }
    if let Some(cloud_init) = &args.cloud_init {
        call = cloud_init.add(call.with("ide0", format!("{storage}:cloudinit")))?;
    }
    let call = call
        .flag_if("onboot", args.start_at_boot)
        .flag_if("start", args.start && !args.grows())
        .with_opt("tags", tag_list(args.tags.as_deref()))
        .with_opt("pool", args.pool.as_ref())
        .with_opt("description", args.description.as_deref());
    add_options(call, GuestKind::Qemu, &args.options)
}

fn create_targets(_proxmox: &Proxmox, args: &CreateVm) -> Ready<ToolResult<Vec<Target>>> {
    let name = Some(args.name.to_string());
    ready(Ok(vec![new_target(
        args.vmid,
        name,
        args.tags.as_deref(),
        args.node.as_ref(),
    )]))
}

fn undo_create(_proxmox: &Proxmox, args: &CreateVm) -> Ready<ToolResult<Option<Inverse>>> {
    // A running machine cannot be deleted in one step.
    let vmid = args.vmid.filter(|_| !args.start);
    ready(Ok(vmid.map(|vmid| Inverse {
        tool: "delete_vm".to_owned(),
        arguments: json!({ "vmid": vmid }),
    })))
}

fn check_create(
    _proxmox: &Proxmox,
    args: &CreateVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let wanted = if args.start { "running" } else { "stopped" };
    ready(Ok(done.unless_status("start", wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn call(args: Value) -> Call {
        let args: CreateVm = serde_json::from_value(args).unwrap();
        create_call(
            &args,
            &"pve1".parse().unwrap(),
            &"tank".parse().unwrap(),
            &"vmbr0".parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn a_machine_with_a_cd() {
        assert_eq!(
            call(json!({ "name": "web", "disk_gib": 32, "iso": "local:iso/debian-12.iso" })).line(),
            "POST /nodes/pve1/qemu?name=web&cores=2&memory=2048&ostype=l26&scsihw=virtio-scsi-single&agent=1\
             &scsi0=tank:32,discard=on&ide2=local:iso/debian-12.iso,media=cdrom&boot=order=scsi0;ide2;net0\
             &net0=virtio,bridge=vmbr0"
        );
    }

    #[test]
    fn a_machine_of_a_cloud_image_starts_after_its_disk_has_grown() {
        let call = call(json!({
            "name": "web", "disk_gib": 32, "import_from": "local:import/debian-12.qcow2", "uefi": true,
            "cloud_init": { "user": "ops", "ip": "192.0.2.7/24", "gateway": "192.0.2.1" }, "start": true
        }));

        assert_eq!(
            call.text("scsi0"),
            Some("tank:0,import-from=local:import/debian-12.qcow2,discard=on")
        );
        assert_eq!(call.text("ide0"), Some("tank:cloudinit"));
        assert_eq!(call.text("ipconfig0"), Some("ip=192.0.2.7/24,gw=192.0.2.1"));
        assert_eq!(call.text("efidisk0"), Some("tank:1,efitype=4m"));
        assert_eq!(call.text("start"), None);
    }
}
