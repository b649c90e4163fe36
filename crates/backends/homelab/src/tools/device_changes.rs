//! Adding, changing and removing devices.

use std::collections::BTreeMap;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::inventory::{Device, Status};
use homelab_core::net::{Ip, Mac};
use homelab_core::store::Records;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::{Homelab, stored};
use crate::patch;

/// A device's fields; those left out stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpsertDevice {
    /// Name of the device to change; a new one is added.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Such as `compute`, `network`, `storage`, `power`, `iot`.
    #[schemars(length(min = 1, max = 64))]
    category: Option<String>,
    /// Such as `server`, `switch`, `access_point`, `nas`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    kind: Option<String>,
    /// Last known status.
    status: Option<Status>,
    /// DNS name.
    #[schemars(length(min = 1, max = 253))]
    hostname: Option<String>,
    /// IPv4 or IPv6 address.
    #[schemars(length(max = 45))]
    ip: Option<Ip>,
    /// MAC address.
    #[schemars(length(max = 17))]
    mac: Option<Mac>,
    /// Maker.
    #[schemars(length(min = 1, max = 128))]
    manufacturer: Option<String>,
    /// Model.
    #[schemars(length(min = 1, max = 128))]
    model: Option<String>,
    /// Serial number.
    #[schemars(length(min = 1, max = 128))]
    serial: Option<String>,
    /// Operating system or firmware.
    #[schemars(length(min = 1, max = 128))]
    os: Option<String>,
    /// Room, rack, shelf.
    #[schemars(length(min = 1, max = 255))]
    location: Option<String>,
    /// Labels, instead of the present ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    tags: Option<Vec<String>>,
    /// Free text.
    #[schemars(length(min = 1, max = 4000))]
    notes: Option<String>,
    /// Anything else, name to text, instead of the present ones.
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = {"type": "string", "maxLength": 1000}))]
    metadata: Option<BTreeMap<String, String>>,
    /// Fields to empty.
    #[serde(default)]
    #[schemars(length(max = 14))]
    clear: Vec<DeviceField>,
}

/// A field that can be emptied.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DeviceField {
    Category,
    Type,
    Status,
    Hostname,
    Ip,
    Mac,
    Manufacturer,
    Model,
    Serial,
    Os,
    Location,
    Tags,
    Notes,
    Metadata,
}

/// Fields that are compared after a change.
const FIELDS: [&str; 15] = [
    "name",
    "category",
    "type",
    "status",
    "hostname",
    "ip",
    "mac",
    "manufacturer",
    "model",
    "serial",
    "os",
    "location",
    "tags",
    "notes",
    "metadata",
];

/// A device after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Upserted {
    /// As it is now.
    device: Device,
    /// Whether it is new.
    created: bool,
    /// Fields that changed.
    changed: Vec<String>,
}

impl UpsertDevice {
    fn apply(&self, before: Option<&Device>) -> ToolResult<Device> {
        let mut given = patch::members(self)?;
        let clear = patch::take_cleared(&mut given);
        if before.is_some() {
            // The key keeps the spelling it was stored with.
            given.remove("name");
        }
        patch::merged(before, given, &clear)
    }
}

/// Add a device to the inventory, or change fields of one. Fields left out stay; name those to empty in `clear`.
#[tool(
    write,
    idempotent,
    permission = "homelab:device:write",
    title = "Add or change a device",
    preview = preview_upsert,
    targets = upsert_targets,
    inverse = undo_upsert,
    read_back = check_upsert
)]
pub(crate) async fn homelab_upsert_device(
    lab: &Homelab,
    args: UpsertDevice,
) -> ToolResult<Upserted> {
    let _writing = lab.writing.lock().await;
    let before = lab.get::<Device>(&args.name).await?;
    let wanted = args.apply(before.as_ref())?;
    let changes = patch::changes(before.as_ref(), Some(&wanted))?;
    let device = match before {
        Some(before) if changes.is_empty() => before,
        _ => Records::<Device>::put(lab.inventory(), wanted)
            .await
            .map_err(stored)?,
    };
    Ok(Upserted {
        created: changes.iter().any(|change| change.field == "name"),
        changed: changes.into_iter().map(|change| change.field).collect(),
        device,
    })
}

async fn preview_upsert(lab: &Homelab, args: &UpsertDevice) -> ToolResult<Preview> {
    let before = lab.get::<Device>(&args.name).await?;
    let after = args.apply(before.as_ref())?;
    let changes = patch::changes(before.as_ref(), Some(&after))?;
    Ok(Preview {
        summary: match &before {
            None => format!("add the device `{}`", args.name),
            Some(device) if changes.is_empty() => {
                format!("leave the device `{}` as it is", device.name)
            }
            Some(device) => format!("change the device `{}`", device.name),
        },
        changes,
        impact: Vec::new(),
    })
}

async fn upsert_targets(lab: &Homelab, args: &UpsertDevice) -> ToolResult<Vec<Target>> {
    Ok(vec![target(lab, &args.name).await?])
}

async fn undo_upsert(lab: &Homelab, args: &UpsertDevice) -> ToolResult<Option<Inverse>> {
    let Some(before) = lab.get::<Device>(&args.name).await? else {
        return Ok(Some(Inverse {
            tool: "homelab_delete_device".to_owned(),
            arguments: json!({ "name": args.name }),
        }));
    };
    let after = args.apply(Some(&before))?;
    Ok(patch::undoing(&before, &after)?.map(|fields| restoring(&before, fields)))
}

async fn check_upsert(
    lab: &Homelab,
    args: &UpsertDevice,
    done: &Upserted,
) -> ToolResult<Vec<Mismatch>> {
    let found = lab.find::<Device>("name", &done.device.id).await?;
    // Applied once more, the arguments must not change anything.
    patch::mismatches(&FIELDS, &args.apply(Some(&found))?, &found)
}

/// Which device to remove.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteDevice {
    /// Name or id.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Remove it even though services are recorded on it; they stay, without a device.
    #[serde(default)]
    force: bool,
}

/// A removed device.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemovedDevice {
    /// As it was.
    deleted: Device,
    /// Services that have no device any more.
    unlinked_services: Vec<String>,
    /// What is still recorded for it elsewhere.
    left_behind: Vec<String>,
}

/// Delete a device from the inventory. Refused while services are recorded on it, unless forced; its IP allocation and credentials stay.
#[tool(
    destructive,
    permission = "homelab:device:delete",
    title = "Delete a device",
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn homelab_delete_device(
    lab: &Homelab,
    args: DeleteDevice,
) -> ToolResult<RemovedDevice> {
    let _writing = lab.writing.lock().await;
    let device = lab.find::<Device>("name", &args.name).await?;
    let services = service_names(lab, &device).await?;
    if !services.is_empty() && !args.force {
        let name = &device.name;
        return Err(ToolError::new(
            Code::Conflict,
            format!("services are recorded on `{name}`: {}", services.join(", ")),
        )
        .reason("has_dependents")
        .field("name")
        .hint("move them with `homelab_upsert_service`, or pass `force`"));
    }
    let left_behind = left_behind(lab, &device).await?;
    Records::<Device>::delete(lab.inventory(), &device.id)
        .await
        .map_err(stored)?;
    Ok(RemovedDevice {
        deleted: device,
        unlinked_services: services,
        left_behind,
    })
}

async fn preview_delete(lab: &Homelab, args: &DeleteDevice) -> ToolResult<Preview> {
    let device = lab.find::<Device>("name", &args.name).await?;
    let services = service_names(lab, &device).await?;
    let unlinked = services
        .iter()
        .map(|name| format!("the service `{name}` loses its device"));
    let stays = left_behind(lab, &device).await?;
    Ok(Preview {
        summary: format!("delete the device `{}`", device.name),
        impact: unlinked
            .chain(stays.into_iter().map(|what| format!("{what} stays")))
            .collect(),
        changes: patch::changes(Some(&device), None)?,
    })
}

async fn delete_targets(lab: &Homelab, args: &DeleteDevice) -> ToolResult<Vec<Target>> {
    Ok(vec![target(lab, &args.name).await?])
}

async fn undo_delete(lab: &Homelab, args: &DeleteDevice) -> ToolResult<Option<Inverse>> {
    let Some(device) = lab.get::<Device>(&args.name).await? else {
        return Ok(None);
    };
    let mut fields = patch::members(&device)?;
    fields.retain(|name, _| FIELDS.contains(&name.as_str()));
    Ok(Some(restoring(&device, fields)))
}

async fn check_delete(
    lab: &Homelab,
    _args: &DeleteDevice,
    done: &RemovedDevice,
) -> ToolResult<Vec<Mismatch>> {
    let found = lab.get::<Device>(&done.deleted.id).await?;
    Ok(found
        .map(|device| Mismatch {
            field: "name",
            wanted: "no such device".to_owned(),
            found: device.name,
        })
        .into_iter()
        .collect())
}

fn restoring(device: &Device, mut fields: Map<String, Value>) -> Inverse {
    fields.insert("name".to_owned(), device.name.clone().into());
    Inverse {
        tool: "homelab_upsert_device".to_owned(),
        arguments: fields.into(),
    }
}

async fn target(lab: &Homelab, name: &str) -> ToolResult<Target> {
    let device = lab.get::<Device>(name).await?;
    Ok(Target {
        kind: "device".to_owned(),
        id: device
            .as_ref()
            .map(|device| device.id.clone())
            .unwrap_or_default(),
        name: Some(
            device
                .as_ref()
                .map_or_else(|| name.to_owned(), |device| device.name.clone()),
        ),
        tags: device.map(|device| device.tags).unwrap_or_default(),
    })
}

async fn service_names(lab: &Homelab, device: &Device) -> ToolResult<Vec<String>> {
    let services = lab.services_on(&device.name).await?;
    Ok(services
        .into_iter()
        // A guest may bear the same name.
        .filter(|service| service.device.as_ref() == Some(&device.name))
        .map(|service| service.service_name)
        .collect())
}

/// Records that name the device without a link to it.
async fn left_behind(lab: &Homelab, device: &Device) -> ToolResult<Vec<String>> {
    let mut left = Vec::new();
    if let Some(ip) = device.ip {
        let found = lab.lookup(ip).await?;
        if found.iter().any(|found| found.entity == "network_config") {
            left.push(format!("the allocation of `{ip}`"));
        }
    }
    for credential in lab.credentials(&device.name).await? {
        let kind = &credential.auth_type;
        left.push(format!("the credential `{}` ({kind})", credential.id));
    }
    Ok(left)
}
