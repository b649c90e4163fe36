//! Finding a device among others: its light blinks. Only the old API can.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::gear::{DeviceItem, command};
use crate::site::{Site, SiteName};
use crate::types::LegacyDevice;

/// Which device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocateDevice {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    device: String,
    /// Whether its light shall blink.
    on: bool,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A device, and whether its light blinks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Located {
    device: DeviceItem,
    /// As read afterwards; absent where the console does not say.
    locating: Option<bool>,
    /// The API that did it.
    api: Source,
}

/// Let a device's light blink so that somebody finds it, or stop that.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "unifi:device:locate",
    title = "Let a device blink",
    timeout = 60,
    preview = preview_locate,
    targets = locate_targets,
    inverse = undo_locate,
    read_back = check_locate
)]
pub(crate) async fn locate_device(unifi: &Unifi, args: LocateDevice) -> ToolResult<Located> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    let cmd = if args.on {
        "set-locate"
    } else {
        "unset-locate"
    };
    let body = json!({ "cmd": cmd, "mac": device.mac });
    unifi.api.done(&command(&site, body).idempotent()).await?;
    Ok(Located {
        locating: unifi.locating(&site, &device.mac).await?,
        device,
        api: Source::Legacy,
    })
}

impl Unifi {
    /// Whether a device's light blinks; `None` where the console does not say.
    async fn locating(&self, site: &Site, mac: &str) -> ToolResult<Option<bool>> {
        let template = "/api/s/{}/stat/device/{}";
        let call = Call::get("legacy_device", template, &[&site.name, &mac]);
        let rows: Vec<LegacyDevice> = self.api.rows(&call).await?;
        Ok(rows.first().and_then(|row| row.locating))
    }
}

async fn found(unifi: &Unifi, args: &LocateDevice) -> ToolResult<(DeviceItem, Option<bool>)> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    let locating = unifi.locating(&site, &device.mac).await?;
    Ok((device, locating))
}

async fn preview_locate(unifi: &Unifi, args: &LocateDevice) -> ToolResult<Preview> {
    let (device, now) = found(unifi, args).await?;
    let mut impact = Vec::new();
    if device.state != "ONLINE" {
        impact.push(format!(
            "it is `{}` now and may not hear of it",
            device.state
        ));
    }
    let what = if args.on { "let" } else { "no longer let" };
    Ok(Preview {
        summary: format!("{what} the light of `{}` blink", device.label()),
        changes: vec![Change {
            field: "on".to_owned(),
            from: now.map(|on| on.to_string()),
            to: Some(args.on.to_string()),
        }],
        impact,
    })
}

async fn locate_targets(unifi: &Unifi, args: &LocateDevice) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    Ok(vec![device.target()])
}

async fn undo_locate(unifi: &Unifi, args: &LocateDevice) -> ToolResult<Option<Inverse>> {
    let (device, now) = found(unifi, args).await?;
    let mut arguments = json!({ "device": device.mac, "on": !args.on });
    if let Some(site) = &args.site {
        arguments["site"] = json!(site);
    }
    Ok((now != Some(args.on)).then(|| Inverse {
        tool: "locate_device".to_owned(),
        arguments,
    }))
}

async fn check_locate(
    _unifi: &Unifi,
    args: &LocateDevice,
    done: &Located,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = done
        .locating
        .filter(|on| *on != args.on)
        .map(|on| Mismatch {
            field: "on",
            wanted: args.on.to_string(),
            found: on.to_string(),
        });
    Ok(mismatch.into_iter().collect())
}
