//! Devices that wait to be adopted.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::devices::DevicePage;
use super::networks::ListOfSite;
use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::{Devices, Told, Unifi};
use crate::gear::{DeviceItem, command, named};
use crate::page::page;
use crate::site::{Site, SiteName};
use crate::types::DeviceRow;

/// The state of a device that waits.
const PENDING: &str = "PENDING_ADOPTION";

/// List the devices that wait to be adopted by the site.
#[tool(read, open_world, permission = "unifi:device:read", timeout = 60)]
pub(crate) async fn list_pending_devices(
    unifi: &Unifi,
    args: ListOfSite,
) -> ToolResult<DevicePage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.pending(&site).await?;
    let page: Page<DeviceItem> = page(
        told.rows,
        args.limit,
        args.cursor.as_deref(),
        DeviceItem::key,
    )?;
    Ok(DevicePage {
        page,
        api: told.api,
    })
}

/// Which device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdoptDevice {
    /// MAC or IP address of one of `list_pending_devices`.
    #[schemars(length(min = 1, max = 128))]
    device: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A device that is being adopted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Adopted {
    /// As it was told of last.
    device: DeviceItem,
    /// What to do next.
    hint: String,
    /// The API that did it.
    api: Source,
}

/// Adopt a device that waits for it: the site takes it over and gives it its settings.
#[tool(
    destructive,
    open_world,
    permission = "unifi:device:adopt",
    timeout = 60,
    preview = preview_adopt,
    targets = adopt_targets,
    read_back = check_adopt
)]
pub(crate) async fn adopt_device(unifi: &Unifi, args: AdoptDevice) -> ToolResult<Adopted> {
    let site = unifi.site(args.site.as_ref()).await?;
    let mut device = unifi.pending_named(&site, &args.device).await?;
    let (call, api) = unifi.adopt_call(&site, &device.mac).await?;
    unifi.api.done(&call).await?;
    let now = unifi.devices(&site).await?.items().rows;
    if let Some(now) = now.into_iter().find(|row| row.mac == device.mac) {
        device = now;
    }
    Ok(Adopted {
        device,
        hint: "it takes some minutes; call `get_device` to see when it is `ONLINE`".to_owned(),
        api,
    })
}

impl Unifi {
    /// The devices that wait, and that this site can adopt.
    async fn pending(&self, site: &Site) -> ToolResult<Told<Vec<DeviceItem>>> {
        if self.api.has(Feature::Networks).await? {
            let path = "/integration/v1/pending-devices";
            let mut rows: Vec<DeviceRow> = self.api.all("pending_devices", path, &[]).await?;
            rows.retain(|row| {
                let sites = &row.adoption_target_site_ids;
                sites.is_empty() || sites.iter().any(|id| id == site.id())
            });
            return Ok(Devices::Official(rows).items());
        }
        let call = Call::get("legacy_devices", "/api/s/{}/stat/device", &[&site.name]);
        let mut told = Devices::Legacy(self.api.rows(&call).await?).items();
        told.rows.retain(|row| row.state == PENDING);
        Ok(told)
    }

    async fn pending_named(&self, site: &Site, wanted: &str) -> ToolResult<DeviceItem> {
        let rows = self.pending(site).await?.rows;
        named(&rows, wanted, "there waits", "no device to be adopted")
    }

    /// The official API lists those that wait since 10.0, and adopts since 10.1.
    async fn adopt_call(&self, site: &Site, mac: &str) -> ToolResult<(Call, Source)> {
        if self.api.has(Feature::Policies).await? {
            let template = "/integration/v1/sites/{}/devices";
            let body = json!({ "macAddress": mac, "ignoreDeviceLimit": false });
            let call = Call::post("device_adopt", template, &[&site.id()], body);
            return Ok((call, Source::Integration));
        }
        let body = json!({ "cmd": "adopt", "mac": mac });
        Ok((command(site, body), Source::Legacy))
    }
}

async fn preview_adopt(unifi: &Unifi, args: &AdoptDevice) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.pending_named(&site, &args.device).await?;
    let model = device.model.as_deref().unwrap_or("unknown model");
    Ok(Preview {
        summary: format!(
            "adopt the {} `{}` ({model}) into the site `{}`",
            device.kind.noun(),
            device.label(),
            site.title
        ),
        changes: Vec::new(),
        impact: vec![
            "it is given the settings of the site, passphrases of its WLANs among them: be sure that it is yours".to_owned(),
            "to give it away again it has to be removed, and is reset then".to_owned(),
        ],
    })
}

async fn adopt_targets(unifi: &Unifi, args: &AdoptDevice) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.pending_named(&site, &args.device).await?;
    Ok(vec![device.target()])
}

async fn check_adopt(
    _unifi: &Unifi,
    _args: &AdoptDevice,
    done: &Adopted,
) -> ToolResult<Vec<Mismatch>> {
    let waits = (done.device.state == PENDING).then(|| Mismatch {
        field: "device",
        wanted: "adopted".to_owned(),
        found: PENDING.to_owned(),
    });
    Ok(waits.into_iter().collect())
}
