//! Templates of containers.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{Mismatch, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placing::Places;
use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::{NodeName, StorageId};
use crate::page::page;
use crate::task::TaskReport;
use crate::types::Appliance;

/// Which templates.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListTemplates {
    /// Those that can be downloaded, instead of those that are here.
    available: bool,
    /// Only with this text in the name, such as `debian-12`.
    #[schemars(length(max = 100))]
    name: Option<String>,
    /// Only on this node.
    node: Option<NodeName>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A template.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TemplateRow {
    /// What `create_lxc` takes, or `download_template` if it is not here yet.
    template: String,
    node: Option<String>,
    size_bytes: Option<u64>,
    /// Such as `system`, `turnkeylinux`.
    section: Option<String>,
    os: Option<String>,
    version: Option<String>,
    headline: Option<String>,
}

/// List container templates that are on the storages, or with `available` those that Proxmox can download.
#[tool(
    read,
    open_world,
    permission = "proxmox:template:read",
    title = "List container templates",
    timeout = 120,
    untrusted("items.*.headline")
)]
pub(crate) async fn list_templates(
    proxmox: &Proxmox,
    args: ListTemplates,
) -> ToolResult<Page<TemplateRow>> {
    let places = Places::read(proxmox).await?;
    let mut rows = if args.available {
        let node = places.node(args.node.as_ref(), &[])?;
        let call = Call::get("appliances", "/nodes/{}/aplinfo", &[&node]);
        let appliances: Vec<Appliance> = proxmox.api.list(&call).await?;
        appliances.into_iter().map(available).collect()
    } else {
        present(proxmox, &places, args.node.as_ref()).await?
    };
    if let Some(part) = &args.name {
        let part = part.to_lowercase();
        rows.retain(|row| row.template.to_lowercase().contains(&part));
    }
    let key = |row: &TemplateRow| {
        format!(
            "{}@{}",
            row.template,
            row.node.as_deref().unwrap_or_default()
        )
    };
    page(rows, args.limit, args.cursor.as_deref(), key)
}

async fn present(
    proxmox: &Proxmox,
    places: &Places,
    only: Option<&NodeName>,
) -> ToolResult<Vec<TemplateRow>> {
    let mut rows = Vec::new();
    for (node, storage, shared) in places.storages_for("vztmpl") {
        if only.is_some_and(|only| *only != node && !shared) {
            continue;
        }
        let volumes = proxmox
            .volumes(&node, &storage, Some("vztmpl"), None)
            .await?;
        rows.extend(volumes.into_iter().map(|volume| TemplateRow {
            template: volume.volid,
            node: Some(node.to_string()),
            size_bytes: volume.size,
            section: None,
            os: None,
            version: None,
            headline: None,
        }));
    }
    Ok(rows)
}

fn available(appliance: Appliance) -> TemplateRow {
    TemplateRow {
        template: appliance.template,
        node: None,
        size_bytes: None,
        section: appliance.section,
        os: appliance.os,
        version: appliance.version,
        headline: appliance.headline,
    }
}

/// What to download.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadTemplate {
    /// As `list_templates` with `available` shows it.
    #[schemars(
        length(min = 3, max = 255),
        regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    )]
    template: String,
    /// Storage that takes `vztmpl`; the only one without.
    storage: Option<StorageId>,
    /// Node to download to; without, one that has the storage.
    node: Option<NodeName>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A downloaded template.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Downloaded {
    /// What `create_lxc` takes.
    template: String,
    node: NodeName,
    task: Option<TaskReport>,
}

/// Download a container template from Proxmox's repositories to a storage.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "proxmox:template:download",
    title = "Download a container template",
    timeout = 630,
    untrusted("task.log"),
    read_back = check_download
)]
pub(crate) async fn download_template(
    proxmox: &Proxmox,
    args: DownloadTemplate,
    ctx: &CallContext,
) -> ToolResult<Downloaded> {
    let places = Places::read(proxmox).await?;
    let needed: Vec<&StorageId> = args.storage.iter().collect();
    let node = places.node(args.node.as_ref(), &needed)?;
    let storage = places.only_storage(args.storage.as_ref(), None, &node, "vztmpl")?;
    let upid = proxmox
        .api
        .task(&download_call(&node, &storage, &args.template))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    Ok(Downloaded {
        template: format!("{storage}:vztmpl/{}", args.template),
        node,
        task,
    })
}

fn download_call(node: &NodeName, storage: &StorageId, template: &str) -> Call {
    Call::post("template_download", "/nodes/{}/aplinfo", &[node])
        .with("storage", storage)
        .with("template", template)
}

async fn check_download(
    proxmox: &Proxmox,
    _args: &DownloadTemplate,
    done: &Downloaded,
) -> ToolResult<Vec<Mismatch>> {
    let Ok(volid) = done.template.parse::<crate::ids::Volid>() else {
        return Ok(Vec::new());
    };
    if done.task.as_ref().is_some_and(TaskReport::is_running) {
        return Ok(Vec::new());
    }
    let storage = volid.storage().to_id();
    let volumes = proxmox
        .volumes(&done.node, &storage, Some("vztmpl"), None)
        .await?;
    let is_there = volumes.iter().any(|volume| volume.volid == done.template);
    Ok((!is_there)
        .then(|| Mismatch {
            field: "template",
            wanted: done.template.clone(),
            found: "no such volume".to_owned(),
        })
        .into_iter()
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_downloaded_to_a_storage() {
        let (node, storage) = ("pve1".parse().unwrap(), "local".parse().unwrap());

        assert_eq!(
            download_call(&node, &storage, "debian-12-standard_12.7-1_amd64.tar.zst").line(),
            "POST /nodes/pve1/aplinfo?storage=local&template=debian-12-standard_12.7-1_amd64.tar.zst"
        );
    }
}
