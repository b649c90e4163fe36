//! Making containers.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::net::{Ip, Mac};
use homelab_core::secret::Secret;
use homelab_core::tool::{Inverse, Mismatch, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::options::add_options;
use super::outcome::GuestChange;
use super::placing::{Places, with_vmid};
use super::provision::{Addressing, IpSetting, Link, ssh_keys, tag_list};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::GuestKind;
use crate::ids::{Bridge, GuestName, NodeName, PoolId, StorageId, Tag, Vmid, Volid};

/// A new container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent properties of a container"
)]
pub(crate) struct CreateLxc {
    /// Template to make it of, such as `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst`; see `list_templates`.
    template: Volid,
    /// Its name.
    hostname: GuestName,
    /// Its number; the lowest free one without.
    vmid: Option<Vmid>,
    /// Node; without, the one with most free memory that has the template and the storage.
    node: Option<NodeName>,
    /// Storage of the root file system; without, as configured or the one with most space.
    storage: Option<StorageId>,
    /// Size of the root file system in GiB.
    #[serde(default = "default_disk")]
    #[schemars(range(min = 1, max = 8192))]
    disk_gib: u32,
    /// Processor cores; all of the node's without.
    #[schemars(range(min = 1, max = 8192))]
    cores: Option<u32>,
    /// Memory in MiB.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 16, max = 4_194_304))]
    memory_mib: u32,
    /// Swap in MiB.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 0, max = 4_194_304))]
    swap_mib: u32,
    /// Interfaces; one with DHCP on the configured bridge without.
    #[schemars(length(max = 8))]
    networks: Option<Vec<ContainerNic>>,
    /// Further volumes.
    #[serde(default)]
    #[schemars(length(max = 16))]
    mount_points: Vec<MountPoint>,
    /// Password of root.
    #[schemars(length(min = 5, max = 128))]
    password: Option<Secret>,
    /// Public keys that may log in as root.
    #[serde(default)]
    #[schemars(length(max = 20), inner(length(min = 20, max = 2000)))]
    ssh_public_keys: Vec<String>,
    /// Run without root rights on the host; leave it on.
    #[serde(default = "on")]
    unprivileged: bool,
    /// Let it run containers of its own; current systemd needs it too.
    #[serde(default = "on")]
    nesting: bool,
    /// DNS server.
    #[schemars(length(max = 45))]
    nameserver: Option<Ip>,
    /// DNS search domain.
    search_domain: Option<GuestName>,
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
    /// Other properties by Proxmox's names, such as `cpulimit`, `startup`, `timezone`, `ostype`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 1000}))]
    options: BTreeMap<String, String>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// An interface of a container.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ContainerNic {
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
    /// `dhcp` or address with prefix; `dhcp` if neither this nor `ip6` is given.
    ip: Option<IpSetting>,
    /// IPv4 gateway.
    #[schemars(length(max = 45))]
    gateway: Option<Ip>,
    /// `auto`, `dhcp` or address with prefix.
    ip6: Option<IpSetting>,
    /// IPv6 gateway.
    #[schemars(length(max = 45))]
    gateway6: Option<Ip>,
}

/// A volume of a container besides its root.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MountPoint {
    /// Where it appears in the container, such as `/srv/data`.
    #[schemars(length(min = 2, max = 200), regex(pattern = "^/[A-Za-z0-9/_.-]+$"))]
    path: String,
    /// Size in GiB.
    #[schemars(range(min = 1, max = 65536))]
    size_gib: u32,
    /// Storage; that of the root file system without.
    storage: Option<StorageId>,
    /// Include it in backups.
    #[serde(default = "on")]
    backup: bool,
}

fn default_disk() -> u32 {
    8
}

fn default_memory() -> u32 {
    512
}

fn on() -> bool {
    true
}

/// Create a container (LXC) from a template, with its disk, resources, networks and keys; node, storage and VMID are chosen if left out.
#[tool(
    write,
    open_world,
    permission = "proxmox:guest:create",
    title = "Create a container",
    timeout = 630,
    untrusted("task.log"),
    sensitive_args("password"),
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_lxc(
    proxmox: &Proxmox,
    args: CreateLxc,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let places = Places::read(proxmox).await?;
    let template_storage = args.template.storage().to_id();
    let wanted = args
        .storage
        .as_ref()
        .or(proxmox.config.default_storage.as_ref());
    let needed: Vec<&StorageId> = [Some(&template_storage), wanted]
        .into_iter()
        .flatten()
        .collect();
    let node = places.node(args.node.as_ref(), &needed)?;
    let storage = places.storage(
        args.storage.as_ref(),
        proxmox.config.default_storage.as_ref(),
        Some(&node),
        "rootdir",
    )?;
    // Refused here, before anything is sent.
    let call = create_call(&args, &node, &storage, &proxmox.config.bridge)?;
    let numbered = |vmid: Vmid| call.clone().with("vmid", vmid);
    let (vmid, upid) = with_vmid(proxmox, args.vmid, "vmid", numbered).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::created(
        proxmox,
        vmid,
        GuestKind::Lxc,
        args.hostname.as_str(),
        &node,
        task,
    )
    .await
}

/// The call without its VMID.
fn create_call(
    args: &CreateLxc,
    node: &NodeName,
    storage: &StorageId,
    bridge: &Bridge,
) -> ToolResult<Call> {
    let keys = ssh_keys("ssh_public_keys", &args.ssh_public_keys)?;
    let mut call = Call::post("container_create", "/nodes/{}/lxc", &[node])
        .with("ostemplate", &args.template)
        .with("hostname", &args.hostname)
        .with("storage", storage)
        // A bare number is GiB; with a unit it would be refused.
        .with("rootfs", format!("{storage}:{}", args.disk_gib))
        .with_opt("cores", args.cores)
        .with("memory", args.memory_mib)
        .with("swap", args.swap_mib)
        // The schema's own default is privileged.
        .flag("unprivileged", args.unprivileged)
        .flag_if("onboot", args.start_at_boot)
        .flag_if("start", args.start)
        .with_opt("tags", tag_list(args.tags.as_deref()))
        .with_opt("pool", args.pool.as_ref())
        .with_opt("description", args.description.as_deref())
        .with_opt("nameserver", args.nameserver)
        .with_opt("searchdomain", args.search_domain.as_ref())
        .with_opt("ssh-public-keys", keys);
    if args.nesting && args.unprivileged && !args.options.contains_key("features") {
        call = call.with("features", "nesting=1");
    }
    let default = [ContainerNic::default()];
    let networks = args.networks.as_deref().unwrap_or(&default);
    for (index, nic) in networks.iter().enumerate() {
        call = call.with(&format!("net{index}"), nic.property(index, bridge)?);
    }
    for (index, mount) in args.mount_points.iter().enumerate() {
        let on = mount.storage.as_ref().unwrap_or(storage);
        let value = format!(
            "{on}:{},mp={},backup={}",
            mount.size_gib,
            mount.path,
            u8::from(mount.backup)
        );
        call = call.with(&format!("mp{index}"), value);
    }
    if let Some(password) = &args.password {
        call = call.secret("password", password);
    }
    add_options(call, GuestKind::Lxc, &args.options)
}

impl ContainerNic {
    fn property(&self, index: usize, default: &Bridge) -> ToolResult<String> {
        let by_default = (self.ip.is_none() && self.ip6.is_none()).then_some(IpSetting::Dhcp);
        let addressing = Addressing {
            ip: self.ip.or(by_default),
            gateway: self.gateway,
            ip6: self.ip6,
            gateway6: self.gateway6,
        };
        let link = Link {
            bridge: self.bridge.as_ref().unwrap_or(default),
            vlan: self.vlan,
            firewall: self.firewall,
            mac: self.mac,
        };
        let addresses = addressing.properties(&format!("networks[{index}]."))?;
        Ok(link.of_container(index, addresses))
    }
}

fn create_targets(_proxmox: &Proxmox, args: &CreateLxc) -> Ready<ToolResult<Vec<Target>>> {
    let name = Some(args.hostname.to_string());
    ready(Ok(vec![new_target(
        args.vmid,
        name,
        args.tags.as_deref(),
        args.node.as_ref(),
    )]))
}

/// How rules see a guest that does not exist yet.
pub(super) fn new_target(
    vmid: Option<Vmid>,
    name: Option<String>,
    tags: Option<&[Tag]>,
    node: Option<&NodeName>,
) -> Target {
    let tags = tags.unwrap_or_default().iter().map(ToString::to_string);
    let node = node.map(|node| format!("node:{node}"));
    Target {
        kind: "guest".to_owned(),
        id: vmid.map(|vmid| vmid.to_string()).unwrap_or_default(),
        name,
        tags: tags.chain(node).collect(),
    }
}

fn undo_create(_proxmox: &Proxmox, args: &CreateLxc) -> Ready<ToolResult<Option<Inverse>>> {
    // Without a number of its own, nobody knows before what it will get.
    ready(Ok(args.vmid.map(|vmid| Inverse {
        tool: "delete_vm".to_owned(),
        arguments: json!({ "vmid": vmid, "force": args.start }),
    })))
}

fn check_create(
    _proxmox: &Proxmox,
    args: &CreateLxc,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let wanted = if args.start { "running" } else { "stopped" };
    ready(Ok(done.unless_status("start", wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn call(args: Value) -> ToolResult<Call> {
        let args: CreateLxc = serde_json::from_value(args).unwrap();
        create_call(
            &args,
            &"pve1".parse().unwrap(),
            &"local-lvm".parse().unwrap(),
            &"vmbr0".parse().unwrap(),
        )
    }

    const TEMPLATE: &str = "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst";

    #[test]
    fn little_is_enough() {
        let call = call(json!({ "template": TEMPLATE, "hostname": "dns" })).unwrap();

        assert_eq!(
            call.line(),
            format!(
                "POST /nodes/pve1/lxc?ostemplate={TEMPLATE}&hostname=dns&storage=local-lvm&rootfs=local-lvm:8\
                 &memory=512&swap=512&unprivileged=1&features=nesting=1&net0=name=eth0,bridge=vmbr0,ip=dhcp"
            )
        );
    }

    #[test]
    fn everything_has_its_place() {
        let call = call(json!({
            "template": TEMPLATE, "hostname": "dns.example.test", "cores": 2, "memory_mib": 1024, "swap_mib": 0,
            "disk_gib": 16, "password": "hunter22", "ssh_public_keys": ["ssh-ed25519 AAAA me"],
            "networks": [{ "bridge": "vmbr1", "vlan": 20, "ip": "192.0.2.53/24", "gateway": "192.0.2.1", "firewall": true }],
            "mount_points": [{ "path": "/srv/data", "size_gib": 100, "storage": "tank", "backup": false }],
            "tags": ["prod", "dns"], "pool": "infra", "start": true, "start_at_boot": true,
            "nameserver": "192.0.2.1", "options": { "startup": "order=1", "features": "nesting=1,keyctl=1" }
        }))
        .unwrap();

        assert_eq!(
            call.text("net0"),
            Some("name=eth0,bridge=vmbr1,ip=192.0.2.53/24,gw=192.0.2.1,tag=20,firewall=1")
        );
        assert_eq!(call.text("mp0"), Some("tank:100,mp=/srv/data,backup=0"));
        assert_eq!(call.text("rootfs"), Some("local-lvm:16"));
        assert_eq!(call.text("tags"), Some("prod;dns"));
        assert_eq!(call.text("features"), Some("nesting=1,keyctl=1"));
        assert_eq!(call.text("startup"), Some("order=1"));
        assert_eq!(call.text("password"), Some("hunter22"));
        assert!(!format!("{call:?}").contains("hunter22"));
    }

    #[test]
    fn an_option_cannot_repeat_or_bypass_an_argument() {
        let with = |options: Value| {
            let error =
                call(json!({ "template": TEMPLATE, "hostname": "dns", "options": options }))
                    .unwrap_err();
            error.envelope().field.clone().unwrap()
        };

        assert_eq!(with(json!({ "memory": "64" })), "options.memory");
        assert_eq!(with(json!({ "mp0": "/etc,mp=/host" })), "options.mp0");
        assert_eq!(with(json!({ "force": "1" })), "options.force");
        assert_eq!(
            with(json!({ "hookscript": "local:snippets/x" })),
            "options.hookscript"
        );
    }
}
