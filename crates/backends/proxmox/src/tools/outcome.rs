//! What a change of a guest answers, the same for all of them.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Mismatch;
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind};
use crate::ids::{NodeName, Vmid};
use crate::task::TaskReport;

/// A guest after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GuestChange {
    pub(crate) vmid: Vmid,
    #[serde(rename = "type")]
    pub(crate) kind: GuestKind,
    pub(crate) name: Option<String>,
    pub(crate) node: String,
    /// As read afterwards; absent while the task runs.
    pub(crate) status: Option<String>,
    /// False if nothing had to be done.
    pub(crate) changed: bool,
    pub(crate) note: Option<String>,
    pub(crate) task: Option<TaskReport>,
}

impl GuestChange {
    /// Nothing had to be done.
    pub(crate) fn unchanged(
        guest: &Guest,
        status: Option<String>,
        note: impl Into<String>,
    ) -> Self {
        Self {
            vmid: guest.vmid,
            kind: guest.kind,
            name: guest.name.clone(),
            node: guest.node.to_string(),
            status,
            changed: false,
            note: Some(note.into()),
            task: None,
        }
    }

    /// The guest after the task, read anew unless the task still runs.
    pub(crate) async fn after(
        proxmox: &Proxmox,
        guest: &Guest,
        task: Option<TaskReport>,
    ) -> ToolResult<Self> {
        let status = if is_running(task.as_ref()) {
            None
        } else {
            proxmox.current(guest).await?.status
        };
        Ok(Self::done(guest, status, task))
    }

    /// The guest after the task, without reading it.
    pub(crate) fn done(guest: &Guest, status: Option<String>, task: Option<TaskReport>) -> Self {
        Self {
            vmid: guest.vmid,
            kind: guest.kind,
            name: guest.name.clone(),
            node: guest.node.to_string(),
            status,
            changed: true,
            note: None,
            task,
        }
    }

    /// A guest that was made: its status is read once its task has ended.
    pub(crate) async fn created(
        proxmox: &Proxmox,
        vmid: Vmid,
        kind: GuestKind,
        name: &str,
        node: &NodeName,
        task: Option<TaskReport>,
    ) -> ToolResult<Self> {
        proxmox.forget_guests();
        let status = if is_running(task.as_ref()) {
            None
        } else {
            let guest = Guest::at(vmid, kind, node, name);
            proxmox.current(&guest).await?.status
        };
        Ok(Self {
            vmid,
            kind,
            name: Some(name.to_owned()),
            node: node.to_string(),
            status,
            changed: true,
            note: None,
            task,
        })
    }

    /// Whether the task had ended when this was written.
    pub(crate) fn is_finished(&self) -> bool {
        !is_running(self.task.as_ref())
    }

    /// That the status is not `wanted`, if the task has ended.
    pub(crate) fn unless_status(&self, field: &'static str, wanted: &str) -> Vec<Mismatch> {
        match &self.status {
            Some(found) if self.is_finished() && found != wanted => vec![Mismatch {
                field,
                wanted: wanted.to_owned(),
                found: found.clone(),
            }],
            _ => Vec::new(),
        }
    }
}

fn is_running(task: Option<&TaskReport>) -> bool {
    task.is_some_and(TaskReport::is_running)
}

/// Refuses what a template cannot do.
pub(crate) fn no_template(guest: &Guest, what: &str) -> ToolResult<()> {
    if !guest.row.template {
        return Ok(());
    }
    let message = format!("{} is a template and cannot be {what}", guest.described());
    Err(ToolError::new(Code::Conflict, message)
        .reason("is_template")
        .field("vmid")
        .hint("make a guest of it with `clone_vm`"))
}

/// Refuses what only a virtual machine can do.
pub(crate) fn only_qemu(guest: &Guest, field: &'static str, what: &str) -> ToolResult<()> {
    if guest.kind == GuestKind::Qemu {
        return Ok(());
    }
    let message = format!("{} is a container: {what}", guest.described());
    Err(ToolError::invalid(field, message).reason("wrong_guest_type"))
}
