//! Subnet routes and exit nodes.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::device_changes::own;
use super::devices::{OneDevice, is_exit_node, target_of};
use crate::client::Tailscale;
use crate::hujson;
use crate::ids::{DeviceRef, EXIT_ROUTES, Route};
use crate::types::{Device, Routes};

/// Routes of a device.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceRoutes {
    device: String,
    node_id: String,
    /// Routes that it offers.
    advertised: Vec<String>,
    /// Routes that are approved.
    enabled: Vec<String>,
    /// Routes that it offers and that are not approved.
    pending: Vec<String>,
    /// Routes that are approved, but not offered, and so without effect.
    not_advertised: Vec<String>,
    exit_node: bool,
}

/// Get the routes that a device offers and those that are approved, exit node included.
#[tool(
    read,
    open_world,
    permission = "tailscale:route:read",
    title = "Get routes of a device",
    timeout = 90
)]
pub(crate) async fn get_device_routes(
    tailscale: &Tailscale,
    args: OneDevice,
) -> ToolResult<DeviceRoutes> {
    let device = tailscale.device(&args.device_id).await?;
    let routes = tailscale.routes(device.key()).await?;
    let (advertised, enabled) = (routes.advertised_routes, routes.enabled_routes);
    Ok(DeviceRoutes {
        device: device.name.clone(),
        node_id: device.key().to_owned(),
        pending: without(&advertised, &enabled),
        not_advertised: without(&enabled, &advertised),
        exit_node: is_exit_node(&enabled),
        advertised,
        enabled,
    })
}

fn without(all: &[String], these: &[String]) -> Vec<String> {
    all.iter()
        .filter(|one| !these.contains(one))
        .cloned()
        .collect()
}

/// What happens to the routes that are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// They are approved too.
    #[default]
    Add,
    /// They alone are approved.
    Replace,
    /// They are approved no longer.
    Remove,
}

/// Which routes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnableRoutes {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// Networks such as `192.0.2.0/24`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    routes: Vec<Route>,
    /// `add` (default) keeps those that are approved, `replace` does not, `remove` takes these away.
    #[serde(default)]
    mode: Mode,
    /// Make it an exit node (both default routes), or with `false` no longer; default as it is.
    exit_node: Option<bool>,
}

/// Approved routes after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RoutesChanged {
    device: String,
    node_id: String,
    /// Approved before.
    before: Vec<String>,
    /// Approved now, as read afterwards.
    enabled: Vec<String>,
    /// Approved, but without effect until the device offers them.
    not_advertised: Vec<String>,
    exit_node: bool,
    /// What to know about it.
    notes: Vec<String>,
}

/// Approve subnet routes of a device, or take the approval away; `exit_node` does the same for both default routes. Others that are approved stay, unless `mode` is `replace`.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:route:enable",
    title = "Enable subnet routes",
    timeout = 90,
    effect = enable_effect,
    preview = preview_routes,
    targets = routes_targets,
    inverse = undo_routes,
    read_back = check_routes
)]
pub(crate) async fn enable_subnet_routes(
    tailscale: &Tailscale,
    args: EnableRoutes,
) -> ToolResult<RoutesChanged> {
    args.check()?;
    let device = own(tailscale, &args.device_id).await?;
    // Setting routes replaces all of them: two who add one each must not read before either wrote.
    let _alone = tailscale.routes_lock.lock().await;
    let before = tailscale.routes(device.key()).await?;
    let wanted = args.wanted(&before.enabled_routes);
    if wanted != sorted(&before.enabled_routes) {
        tailscale
            .set_device(device.key(), "routes", "routes", &json!(wanted))
            .await?;
    }
    let after = tailscale.routes(device.key()).await?;
    let gone = without(&before.enabled_routes, &wanted);
    let mut notes = Vec::new();
    if !gone.is_empty() && has_auto_approvers(tailscale).await {
        notes.push("the policy has `autoApprovers`, which may approve them again".to_owned());
    }
    Ok(answer(&device, before, after, notes))
}

fn answer(device: &Device, before: Routes, after: Routes, mut notes: Vec<String>) -> RoutesChanged {
    let not_advertised = without(&after.enabled_routes, &after.advertised_routes);
    if !not_advertised.is_empty() {
        notes.push(
            "what is not advertised has no effect until the device offers it: `tailscale set --advertise-routes=…`"
                .to_owned(),
        );
    }
    RoutesChanged {
        device: device.name.clone(),
        node_id: device.key().to_owned(),
        before: before.enabled_routes,
        exit_node: is_exit_node(&after.enabled_routes),
        enabled: after.enabled_routes,
        not_advertised,
        notes,
    }
}

fn sorted(routes: &[String]) -> Vec<String> {
    let mut routes = routes.to_vec();
    routes.sort();
    routes.dedup();
    routes
}

impl EnableRoutes {
    fn check(&self) -> ToolResult<()> {
        if self.routes.is_empty() && self.exit_node.is_none() && self.mode != Mode::Replace {
            return Err(ToolError::invalid("routes", "no route is named")
                .hint("name routes such as `192.0.2.0/24`, or set `exit_node`"));
        }
        Ok(())
    }

    /// The routes that are approved afterwards, sorted.
    fn wanted(&self, before: &[String]) -> Vec<String> {
        let named: Vec<String> = self.routes.iter().map(ToString::to_string).collect();
        let mut wanted = match self.mode {
            Mode::Add => [before, &named].concat(),
            Mode::Remove => without(before, &named),
            Mode::Replace => {
                // Being an exit node is a matter of its own.
                let exit = before
                    .iter()
                    .filter(|route| EXIT_ROUTES.contains(&route.as_str()));
                let kept = if self.routes.iter().any(Route::is_exit) {
                    0
                } else {
                    usize::MAX
                };
                exit.take(kept).cloned().chain(named).collect()
            }
        };
        match self.exit_node {
            Some(true) => wanted.extend(Route::exit().iter().map(ToString::to_string)),
            Some(false) => wanted.retain(|route| !EXIT_ROUTES.contains(&route.as_str())),
            None => {}
        }
        sorted(&wanted)
    }
}

/// Adding takes nothing from anybody.
fn enable_effect(_: &Tailscale, args: &EnableRoutes) -> Effect {
    if args.mode == Mode::Add && args.exit_node != Some(false) {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

/// Whether the policy approves routes by itself; false if it cannot be read.
async fn has_auto_approvers(tailscale: &Tailscale) -> bool {
    let Ok(policy) = tailscale.policy().await else {
        return false;
    };
    let value = hujson::value(&policy.text).unwrap_or_default();
    value["autoApprovers"]
        .as_object()
        .is_some_and(|approvers| !approvers.is_empty())
}

async fn preview_routes(tailscale: &Tailscale, args: &EnableRoutes) -> ToolResult<Preview> {
    args.check()?;
    let device = own(tailscale, &args.device_id).await?;
    let before = tailscale.routes(device.key()).await?;
    let wanted = args.wanted(&before.enabled_routes);
    let mut impact = Vec::new();
    let gone = without(&before.enabled_routes, &wanted);
    if !gone.is_empty() {
        impact.push(format!("no longer reached through it: {}", gone.join(", ")));
    }
    let idle = without(&wanted, &before.advertised_routes);
    if !idle.is_empty() {
        impact.push(format!(
            "not advertised, so without effect for now: {}",
            idle.join(", ")
        ));
    }
    Ok(Preview {
        summary: format!("change the approved routes of `{}`", device.name),
        changes: vec![Change {
            field: "enabled".to_owned(),
            from: Some(sorted(&before.enabled_routes).join(", ")),
            to: Some(wanted.join(", ")),
        }],
        impact,
    })
}

async fn routes_targets(tailscale: &Tailscale, args: &EnableRoutes) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

async fn undo_routes(tailscale: &Tailscale, args: &EnableRoutes) -> ToolResult<Option<Inverse>> {
    let device = tailscale.device(&args.device_id).await?;
    let before = tailscale.routes(device.key()).await?.enabled_routes;
    Ok(inverse(&device, &before, &args.wanted(&before)))
}

/// Puts the routes back that were approved before.
fn inverse(device: &Device, before: &[String], wanted: &[String]) -> Option<Inverse> {
    let before = sorted(before);
    let exit = is_exit_node(&before);
    // One default route alone is a route like others.
    let half = !exit
        && before
            .iter()
            .any(|route| EXIT_ROUTES.contains(&route.as_str()));
    (before != wanted).then(|| {
        let mut arguments =
            json!({ "device_id": device.key(), "routes": before, "mode": "replace" });
        if !half {
            arguments["exit_node"] = json!(exit);
        }
        Inverse {
            tool: "enable_subnet_routes".to_owned(),
            arguments,
        }
    })
}

async fn check_routes(
    _: &Tailscale,
    args: &EnableRoutes,
    done: &RoutesChanged,
) -> ToolResult<Vec<Mismatch>> {
    let (wanted, found) = (args.wanted(&done.before), sorted(&done.enabled));
    let mismatch = (wanted != found).then(|| Mismatch {
        field: "routes",
        wanted: wanted.join(", "),
        found: found.join(", "),
    });
    Ok(mismatch.into_iter().collect())
}

/// Which device, and whether.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetExitNode {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// Whether others may send all their traffic through it.
    enabled: bool,
}

impl SetExitNode {
    fn routes(&self) -> EnableRoutes {
        EnableRoutes {
            device_id: self.device_id.clone(),
            routes: Vec::new(),
            mode: Mode::Add,
            exit_node: Some(self.enabled),
        }
    }
}

/// Approve a device as exit node, or take the approval away; its subnet routes stay as they are.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:route:enable",
    title = "Set an exit node",
    timeout = 90,
    effect = exit_effect,
    preview = preview_exit,
    targets = exit_targets,
    inverse = undo_exit,
    read_back = check_exit
)]
pub(crate) async fn set_exit_node(
    tailscale: &Tailscale,
    args: SetExitNode,
) -> ToolResult<RoutesChanged> {
    enable_subnet_routes(tailscale, args.routes()).await
}

fn exit_effect(tailscale: &Tailscale, args: &SetExitNode) -> Effect {
    enable_effect(tailscale, &args.routes())
}

async fn preview_exit(tailscale: &Tailscale, args: &SetExitNode) -> ToolResult<Preview> {
    preview_routes(tailscale, &args.routes()).await
}

async fn exit_targets(tailscale: &Tailscale, args: &SetExitNode) -> ToolResult<Vec<Target>> {
    routes_targets(tailscale, &args.routes()).await
}

async fn undo_exit(tailscale: &Tailscale, args: &SetExitNode) -> ToolResult<Option<Inverse>> {
    undo_routes(tailscale, &args.routes()).await
}

async fn check_exit(
    tailscale: &Tailscale,
    args: &SetExitNode,
    done: &RoutesChanged,
) -> ToolResult<Vec<Mismatch>> {
    check_routes(tailscale, &args.routes(), done).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn args(routes: &[&str], mode: Mode, exit_node: Option<bool>) -> EnableRoutes {
        EnableRoutes {
            device_id: "fw-1".parse().unwrap(),
            routes: routes.iter().map(|route| route.parse().unwrap()).collect(),
            mode,
            exit_node,
        }
    }

    const A: &str = "192.0.2.0/26";
    const B: &str = "198.51.100.0/25";

    #[rstest]
    #[case::others_stay(&[B], Mode::Add, None, &[A], &[A, B])]
    #[case::once_is_enough(&[A], Mode::Add, None, &[A], &[A])]
    #[case::these_alone(&[B], Mode::Replace, None, &[A], &[B])]
    #[case::an_exit_node_stays_one(&[B], Mode::Replace, None, &[A, "0.0.0.0/0", "::/0"], &["0.0.0.0/0", B, "::/0"])]
    #[case::unless_it_is_said(&[B], Mode::Replace, Some(false), &[A, "0.0.0.0/0", "::/0"], &[B])]
    #[case::taken_away(&[A], Mode::Remove, None, &[A, B], &[B])]
    #[case::exit_node(&[], Mode::Add, Some(true), &[A], &["0.0.0.0/0", A, "::/0"])]
    #[case::none(&[], Mode::Replace, Some(false), &[A], &[])]
    fn modes_mean_what_they_say(
        #[case] routes: &[&str],
        #[case] mode: Mode,
        #[case] exit_node: Option<bool>,
        #[case] before: &[&str],
        #[case] wanted: &[&str],
    ) {
        let before: Vec<String> = before.iter().map(|&route| route.to_owned()).collect();

        assert_eq!(args(routes, mode, exit_node).wanted(&before), wanted);
    }

    #[test]
    fn the_inverse_leads_back() {
        let device = Device {
            node_id: "n1CNTRL".into(),
            ..Device::default()
        };
        for before in [
            vec![A, "0.0.0.0/0", "::/0"],
            vec![A, B],
            vec![],
            vec!["0.0.0.0/0"],
        ] {
            let before: Vec<String> = before.into_iter().map(str::to_owned).collect();
            let wanted = args(&["203.0.113.0/24"], Mode::Add, None).wanted(&before);

            let undo = inverse(&device, &before, &wanted).unwrap();

            let undo: EnableRoutes = serde_json::from_value(undo.arguments).unwrap();
            assert_eq!(undo.wanted(&wanted), sorted(&before));
        }
    }
}
