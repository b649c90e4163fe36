//! Settings of a zone, one at a time: the calls that take all at once are deprecated.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Cloudflare;
use crate::ids::ZoneArg;
use crate::types::Setting;

/// Settings that are asked at a time.
const AT_A_TIME: usize = 4;

/// Settings that are shown where none are named.
const USUAL: [Name; 8] = [
    Name::Ssl,
    Name::AlwaysUseHttps,
    Name::MinTlsVersion,
    Name::SecurityLevel,
    Name::DevelopmentMode,
    Name::CacheLevel,
    Name::BrowserCacheTtl,
    Name::AlwaysOnline,
];

/// A setting of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Name {
    AlwaysOnline,
    AlwaysUseHttps,
    AutomaticHttpsRewrites,
    Brotli,
    BrowserCacheTtl,
    BrowserCheck,
    CacheLevel,
    ChallengeTtl,
    DevelopmentMode,
    EarlyHints,
    EmailObfuscation,
    HotlinkProtection,
    Http3,
    IpGeolocation,
    Ipv6,
    MinTlsVersion,
    OpportunisticEncryption,
    RocketLoader,
    SecurityLevel,
    Ssl,
    #[serde(rename = "tls_1_3")]
    Tls13,
    Websockets,
}

impl Name {
    /// As the API writes it.
    fn id(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Whether its value is a number of seconds.
    fn is_number(self) -> bool {
        matches!(self, Self::BrowserCacheTtl | Self::ChallengeTtl)
    }

    /// Whether a wrong value takes a site off the net, or its protection away.
    fn is_grave(self) -> bool {
        matches!(
            self,
            Self::AlwaysUseHttps
                | Self::Ipv6
                | Self::MinTlsVersion
                | Self::SecurityLevel
                | Self::Ssl
                | Self::Tls13
                | Self::Websockets
        )
    }

    fn value(self, text: &str) -> ToolResult<Value> {
        if !self.is_number() {
            return Ok(json!(text));
        }
        let number: Result<u32, _> = text.parse();
        number.map(Value::from).map_err(|_| {
            let message = format!("`{}` is a number of seconds, not `{text}`", self.id());
            ToolError::invalid("value", message)
        })
    }
}

/// Which settings.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetZoneSettings {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// Which ones; default the usual ones about encryption, security and cache.
    #[schemars(length(max = 22))]
    settings: Vec<Name>,
}

/// A setting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SettingItem {
    setting: String,
    /// A word, or a number of seconds, as text.
    value: String,
    /// Whether the plan allows it to be changed.
    editable: Option<bool>,
    modified_on: Option<String>,
}

/// Settings of a zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingList {
    /// Name of the zone.
    zone: String,
    settings: Vec<SettingItem>,
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

impl From<Setting> for SettingItem {
    fn from(setting: Setting) -> Self {
        Self {
            value: plain(&setting.value),
            setting: setting.id,
            editable: setting.editable,
            modified_on: setting.modified_on,
        }
    }
}

/// Show settings of a zone: SSL mode, TLS version, security level, development mode, cache and others.
#[tool(
    read,
    open_world,
    permission = "cloudflare:settings:read",
    title = "Show zone settings",
    timeout = 60
)]
pub(crate) async fn get_zone_settings(
    cloudflare: &Cloudflare,
    args: GetZoneSettings,
) -> ToolResult<SettingList> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let mut names = args.settings;
    if names.is_empty() {
        names.extend(USUAL);
    }
    let each = names.into_iter().map(|name| {
        let zone = zone.id.clone();
        async move { cloudflare.setting(&zone, &name.id()).await }
    });
    let found: Vec<Setting> = stream::iter(each).buffered(AT_A_TIME).try_collect().await?;
    Ok(SettingList {
        zone: zone.name,
        settings: found.into_iter().map(SettingItem::from).collect(),
    })
}

/// Which setting, and its value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetZoneSetting {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// The setting.
    setting: Name,
    /// `on`, `off`, another word (`ssl`: `off`, `flexible`, `full`, `strict`; `min_tls_version`: `1.2`;
    /// `security_level`: `medium`, `under_attack`), or seconds for a `_ttl`.
    #[schemars(length(min = 1, max = 50))]
    value: String,
}

/// A setting after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SettingChanged {
    /// Name of the zone.
    zone: String,
    #[serde(flatten)]
    setting: SettingItem,
}

fn effect(_cloudflare: &Cloudflare, args: &SetZoneSetting) -> Effect {
    if args.setting.is_grave() {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

/// Change one setting of a zone, such as development mode, the SSL mode or the security level.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "cloudflare:settings:update",
    title = "Change a zone setting",
    timeout = 60,
    effect = effect,
    preview = preview_set,
    targets = set_targets,
    inverse = undo_set,
    read_back = check_set
)]
pub(crate) async fn set_zone_setting(
    cloudflare: &Cloudflare,
    args: SetZoneSetting,
) -> ToolResult<SettingChanged> {
    let value = args.setting.value(&args.value)?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let setting = cloudflare
        .set_setting(&zone.id, &args.setting.id(), &value)
        .await?;
    Ok(SettingChanged {
        zone: zone.name,
        setting: SettingItem::from(setting),
    })
}

async fn before(cloudflare: &Cloudflare, args: &SetZoneSetting) -> ToolResult<(String, Setting)> {
    args.setting.value(&args.value)?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let setting = cloudflare.setting(&zone.id, &args.setting.id()).await?;
    Ok((zone.name, setting))
}

async fn preview_set(cloudflare: &Cloudflare, args: &SetZoneSetting) -> ToolResult<Preview> {
    let (zone, setting) = before(cloudflare, args).await?;
    let mut impact = Vec::new();
    if setting.editable == Some(false) {
        impact.push("the plan does not allow this setting to be changed".to_owned());
    }
    Ok(Preview {
        summary: format!("set `{}` of `{zone}`", setting.id),
        changes: vec![Change {
            from: Some(plain(&setting.value)),
            to: Some(args.value.clone()),
            field: setting.id,
        }],
        impact,
    })
}

async fn set_targets(cloudflare: &Cloudflare, args: &SetZoneSetting) -> ToolResult<Vec<Target>> {
    Ok(vec![cloudflare.zone(args.zone.as_ref()).await?.target()])
}

async fn undo_set(cloudflare: &Cloudflare, args: &SetZoneSetting) -> ToolResult<Option<Inverse>> {
    let (zone, setting) = before(cloudflare, args).await?;
    let value = plain(&setting.value);
    Ok((value != args.value).then(|| Inverse {
        tool: "set_zone_setting".to_owned(),
        arguments: json!({ "zone": zone, "setting": args.setting, "value": value }),
    }))
}

async fn check_set(
    cloudflare: &Cloudflare,
    args: &SetZoneSetting,
    _done: &SettingChanged,
) -> ToolResult<Vec<Mismatch>> {
    let (_, setting) = before(cloudflare, args).await?;
    let found = plain(&setting.value);
    let mismatch = (found != args.value).then(|| Mismatch {
        field: "value",
        wanted: args.value.clone(),
        found,
    });
    Ok(mismatch.into_iter().collect())
}
