//! Devices of both APIs as one.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Mac;
use homelab_core::tool::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Source;
use crate::call::Call;
use crate::client::{Devices, Told, Unifi};
use crate::people::ambiguous;
use crate::site::Site;
use crate::types::{DeviceRow, LegacyDevice};

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceKind {
    /// An access point.
    Ap,
    /// A switch.
    Switch,
    /// A gateway, with or without radio and ports.
    Gateway,
    /// Anything else.
    Other,
}

impl DeviceKind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Ap => "access point",
            Self::Switch => "switch",
            Self::Gateway => "gateway",
            Self::Other => "device",
        }
    }
}

/// A device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeviceItem {
    pub(crate) name: Option<String>,
    pub(crate) mac: String,
    pub(crate) ip: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) kind: DeviceKind,
    /// `ONLINE`, `OFFLINE`, `PENDING_ADOPTION`, `UPDATING`, `GETTING_READY`, `ADOPTING`,
    /// `DELETING`, `CONNECTION_INTERRUPTED`, `ISOLATED`.
    pub(crate) state: String,
    pub(crate) firmware: Option<String>,
    /// Whether there is a newer firmware.
    pub(crate) firmware_updatable: Option<bool>,
    /// Its id in the API that told of it.
    pub(crate) id: Option<String>,
}

impl DeviceItem {
    pub(crate) fn of_official(row: &DeviceRow) -> Self {
        let has = |feature: &str| match &row.features {
            Value::Array(names) => names.iter().any(|name| name == feature),
            Value::Object(parts) => parts.contains_key(feature),
            _ => false,
        };
        let kind = match () {
            () if has("gateway") => DeviceKind::Gateway,
            () if has("accessPoint") => DeviceKind::Ap,
            () if has("switching") => DeviceKind::Switch,
            () => DeviceKind::Other,
        };
        Self {
            name: row.name.clone(),
            mac: row.mac_address.to_lowercase(),
            ip: row.ip_address.clone(),
            model: row.model.clone(),
            kind,
            state: row.state.clone(),
            firmware: row.firmware_version.clone(),
            firmware_updatable: row.firmware_updatable,
            id: row.id.clone(),
        }
    }

    pub(crate) fn of_legacy(row: &LegacyDevice) -> Self {
        let kind = match row.kind.as_str() {
            "uap" => DeviceKind::Ap,
            "usw" => DeviceKind::Switch,
            "ugw" | "udm" | "uxg" | "ucg" | "udr" => DeviceKind::Gateway,
            _ => DeviceKind::Other,
        };
        Self {
            name: row.name.clone(),
            mac: row.mac.to_lowercase(),
            ip: row.ip.clone(),
            model: row.model.clone(),
            kind,
            state: state_of(row.state).to_owned(),
            firmware: row.version.clone(),
            firmware_updatable: row.upgradable,
            id: row.id.clone(),
        }
    }

    /// What people call it.
    pub(crate) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.mac)
    }

    /// Sorts by name; different for each device.
    pub(crate) fn key(&self) -> String {
        format!("{}\u{1}{}", self.label().to_lowercase(), self.mac)
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "device".to_owned(),
            id: self.mac.clone(),
            name: self.name.clone(),
            tags: vec![self.kind.noun().to_owned()],
        }
    }

    fn is(&self, wanted: &str) -> bool {
        let mac: Option<Mac> = wanted.parse().ok();
        mac.is_some_and(|mac| self.mac == mac.to_string())
            || [&self.name, &self.id, &self.ip]
                .into_iter()
                .flatten()
                .any(|part| part.to_lowercase() == wanted.to_lowercase())
    }
}

/// The old API's numbers of states, in the words of the official one.
fn state_of(number: Option<i64>) -> &'static str {
    match number {
        Some(0) => "OFFLINE",
        Some(1) => "ONLINE",
        Some(2) => "PENDING_ADOPTION",
        Some(4) => "UPDATING",
        Some(5) => "GETTING_READY",
        Some(6) => "CONNECTION_INTERRUPTED",
        Some(7) => "ADOPTING",
        Some(8) => "DELETING",
        Some(11) => "ISOLATED",
        _ => "UNKNOWN",
    }
}

/// The device of these that somebody names.
///
/// # Errors
/// `device_not_found`, whose hint says what `there_is`, or `none`; `ambiguous_name` with the
/// candidates.
pub(crate) fn named(
    rows: &[DeviceItem],
    wanted: &str,
    there_is: &str,
    none: &str,
) -> ToolResult<DeviceItem> {
    let wanted = wanted.trim();
    let found: Vec<&DeviceItem> = rows.iter().filter(|row| row.is(wanted)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let names: Vec<String> = rows
                .iter()
                .take(10)
                .map(|row| format!("`{}`", row.label()))
                .collect();
            Err(ToolError::not_found(format!("no device `{wanted}`"))
                .reason("device_not_found")
                .field("device")
                .hint(if names.is_empty() {
                    format!("{there_is} {none}")
                } else {
                    format!("{there_is} {}", names.join(", "))
                }))
        }
        several => {
            let told = several
                .iter()
                .map(|row| format!("`{}` ({})", row.label(), row.mac));
            Err(ambiguous("device", wanted, told))
        }
    }
}

/// `cmd/devmgr`.
pub(crate) fn command(site: &Site, body: Value) -> Call {
    let template = "/api/s/{}/cmd/devmgr";
    Call::post("device_command", template, &[&site.name], body)
}

impl Devices {
    /// As one kind of row.
    pub(crate) fn items(&self) -> Told<Vec<DeviceItem>> {
        match self {
            Self::Official(rows) => Told {
                rows: rows.iter().map(DeviceItem::of_official).collect(),
                api: Source::Integration,
            },
            Self::Legacy(rows) => Told {
                rows: rows.iter().map(DeviceItem::of_legacy).collect(),
                api: Source::Legacy,
            },
        }
    }

    /// The device that somebody names by MAC address, name, IP address or id.
    ///
    /// # Errors
    /// `device_not_found` with those there are, `ambiguous_name` with the candidates.
    pub(crate) fn named(&self, wanted: &str) -> ToolResult<DeviceItem> {
        named(
            &self.items().rows,
            wanted,
            "the site has",
            "no adopted device",
        )
    }

    /// The name of the device with this id or MAC address.
    pub(crate) fn name_of(&self, id: &str) -> Option<String> {
        let rows = self.items().rows;
        let found = rows
            .iter()
            .find(|row| row.id.as_deref() == Some(id) || row.mac == id);
        found.map(|row| row.label().to_owned())
    }

    /// All that the old API tells of a device.
    pub(crate) fn legacy(&self, mac: &str) -> Option<&LegacyDevice> {
        match self {
            Self::Official(_) => None,
            Self::Legacy(rows) => rows.iter().find(|row| row.mac.eq_ignore_ascii_case(mac)),
        }
    }
}

impl Unifi {
    /// The state of a device now; `None` while it is not told of.
    pub(crate) async fn state_of(&self, site: &Site, mac: &str) -> ToolResult<Option<String>> {
        let rows = self.devices(site).await?.items().rows;
        Ok(rows
            .into_iter()
            .find(|row| row.mac == mac)
            .map(|row| row.state))
    }
}
