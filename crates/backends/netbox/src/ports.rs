//! Ports and interfaces by the names of their device and their own.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::NetBox;
use crate::ids::{Named, PortName};
use crate::kinds::{
    CONSOLE_PORT, CONSOLE_SERVER_PORT, DEVICE, Endpoint, FRONT_PORT, INTERFACE, POWER_OUTLET,
    POWER_PORT, REAR_PORT, VIRTUAL_MACHINE, VM_INTERFACE,
};
use crate::resolve::ambiguous;
use crate::types::{Brief, Port};

/// Lists that are asked at a time.
const AT_A_TIME: usize = 4;

/// Kinds of port that a cable can end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PortKind {
    Interface,
    FrontPort,
    RearPort,
    ConsolePort,
    ConsoleServerPort,
    PowerPort,
    PowerOutlet,
}

impl PortKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Interface,
        Self::FrontPort,
        Self::RearPort,
        Self::ConsolePort,
        Self::ConsoleServerPort,
        Self::PowerPort,
        Self::PowerOutlet,
    ];

    pub(crate) fn endpoint(self) -> &'static Endpoint {
        match self {
            Self::Interface => &INTERFACE,
            Self::FrontPort => &FRONT_PORT,
            Self::RearPort => &REAR_PORT,
            Self::ConsolePort => &CONSOLE_PORT,
            Self::ConsoleServerPort => &CONSOLE_SERVER_PORT,
            Self::PowerPort => &POWER_PORT,
            Self::PowerOutlet => &POWER_OUTLET,
        }
    }

    /// Where its connection is traced; front and rear ports are passed through and have none.
    pub(crate) fn trace(self) -> Option<&'static str> {
        match self {
            Self::Interface => Some("/dcim/interfaces/{}/trace/"),
            Self::ConsolePort => Some("/dcim/console-ports/{}/trace/"),
            Self::ConsoleServerPort => Some("/dcim/console-server-ports/{}/trace/"),
            Self::PowerPort => Some("/dcim/power-ports/{}/trace/"),
            Self::PowerOutlet => Some("/dcim/power-outlets/{}/trace/"),
            Self::FrontPort | Self::RearPort => None,
        }
    }

    pub(crate) fn of_model(model: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.endpoint().model == model)
    }
}

/// One end of a cable.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortArg {
    /// The device, by name or id.
    pub(crate) device: Named,
    /// The port's name, such as `eth0`.
    pub(crate) port: PortName,
    /// Its kind, needed only where ports of several kinds have the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<PortKind>,
}

/// A port that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) kind: PortKind,
    pub(crate) device: Brief,
    pub(crate) port: Port,
}

impl Found {
    /// `device: port`.
    pub(crate) fn label(&self) -> String {
        format!("{}: {}", self.device.label(), self.port.name)
    }

    /// As an argument that names it beyond doubt.
    pub(crate) fn arg(&self) -> Option<PortArg> {
        Some(PortArg {
            device: self.device.id.to_string().parse().ok()?,
            port: self.port.name.parse().ok()?,
            kind: Some(self.kind),
        })
    }
}

/// What an address is assigned to: an interface of a device or of a virtual machine.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignTo {
    /// The device, by name or id; or else `virtual_machine`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<Named>,
    /// The virtual machine, by name or id; or else `device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) virtual_machine: Option<Named>,
    /// The interface's name, such as `eth0`.
    pub(crate) interface: PortName,
}

/// An interface that was found, with what it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) interface: &'static Endpoint,
    pub(crate) interface_id: u64,
    pub(crate) interface_name: String,
    pub(crate) owner: &'static Endpoint,
    pub(crate) owner_id: u64,
    pub(crate) owner_name: String,
}

impl Owned {
    /// `device: interface`.
    pub(crate) fn label(&self) -> String {
        format!("{}: {}", self.owner_name, self.interface_name)
    }
}

impl NetBox {
    /// The port that an argument names; `field` is the argument.
    pub(crate) async fn port(&self, field: &str, arg: &PortArg) -> ToolResult<Found> {
        let device = self
            .resolve(&DEVICE, &format!("{field}.device"), &arg.device)
            .await?;
        let kinds: Vec<PortKind> = match arg.kind {
            Some(kind) => vec![kind],
            None => PortKind::ALL.to_vec(),
        };
        let lists: Vec<(PortKind, Vec<Port>)> = stream::iter(kinds)
            .map(async |kind| {
                let call = Call::list(kind.endpoint())
                    .with("device_id", device.id)
                    .with("name", &arg.port);
                let rows = self.all::<Port>(&call, 2).await?.0;
                Ok::<_, ToolError>((kind, rows))
            })
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        let mut found: Vec<Found> = lists
            .into_iter()
            .flat_map(|(kind, rows)| rows.into_iter().map(move |port| (kind, port)))
            .map(|(kind, port)| Found {
                kind,
                device: device.clone(),
                port,
            })
            .collect();
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                found.push(last);
                let kinds: Vec<String> = found
                    .iter()
                    .map(|one| crate::choices::word(one.kind))
                    .collect();
                let what = format!("ports `{}` of `{}`", arg.port, device.label());
                Err(ambiguous(&format!("{field}.kind"), &what, &kinds))
            }
            (None, _) => {
                let message = format!("`{}` has no port `{}`", device.label(), arg.port);
                Err(ToolError::not_found(message)
                    .reason("port_not_found")
                    .field(format!("{field}.port"))
                    .hint("call `get_device` or `list_interfaces` to see its interfaces; names are compared whole"))
            }
        }
    }

    /// The interface that an argument names.
    pub(crate) async fn owned(&self, arg: &AssignTo) -> ToolResult<Owned> {
        let (owner, named, interface, filter, field) = match (&arg.device, &arg.virtual_machine) {
            (Some(device), None) => (&DEVICE, device, &INTERFACE, "device_id", "assign_to.device"),
            (None, Some(machine)) => {
                let field = "assign_to.virtual_machine";
                (
                    &VIRTUAL_MACHINE,
                    machine,
                    &VM_INTERFACE,
                    "virtual_machine_id",
                    field,
                )
            }
            _ => {
                let message = "either a device or a virtual machine must be named";
                return Err(ToolError::invalid("assign_to", message));
            }
        };
        let parent = self.resolve(owner, field, named).await?;
        let call = Call::list(interface)
            .with(filter, parent.id)
            .with("name", &arg.interface);
        let (rows, _) = self.all::<Port>(&call, 1).await?;
        let Some(row) = rows.into_iter().next() else {
            let message = format!("`{}` has no interface `{}`", parent.label(), arg.interface);
            return Err(ToolError::not_found(message)
                .reason("port_not_found")
                .field("assign_to.interface")
                .hint("call `list_interfaces` to see those it has; names are compared whole"));
        };
        Ok(Owned {
            interface,
            interface_id: row.id,
            interface_name: row.name,
            owner,
            owner_id: parent.id,
            owner_name: parent.label(),
        })
    }
}
