//! Settings of the tailnet.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, NoArgs, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::client::Tailscale;
use crate::types::{Settings, given};

/// Settings of the tailnet.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TailnetSettings {
    /// Whether new devices wait to be authorized.
    devices_approval_on: Option<bool>,
    /// Whether new users wait to be approved.
    users_approval_on: Option<bool>,
    /// Days after which keys of devices end.
    devices_key_duration_days: Option<u32>,
    devices_auto_updates_on: Option<bool>,
    /// Whether the policy is kept in a repository, which overwrites changes made here.
    acls_externally_managed_on: Option<bool>,
    /// Where it is kept.
    acls_external_link: Option<String>,
    /// Who may join other tailnets.
    users_role_allowed_to_join_external_tailnets: Option<String>,
    network_flow_logging_on: Option<bool>,
    regional_routing_on: Option<bool>,
    posture_identity_collection_on: Option<bool>,
    https_enabled: Option<bool>,
}

/// Get the settings of the tailnet: approval of devices and users, key duration, where the policy is managed.
#[tool(
    read,
    open_world,
    permission = "tailscale:settings:read",
    title = "Get tailnet settings",
    timeout = 60
)]
pub(crate) async fn get_tailnet_settings(
    tailscale: &Tailscale,
    _args: NoArgs,
) -> ToolResult<TailnetSettings> {
    Ok(TailnetSettings::of(tailscale.settings().await?))
}

impl TailnetSettings {
    fn of(found: Settings) -> Self {
        Self {
            devices_approval_on: found.devices_approval_on,
            users_approval_on: found.users_approval_on,
            devices_key_duration_days: found.devices_key_duration_days,
            devices_auto_updates_on: found.devices_auto_updates_on,
            acls_externally_managed_on: found.acls_externally_managed_on,
            acls_external_link: given(found.acls_external_link),
            users_role_allowed_to_join_external_tailnets: found
                .users_role_allowed_to_join_external_tailnets,
            network_flow_logging_on: found.network_flow_logging_on,
            regional_routing_on: found.regional_routing_on,
            posture_identity_collection_on: found.posture_identity_collection_on,
            https_enabled: found.https_enabled,
        }
    }
}

/// Which settings; those that are not named stay.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdateSettings {
    /// Let new devices wait to be authorized.
    devices_approval_on: Option<bool>,
    /// Let new users wait to be approved.
    users_approval_on: Option<bool>,
    /// Days after which keys of devices end.
    #[schemars(range(min = 1, max = 180))]
    devices_key_duration_days: Option<u32>,
    /// Let devices update their clients by themselves.
    devices_auto_updates_on: Option<bool>,
    /// Let devices have certificates for HTTPS.
    https_enabled: Option<bool>,
}

impl UpdateSettings {
    /// Our name, theirs, what is wanted.
    fn wanted(&self) -> Vec<(&'static str, &'static str, Value)> {
        let all = [
            (
                "devices_approval_on",
                "devicesApprovalOn",
                self.devices_approval_on.map(Value::from),
            ),
            (
                "users_approval_on",
                "usersApprovalOn",
                self.users_approval_on.map(Value::from),
            ),
            (
                "devices_key_duration_days",
                "devicesKeyDurationDays",
                self.devices_key_duration_days.map(Value::from),
            ),
            (
                "devices_auto_updates_on",
                "devicesAutoUpdatesOn",
                self.devices_auto_updates_on.map(Value::from),
            ),
            (
                "https_enabled",
                "httpsEnabled",
                self.https_enabled.map(Value::from),
            ),
        ];
        all.into_iter()
            .filter_map(|(ours, theirs, value)| Some((ours, theirs, value?)))
            .collect()
    }

    fn check(&self) -> ToolResult<()> {
        if self.wanted().is_empty() {
            let message = "no setting is named";
            return Err(ToolError::invalid("devices_approval_on", message)
                .hint("name at least one setting"));
        }
        Ok(())
    }

    /// `PATCH` changes what is named.
    fn call(&self, tailnet: &str) -> Call {
        let body: Map<String, Value> = self
            .wanted()
            .into_iter()
            .map(|(_, theirs, value)| (theirs.to_owned(), value))
            .collect();
        Call::patch("settings_set", "/tailnet/{}/settings", &[&tailnet])
            .json(Value::Object(body))
            .scope("feature_settings")
            .idempotent()
    }
}

/// Settings after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingsChanged {
    /// As read afterwards.
    settings: TailnetSettings,
}

/// Change settings of the tailnet, such as whether new devices wait to be authorized; those that are not named stay.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "tailscale:settings:write",
    title = "Update tailnet settings",
    timeout = 60,
    preview = preview_settings,
    targets = settings_targets,
    inverse = undo_settings,
    read_back = check_settings
)]
pub(crate) async fn update_tailnet_settings(
    tailscale: &Tailscale,
    args: UpdateSettings,
) -> ToolResult<SettingsChanged> {
    args.check()?;
    tailscale.api.done(&args.call(&tailscale.tailnet)).await?;
    let settings = TailnetSettings::of(tailscale.settings().await?);
    Ok(SettingsChanged { settings })
}

/// A setting as it is, by our name.
fn now(settings: &TailnetSettings, name: &str) -> Value {
    serde_json::to_value(settings)
        .map(|mut all| all[name].take())
        .unwrap_or_default()
}

async fn preview_settings(tailscale: &Tailscale, args: &UpdateSettings) -> ToolResult<Preview> {
    args.check()?;
    let before = TailnetSettings::of(tailscale.settings().await?);
    let change = |(ours, _, value): (&'static str, &'static str, Value)| Change {
        field: ours.to_owned(),
        from: Some(now(&before, ours).to_string()),
        to: Some(value.to_string()),
    };
    let opens = args.devices_approval_on == Some(false) || args.users_approval_on == Some(false);
    let impact = opens.then(|| "whoever can sign in joins without being asked about".to_owned());
    Ok(Preview {
        summary: "change settings of the tailnet".to_owned(),
        changes: args.wanted().into_iter().map(change).collect(),
        impact: impact.into_iter().collect(),
    })
}

async fn settings_targets(tailscale: &Tailscale, _: &UpdateSettings) -> ToolResult<Vec<Target>> {
    Ok(vec![Target {
        kind: "settings".to_owned(),
        id: tailscale.tailnet.clone(),
        name: None,
        tags: Vec::new(),
    }])
}

async fn undo_settings(
    tailscale: &Tailscale,
    args: &UpdateSettings,
) -> ToolResult<Option<Inverse>> {
    let before = TailnetSettings::of(tailscale.settings().await?);
    let changed: Map<String, Value> = args
        .wanted()
        .into_iter()
        .map(|(ours, _, value)| (ours.to_owned(), now(&before, ours), value))
        // What the server does not tell cannot be put back.
        .filter(|(_, before, value)| !before.is_null() && before != value)
        .map(|(ours, before, _)| (ours, before))
        .collect();
    Ok((!changed.is_empty()).then(|| Inverse {
        tool: "update_tailnet_settings".to_owned(),
        arguments: json!(changed),
    }))
}

async fn check_settings(
    _: &Tailscale,
    args: &UpdateSettings,
    done: &SettingsChanged,
) -> ToolResult<Vec<Mismatch>> {
    let differs = |(ours, _, value): (&'static str, &'static str, Value)| {
        let found = now(&done.settings, ours);
        (found != value).then(|| Mismatch {
            field: ours,
            wanted: value.to_string(),
            found: found.to_string(),
        })
    };
    Ok(args.wanted().into_iter().filter_map(differs).collect())
}
