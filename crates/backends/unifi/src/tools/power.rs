//! Restarting devices, and taking power from a port for a moment.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::devices::PortItem;
use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::gear::{DeviceItem, DeviceKind, command};
use crate::site::{Site, SiteName};

/// Seconds that a device gets to come back unless a call says otherwise.
const USUAL_WAIT_S: u64 = 300;
/// Kept for the answer before the pipeline ends the call.
const RESERVE: Duration = Duration::from_secs(5);

/// Which device to restart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebootDevice {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    device: String,
    /// Must be true for a gateway, whose restart takes the whole house off line.
    #[serde(default)]
    gateway: bool,
    /// Wait until it is back; default false.
    #[serde(default)]
    wait: bool,
    /// Seconds to wait for it; default 300.
    #[schemars(range(min = 10, max = 900))]
    timeout_s: Option<u64>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A device that was told to restart.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rebooted {
    device: DeviceItem,
    /// Its state when it was looked at last.
    state: String,
    /// Whether it was seen to go and come back. Absent without `wait`.
    back: Option<bool>,
    /// Seconds that it took. Absent without `wait`.
    took_s: Option<u64>,
    /// What to do next.
    hint: Option<String>,
    /// The API that did it.
    api: Source,
}

/// Restart an access point, switch or gateway. What hangs on it is cut off for some minutes.
#[tool(
    critical,
    open_world,
    permission = "unifi:device:reboot",
    timeout = 960,
    effect = effect,
    preview = preview_reboot,
    targets = reboot_targets
)]
pub(crate) async fn reboot_device(
    unifi: &Unifi,
    args: RebootDevice,
    ctx: &CallContext,
) -> ToolResult<Rebooted> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.devices(&site).await?;
    let device = told.named(&args.device)?;
    let api = told.items().api;
    if device.kind == DeviceKind::Gateway && !args.gateway {
        let message = format!(
            "`{}` is a gateway: everything is off line while it restarts",
            device.label()
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("gateway_not_confirmed")
            .field("gateway")
            .hint("say `gateway` true if that is what you want"));
    }
    unifi.api.done(&restart_call(&site, &device, api)).await?;
    let mut done = Rebooted {
        state: device.state.clone(),
        back: None,
        took_s: None,
        hint: Some("call `get_device` to see when it is back".to_owned()),
        api,
        device,
    };
    if args.wait {
        let wait = Duration::from_secs(args.timeout_s.unwrap_or(USUAL_WAIT_S));
        unifi.follow(&site, &mut done, wait, ctx).await?;
    }
    Ok(done)
}

/// Only a gateway takes everything with it.
fn effect(_unifi: &Unifi, args: &RebootDevice) -> Effect {
    if args.gateway {
        Effect::Critical
    } else {
        Effect::Destructive
    }
}

fn restart_call(site: &Site, device: &DeviceItem, api: Source) -> Call {
    if let (Some(id), Source::Integration) = (&device.id, api) {
        let template = "/integration/v1/sites/{}/devices/{}/actions";
        let body = json!({ "action": "RESTART" });
        Call::post("device_restart", template, &[&site.id(), id], body)
    } else {
        command(
            site,
            json!({ "cmd": "restart", "mac": device.mac, "reboot_type": "soft" }),
        )
    }
}

impl Unifi {
    /// Looks at a device until it has gone and come back.
    async fn follow(
        &self,
        site: &Site,
        done: &mut Rebooted,
        wait: Duration,
        ctx: &CallContext,
    ) -> ToolResult<()> {
        let begun = Instant::now();
        let mut until = begun + wait;
        if let Some(deadline) = ctx.deadline {
            let deadline = deadline.checked_sub(RESERVE);
            until = until.min(deadline.unwrap_or(begun));
        }
        let poll = Duration::from_millis(self.config.restart_poll_ms);
        let (mut gone, mut looks) = (false, 0.0);
        loop {
            tokio::select! {
                () = ctx.cancel.cancelled() => return Err(cancelled(done.device.label())),
                () = tokio::time::sleep(poll) => {}
            }
            // A gateway takes the way to the console with it.
            match self.state_of(site, &done.device.mac).await {
                Ok(state) => done.state = state.unwrap_or_else(|| "UNKNOWN".to_owned()),
                Err(_) => "UNKNOWN".clone_into(&mut done.state),
            }
            looks += 1.0;
            ctx.progress.report(looks, None, Some(done.state.clone()));
            gone |= done.state != "ONLINE";
            let back = gone && done.state == "ONLINE";
            if back || Instant::now() >= until {
                done.back = Some(back);
                done.took_s = Some(begun.elapsed().as_secs());
                if back {
                    done.hint = None;
                }
                return Ok(());
            }
        }
    }
}

fn cancelled(name: &str) -> ToolError {
    let message = format!("the call was cancelled while `{name}` restarts; it goes on");
    ToolError::new(Code::Timeout, message)
        .reason("cancelled")
        .hint("call `get_device` to see when it is back")
        .retryable(false)
}

async fn preview_reboot(unifi: &Unifi, args: &RebootDevice) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    let mut impact = Vec::new();
    if device.kind == DeviceKind::Gateway {
        impact
            .push("it is the gateway: the whole network is without Internet meanwhile".to_owned());
    }
    // What hangs on it is not known without the old API.
    if let Ok(stations) = unifi.stations(&site).await {
        let on_it = stations.iter().filter(|one| {
            let above = [&one.ap_mac, &one.sw_mac];
            above
                .into_iter()
                .flatten()
                .any(|mac| mac.eq_ignore_ascii_case(&device.mac))
        });
        let clients = crate::page::count(on_it.count(), "client");
        impact.push(format!("{clients} lose their connection for some minutes"));
    }
    if device.state != "ONLINE" {
        impact.push(format!(
            "it is `{}` now and may not hear of it",
            device.state
        ));
    }
    Ok(Preview {
        summary: format!("restart the {} `{}`", device.kind.noun(), device.label()),
        changes: Vec::new(),
        impact,
    })
}

async fn reboot_targets(unifi: &Unifi, args: &RebootDevice) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    Ok(vec![device.target()])
}

/// Which port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PowerCyclePort {
    /// The switch: MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    device: String,
    /// Number of the port, from 1.
    #[schemars(range(min = 1, max = 128))]
    port: u32,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A port whose power was taken for a moment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PortCycled {
    device: DeviceItem,
    /// As it was before.
    port: PortItem,
    /// The API that did it.
    api: Source,
}

/// Take the power from a PoE port for a moment, so that what hangs on it starts anew.
#[tool(
    destructive,
    open_world,
    permission = "unifi:port:power_cycle",
    timeout = 60,
    preview = preview_cycle,
    targets = cycle_targets
)]
pub(crate) async fn power_cycle_port(
    unifi: &Unifi,
    args: PowerCyclePort,
) -> ToolResult<PortCycled> {
    let site = unifi.site(args.site.as_ref()).await?;
    let (device, api, ports) = unifi.with_ports(&site, &args.device).await?;
    let port = powered(&device, ports, args.port)?;
    unifi
        .api
        .done(&cycle_call(&site, &device, api, args.port))
        .await?;
    Ok(PortCycled { device, port, api })
}

fn powered(device: &DeviceItem, ports: Vec<PortItem>, wanted: u32) -> ToolResult<PortItem> {
    let name = device.label();
    let count = ports.len();
    let Some(port) = ports.into_iter().find(|port| port.port == wanted) else {
        return Err(
            ToolError::not_found(format!("`{name}` has no port {wanted}"))
                .reason("port_not_found")
                .field("port")
                .hint(format!(
                    "it has {}: see `get_device`",
                    crate::page::count(count, "port")
                )),
        );
    };
    if !port.poe {
        let message = format!("port {wanted} of `{name}` cannot give power");
        return Err(ToolError::invalid("port", message)
            .reason("no_poe")
            .hint("see `poe` of the ports in `get_device`"));
    }
    Ok(port)
}

fn cycle_call(site: &Site, device: &DeviceItem, api: Source, port: u32) -> Call {
    if let (Some(id), Source::Integration) = (&device.id, api) {
        let template = "/integration/v1/sites/{}/devices/{}/interfaces/ports/{}/actions";
        let body = json!({ "action": "POWER_CYCLE" });
        Call::post("port_power_cycle", template, &[&site.id(), id, &port], body)
    } else {
        command(
            site,
            json!({ "cmd": "power-cycle", "mac": device.mac, "port_idx": port }),
        )
    }
}

async fn preview_cycle(unifi: &Unifi, args: &PowerCyclePort) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let (device, _, ports) = unifi.with_ports(&site, &args.device).await?;
    let port = powered(&device, ports, args.port)?;
    let mut impact = vec!["what it powers restarts, which takes some minutes".to_owned()];
    if port.poe_on == Some(false) {
        impact.push("it gives no power now".to_owned());
    }
    Ok(Preview {
        summary: format!(
            "take the power from port {} of `{}`",
            args.port,
            device.label()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn cycle_targets(unifi: &Unifi, args: &PowerCyclePort) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let device = unifi.devices(&site).await?.named(&args.device)?;
    let port = Target {
        kind: "port".to_owned(),
        id: format!("{}/{}", device.mac, args.port),
        name: Some(format!("{} port {}", device.label(), args.port)),
        tags: Vec::new(),
    };
    Ok(vec![device.target(), port])
}
