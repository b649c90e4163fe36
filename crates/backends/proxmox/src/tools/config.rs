//! Changing the configuration of guests.

use std::collections::BTreeMap;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::options::{add_options, checked_options, may_set};
use super::outcome::only_qemu;
use super::provision::{CloudInit, tag_list};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail, tags};
use crate::ids::{GuestName, Tag, Vmid};
use crate::lenient::plain;
use crate::task::TaskReport;
use crate::types::GuestConfig;

/// What to change; what is left out stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateVmConfig {
    /// The guest.
    vmid: Vmid,
    /// Name, or host name of a container.
    name: Option<GuestName>,
    /// Processor cores.
    #[schemars(range(min = 1, max = 8192))]
    cores: Option<u32>,
    /// Memory in MiB.
    #[schemars(range(min = 16, max = 4_194_304))]
    memory_mib: Option<u32>,
    /// Start it when its node starts.
    start_at_boot: Option<bool>,
    /// Refuse its deletion.
    protection: Option<bool>,
    /// Tags, instead of the present ones.
    #[schemars(length(max = 32))]
    tags: Option<Vec<Tag>>,
    /// Notes, instead of the present ones.
    #[schemars(length(max = 8000))]
    description: Option<String>,
    /// Cloud-init settings (virtual machines); they take effect at the next start.
    cloud_init: Option<CloudInit>,
    /// Other properties by Proxmox's names, such as `balloon`, `cpu`, `net0`, `swap`, `startup`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 8000}))]
    options: BTreeMap<String, String>,
    /// Properties to put back to their defaults, by Proxmox's names.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 40)))]
    delete: Vec<String>,
    /// `digest` of `get_vm_status`: refuse if somebody changed the guest since then.
    #[schemars(length(max = 40), regex(pattern = "^[0-9a-f]+$"))]
    digest: Option<String>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// What changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ConfigChange {
    vmid: Vmid,
    node: String,
    /// Properties that have another value now.
    changed: Vec<String>,
    /// Properties that take effect at the next start.
    pending: Vec<String>,
    task: Option<TaskReport>,
}

/// Change resources, name, tags, notes, networks or cloud-init settings of a virtual machine or container; some take effect at its next start.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "proxmox:guest:config",
    title = "Change a guest's configuration",
    timeout = 630,
    untrusted("task.log"),
    sensitive_args("cloud_init.password"),
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_vm_config(
    proxmox: &Proxmox,
    args: UpdateVmConfig,
    ctx: &CallContext,
) -> ToolResult<ConfigChange> {
    let guest = proxmox.guest(args.vmid).await?;
    let before = proxmox.guest_config(&guest).await?;
    let digest = args
        .digest
        .clone()
        .or_else(|| before.get("digest").and_then(plain));
    let call = update_call(&guest, &args)?.with_opt("digest", digest);
    let upid = proxmox.api.task(&call).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    proxmox.forget_guests();
    let after = proxmox.guest_config(&guest).await?;
    let effective = effective_config(proxmox, &guest).await?;
    let asked = asked(&guest, &args)?;
    let differ = |one: &GuestConfig, other: &GuestConfig| -> Vec<String> {
        let value = |config: &GuestConfig, key: &str| config.get(key).and_then(plain);
        asked
            .keys()
            .filter(|key| value(one, key) != value(other, key))
            .cloned()
            .collect()
    };
    let (changed, pending) = (differ(&before, &after), differ(&effective, &after));
    Ok(ConfigChange {
        vmid: guest.vmid,
        node: guest.node.to_string(),
        changed,
        pending,
        task,
    })
}

/// The configuration that is in effect, without what waits for the next start.
async fn effective_config(proxmox: &Proxmox, guest: &Guest) -> ToolResult<GuestConfig> {
    let call = guest
        .get("guest_config", Tail::Config)
        .flag("current", true);
    proxmox.api.data(&call).await
}

/// The call that changes a guest: for virtual machines the one that runs as a task, because what it
/// does to disks may take long.
pub(super) fn change_call(guest: &Guest) -> Call {
    match guest.kind {
        GuestKind::Qemu => guest.post("guest_update", Tail::Config),
        GuestKind::Lxc => guest.put("guest_update", Tail::Config),
    }
}

fn update_call(guest: &Guest, args: &UpdateVmConfig) -> ToolResult<Call> {
    if args.cloud_init.is_some() {
        only_qemu(guest, "cloud_init", "it has no cloud-init")?;
    }
    let mut call = change_call(guest);
    for (key, value) in typed(guest, args) {
        call = call.with(key, value);
    }
    if let Some(cloud_init) = &args.cloud_init {
        call = cloud_init.add(call)?;
    }
    call = add_options(call, guest.kind, &args.options)?;
    for (index, key) in args.delete.iter().enumerate() {
        let field = format!("delete[{index}]");
        if !may_set(guest.kind, key) {
            let message = format!("`{key}` cannot be deleted here");
            return Err(ToolError::invalid(field, message)
                .reason("option_not_allowed")
                .hint("disks and devices are left to Proxmox's own interface"));
        }
        if call.text(key).is_some() {
            let message = format!("`{key}` is both set and deleted");
            return Err(ToolError::invalid(field, message));
        }
    }
    if !args.delete.is_empty() {
        call = call.with("delete", args.delete.join(","));
    }
    if call.parameters.is_empty() {
        return Err(ToolError::invalid("options", "nothing to change was given"));
    }
    Ok(call)
}

/// The arguments with names of their own as Proxmox's properties.
fn typed(guest: &Guest, args: &UpdateVmConfig) -> Vec<(&'static str, String)> {
    let name = match guest.kind {
        GuestKind::Qemu => "name",
        GuestKind::Lxc => "hostname",
    };
    let flag = |on: Option<bool>| on.map(|on| u8::from(on).to_string());
    [
        (name, args.name.as_ref().map(ToString::to_string)),
        ("cores", args.cores.map(|cores| cores.to_string())),
        ("memory", args.memory_mib.map(|memory| memory.to_string())),
        ("onboot", flag(args.start_at_boot)),
        ("protection", flag(args.protection)),
        ("tags", tag_list(args.tags.as_deref())),
        ("description", args.description.clone()),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

/// What was asked for, property to value; `None` for those to be deleted. Cloud-init is left out:
/// Proxmox shows its password masked and its keys encoded.
fn asked(guest: &Guest, args: &UpdateVmConfig) -> ToolResult<BTreeMap<String, Option<String>>> {
    let mut asked: BTreeMap<String, Option<String>> = typed(guest, args)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Some(value)))
        .collect();
    for (key, value) in checked_options(guest.kind, &args.options)? {
        asked.insert(key.to_owned(), Some(value.to_owned()));
    }
    for key in &args.delete {
        asked.insert(key.clone(), None);
    }
    Ok(asked)
}

/// Whether a property has the value that was asked for. Proxmox writes tags in its own order, adds
/// what belongs to a network interface, and ends notes with a newline.
fn same(key: &str, wanted: Option<&str>, found: Option<&str>) -> bool {
    let (Some(wanted), Some(found)) = (wanted, found) else {
        return wanted.is_none() == found.is_none();
    };
    match key {
        "tags" => {
            let sorted = |text: &str| {
                let mut all = tags(Some(&text.to_lowercase()));
                all.sort();
                all
            };
            sorted(wanted) == sorted(found)
        }
        "description" => wanted.trim_end() == found.trim_end(),
        _ if key.starts_with("net") => wanted
            .split(',')
            .all(|part| found.split(',').any(|has| has.starts_with(part))),
        _ => wanted == found,
    }
}

async fn preview_update(proxmox: &Proxmox, args: &UpdateVmConfig) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    update_call(&guest, args)?;
    let before = proxmox.guest_config(&guest).await?;
    let changes: Vec<Change> = asked(&guest, args)?
        .into_iter()
        .map(|(field, to)| Change {
            from: before.get(&field).and_then(plain),
            field,
            to,
        })
        .filter(|change| !same(&change.field, change.to.as_deref(), change.from.as_deref()))
        .collect();
    let mut impact = Vec::new();
    if guest.is_running() {
        impact.push(
            "it is running: what cannot be changed live takes effect at its next start".to_owned(),
        );
    }
    if args.cloud_init.is_some() {
        impact.push("its cloud-init settings are replaced".to_owned());
    }
    Ok(Preview {
        summary: format!("change {}", guest.described()),
        changes,
        impact,
    })
}

async fn update_targets(proxmox: &Proxmox, args: &UpdateVmConfig) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn undo_update(proxmox: &Proxmox, args: &UpdateVmConfig) -> ToolResult<Option<Inverse>> {
    let guest = proxmox.guest(args.vmid).await?;
    let before = proxmox.guest_config(&guest).await?;
    inverse(&guest, args, &before)
}

async fn check_update(
    proxmox: &Proxmox,
    args: &UpdateVmConfig,
    done: &ConfigChange,
) -> ToolResult<Vec<Mismatch>> {
    if done.task.as_ref().is_some_and(TaskReport::is_running) {
        return Ok(Vec::new());
    }
    let guest = proxmox.guest(args.vmid).await?;
    let after = proxmox.guest_config(&guest).await?;
    let mismatches = asked(&guest, args)?
        .into_iter()
        .filter_map(|(key, wanted)| {
            let found = after.get(&key).and_then(plain);
            let nothing = || "nothing".to_owned();
            (!same(&key, wanted.as_deref(), found.as_deref())).then(|| Mismatch {
                field: if args.delete.contains(&key) {
                    "delete"
                } else {
                    "options"
                },
                wanted: format!("{key}={}", wanted.unwrap_or_else(nothing)),
                found: found.unwrap_or_else(nothing),
            })
        });
    Ok(mismatches.collect())
}

/// The call that puts the properties back; `None` with cloud-init, whose password nobody can read.
fn inverse(
    guest: &Guest,
    args: &UpdateVmConfig,
    before: &GuestConfig,
) -> ToolResult<Option<Inverse>> {
    if args.cloud_init.is_some() {
        return Ok(None);
    }
    let mut options = Map::new();
    let mut delete = Vec::new();
    for (key, wanted) in asked(guest, args)? {
        let had = before.get(&key).and_then(plain);
        if same(&key, wanted.as_deref(), had.as_deref()) {
            continue;
        }
        match had {
            Some(value) => drop(options.insert(key, Value::String(value))),
            None => delete.push(key),
        }
    }
    if options.is_empty() && delete.is_empty() {
        return Ok(None);
    }
    Ok(Some(Inverse {
        tool: "update_vm_config".to_owned(),
        arguments: json!({ "vmid": args.vmid, "options": options, "delete": delete }),
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tools::guests::tests::{container, machine};

    fn args(value: Value) -> UpdateVmConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn machines_change_in_a_task_and_containers_at_once() {
        let args = args(json!({
            "vmid": 100, "name": "web2", "cores": 4, "tags": ["a", "b"], "start_at_boot": false,
            "options": { "swap": "0" }, "delete": ["nameserver"]
        }));

        assert_eq!(
            update_call(&container(), &args).unwrap().line(),
            "PUT /nodes/pve2/lxc/200/config?hostname=web2&cores=4&onboot=0&tags=a;b&swap=0&delete=nameserver"
        );
        let error = update_call(&machine(), &args).unwrap_err();
        assert_eq!(error.envelope().field.as_deref(), Some("options.swap"));
    }

    #[rstest]
    #[case(json!({ "vmid": 100 }), "options")]
    #[case(json!({ "vmid": 100, "delete": ["scsi0"] }), "delete[0]")]
    #[case(json!({ "vmid": 100, "cores": 2, "delete": ["cores"] }), "delete[0]")]
    #[case(json!({ "vmid": 100, "cores": 2, "options": { "cores": "3" } }), "options.cores")]
    #[case(json!({ "vmid": 100, "options": { "args": "-cpu host" } }), "options.args")]
    fn what_makes_no_sense_is_refused(#[case] value: Value, #[case] field: &str) {
        let error = update_call(&machine(), &args(value)).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn the_inverse_puts_values_back_and_deletes_new_ones() {
        let before = [
            ("cores", json!(2)),
            ("tags", json!("b;a")),
            ("memory", json!("2048")),
        ];
        let before = before
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        let args = args(json!({
            "vmid": 100, "cores": 4, "tags": ["a", "b"], "description": "x", "delete": ["memory"]
        }));

        let inverse = inverse(&machine(), &args, &before).unwrap().unwrap();

        assert_eq!(
            inverse.arguments,
            json!({ "vmid": 100, "options": { "cores": "2", "memory": "2048" }, "delete": ["description"] })
        );
    }

    #[rstest]
    #[case(
        "net0",
        "virtio,bridge=vmbr0",
        "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        true
    )]
    #[case(
        "net0",
        "virtio,bridge=vmbr1",
        "virtio=BC:24:11:00:00:01,bridge=vmbr0",
        false
    )]
    #[case("description", "x", "x\n", true)]
    #[case("tags", "B;a", "a;b", true)]
    #[case("cores", "2", "4", false)]
    fn values_are_compared_as_proxmox_writes_them(
        #[case] key: &str,
        #[case] wanted: &str,
        #[case] found: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(same(key, Some(wanted), Some(found)), equal);
    }
}
