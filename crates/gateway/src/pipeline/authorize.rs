//! Who may: the look at rules and patterns that hides a tool, and the kill switch.

use std::path::PathBuf;
use std::sync::Arc;

use homelab_core::call::{INSUFFICIENT_SCOPE, Principal};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decide, Scope, Sight, Tightening};
use homelab_core::store::{KILL_SWITCH, Settings};
use homelab_core::tool::{Effect, ToolSpec};

use super::catalogue::{Entry, Place};
use super::job::Job;

/// Whether the caller may know of this tool at this instance: by its role or the rules, its key's
/// patterns, and the bounds that its request set itself.
pub(super) fn may_see(
    policy: &dyn Decide,
    principal: &Principal,
    entry: &Entry,
    place: &Place,
) -> bool {
    let instance = &*place.instance.name;
    let hides = |spec: &ToolSpec| {
        policy.hides(&Sight {
            principal,
            spec,
            aggregated: &entry.aggregated,
            kind: entry.kind,
            instance,
        })
    };
    // Where the arguments decide what a call does, it is hidden only if neither kind may be made.
    let mildest = entry.spec().with_effect(Effect::Read);
    if hides(&mildest) && (!mildest.varies || hides(entry.spec())) {
        return false;
    }
    let grants = &principal.grants;
    let tightening = principal.tightening.as_deref();
    if grants.allow.is_empty() && grants.deny.is_empty() && tightening.is_none() {
        return true;
    }
    let names = names(entry, place);
    grants.permit(&names)
        && tightening.is_none_or(|bounds| bounds.permits(&mildest, entry.kind, instance, &names))
}

/// All names that a tool at an instance goes by in patterns.
fn names<'a>(entry: &'a Entry, place: &'a Place) -> [&'a str; 5] {
    [
        entry.spec().name,
        &*entry.aggregated,
        entry.spec().permission,
        &*entry.of_kind,
        &*place.qualified,
    ]
}

/// Refuses what only a milder call of the same tool may do: the look at the tool before there were
/// arguments let it pass.
pub(super) fn may_call(job: &Job) -> ToolResult<()> {
    if !job.spec.varies {
        return Ok(());
    }
    let principal = &job.context.principal;
    within_scope(principal, &job.spec)?;
    let names = names(&job.entry, &job.place);
    let instance = &*job.place.instance.name;
    let within =
        |bounds: &Arc<Tightening>| bounds.permits(&job.spec, job.entry.kind, instance, &names);
    if principal.tightening.as_ref().is_none_or(within) {
        return Ok(());
    }
    Err(ToolError::new(
        Code::PermissionDenied,
        format!(
            "this call of `{}` is no read, and the request allows reads only",
            job.spec.name
        ),
    )
    .reason("read_only"))
}

/// Refuses what the caller's token has no scope for, though its role allows it.
pub(super) fn within_scope(principal: &Principal, spec: &ToolSpec) -> ToolResult<()> {
    match principal.scope {
        Some(scope) if !scope.covers(spec) => Err(ToolError::new(
            Code::PermissionDenied,
            format!(
                "the token's scopes do not cover `{}`: it needs the {} scope",
                spec.name,
                Scope::needed(spec).as_str(),
            ),
        )
        .reason(INSUFFICIENT_SCOPE)
        .hint("sign in again and grant the scope")),
        _ => Ok(()),
    }
}

/// Stops every change while it is on: by a setting that all processes share, or by a file that
/// whoever can reach the machine makes, also when the database is what is broken.
pub(super) struct KillSwitch {
    /// The file whose presence means on.
    pub(super) file: Option<PathBuf>,
}

impl KillSwitch {
    /// Refuses while it is on.
    ///
    /// Read on each change and kept nowhere, because other processes turn it. Anything but a clear
    /// "off" stops the change.
    pub(super) async fn check(&self, settings: &dyn Settings) -> ToolResult<()> {
        if let Some(file) = &self.file {
            match tokio::fs::try_exists(file).await {
                Ok(false) => {}
                Ok(true) => {
                    return Err(switched_on(&format!(
                        "the owner ends this by removing `{}`; reads still work",
                        file.display()
                    )));
                }
                Err(error) => {
                    tracing::error!(%error, path = %file.display(), "the kill switch's file cannot be looked for");
                    return Err(unreadable());
                }
            }
        }
        let value = settings.get(KILL_SWITCH).await.map_err(|error| {
            tracing::error!(%error, "the kill switch cannot be read");
            unreadable()
        })?;
        match value.as_deref() {
            None | Some("off") => Ok(()),
            Some(_) => Err(switched_on(
                "the owner ends this with `homelab-mcp kill-switch off`; reads still work",
            )),
        }
    }
}

fn switched_on(hint: &str) -> ToolError {
    ToolError::new(
        Code::PermissionDenied,
        "the kill switch is on: nothing may be changed",
    )
    .reason("kill_switch")
    .hint(hint)
}

fn unreadable() -> ToolError {
    ToolError::new(
        Code::UpstreamUnreachable,
        "the kill switch cannot be read, so nothing is changed",
    )
    .reason("database_unavailable")
    .hint("run `homelab-mcp doctor` to see what is wrong with the database")
}

/// Whether a call changes anything.
pub(super) fn changes(spec: &ToolSpec) -> bool {
    spec.effect != Effect::Read
}
