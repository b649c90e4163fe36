//! Tags of a device.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::device_changes::{DeviceChanged, changed, own};
use super::devices::target_of;
use crate::client::Tailscale;
use crate::ids::{DeviceRef, Tag};

/// Which tags.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetTags {
    /// The device: node id, id, name, hostname or an address of it.
    device_id: DeviceRef,
    /// All tags that it has from then on; each must be in `tagOwners` of the policy.
    #[schemars(length(min = 1, max = 20))]
    tags: Vec<Tag>,
}

/// Replace the tags of a device. Rules of the policy go by tags, and a tagged device is no longer its user's.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:device:tag",
    title = "Set tags of a device",
    timeout = 90,
    preview = preview_tags,
    targets = tags_targets,
    inverse = undo_tags,
    read_back = check_tags
)]
pub(crate) async fn set_device_tags(
    tailscale: &Tailscale,
    args: SetTags,
) -> ToolResult<DeviceChanged> {
    let device = own(tailscale, &args.device_id).await?;
    tailscale
        .set_device(device.key(), "tags", "tags", &json!(args.tags))
        .await?;
    let notes = if device.tags.is_empty() {
        vec![format!(
            "it is no longer of {}, and its key no longer expires",
            device.user
        )]
    } else {
        Vec::new()
    };
    changed(tailscale, &device, notes).await
}

async fn preview_tags(tailscale: &Tailscale, args: &SetTags) -> ToolResult<Preview> {
    let device = own(tailscale, &args.device_id).await?;
    let mut impact =
        vec!["rules of the policy for these tags count for it from then on".to_owned()];
    if device.tags.is_empty() {
        impact.push(format!(
            "it stops being of {}; only signing in on it again makes it theirs",
            device.user
        ));
    }
    let tags: Vec<&str> = args.tags.iter().map(Tag::as_ref).collect();
    Ok(Preview {
        summary: format!("replace the tags of the device `{}`", device.name),
        changes: vec![Change {
            field: "tags".to_owned(),
            from: Some(device.tags.join(", ")),
            to: Some(tags.join(", ")),
        }],
        impact,
    })
}

async fn tags_targets(tailscale: &Tailscale, args: &SetTags) -> ToolResult<Vec<Target>> {
    Ok(vec![target_of(&tailscale.device(&args.device_id).await?)])
}

/// A device that had no tags cannot lose them again this way.
async fn undo_tags(tailscale: &Tailscale, args: &SetTags) -> ToolResult<Option<Inverse>> {
    let device = tailscale.device(&args.device_id).await?;
    let same = sorted(&device.tags) == wanted(args);
    Ok((!device.tags.is_empty() && !same).then(|| Inverse {
        tool: "set_device_tags".to_owned(),
        arguments: json!({ "device_id": device.key(), "tags": device.tags }),
    }))
}

async fn check_tags(
    tailscale: &Tailscale,
    args: &SetTags,
    _: &DeviceChanged,
) -> ToolResult<Vec<Mismatch>> {
    let device = tailscale.device(&args.device_id).await?;
    let (wanted, found) = (wanted(args), sorted(&device.tags));
    let mismatch = (wanted != found).then(|| Mismatch {
        field: "tags",
        wanted: wanted.join(", "),
        found: found.join(", "),
    });
    Ok(mismatch.into_iter().collect())
}

fn wanted(args: &SetTags) -> Vec<String> {
    let tags: Vec<String> = args.tags.iter().map(ToString::to_string).collect();
    sorted(&tags)
}

fn sorted(tags: &[String]) -> Vec<String> {
    let mut tags = tags.to_vec();
    tags.sort();
    tags.dedup();
    tags
}
