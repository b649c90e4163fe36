//! What several tools take.

use homelab_core::memory::About;
use schemars::JsonSchema;
use serde::Deserialize;

/// A thing of the lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thing {
    /// Table of the inventory, or `memory`, `incident`, `runbook`, `run`.
    kind: Kind,
    /// Its name or id there.
    #[schemars(length(min = 1, max = 255))]
    name: String,
}

/// What a memory may be about.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Devices,
    Services,
    VirtualMachines,
    ProxmoxHosts,
    TestEquipment,
    Networks,
    Memory,
    Incident,
    Runbook,
    Run,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Services => "services",
            Self::VirtualMachines => "virtual_machines",
            Self::ProxmoxHosts => "proxmox_hosts",
            Self::TestEquipment => "test_equipment",
            Self::Networks => "networks",
            Self::Memory => "memory",
            Self::Incident => "incident",
            Self::Runbook => "runbook",
            Self::Run => "run",
        }
    }
}

impl From<Thing> for About {
    fn from(thing: Thing) -> Self {
        Self {
            kind: thing.kind.as_str().to_owned(),
            name: thing.name,
        }
    }
}

/// Who says a message.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Role {
    User,
    Assistant,
    System,
    Tool,
}

/// A message of a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Who said it.
    role: Role,
    /// What was said.
    #[schemars(length(max = 16384))]
    content: String,
}

impl From<Message> for homelab_memory::Message {
    fn from(message: Message) -> Self {
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Tool => "tool",
        };
        Self {
            role: role.to_owned(),
            content: message.content,
        }
    }
}
