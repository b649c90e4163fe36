//! Devices: letting in, expiring, renaming, deleting.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::devices::{DeviceItem, OneDevice, target_of};
use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::{DeviceRef, MachineName};
use crate::types::Device;

/// A device after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeviceChanged {
    /// As read afterwards.
    pub(super) device: DeviceItem,
    /// What to know about it.
    pub(super) notes: Vec<String>,
}

/// Which device, and whether.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizeDevice {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// Let it in, or with `false` cut it off; default true.
    #[serde(default = "yes")]
    authorized: bool,
}

fn yes() -> bool {
    true
}

/// Authorize a device that waits to join the tailnet, or with `authorized: false` cut it off.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:device:authorize",
    title = "Authorize a device",
    timeout = 90,
    effect = authorize_effect,
    preview = preview_authorize,
    targets = authorize_targets,
    inverse = undo_authorize,
    read_back = check_authorize
)]
pub(crate) async fn authorize_tailscale_device(
    tailscale: &Tailscale,
    args: AuthorizeDevice,
) -> ToolResult<DeviceChanged> {
    let device = own(tailscale, &args.device_id).await?;
    if device.authorized != args.authorized {
        let value = json!(args.authorized);
        tailscale
            .set_device(device.key(), "authorized", "authorized", &value)
            .await?;
    }
    let settings = tailscale.settings_if_allowed().await;
    let needless = settings.is_some_and(|settings| settings.devices_approval_on == Some(false));
    let note = "the tailnet does not ask for approval: devices join without it".to_owned();
    let notes = needless.then_some(note).into_iter().collect();
    changed(tailscale, &device, notes).await
}

/// Letting in takes nothing from anybody.
fn authorize_effect(_: &Tailscale, args: &AuthorizeDevice) -> Effect {
    if args.authorized {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

/// The device that a caller names, if it is the tailnet's own.
pub(super) async fn own(tailscale: &Tailscale, which: &DeviceRef) -> ToolResult<Device> {
    let device = tailscale.device(which).await?;
    if device.is_external {
        let message = format!("`{}` is shared in from another tailnet", device.name);
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("shared_in_device")
            .field("device_id")
            .hint("it is managed in the tailnet that it belongs to"));
    }
    Ok(device)
}

/// The device as it is now.
pub(super) async fn changed(
    tailscale: &Tailscale,
    device: &Device,
    notes: Vec<String>,
) -> ToolResult<DeviceChanged> {
    let device = again(tailscale, device).await?;
    Ok(DeviceChanged {
        device: DeviceItem::of(&device),
        notes,
    })
}

pub(super) async fn again(tailscale: &Tailscale, device: &Device) -> ToolResult<Device> {
    let id = device.key().parse().map_err(|_| {
        let error = format!("`{}` has no id that we can read", device.name);
        ToolError::new(Code::UpstreamRejected, error).reason("unexpected_answer")
    })?;
    tailscale.device(&id).await
}

/// What a device is, for those who decide about it.
pub(super) fn described(device: &Device) -> Vec<String> {
    let mut lines = vec![format!(
        "`{}` runs {} and is of {}",
        device.name, device.os, device.user
    )];
    if !device.tags.is_empty() {
        lines.push(format!("its tags: {}", device.tags.join(", ")));
    }
    if device.online() {
        lines.push("it is connected now".to_owned());
    }
    let routes = device.enabled_routes.clone().unwrap_or_default();
    if !routes.is_empty() {
        lines.push(format!("others reach through it: {}", routes.join(", ")));
    }
    lines
}

async fn preview_authorize(tailscale: &Tailscale, args: &AuthorizeDevice) -> ToolResult<Preview> {
    let device = own(tailscale, &args.device_id).await?;
    let verb = if args.authorized {
        "authorize"
    } else {
        "cut off"
    };
    Ok(Preview {
        summary: format!("{verb} the device `{}`", device.name),
        changes: vec![Change {
            field: "authorized".to_owned(),
            from: Some(device.authorized.to_string()),
            to: Some(args.authorized.to_string()),
        }],
        impact: described(&device),
    })
}

async fn authorize_targets(
    tailscale: &Tailscale,
    args: &AuthorizeDevice,
) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

async fn undo_authorize(
    tailscale: &Tailscale,
    args: &AuthorizeDevice,
) -> ToolResult<Option<Inverse>> {
    let device = tailscale.device(&args.device_id).await?;
    Ok((device.authorized != args.authorized).then(|| Inverse {
        tool: "authorize_tailscale_device".to_owned(),
        arguments: json!({ "device_id": device.key(), "authorized": device.authorized }),
    }))
}

async fn check_authorize(
    _: &Tailscale,
    args: &AuthorizeDevice,
    done: &DeviceChanged,
) -> ToolResult<Vec<Mismatch>> {
    let is = done.device.authorized;
    let mismatch = (is != args.authorized).then(|| Mismatch {
        field: "authorized",
        wanted: args.authorized.to_string(),
        found: is.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

async fn one_target(tailscale: &Tailscale, args: &OneDevice) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

/// Expire the key of a device now: it leaves the tailnet until somebody signs in on it again.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:device:expire",
    title = "Expire a device's key",
    timeout = 90,
    preview = preview_expire,
    targets = one_target
)]
pub(crate) async fn expire_device_key(
    tailscale: &Tailscale,
    args: OneDevice,
) -> ToolResult<DeviceChanged> {
    let device = own(tailscale, &args.device_id).await?;
    let call = Call::post("device_expire", "/device/{}/expire", &[&device.key()])
        .scope("devices:core")
        .vendor_only()
        .idempotent();
    tailscale.api.done(&call).await?;
    let note = "it comes back when somebody signs in on it".to_owned();
    changed(tailscale, &device, vec![note]).await
}

async fn preview_expire(tailscale: &Tailscale, args: &OneDevice) -> ToolResult<Preview> {
    let device = own(tailscale, &args.device_id).await?;
    let mut impact = described(&device);
    impact.push("somebody has to sign in on it to bring it back".to_owned());
    Ok(Preview {
        summary: format!("expire the key of the device `{}`", device.name),
        changes: Vec::new(),
        impact,
    })
}

/// Which device, and whether its key ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetKeyExpiry {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// `true` keeps its key valid for ever, `false` lets it end as usual.
    key_expiry_disabled: bool,
}

/// Switch the expiry of a device's key off or on; servers and routers usually have it off.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "tailscale:device:key",
    title = "Set key expiry of a device",
    timeout = 90,
    targets = expiry_targets,
    inverse = undo_expiry,
    read_back = check_expiry
)]
pub(crate) async fn set_device_key_expiry(
    tailscale: &Tailscale,
    args: SetKeyExpiry,
) -> ToolResult<DeviceChanged> {
    let device = own(tailscale, &args.device_id).await?;
    let value = json!(args.key_expiry_disabled);
    tailscale
        .set_device(device.key(), "key", "keyExpiryDisabled", &value)
        .await?;
    changed(tailscale, &device, Vec::new()).await
}

async fn expiry_targets(tailscale: &Tailscale, args: &SetKeyExpiry) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

async fn undo_expiry(tailscale: &Tailscale, args: &SetKeyExpiry) -> ToolResult<Option<Inverse>> {
    let device = tailscale.device(&args.device_id).await?;
    let before = device.key_expiry_disabled;
    Ok((before != args.key_expiry_disabled).then(|| Inverse {
        tool: "set_device_key_expiry".to_owned(),
        arguments: json!({ "device_id": device.key(), "key_expiry_disabled": before }),
    }))
}

async fn check_expiry(
    tailscale: &Tailscale,
    args: &SetKeyExpiry,
    _: &DeviceChanged,
) -> ToolResult<Vec<Mismatch>> {
    let is = tailscale.device(&args.device_id).await?.key_expiry_disabled;
    let mismatch = (is != args.key_expiry_disabled).then(|| Mismatch {
        field: "key_expiry_disabled",
        wanted: args.key_expiry_disabled.to_string(),
        found: is.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

/// Which device, and its new name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameDevice {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// Its new name, the first label of it or the whole. Whoever uses the old name no longer finds it.
    name: MachineName,
}

/// Rename a device in the tailnet; its old name stops resolving.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:device:rename",
    title = "Rename a device",
    timeout = 90,
    preview = preview_rename,
    targets = rename_targets,
    inverse = undo_rename,
    read_back = check_rename
)]
pub(crate) async fn rename_device(
    tailscale: &Tailscale,
    args: RenameDevice,
) -> ToolResult<DeviceChanged> {
    let device = own(tailscale, &args.device_id).await?;
    tailscale
        .set_device(device.key(), "name", "name", &json!(args.name))
        .await?;
    changed(tailscale, &device, Vec::new()).await
}

async fn preview_rename(tailscale: &Tailscale, args: &RenameDevice) -> ToolResult<Preview> {
    let device = own(tailscale, &args.device_id).await?;
    Ok(Preview {
        summary: format!("rename the device `{}`", device.name),
        changes: vec![Change {
            field: "name".to_owned(),
            from: Some(device.short_name().to_owned()),
            to: Some(args.name.to_string()),
        }],
        impact: vec![format!("`{}` stops resolving", device.name)],
    })
}

async fn rename_targets(tailscale: &Tailscale, args: &RenameDevice) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

async fn undo_rename(tailscale: &Tailscale, args: &RenameDevice) -> ToolResult<Option<Inverse>> {
    let device = tailscale.device(&args.device_id).await?;
    let before = device.short_name();
    let same = args.name.as_ref().split('.').next() == Some(before);
    Ok((!same && !before.is_empty()).then(|| Inverse {
        tool: "rename_device".to_owned(),
        arguments: json!({ "device_id": device.key(), "name": before }),
    }))
}

async fn check_rename(
    _: &Tailscale,
    args: &RenameDevice,
    done: &DeviceChanged,
) -> ToolResult<Vec<Mismatch>> {
    let wanted = args.name.as_ref().split('.').next().unwrap_or_default();
    let found = done.device.name.split('.').next().unwrap_or_default();
    let mismatch = (!wanted.eq_ignore_ascii_case(found)).then(|| Mismatch {
        field: "name",
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    });
    Ok(mismatch.into_iter().collect())
}

/// A device that is gone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeviceDeleted {
    /// As it was.
    deleted: DeviceItem,
}

/// Delete a device from the tailnet; it has to sign in anew to come back, and its routes go with it.
#[tool(
    destructive,
    open_world,
    permission = "tailscale:device:delete",
    title = "Delete a device",
    timeout = 90,
    preview = preview_delete,
    targets = one_target
)]
pub(crate) async fn delete_tailscale_device(
    tailscale: &Tailscale,
    args: OneDevice,
) -> ToolResult<DeviceDeleted> {
    let device = own(tailscale, &args.device_id).await?;
    tailscale.api.done(&delete_call(device.key())).await?;
    Ok(DeviceDeleted {
        deleted: DeviceItem::of(&device),
    })
}

fn delete_call(id: &str) -> Call {
    Call::delete("device_delete", "/device/{}", &[&id]).scope("devices:core")
}

async fn preview_delete(tailscale: &Tailscale, args: &OneDevice) -> ToolResult<Preview> {
    let device = own(tailscale, &args.device_id).await?;
    Ok(Preview {
        summary: format!("delete the device `{}` from the tailnet", device.name),
        changes: Vec::new(),
        impact: described(&device),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_is_never_repeated_by_itself() {
        assert_eq!(delete_call("n1CNTRL").line(), "DELETE /device/n1CNTRL");
    }
}
