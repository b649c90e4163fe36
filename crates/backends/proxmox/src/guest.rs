//! Guests: finding the node of a VMID, and what rules about protected objects see of one.

use std::sync::Arc;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::ids::{NodeName, Vmid};
use crate::types::Resource;

/// Virtual machine or container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GuestKind {
    /// Virtual machine.
    Qemu,
    /// Container.
    Lxc,
}

impl GuestKind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Qemu => "virtual machine",
            Self::Lxc => "container",
        }
    }
}

/// A guest as the cluster's list shows it; its status lags behind by up to ten seconds.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) vmid: Vmid,
    pub(crate) kind: GuestKind,
    pub(crate) node: NodeName,
    pub(crate) name: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) row: Arc<Resource>,
}

impl Guest {
    /// The guest of a row, if it is one.
    pub(crate) fn of(row: Resource) -> Option<Self> {
        let kind = match row.kind.as_str() {
            "qemu" => GuestKind::Qemu,
            "lxc" => GuestKind::Lxc,
            _ => return None,
        };
        Some(Self {
            vmid: Vmid::new(row.vmid?)?,
            kind,
            node: row.node.as_deref()?.parse().ok()?,
            name: row.name.clone(),
            tags: tags(row.tags.as_deref()),
            row: Arc::new(row),
        })
    }

    /// A guest that was made a moment ago, which the cluster's list may not have yet.
    pub(crate) fn at(vmid: Vmid, kind: GuestKind, node: &NodeName, name: &str) -> Self {
        Self {
            vmid,
            kind,
            node: node.clone(),
            name: Some(name.to_owned()),
            tags: Vec::new(),
            row: Arc::default(),
        }
    }

    /// `the virtual machine 100 (web) on pve1`.
    pub(crate) fn described(&self) -> String {
        let (noun, vmid, node) = (self.kind.noun(), self.vmid, &self.node);
        match &self.name {
            Some(name) => format!("the {noun} `{vmid}` (`{name}`) on `{node}`"),
            None => format!("the {noun} `{vmid}` on `{node}`"),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.row.status.as_deref() == Some("running")
    }

    /// How rules see it: its tags, and where it is as `node:…` and `pool:…`.
    pub(crate) fn target(&self) -> Target {
        let mut tags = self.tags.clone();
        tags.push(format!("node:{}", self.node));
        if let Some(pool) = &self.row.pool {
            tags.push(format!("pool:{pool}"));
        }
        Target {
            kind: "guest".to_owned(),
            id: self.vmid.to_string(),
            name: self.name.clone(),
            tags,
        }
    }

    /// A call about this guest: `tail` follows `/nodes/{node}/{type}/{vmid}`.
    pub(crate) fn get(&self, operation: &'static str, tail: Tail) -> Call {
        Call::get(
            operation,
            tail.template(self.kind),
            &[&self.node, &self.vmid],
        )
    }

    pub(crate) fn post(&self, operation: &'static str, tail: Tail) -> Call {
        Call::post(
            operation,
            tail.template(self.kind),
            &[&self.node, &self.vmid],
        )
    }

    pub(crate) fn put(&self, operation: &'static str, tail: Tail) -> Call {
        Call::put(
            operation,
            tail.template(self.kind),
            &[&self.node, &self.vmid],
        )
    }

    pub(crate) fn delete(&self, operation: &'static str, tail: Tail) -> Call {
        Call::delete(
            operation,
            tail.template(self.kind),
            &[&self.node, &self.vmid],
        )
    }
}

/// Tags are separated by `;`, in older versions also by commas or spaces.
pub(crate) fn tags(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split([';', ',', ' '])
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What follows a guest in an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The guest itself.
    Itself,
    Current,
    Start,
    Stop,
    Shutdown,
    Reboot,
    Reset,
    Config,
    Snapshot,
    Clone,
    Migrate,
    Resize,
    AgentExec,
    AgentExecStatus,
    /// Addresses, as the guest agent or the container's host knows them.
    Interfaces,
}

macro_rules! templates {
    ($kind:expr, $tail:expr; $($name:ident => $qemu:literal, $lxc:literal;)*) => {
        match ($tail, $kind) {
            $(
                (Tail::$name, GuestKind::Qemu) => concat!("/nodes/{}/qemu/{}", $qemu),
                (Tail::$name, GuestKind::Lxc) => concat!("/nodes/{}/lxc/{}", $lxc),
            )*
        }
    };
}

impl Tail {
    pub(crate) fn template(self, kind: GuestKind) -> &'static str {
        templates! { kind, self;
            Itself => "", "";
            Current => "/status/current", "/status/current";
            Start => "/status/start", "/status/start";
            Stop => "/status/stop", "/status/stop";
            Shutdown => "/status/shutdown", "/status/shutdown";
            Reboot => "/status/reboot", "/status/reboot";
            Reset => "/status/reset", "/status/reset";
            Config => "/config", "/config";
            Snapshot => "/snapshot", "/snapshot";
            Clone => "/clone", "/clone";
            Migrate => "/migrate", "/migrate";
            Resize => "/resize", "/resize";
            AgentExec => "/agent/exec", "/agent/exec";
            AgentExecStatus => "/agent/exec-status", "/agent/exec-status";
            Interfaces => "/agent/network-get-interfaces", "/interfaces";
        }
    }
}

/// The error of a VMID that the cluster's list does not have.
pub(crate) fn not_found(vmid: Vmid, field: &str, list_is_empty: bool) -> ToolError {
    let hint = if list_is_empty {
        "our credentials see no guest at all: give the token a role with VM.Audit (`pveum acl modify /vms --tokens TOKEN --roles PVEAuditor`); \
         with privilege separation it has no rights of its user"
    } else {
        "call `list_vms` to see the guests that our credentials can read"
    };
    ToolError::not_found(format!("no guest with VMID `{vmid}`"))
        .reason("guest_not_found")
        .field(field.to_owned())
        .hint(hint)
}

/// The guest of this number in a list.
pub(crate) fn pick(guests: &[Guest], vmid: Vmid, field: &str) -> ToolResult<Guest> {
    let mut found = guests.iter();
    found
        .find(|guest| guest.vmid == vmid)
        .cloned()
        .ok_or_else(|| not_found(vmid, field, guests.is_empty()))
}
