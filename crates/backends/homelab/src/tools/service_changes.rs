//! Adding and changing services.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::inventory::{Device, Service, Status, VirtualMachine};
use homelab_core::store::Records;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, stored};
use crate::health::address;
use crate::patch;

/// A service's fields; those left out stay as they are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpsertService {
    /// Name of the service to change; a new one is added.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// Such as `monitoring`, `media`, `dns`, `database`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    kind: Option<String>,
    /// Base URL: `http://`, `https://` or `tcp://`.
    #[schemars(length(min = 1, max = 1000))]
    url: Option<String>,
    /// TCP or UDP port.
    #[schemars(range(min = 1, max = 65535))]
    port: Option<u16>,
    /// `http`, `https`, `tcp`, `udp`, …
    #[schemars(length(min = 1, max = 32))]
    protocol: Option<String>,
    /// Path or URL that answers 2xx when the service is well.
    #[schemars(length(min = 1, max = 1000))]
    health_endpoint: Option<String>,
    /// Virtual machine it runs on.
    #[schemars(length(min = 1, max = 255))]
    vm: Option<String>,
    /// Device it runs on.
    #[schemars(length(min = 1, max = 255))]
    device: Option<String>,
    /// Last known status.
    status: Option<Status>,
    /// Labels, instead of the present ones.
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    tags: Option<Vec<String>>,
    /// Free text.
    #[schemars(length(min = 1, max = 4000))]
    notes: Option<String>,
    /// Fields to empty.
    #[serde(default)]
    #[schemars(length(max = 10))]
    clear: Vec<ServiceField>,
}

/// A field that can be emptied.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ServiceField {
    Type,
    Url,
    Port,
    Protocol,
    HealthEndpoint,
    Vm,
    Device,
    Status,
    Tags,
    Notes,
}

/// Fields that are compared after a change.
const FIELDS: [&str; 11] = [
    "service_name",
    "type",
    "url",
    "port",
    "protocol",
    "health_endpoint",
    "vm",
    "device",
    "status",
    "tags",
    "notes",
];

/// A service after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Upserted {
    /// As it is now.
    service: Service,
    /// Whether it is new.
    created: bool,
    /// Fields that changed.
    changed: Vec<String>,
}

/// Add a service to the inventory, or change fields of one: URL, port, health endpoint, where it runs. Fields left out stay; name those to empty in `clear`.
#[tool(
    write,
    idempotent,
    permission = "homelab:service:write",
    title = "Add or change a service",
    preview = preview_upsert,
    targets = upsert_targets,
    inverse = undo_upsert,
    read_back = check_upsert
)]
pub(crate) async fn homelab_upsert_service(
    lab: &Homelab,
    args: UpsertService,
) -> ToolResult<Upserted> {
    let _writing = lab.writing.lock().await;
    let before = lab.get::<Service>(&args.name).await?;
    let wanted = apply(lab, &args, before.as_ref()).await?;
    let changes = patch::changes(before.as_ref(), Some(&wanted))?;
    let service = match before {
        Some(before) if changes.is_empty() => before,
        _ => Records::<Service>::put(lab.inventory(), wanted)
            .await
            .map_err(stored)?,
    };
    Ok(Upserted {
        created: changes.iter().any(|change| change.field == "service_name"),
        changed: changes.into_iter().map(|change| change.field).collect(),
        service,
    })
}

async fn preview_upsert(lab: &Homelab, args: &UpsertService) -> ToolResult<Preview> {
    let before = lab.get::<Service>(&args.name).await?;
    let after = apply(lab, args, before.as_ref()).await?;
    let changes = patch::changes(before.as_ref(), Some(&after))?;
    Ok(Preview {
        summary: match &before {
            None => format!("add the service `{}`", args.name),
            Some(service) if changes.is_empty() => {
                format!("leave the service `{}` as it is", service.service_name)
            }
            Some(service) => format!("change the service `{}`", service.service_name),
        },
        changes,
        impact: Vec::new(),
    })
}

async fn upsert_targets(lab: &Homelab, args: &UpsertService) -> ToolResult<Vec<Target>> {
    let service = lab.get::<Service>(&args.name).await?;
    Ok(vec![match service {
        Some(service) => Target {
            kind: "service".to_owned(),
            id: service.id,
            name: Some(service.service_name),
            tags: service.tags,
        },
        None => Target {
            kind: "service".to_owned(),
            id: String::new(),
            name: Some(args.name.clone()),
            tags: Vec::new(),
        },
    }])
}

/// A service that is new cannot be removed again by a tool.
async fn undo_upsert(lab: &Homelab, args: &UpsertService) -> ToolResult<Option<Inverse>> {
    let Some(before) = lab.get::<Service>(&args.name).await? else {
        return Ok(None);
    };
    let after = apply(lab, args, Some(&before)).await?;
    Ok(patch::undoing(&before, &after)?.map(|mut fields| {
        fields.insert("name".to_owned(), before.service_name.into());
        Inverse {
            tool: "homelab_upsert_service".to_owned(),
            arguments: fields.into(),
        }
    }))
}

async fn check_upsert(
    lab: &Homelab,
    args: &UpsertService,
    done: &Upserted,
) -> ToolResult<Vec<Mismatch>> {
    let found = lab.find::<Service>("name", &done.service.id).await?;
    // Applied once more, the arguments must not change anything.
    let again = apply(lab, args, Some(&found)).await?;
    patch::mismatches(&FIELDS, &again, &found)
}

async fn apply(
    lab: &Homelab,
    args: &UpsertService,
    before: Option<&Service>,
) -> ToolResult<Service> {
    check_addresses(args)?;
    let mut given = patch::members(args)?;
    let clear = patch::take_cleared(&mut given);
    if let Some(name) = given.remove("name")
        && before.is_none()
    {
        given.insert("service_name".to_owned(), name);
    }
    // Places by the name they are stored with, so that comparing texts is enough later.
    if let Some(name) = &args.vm {
        let guest = lab.find::<VirtualMachine>("vm", name).await?;
        given.insert("vm".to_owned(), guest.name.into());
    }
    if let Some(name) = &args.device {
        let device = lab.find::<Device>("device", name).await?;
        given.insert("device".to_owned(), device.name.into());
    }
    patch::merged(before, given, &clear)
}

/// Refuses addresses that a health check could not use, or that hold a password.
fn check_addresses(args: &UpsertService) -> ToolResult<()> {
    for (field, value) in [
        ("url", &args.url),
        ("health_endpoint", &args.health_endpoint),
    ] {
        let Some(text) = value else { continue };
        if field == "health_endpoint" && !text.contains("://") {
            continue;
        }
        address::parse(text).map_err(|problem| {
            ToolError::invalid(field, format!("`{field}` cannot be used: {problem}"))
        })?;
    }
    Ok(())
}
