//! Networks and WLANs.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::{Told, Unifi};
use crate::explain::is_absent;
use crate::page::page;
use crate::people::missing;
use crate::site::{Site, SiteName};
use crate::types::{LegacyNetwork, LegacyWlan, NetworkRow, WlanRow};

/// A page of what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListOfSite {
    /// The site; default the configured one.
    pub(super) site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    pub(super) cursor: Option<String>,
}

/// A network.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NetworkItem {
    /// Its id in the API that told of it.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) vlan: Option<i64>,
    /// Who routes it, `GATEWAY`, `SWITCH` or `UNMANAGED`; or its purpose, such as `guest`, in the
    /// old API.
    pub(crate) management: Option<String>,
    /// Address of the gateway with the length of the mask.
    pub(crate) subnet: Option<String>,
    pub(crate) dhcp: Option<bool>,
    pub(crate) dhcp_start: Option<String>,
    pub(crate) dhcp_stop: Option<String>,
    /// Firewall zone.
    pub(crate) zone: Option<String>,
}

/// A page of networks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NetworkPage {
    #[serde(flatten)]
    page: Page<NetworkItem>,
    /// The API that told it.
    api: Source,
    /// What is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// List the networks with VLAN, subnet and DHCP range.
#[tool(read, open_world, permission = "unifi:network:read", timeout = 60)]
pub(crate) async fn list_networks(unifi: &Unifi, args: ListOfSite) -> ToolResult<NetworkPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let (rows, api, notes) = unifi.networks(&site).await?;
    let key = |row: &NetworkItem| format!("{:05}\u{1}{}", row.vlan.unwrap_or(0), row.id);
    Ok(NetworkPage {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        api,
        notes,
    })
}

impl Unifi {
    pub(crate) async fn networks(
        &self,
        site: &Site,
    ) -> ToolResult<(Vec<NetworkItem>, Source, Vec<String>)> {
        let legacy = Call::get(
            "legacy_networks",
            "/api/s/{}/rest/networkconf",
            &[&site.name],
        );
        if !self.api.has(Feature::Networks).await? {
            let rows: Vec<LegacyNetwork> = self.api.rows(&legacy).await?;
            let rows = rows
                .into_iter()
                .filter(|row| row.purpose.as_deref() != Some("wan"));
            let item = |row: LegacyNetwork| {
                let mut item = NetworkItem {
                    id: row.id.clone(),
                    name: row.name.clone().unwrap_or_default(),
                    enabled: row.enabled.unwrap_or(true),
                    vlan: row.vlan,
                    management: row.purpose.clone(),
                    subnet: None,
                    dhcp: None,
                    dhcp_start: None,
                    dhcp_stop: None,
                    zone: None,
                };
                item.add(row);
                item
            };
            return Ok((rows.map(item).collect(), Source::Legacy, Vec::new()));
        }
        let template = "/integration/v1/sites/{}/networks";
        let rows: Vec<NetworkRow> = self.api.all("networks", template, &[&site.id()]).await?;
        let mut rows: Vec<NetworkItem> = rows
            .into_iter()
            .map(|row| NetworkItem {
                name: row.name.unwrap_or_default(),
                enabled: row.enabled.unwrap_or(true),
                vlan: row.vlan_id,
                management: row.management,
                subnet: None,
                dhcp: None,
                dhcp_start: None,
                dhcp_stop: None,
                zone: row.zone_id,
                id: row.id,
            })
            .collect();
        let zones = self.zone_names(site).await?;
        for row in &mut rows {
            let name = row.zone.as_ref().and_then(|id| zones.get(id).cloned());
            row.zone = name.or(row.zone.take());
        }
        match self.api.rows::<LegacyNetwork>(&legacy).await {
            Ok(more) => {
                for known in more {
                    if let Some(row) = rows
                        .iter_mut()
                        .find(|row| Some(&row.name) == known.name.as_ref())
                    {
                        row.add(known);
                    }
                }
                Ok((rows, Source::Both, Vec::new()))
            }
            Err(error) => {
                let note = missing("subnets and DHCP ranges", &error);
                Ok((rows, Source::Integration, vec![note]))
            }
        }
    }
}

impl NetworkItem {
    /// Adds what the old API tells besides.
    fn add(&mut self, row: LegacyNetwork) {
        self.subnet = row.ip_subnet;
        self.dhcp = row.dhcpd_enabled;
        self.dhcp_start = row.dhcpd_start;
        self.dhcp_stop = row.dhcpd_stop;
    }
}

/// A WLAN.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WlanItem {
    /// Its id in the API that told of it.
    id: String,
    /// The SSID.
    name: String,
    enabled: bool,
    /// Name of its network, where that is known.
    network: Option<String>,
    /// How it is protected, such as `wpapsk` or `WPA2_WPA3_PERSONAL`.
    security: Option<String>,
    guest: Option<bool>,
    hidden: Option<bool>,
}

/// A page of WLANs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WlanPage {
    #[serde(flatten)]
    page: Page<WlanItem>,
    /// The API that told it.
    api: Source,
}

/// List the WLANs (SSIDs) with their network and protection, without passphrases.
#[tool(
    read,
    open_world,
    permission = "unifi:wlan:read",
    title = "List WLANs",
    timeout = 60
)]
pub(crate) async fn list_wlans(unifi: &Unifi, args: ListOfSite) -> ToolResult<WlanPage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.wlans(&site).await?;
    let key = |row: &WlanItem| format!("{}\u{1}{}", row.name.to_lowercase(), row.id);
    Ok(WlanPage {
        page: page(told.rows, args.limit, args.cursor.as_deref(), key)?,
        api: told.api,
    })
}

impl Unifi {
    async fn wlans(&self, site: &Site) -> ToolResult<Told<Vec<WlanItem>>> {
        let official = if self.api.has(Feature::Networks).await? {
            let template = "/integration/v1/sites/{}/wifi/broadcasts";
            self.api
                .all("wlans", template, &[&site.id()])
                .await
                .map(Some)
        } else {
            Ok(None)
        };
        let rows: Vec<WlanRow> = match official {
            Ok(Some(rows)) => rows,
            // Since which release it is there is not written anywhere.
            Ok(None) => return self.legacy_told(site).await,
            Err(error) if is_absent(&error) => return self.legacy_told(site).await,
            Err(error) => return Err(error),
        };
        let template = "/integration/v1/sites/{}/networks";
        let networks: Vec<NetworkRow> = self.api.all("networks", template, &[&site.id()]).await?;
        let item = |row: WlanRow| {
            let id = row.network["networkId"].as_str();
            let network = networks.iter().find(|one| Some(one.id.as_str()) == id);
            WlanItem {
                name: row.name.unwrap_or_default(),
                enabled: row.enabled.unwrap_or(true),
                network: network.and_then(|one| one.name.clone()),
                security: row.security_configuration["type"]
                    .as_str()
                    .map(str::to_owned),
                guest: None,
                hidden: None,
                id: row.id,
            }
        };
        Ok(Told {
            rows: rows.into_iter().map(item).collect(),
            api: Source::Integration,
        })
    }

    async fn legacy_told(&self, site: &Site) -> ToolResult<Told<Vec<WlanItem>>> {
        Ok(Told {
            rows: self.legacy_wlans(site).await?,
            api: Source::Legacy,
        })
    }

    async fn legacy_wlans(&self, site: &Site) -> ToolResult<Vec<WlanItem>> {
        let call = Call::get("legacy_wlans", "/api/s/{}/rest/wlanconf", &[&site.name]);
        let rows: Vec<LegacyWlan> = self.api.rows(&call).await?;
        let call = Call::get(
            "legacy_networks",
            "/api/s/{}/rest/networkconf",
            &[&site.name],
        );
        let networks: Vec<LegacyNetwork> = self.api.rows(&call).await?;
        let item = |row: LegacyWlan| {
            let network = networks
                .iter()
                .find(|one| Some(&one.id) == row.networkconf_id.as_ref());
            WlanItem {
                name: row.name.unwrap_or_default(),
                enabled: row.enabled.unwrap_or(true),
                network: network.and_then(|one| one.name.clone()),
                security: row.security,
                guest: row.is_guest,
                hidden: row.hide_ssid,
                id: row.id,
            }
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// The WLAN of this name, in the old API: the official one cannot change it.
    async fn wlan_named(&self, site: &Site, wanted: &str) -> ToolResult<WlanItem> {
        let rows = self.legacy_wlans(site).await?;
        let found = rows
            .iter()
            .find(|row| row.name == wanted || row.id == wanted);
        found.cloned().ok_or_else(|| {
            let names: Vec<String> = rows.iter().map(|row| format!("`{}`", row.name)).collect();
            ToolError::not_found(format!("no WLAN `{wanted}`"))
                .reason("wlan_not_found")
                .field("wlan")
                .hint(format!("the site has {}", names.join(", ")))
        })
    }
}

/// Which WLAN, and whether it shall be on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetWlanEnabled {
    /// Its name (SSID), as it is written.
    #[schemars(length(min = 1, max = 64))]
    wlan: String,
    /// On or off.
    enabled: bool,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A WLAN after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WlanChanged {
    /// As read afterwards.
    wlan: WlanItem,
    /// The API that did it.
    api: Source,
}

/// Switch a WLAN on or off. Off, everything on it loses its connection.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "unifi:wlan:update",
    title = "Switch a WLAN on or off",
    timeout = 60,
    effect = effect,
    preview = preview_wlan,
    targets = wlan_targets,
    inverse = undo_wlan,
    read_back = check_wlan
)]
pub(crate) async fn set_wlan_enabled(
    unifi: &Unifi,
    args: SetWlanEnabled,
) -> ToolResult<WlanChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let wlan = unifi.wlan_named(&site, &args.wlan).await?;
    if wlan.enabled != args.enabled {
        let template = "/api/s/{}/rest/wlanconf/{}";
        let body = json!({ "enabled": args.enabled });
        let call = Call::put("wlan_update", template, &[&site.name, &wlan.id], body);
        unifi.api.done(&call).await?;
    }
    Ok(WlanChanged {
        wlan: unifi.wlan_named(&site, &wlan.id).await?,
        api: Source::Legacy,
    })
}

fn effect(_unifi: &Unifi, args: &SetWlanEnabled) -> Effect {
    if args.enabled {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

async fn preview_wlan(unifi: &Unifi, args: &SetWlanEnabled) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let wlan = unifi.wlan_named(&site, &args.wlan).await?;
    let mut impact = Vec::new();
    if !args.enabled {
        let stations = unifi.stations(&site).await?;
        let on_it = stations
            .iter()
            .filter(|one| one.essid.as_ref() == Some(&wlan.name));
        let clients = crate::page::count(on_it.count(), "client");
        impact.push(format!("{clients} lose their connection"));
    }
    Ok(Preview {
        summary: format!(
            "switch the WLAN `{}` {}",
            wlan.name,
            if args.enabled { "on" } else { "off" }
        ),
        changes: vec![Change {
            field: "enabled".to_owned(),
            from: Some(wlan.enabled.to_string()),
            to: Some(args.enabled.to_string()),
        }],
        impact,
    })
}

async fn wlan_targets(unifi: &Unifi, args: &SetWlanEnabled) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let wlan = unifi.wlan_named(&site, &args.wlan).await?;
    Ok(vec![Target {
        kind: "wlan".to_owned(),
        id: wlan.id,
        name: Some(wlan.name),
        tags: wlan.network.into_iter().collect(),
    }])
}

async fn undo_wlan(unifi: &Unifi, args: &SetWlanEnabled) -> ToolResult<Option<Inverse>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let wlan = unifi.wlan_named(&site, &args.wlan).await?;
    let mut arguments: Value = json!({ "wlan": wlan.name, "enabled": wlan.enabled });
    if let Some(site) = &args.site {
        arguments["site"] = json!(site);
    }
    Ok((wlan.enabled != args.enabled).then(|| Inverse {
        tool: "set_wlan_enabled".to_owned(),
        arguments,
    }))
}

async fn check_wlan(
    _unifi: &Unifi,
    args: &SetWlanEnabled,
    done: &WlanChanged,
) -> ToolResult<Vec<Mismatch>> {
    let is = done.wlan.enabled;
    let mismatch = (is != args.enabled).then(|| Mismatch {
        field: "enabled",
        wanted: args.enabled.to_string(),
        found: is.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}
