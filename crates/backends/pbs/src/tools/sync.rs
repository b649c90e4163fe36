//! Copying backups to another server.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sync_plan::lines;
use crate::call::Call;
use crate::client::Pbs;
use crate::ids::{Datastore, Group, Namespace, RemoteName};
use crate::task::TaskReport;
use crate::walk::Place;

/// What to copy where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncToRemote {
    /// The datastore here.
    datastore: Datastore,
    /// The namespace here; default the root.
    ns: Option<Namespace>,
    /// The other server, as `list_remotes` shows it.
    pub(super) remote: RemoteName,
    /// The datastore there.
    pub(super) remote_datastore: Datastore,
    /// The namespace there; default the root.
    remote_ns: Option<Namespace>,
    /// Only these groups, such as `vm/100`; default all.
    #[schemars(length(max = 100))]
    groups: Option<Vec<Group>>,
    /// Levels of namespaces below that are copied too; default 0.
    #[schemars(range(min = 0, max = 7))]
    max_depth: Option<u8>,
    /// Only the newest so many of each group.
    #[schemars(range(min = 1, max = 10_000))]
    transfer_last: Option<u32>,
    /// Only backups that were verified and found sound.
    #[serde(default)]
    verified_only: bool,
    /// Only encrypted backups, for a place that is not trusted.
    #[serde(default)]
    encrypted_only: bool,
    /// Remove there what is no longer here.
    #[serde(default)]
    remove_vanished: bool,
    /// Bytes a second, such as `10 MiB`.
    #[schemars(
        length(min = 1, max = 20),
        regex(pattern = "^[0-9]+(\\.[0-9]+)? ?([KMGT]i?B|B)?$")
    )]
    rate: Option<String>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A copy.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Synced {
    datastore: Datastore,
    remote: RemoteName,
    remote_datastore: Datastore,
    /// Groups whose newest backup is not there, afterwards; absent while the task runs, or if the
    /// remote cannot be asked.
    still_behind: Option<usize>,
    task: TaskReport,
}

/// Push backups to a datastore of another Proxmox Backup Server that is configured as a remote. Scheduled copies are run with `run_job` instead.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pbs:backup:sync",
    title = "Copy backups to a remote",
    timeout = 630,
    untrusted("task.log"),
    effect = effect,
    preview = preview_sync,
    targets = sync_targets
)]
pub(crate) async fn sync_to_remote(
    pbs: &Pbs,
    args: SyncToRemote,
    ctx: &CallContext,
) -> ToolResult<Synced> {
    args.check()?;
    can_push(pbs).await?;
    let upid = pbs.api.task(&push_call(&args)).await?;
    let task = pbs.follow(ctx, &upid, args.wait_s).await?.succeeded()?;
    let still_behind = if task.is_running() || args.transfers_part() {
        None
    } else {
        // Whether it can be looked at does not change that it was copied.
        let compared = pbs.compared(&args).await.ok();
        compared.map(|found| found.behind.len())
    };
    Ok(Synced {
        datastore: args.datastore,
        remote: args.remote,
        remote_datastore: args.remote_datastore,
        still_behind,
        task,
    })
}

/// Older releases only pull.
async fn can_push(pbs: &Pbs) -> ToolResult<()> {
    // It may have been updated since it was asked.
    if pbs.version().await?.pushes() || pbs.fresh_version().await?.pushes() {
        return Ok(());
    }
    let version = pbs.version().await?;
    let message = format!("release {} cannot push backups to a remote", version.full());
    Err(ToolError::new(Code::UpstreamRejected, message)
        .reason("not_supported")
        .hint(
            "update it to 3.3 or newer, or let the other server pull: configure a sync job there",
        ))
}

fn push_call(args: &SyncToRemote) -> Call {
    let filter: Option<Vec<String>> = args.groups.as_ref().map(|groups| {
        groups
            .iter()
            .map(|group| format!("group:{group}"))
            .collect()
    });
    Call::post("push", "/push", &[])
        .with("store", args.datastore.as_str())
        .with_opt("ns", args.ns.as_ref().and_then(Namespace::given))
        .with("remote", args.remote.as_str())
        .with("remote-store", args.remote_datastore.as_str())
        .with_opt(
            "remote-ns",
            args.remote_ns.as_ref().and_then(Namespace::given),
        )
        .with_opt("group-filter", filter)
        // All namespaces below by default.
        .with("max-depth", args.max_depth.unwrap_or(0))
        .with_opt("transfer-last", args.transfer_last)
        .flag_if("verified-only", args.verified_only)
        .flag_if("encrypted-only", args.encrypted_only)
        .flag_if("remove-vanished", args.remove_vanished)
        .with_opt("rate-out", args.rate.as_deref())
}

impl SyncToRemote {
    pub(super) fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }

    pub(super) fn remote_ns(&self) -> Namespace {
        self.remote_ns.clone().unwrap_or_else(Namespace::root)
    }

    pub(super) fn groups(&self) -> &[Group] {
        self.groups.as_deref().unwrap_or_default()
    }

    /// Whether some backups stay here on purpose, so that groups there may remain behind.
    fn transfers_part(&self) -> bool {
        self.verified_only || self.encrypted_only
    }

    /// An empty filter would let everything pass.
    fn check(&self) -> ToolResult<()> {
        if self.groups.as_ref().is_some_and(Vec::is_empty) {
            let message = "an empty list of groups would copy all of them";
            return Err(ToolError::invalid("groups", message).hint("leave it out to copy all"));
        }
        Ok(())
    }

    /// `offsite:copy:home`.
    fn far(&self) -> String {
        match self.remote_ns().given() {
            None => format!("{}:{}", self.remote, self.remote_datastore),
            Some(ns) => format!("{}:{}:{ns}", self.remote, self.remote_datastore),
        }
    }
}

/// Adding copies takes nothing from anybody.
fn effect(_pbs: &Pbs, args: &SyncToRemote) -> Effect {
    if args.remove_vanished {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

async fn preview_sync(pbs: &Pbs, args: &SyncToRemote) -> ToolResult<Preview> {
    args.check()?;
    can_push(pbs).await?;
    let mut impact = match pbs.compared(args).await {
        Ok(found) => lines(&found, args.remove_vanished),
        Err(error) => vec![format!(
            "what is there cannot be told: {}",
            error.envelope().message
        )],
    };
    if args.max_depth.is_some_and(|depth| depth > 0) {
        impact.push("namespaces below are copied too, and not listed here".to_owned());
    }
    let what = match args.groups() {
        [] => "all backups".to_owned(),
        [one] => format!("backups of `{one}`"),
        groups => format!("backups of {} groups", groups.len()),
    };
    let vanished = if args.remove_vanished {
        ", and remove there what is no longer here"
    } else {
        ""
    };
    Ok(Preview {
        summary: format!(
            "push {what} in `{}` to `{}`{vanished}",
            args.place().described(),
            args.far()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn sync_targets(_pbs: &Pbs, args: &SyncToRemote) -> ToolResult<Vec<Target>> {
    Ok(vec![
        args.place().target(),
        Target {
            kind: "remote".to_owned(),
            id: args.far(),
            name: Some(args.remote.to_string()),
            tags: vec![format!("datastore:{}", args.remote_datastore)],
        },
    ])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn args(more: &Value) -> SyncToRemote {
        let mut all =
            json!({ "datastore": "main", "remote": "offsite", "remote_datastore": "copy" });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[rstest]
    #[case(json!({}), "POST /push?store=main&remote=offsite&remote-store=copy&max-depth=0")]
    #[case(
        json!({ "groups": ["vm/100", "ct/200"], "transfer_last": 3, "rate": "10 MiB" }),
        "POST /push?store=main&remote=offsite&remote-store=copy&group-filter=group:vm/100&group-filter=group:ct/200&max-depth=0&transfer-last=3&rate-out=10 MiB"
    )]
    #[case(
        json!({ "ns": "home", "remote_ns": "far/away", "max_depth": 2, "remove_vanished": true, "verified_only": true }),
        "POST /push?store=main&ns=home&remote=offsite&remote-store=copy&remote-ns=far/away&max-depth=2&verified-only=1&remove-vanished=1"
    )]
    fn only_what_is_asked_for_is_sent(#[case] more: Value, #[case] line: &str) {
        assert_eq!(push_call(&args(&more)).line(), line);
    }

    #[test]
    fn an_empty_list_of_groups_is_not_all_of_them() {
        let error = args(&json!({ "groups": [] })).check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("groups"));
    }
}
