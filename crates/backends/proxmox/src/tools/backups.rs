//! Backups: which there are, and making one.

use std::future::{Ready, ready};

use futures_util::{StreamExt as _, stream};
use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{Effect, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::placing::Places;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind};
use crate::ids::{NodeName, StorageId, Vmid};
use crate::page::{newest_first, page};
use crate::task::TaskReport;
use crate::types::Volume;
use crate::units::timestamp;

/// Storages that are asked at a time.
const AT_A_TIME: usize = 4;

/// Which backups.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListBackups {
    /// Only of this guest.
    vmid: Option<Vmid>,
    /// Only on this storage.
    storage: Option<StorageId>,
    /// Only on this node's storages.
    node: Option<NodeName>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupRow {
    /// What `restore_backup` and `delete_backup` take.
    pub(crate) backup: String,
    pub(crate) vmid: Option<u64>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<GuestKind>,
    pub(crate) created: Option<String>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) node: NodeName,
    pub(crate) notes: Option<String>,
    /// Absent for what is not.
    pub(crate) protected: Option<bool>,
    /// Absent for what is not.
    pub(crate) encrypted: Option<bool>,
    /// What a backup server found when it read it again.
    pub(crate) verification: Option<String>,
    /// Seconds since 1970.
    #[serde(skip)]
    pub(super) ctime: Option<i64>,
}

impl BackupRow {
    pub(super) fn of(node: &NodeName, volume: Volume) -> Self {
        Self {
            kind: kind_of(&volume),
            created: timestamp(volume.ctime),
            backup: volume.volid,
            vmid: volume.vmid,
            size_bytes: volume.size,
            node: node.clone(),
            notes: volume.notes,
            protected: volume.protected.then_some(true),
            encrypted: volume.encrypted.filter(|text| text != "0").map(|_| true),
            verification: volume.verification.and_then(|found| found.state),
            ctime: volume.ctime,
        }
    }
}

/// Whether it is of a virtual machine or a container, from its name, else its format.
pub(super) fn kind_of(volume: &Volume) -> Option<GuestKind> {
    let name = volume.volid.as_str();
    let has = |part: &str| name.contains(part);
    let told = |text: Option<&str>| match text? {
        "qemu" | "vma" | "pbs-vm" => Some(GuestKind::Qemu),
        "lxc" | "tar" | "pbs-ct" => Some(GuestKind::Lxc),
        text if text.starts_with("vma") => Some(GuestKind::Qemu),
        text if text.starts_with("tar") || text == "tgz" => Some(GuestKind::Lxc),
        _ => None,
    };
    if has("vzdump-qemu-") || has(":backup/vm/") {
        Some(GuestKind::Qemu)
    } else if has("vzdump-lxc-") || has("vzdump-openvz-") || has(":backup/ct/") {
        Some(GuestKind::Lxc)
    } else {
        told(volume.subtype.as_deref()).or_else(|| told(volume.format.as_deref()))
    }
}

/// Backups, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupList {
    #[serde(flatten)]
    page: Page<BackupRow>,
    /// Storages that could not be read, so that the list may be short.
    problems: Vec<String>,
}

/// List backups of guests on all storages that take them, newest first, with size, notes and protection.
#[tool(
    read,
    open_world,
    permission = "proxmox:backup:read",
    title = "List backups",
    timeout = 120,
    untrusted("items.*.notes")
)]
pub(crate) async fn list_backups(proxmox: &Proxmox, args: ListBackups) -> ToolResult<BackupList> {
    let places = Places::read(proxmox).await?;
    let mut asked = places.storages_for("backup");
    asked.retain(|(node, storage, shared)| {
        let on_node = args
            .node
            .as_ref()
            .is_none_or(|only| only == node || *shared);
        on_node && args.storage.as_ref().is_none_or(|only| only == storage)
    });
    if let (true, Some(storage)) = (asked.is_empty(), &args.storage) {
        // Says why: unknown, not for us to see, or down.
        let node = super::storage::node_of(proxmox, storage).await?;
        asked.push((node, storage.clone(), false));
    }
    let found = read_backups(proxmox, asked, args.vmid).await?;
    let key = |row: &BackupRow| newest_first(row.ctime, &format!("{}@{}", row.backup, row.node));
    Ok(BackupList {
        page: page(found.rows, args.limit, args.cursor.as_deref(), key)?,
        problems: found.problems,
    })
}

/// Backups that were read from several storages.
pub(super) struct Backups {
    pub(super) rows: Vec<BackupRow>,
    /// Storages that could not be read.
    pub(super) problems: Vec<String>,
}

impl Backups {
    /// The newest one.
    pub(super) fn newest(&self) -> Option<BackupRow> {
        self.rows.iter().max_by_key(|row| row.ctime).cloned()
    }
}

/// Reads the backups on these storages, a few storages at a time.
///
/// # Errors
/// That of a storage, if nothing at all could be read.
pub(super) async fn read_backups(
    proxmox: &Proxmox,
    asked: Vec<(NodeName, StorageId, bool)>,
    vmid: Option<Vmid>,
) -> ToolResult<Backups> {
    let answers: Vec<_> = stream::iter(asked)
        .map(|(node, storage, _)| async move {
            let volumes = proxmox.volumes(&node, &storage, Some("backup"), vmid).await;
            (node, storage, volumes)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut first_error = None;
    for (node, storage, volumes) in answers {
        match volumes {
            Ok(volumes) => rows.extend(
                volumes
                    .into_iter()
                    .map(|volume| BackupRow::of(&node, volume)),
            ),
            Err(error) => {
                problems.push(format!(
                    "`{storage}` on `{node}`: {}",
                    error.envelope().message
                ));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        // Nothing at all could be read, and that is the answer.
        Some(error) if rows.is_empty() => Err(error),
        _ => Ok(Backups { rows, problems }),
    }
}

/// What to back up, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBackup {
    /// The guest.
    vmid: Vmid,
    /// Storage; without, as configured or the only one that takes backups.
    storage: Option<StorageId>,
    /// How a running guest is treated; default `snapshot`.
    mode: Option<BackupMode>,
    /// Notes; `{{guestname}}`, `{{node}}`, `{{vmid}}`, `{{cluster}}` are filled in.
    #[schemars(length(max = 1000))]
    notes: Option<String>,
    /// Protect it from pruning and deletion.
    #[serde(default)]
    protected: bool,
    /// Afterwards remove older backups by the storage's retention.
    #[serde(default)]
    prune: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// How a running guest is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackupMode {
    /// Live.
    Snapshot,
    /// Paused meanwhile.
    Suspend,
    /// Shut down for it.
    Stop,
}

impl BackupMode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Suspend => "suspend",
            Self::Stop => "stop",
        }
    }
}

/// A backup that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupMade {
    vmid: Vmid,
    node: NodeName,
    storage: StorageId,
    /// As found on the storage afterwards; absent while the task runs.
    backup: Option<BackupRow>,
    task: Option<TaskReport>,
}

/// Back up a virtual machine or container to a storage, and check afterwards that the backup is there.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:backup:create",
    title = "Create a backup",
    timeout = 630,
    untrusted("backup.notes", "task.log"),
    effect = effect,
    preview = preview_create,
    targets = create_targets,
    read_back = check_create
)]
pub(crate) async fn create_backup(
    proxmox: &Proxmox,
    args: CreateBackup,
    ctx: &CallContext,
) -> ToolResult<BackupMade> {
    let guest = proxmox.guest(args.vmid).await?;
    let configured = proxmox.config.backup_storage.as_ref();
    let storage = match args.storage.as_ref().or(configured) {
        Some(storage) => storage.clone(),
        None => Places::read(proxmox)
            .await?
            .only_storage(None, None, &guest.node, "backup")?,
    };
    let before = backups_of(proxmox, &guest.node, &storage, guest.vmid).await?;
    let upid = proxmox
        .guest_task(&guest, |guest| create_call(guest, &storage, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let is_running = task.as_ref().is_some_and(TaskReport::is_running);
    let backup = if is_running {
        None
    } else {
        // A job on the wrong node ends well without having saved anything.
        let after = backups_of(proxmox, &guest.node, &storage, guest.vmid).await?;
        after
            .into_iter()
            .filter(|volume| !before.iter().any(|old| old.volid == volume.volid))
            .max_by_key(|volume| volume.ctime)
            .map(|volume| BackupRow::of(&guest.node, volume))
    };
    Ok(BackupMade {
        vmid: guest.vmid,
        node: guest.node,
        storage,
        backup,
        task,
    })
}

async fn backups_of(
    proxmox: &Proxmox,
    node: &NodeName,
    storage: &StorageId,
    vmid: Vmid,
) -> ToolResult<Vec<Volume>> {
    proxmox
        .volumes(node, storage, Some("backup"), Some(vmid))
        .await
}

fn create_call(guest: &Guest, storage: &StorageId, args: &CreateBackup) -> Call {
    Call::post("backup_create", "/nodes/{}/vzdump", &[&guest.node])
        .with("vmid", guest.vmid)
        .with("storage", storage)
        .with("mode", args.mode.unwrap_or(BackupMode::Snapshot).as_str())
        // Nothing by default; backup servers ignore it.
        .with("compress", "zstd")
        // Older backups are pruned by default.
        .flag("remove", args.prune)
        .flag_if("protected", args.protected)
        .with_opt("notes-template", args.notes.as_deref())
}

/// A live backup that removes no other one disturbs nobody.
fn effect(_proxmox: &Proxmox, args: &CreateBackup) -> Effect {
    let is_live = matches!(args.mode, None | Some(BackupMode::Snapshot));
    if is_live && !args.prune {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

async fn preview_create(proxmox: &Proxmox, args: &CreateBackup) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let mut impact = Vec::new();
    if guest.is_running() {
        match args.mode {
            Some(BackupMode::Stop) => {
                impact.push("it is shut down for the backup and started again".to_owned());
            }
            Some(BackupMode::Suspend) => impact.push("it is paused meanwhile".to_owned()),
            _ => {}
        }
    }
    if args.prune {
        impact.push(
            "older backups that the storage's retention does not keep are removed".to_owned(),
        );
    }
    Ok(Preview {
        summary: format!("back up {}", guest.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn create_targets(proxmox: &Proxmox, args: &CreateBackup) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

fn check_create(
    _proxmox: &Proxmox,
    args: &CreateBackup,
    done: &BackupMade,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let is_running = done.task.as_ref().is_some_and(TaskReport::is_running);
    ready(Ok((!is_running && done.backup.is_none())
        .then(|| Mismatch {
            field: "vmid",
            wanted: format!("a new backup of `{}` on `{}`", args.vmid, done.storage),
            found: "none".to_owned(),
        })
        .into_iter()
        .collect()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::tools::guests::tests::machine;

    #[test]
    fn old_backups_stay_and_the_new_one_is_compressed() {
        let args: CreateBackup = serde_json::from_value(json!({ "vmid": 100 })).unwrap();

        assert_eq!(
            create_call(&machine(), &"nas".parse().unwrap(), &args).line(),
            "POST /nodes/pve1/vzdump?vmid=100&storage=nas&mode=snapshot&compress=zstd&remove=0"
        );
    }

    #[rstest]
    #[case(
        "local:backup/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst",
        None,
        Some(GuestKind::Qemu)
    )]
    #[case(
        "local:backup/vzdump-lxc-200-2026_11_20-02_00_00.tar.zst",
        None,
        Some(GuestKind::Lxc)
    )]
    #[case("pbs:backup/ct/200/2026-11-20T02:00:00Z", None, Some(GuestKind::Lxc))]
    #[case("nas:backup/renamed.dat", Some("vma.zst"), Some(GuestKind::Qemu))]
    #[case("nas:backup/renamed.dat", Some("pbs-ct"), Some(GuestKind::Lxc))]
    #[case("nas:backup/renamed.dat", None, None)]
    fn a_backups_type_is_told_by_its_name_or_format(
        #[case] volid: &str,
        #[case] format: Option<&str>,
        #[case] kind: Option<GuestKind>,
    ) {
        let volume = serde_json::from_value(json!({ "volid": volid, "format": format })).unwrap();

        assert_eq!(kind_of(&volume), kind);
    }
}
