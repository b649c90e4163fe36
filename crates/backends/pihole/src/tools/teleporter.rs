//! Archives of a Pi-hole: made, listed, removed.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Pihole;
use crate::each::{OnHosts, all_took, on_each, target, targets_of};
use crate::teleporter::{ArchiveMade, ArchiveRow, KEPT, Purpose};

/// Of which Pi-holes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportTeleporter {
    /// Why it is made, to find it again.
    #[schemars(length(max = 200))]
    note: Option<String>,
    /// Only of this Pi-hole; default one of each of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which archives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListArchives {
    /// Only of this Pi-hole, which may be one that is no longer configured.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// Which archive.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteArchive {
    /// Its id, from `list_teleporter_archives`.
    #[schemars(length(min = 1, max = 64))]
    archive: String,
}

/// Archives that are kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ArchiveList {
    /// Newest first.
    archives: Vec<ArchiveRow>,
    /// How many are kept of each Pi-hole; the oldest goes for a new one.
    kept_of_each: usize,
}

/// An archive that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ArchiveDeleted {
    deleted: ArchiveRow,
}

/// Have each Pi-hole of the instance make an archive of all its settings and lists (Teleporter), kept encrypted here.
#[tool(
    write,
    open_world,
    permission = "pihole:teleporter:export",
    title = "Make an archive (Teleporter)",
    timeout = 180,
    preview = preview_export,
    targets = export_targets,
    read_back = all_took
)]
pub(crate) async fn export_teleporter(
    pihole: &Pihole,
    args: ExportTeleporter,
) -> ToolResult<OnHosts<ArchiveMade>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    let note = &args.note;
    on_each(hosts, |host| {
        let purpose = Purpose {
            note: note.clone(),
            ..Purpose::default()
        };
        pihole.export(host, purpose)
    })
    .await
}

async fn preview_export(pihole: &Pihole, args: &ExportTeleporter) -> ToolResult<Preview> {
    let kept = pihole.archives().await?;
    let mut impact = Vec::new();
    let mut names = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let mut of_host = kept.iter().filter(|archive| archive.source == host.name);
        let leaving = of_host.nth(KEPT - 1);
        impact.extend(leaving.map(|archive| {
            let (id, time) = (&archive.id, archive.created_at.to_rfc3339());
            format!("the archive `{id}` of {time} goes for it: {KEPT} are kept of each Pi-hole")
        }));
        names.push(host.name.as_str());
    }
    Ok(Preview {
        summary: format!("make an archive of {}", names.join(" and ")),
        changes: Vec::new(),
        impact,
    })
}

async fn export_targets(pihole: &Pihole, args: &ExportTeleporter) -> ToolResult<Vec<Target>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    Ok(targets_of(&hosts))
}

/// List the archives of this instance's Pi-holes that are kept here, without their content.
#[tool(
    read,
    permission = "pihole:teleporter:read",
    title = "List archives (Teleporter)"
)]
pub(crate) async fn list_teleporter_archives(
    pihole: &Pihole,
    args: ListArchives,
) -> ToolResult<ArchiveList> {
    let mut archives = pihole.archives().await?;
    if let Some(host) = &args.host {
        archives.retain(|archive| archive.source == *host);
    }
    Ok(ArchiveList {
        archives: archives.into_iter().map(ArchiveRow::from).collect(),
        kept_of_each: KEPT,
    })
}

/// Remove an archive of a Pi-hole from those that are kept here; it cannot be brought back.
#[tool(
    destructive,
    permission = "pihole:teleporter:delete",
    title = "Remove an archive (Teleporter)",
    preview = preview_delete,
    targets = delete_targets
)]
pub(crate) async fn delete_teleporter_archive(
    pihole: &Pihole,
    args: DeleteArchive,
) -> ToolResult<ArchiveDeleted> {
    let archive = pihole.archive(&args.archive).await?;
    pihole.env.stores.archives.delete(&archive.id).await?;
    Ok(ArchiveDeleted {
        deleted: archive.into(),
    })
}

async fn preview_delete(pihole: &Pihole, args: &DeleteArchive) -> ToolResult<Preview> {
    let archive = pihole.archive(&args.archive).await?;
    let (host, time) = (&archive.source, archive.created_at.to_rfc3339());
    let summary = format!("remove the archive of `{host}` of {time}");
    Ok(Preview {
        summary,
        changes: vec![Change {
            field: format!("archive {}", archive.id),
            from: Some(archive.name),
            to: None,
        }],
        impact: archive.note.into_iter().collect(),
    })
}

async fn delete_targets(_pihole: &Pihole, args: &DeleteArchive) -> ToolResult<Vec<Target>> {
    Ok(vec![target("archive", &args.archive)])
}
