//! Trying a backup: restored beside the original, cut off from every network and device, booted, looked
//! at, and removed again.
//!
//! The work goes on in a task of its own, so that a caller who leaves ends the test but not its tidying up.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backups::{BackupRow, read_backups};
use super::placing::{Places, with_vmid};
use super::scratch::{agent_answers, agent_is_on, failed, finished, isolate, remove};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail};
use crate::ids::{GuestName, NodeName, StorageId, Upid, Vmid, Volid};

/// Kept of the call's time for tidying up.
const TIDY: Duration = Duration::from_mins(5);
/// How long a guest without an agent has to stay up.
const STEADY: Duration = Duration::from_secs(10);
/// How often a booting guest is looked at, at most.
const LOOK: Duration = Duration::from_secs(2);

/// Which backup to try.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreTest {
    /// The guest whose backup is tried; it need not exist any more.
    vmid: Vmid,
    /// This backup of it; the newest one without.
    backup: Option<Volid>,
    /// Storage of the restored disks; as in the backup without.
    storage: Option<StorageId>,
    /// Node to try it on; without, one that has the backup's storage.
    node: Option<NodeName>,
    /// Seconds from its start in which its guest agent has to answer; default 180.
    #[schemars(range(min = 1, max = 900))]
    boot_s: Option<u64>,
}

/// How a test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TestResult {
    /// It was restored, and it works.
    Passed,
    /// It was not, or does not.
    Failed,
}

/// How far a test came.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Nothing was restored.
    Begun,
    /// The backup could be read as a whole.
    Restored,
    /// It was started.
    Started,
    /// It stayed up; there is no agent that could say more.
    Running,
    /// Its guest agent answered.
    AgentAnswered,
}

/// A backup that was tried.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RestoreTested {
    vmid: Vmid,
    result: TestResult,
    /// How far it came.
    reached: Stage,
    /// What went wrong.
    problem: Option<String>,
    backup: BackupRow,
    node: NodeName,
    /// Number that the copy had.
    scratch_vmid: Option<Vmid>,
    /// What was taken from the copy before it was started: networks, devices of the host.
    isolated_from: Vec<String>,
    restore_s: Option<u64>,
    boot_s: Option<u64>,
    tested: Micros,
    /// What could not be tidied up.
    left_over: Option<String>,
}

/// What is remembered of the last test of a guest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LastTest {
    pub(crate) result: TestResult,
    pub(crate) reached: Stage,
    /// The backup that was tried.
    pub(crate) backup: String,
    pub(crate) tested: Micros,
}

/// Prove that a guest's newest backup can be restored: restore it under a free VMID without network, boot it, wait for its guest agent, remove it again, and remember the result.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:backup:test",
    title = "Test restoring a backup",
    timeout = 7200,
    untrusted("backup.notes", "problem"),
    preview = preview_test,
    targets = test_targets,
    read_back = check_tidy
)]
pub(crate) async fn restore_test(
    proxmox: &Proxmox,
    args: RestoreTest,
    ctx: &CallContext,
) -> ToolResult<RestoreTested> {
    let trial = Trial::prepare(proxmox, &args).await?;
    // Ends with this call, however that ends.
    let stop = ctx.cancel.child_token();
    let ends = stop.clone().drop_guard();
    let ctx = CallContext {
        cancel: stop,
        deadline: ctx.deadline.map(|at| at.checked_sub(TIDY).unwrap_or(at)),
        ..ctx.clone()
    };
    let running = tokio::spawn(trial.run(proxmox.clone(), ctx));
    let tested = running.await.map_err(|_| {
        ToolError::internal("the test ended unexpectedly").hint(
            "look for a guest whose name begins with `restore-test-`, and delete it with `delete_vm`",
        )
    })?;
    drop(ends);
    Ok(tested)
}

/// A test that can begin.
struct Trial {
    vmid: Vmid,
    name: GuestName,
    kind: GuestKind,
    backup: BackupRow,
    node: NodeName,
    storage: Option<StorageId>,
    boot: Duration,
}

/// What came of it so far.
struct Progress {
    scratch: Option<Guest>,
    restoring: Option<Upid>,
    reached: Stage,
    isolated_from: Vec<String>,
    restore_s: Option<u64>,
    boot_s: Option<u64>,
}

impl Trial {
    async fn prepare(proxmox: &Proxmox, args: &RestoreTest) -> ToolResult<Self> {
        let name: GuestName = format!("restore-test-{}", args.vmid)
            .parse()
            .map_err(|_| ToolError::internal("the copy's name is no name"))?;
        proxmox.forget_guests();
        let guests = proxmox.guests().await?;
        if let Some(left) = guests
            .iter()
            .find(|guest| guest.name.as_deref() == Some(name.as_str()))
        {
            let message = format!("{} is of another test of this guest", left.described());
            return Err(ToolError::new(Code::Conflict, message)
                .reason("test_running")
                .field("vmid")
                .hint("wait until that test is over; if it was cut short, delete that guest with `delete_vm`"));
        }
        let backup = chosen(proxmox, args).await?;
        let kind = backup.kind.ok_or_else(|| {
            ToolError::new(
                Code::Conflict,
                format!(
                    "`{}` does not tell whether it is of a virtual machine or a container",
                    backup.backup
                ),
            )
            .reason("backup_type_unknown")
            .field("backup")
        })?;
        let node = match &args.node {
            Some(node) => node.clone(),
            None => backup.node.clone(),
        };
        Ok(Self {
            vmid: args.vmid,
            name,
            kind,
            node,
            backup,
            storage: args.storage.clone(),
            boot: Duration::from_secs(args.boot_s.unwrap_or(180)),
        })
    }

    async fn run(self, proxmox: Proxmox, ctx: CallContext) -> RestoreTested {
        let mut progress = Progress {
            scratch: None,
            restoring: None,
            reached: Stage::Begun,
            isolated_from: Vec::new(),
            restore_s: None,
            boot_s: None,
        };
        let tried = self.attempt(&proxmox, &ctx, &mut progress).await;
        let problem = tried.err().map(|error| error.envelope().message.clone());
        let left_over = tidy(&proxmox, &ctx, &progress).await;
        let tested = RestoreTested {
            vmid: self.vmid,
            result: if problem.is_none() {
                TestResult::Passed
            } else {
                TestResult::Failed
            },
            reached: progress.reached,
            problem,
            backup: self.backup,
            node: self.node,
            scratch_vmid: progress.scratch.map(|guest| guest.vmid),
            isolated_from: progress.isolated_from,
            restore_s: progress.restore_s,
            boot_s: progress.boot_s,
            tested: proxmox.api.env.clock.now(),
            left_over,
        };
        remember(&proxmox, &tested).await;
        tested
    }

    async fn attempt(
        &self,
        proxmox: &Proxmox,
        ctx: &CallContext,
        progress: &mut Progress,
    ) -> ToolResult<()> {
        let began = Instant::now();
        let call = self.restore_call();
        let numbered = |vmid: Vmid| call.clone().with("vmid", vmid);
        let (vmid, upid) = with_vmid(proxmox, None, "vmid", numbered).await?;
        let guest = Guest::at(vmid, self.kind, &self.node, self.name.as_str());
        progress.scratch = Some(guest.clone());
        progress.restoring.clone_from(&upid);
        finished(proxmox, ctx, upid, "restoring").await?;
        progress.restoring = None;
        progress.reached = Stage::Restored;
        progress.restore_s = Some(began.elapsed().as_secs());

        progress.isolated_from = isolate(proxmox, ctx, &guest).await?;
        let began = Instant::now();
        let start = guest.post("guest_start", Tail::Start);
        let upid = proxmox.api.task(&start).await?;
        finished(proxmox, ctx, upid, "starting").await?;
        progress.reached = Stage::Started;
        progress.reached = self.booted(proxmox, ctx, &guest).await?;
        progress.boot_s = Some(began.elapsed().as_secs());
        Ok(())
    }

    /// The call without its VMID.
    fn restore_call(&self) -> Call {
        let backup = &self.backup.backup;
        let call = match self.kind {
            GuestKind::Qemu => Call::post("machine_restore", "/nodes/{}/qemu", &[&self.node])
                .with("archive", backup)
                .with("name", &self.name),
            GuestKind::Lxc => Call::post("container_restore", "/nodes/{}/lxc", &[&self.node])
                .with("ostemplate", backup)
                .flag("restore", true)
                .with("hostname", &self.name),
        };
        call.with_opt("storage", self.storage.as_ref())
            .flag("unique", true)
            .flag("onboot", false)
            // Else it could not be removed.
            .flag("protection", false)
    }

    /// Waits until the copy works, as far as that can be seen from outside.
    async fn booted(
        &self,
        proxmox: &Proxmox,
        ctx: &CallContext,
        guest: &Guest,
    ) -> ToolResult<Stage> {
        let config = proxmox.guest_config(guest).await?;
        let has_agent = guest.kind == GuestKind::Qemu && agent_is_on(&config);
        let began = Instant::now();
        let steady = STEADY.min(self.boot);
        let look = LOOK.min(Duration::from_millis(proxmox.config.task_poll_ms));
        loop {
            pause(ctx, look).await?;
            let now = proxmox.current(guest).await?;
            if now.status.as_deref() != Some("running") {
                return Err(failed(
                    "the copy was started, but did not stay up".to_owned(),
                ));
            }
            if has_agent && agent_answers(proxmox, guest).await {
                return Ok(Stage::AgentAnswered);
            }
            let up = began.elapsed();
            if !has_agent && up >= steady {
                return Ok(Stage::Running);
            }
            if up >= self.boot {
                return Err(failed(format!(
                    "the copy runs, but its guest agent did not answer within {} s",
                    self.boot.as_secs()
                )));
            }
        }
    }
}

/// The backup that was asked for, or the newest.
async fn chosen(proxmox: &Proxmox, args: &RestoreTest) -> ToolResult<BackupRow> {
    if let Some(volid) = &args.backup {
        let found = proxmox.backup(volid, args.node.as_ref()).await?;
        if found
            .volume
            .vmid
            .is_some_and(|vmid| Vmid::new(vmid) != Some(args.vmid))
        {
            let message = format!("{} is not of guest `{}`", found.described(), args.vmid);
            return Err(ToolError::invalid("backup", message));
        }
        return Ok(BackupRow::of(&found.node, found.volume));
    }
    let places = Places::read(proxmox).await?;
    let asked = places.storages_for("backup");
    let found = read_backups(proxmox, asked, Some(args.vmid)).await?;
    found.newest().ok_or_else(|| {
        let missing = ToolError::not_found(format!("there is no backup of guest `{}`", args.vmid))
            .reason("volume_not_found")
            .field("vmid");
        match found.problems.as_slice() {
            [] => missing.hint("make one with `create_backup`"),
            problems => missing.hint(format!(
                "not all storages could be read: {}",
                problems.join("; ")
            )),
        }
    })
}

/// Waits a little.
async fn pause(ctx: &CallContext, time: Duration) -> ToolResult<()> {
    let is_late = ctx.deadline.is_some_and(|at| Instant::now() >= at);
    if is_late {
        return Err(failed(
            "the copy took longer to boot than the call may".to_owned(),
        ));
    }
    tokio::select! {
        () = ctx.cancel.cancelled() => Err(failed("the caller left before the test was over".to_owned())),
        () = tokio::time::sleep(time) => Ok(()),
    }
}

/// Stops and destroys the copy, whatever state it is in; says what is left of it.
async fn tidy(proxmox: &Proxmox, ctx: &CallContext, progress: &Progress) -> Option<String> {
    let guest = progress.scratch.as_ref()?;
    // The caller may be gone, and the time of the test be up.
    let ctx = CallContext {
        cancel: CancellationToken::new(),
        deadline: None,
        ..ctx.clone()
    };
    let removed = remove(proxmox, &ctx, guest, progress.restoring.as_ref()).await;
    proxmox.forget_guests();
    let error = match removed {
        // A restore that failed leaves nothing.
        Ok(()) => return None,
        Err(error) if error.envelope().reason.as_deref() == Some("guest_not_found") => return None,
        Err(error) => error,
    };
    tracing::warn!(%error, vmid = %guest.vmid, "the copy of a restore test could not be removed");
    Some(format!(
        "{} could not be removed ({}): delete it with `delete_vm`",
        guest.described(),
        error.envelope().message
    ))
}

fn setting(proxmox: &Proxmox, vmid: Vmid) -> String {
    format!("proxmox:{}:restore_test:{vmid}", proxmox.api.who.instance)
}

/// Not worth failing for: the result is in the answer and the audit too.
async fn remember(proxmox: &Proxmox, tested: &RestoreTested) {
    let last = LastTest {
        result: tested.result,
        reached: tested.reached,
        backup: tested.backup.backup.clone(),
        tested: tested.tested,
    };
    let Ok(text) = serde_json::to_string(&last) else {
        return;
    };
    let settings = &proxmox.api.env.stores.settings;
    if let Err(error) = settings.set(&setting(proxmox, tested.vmid), &text).await {
        tracing::warn!(%error, "the result of a restore test was not remembered");
    }
}

/// How the last test of a guest's backups came out.
pub(super) async fn last_test(proxmox: &Proxmox, vmid: Vmid) -> ToolResult<Option<LastTest>> {
    let settings = &proxmox.api.env.stores.settings;
    let text = settings.get(&setting(proxmox, vmid)).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn preview_test(proxmox: &Proxmox, args: &RestoreTest) -> ToolResult<Preview> {
    let trial = Trial::prepare(proxmox, args).await?;
    let when = trial.backup.created.as_deref().unwrap_or("an unknown time");
    Ok(Preview {
        summary: format!(
            "try the backup `{}` of guest `{}` on `{}`",
            trial.backup.backup, trial.vmid, trial.node
        ),
        changes: Vec::new(),
        impact: vec![
            format!("the backup was made {when}"),
            format!(
                "a copy named `{}` is made under a free VMID, started without network and devices of the host, and deleted",
                trial.name
            ),
            "the guest itself is not touched; the copy takes space and memory meanwhile".to_owned(),
        ],
    })
}

async fn test_targets(proxmox: &Proxmox, args: &RestoreTest) -> ToolResult<Vec<Target>> {
    let guests = proxmox.guests().await?;
    let guest = guests.iter().find(|guest| guest.vmid == args.vmid);
    Ok(guest.map(Guest::target).into_iter().collect())
}

fn check_tidy(
    _proxmox: &Proxmox,
    _args: &RestoreTest,
    done: &RestoreTested,
) -> std::future::Ready<ToolResult<Vec<Mismatch>>> {
    let left = done.left_over.as_ref().map(|left| Mismatch {
        field: "left_over",
        wanted: "nothing".to_owned(),
        found: left.clone(),
    });
    std::future::ready(Ok(left.into_iter().collect()))
}
