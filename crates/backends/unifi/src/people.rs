//! Clients of both APIs as one: joined over their MAC address.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Mac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Feature, Source};
use crate::client::{Devices, Told, Unifi};
use crate::gear::DeviceItem;
use crate::page::timestamp;
use crate::site::Site;
use crate::types::{ClientRow, Station};

/// Candidates that an error lists.
const CANDIDATES: usize = 10;

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientType {
    /// By cable.
    Wired,
    /// By radio.
    Wireless,
    /// Through a VPN server of the site.
    Vpn,
    /// Through Teleport.
    Teleport,
}

impl ClientType {
    fn read(text: &str) -> Option<Self> {
        match text {
            "WIRED" => Some(Self::Wired),
            "WIRELESS" => Some(Self::Wireless),
            "VPN" => Some(Self::Vpn),
            "TELEPORT" => Some(Self::Teleport),
            _ => None,
        }
    }
}

/// A client.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct ClientItem {
    /// The name that somebody gave it, or that it gave itself.
    pub(crate) name: Option<String>,
    /// The name that it gave itself, where that is another.
    pub(crate) hostname: Option<String>,
    /// Absent for VPN and Teleport.
    pub(crate) mac: Option<String>,
    pub(crate) ip: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<ClientType>,
    /// Its id in the API that told of it.
    pub(crate) id: Option<String>,
    /// Whether it is connected now.
    pub(crate) connected: bool,
    /// Whether it may not connect.
    pub(crate) blocked: Option<bool>,
    /// Whether it is a guest of the hotspot.
    pub(crate) guest: Option<bool>,
    /// Whether the guest has been let in.
    pub(crate) authorized: Option<bool>,
    pub(crate) network: Option<String>,
    pub(crate) vlan: Option<i64>,
    pub(crate) ssid: Option<String>,
    signal_dbm: Option<i64>,
    /// MAC address of the switch or access point before it.
    pub(crate) uplink_mac: Option<String>,
    /// Its name.
    pub(crate) uplink: Option<String>,
    /// Port of the switch.
    pub(crate) port: Option<i64>,
    connected_since: Option<String>,
    pub(crate) last_seen: Option<String>,
    /// Bytes from the client since it connected.
    pub(crate) rx_bytes: Option<i64>,
    /// Bytes to the client since it connected.
    pub(crate) tx_bytes: Option<i64>,
    /// Maker of its network card.
    pub(crate) maker: Option<String>,
    #[serde(skip)]
    uplink_id: Option<String>,
}

impl ClientItem {
    fn of_official(row: ClientRow) -> Self {
        Self {
            kind: ClientType::read(&row.kind),
            name: row.name,
            mac: row.mac_address.map(|mac| mac.to_lowercase()),
            ip: row.ip_address,
            id: Some(row.id),
            connected: true,
            guest: Some(row.access.kind == "GUEST"),
            authorized: row.access.authorized,
            connected_since: row.connected_at,
            uplink_id: row.uplink_device_id,
            ..Self::default()
        }
    }

    pub(crate) fn of_station(row: Station, connected: bool, now_s: i64) -> Self {
        let mut item = Self {
            id: row.id.clone(),
            mac: Some(row.mac.to_lowercase()),
            connected,
            kind: row.is_wired.map(|wired| {
                if wired {
                    ClientType::Wired
                } else {
                    ClientType::Wireless
                }
            }),
            ..Self::default()
        };
        item.add(row, now_s);
        item
    }

    /// Adds what the old API tells besides.
    fn add(&mut self, row: Station, now_s: i64) {
        let name = row.name.clone().or_else(|| row.hostname.clone());
        self.name = self.name.take().or(name);
        self.hostname = row.hostname.filter(|own| Some(own) != self.name.as_ref());
        self.ip = self.ip.take().or(row.ip).or(row.last_ip);
        self.blocked = self.blocked.or(row.blocked);
        self.guest = self.guest.or(row.is_guest);
        self.authorized = self.authorized.or(row.authorized);
        self.network = self.network.take().or(row.network);
        self.vlan = self.vlan.or(row.vlan);
        self.ssid = self.ssid.take().or(row.essid);
        self.signal_dbm = self.signal_dbm.or(row.signal);
        let uplink = row.ap_mac.or(row.sw_mac).map(|mac| mac.to_lowercase());
        self.uplink_mac = self.uplink_mac.take().or(uplink);
        self.port = self.port.or(row.sw_port);
        self.last_seen = self.last_seen.take().or_else(|| timestamp(row.last_seen));
        self.rx_bytes = self.rx_bytes.or(row.rx_bytes).or(row.wired_rx_bytes);
        self.tx_bytes = self.tx_bytes.or(row.tx_bytes).or(row.wired_tx_bytes);
        self.maker = self.maker.take().or(row.oui);
        let since = row
            .uptime
            .filter(|_| self.connected)
            .map(|uptime| now_s - uptime);
        self.connected_since = self.connected_since.take().or_else(|| timestamp(since));
    }

    /// Adds the name of the device before it.
    pub(crate) fn resolve_uplink(&mut self, devices: &Devices) {
        let id = self.uplink_id.as_ref().or(self.uplink_mac.as_ref());
        self.uplink = id.and_then(|id| devices.name_of(id));
    }

    /// The device before it.
    pub(crate) fn uplink_device<'a>(&self, devices: &'a [DeviceItem]) -> Option<&'a DeviceItem> {
        let is_it = |device: &&DeviceItem| {
            self.uplink_id.is_some() && device.id == self.uplink_id
                || self.uplink_mac.as_ref() == Some(&device.mac)
        };
        devices.iter().find(is_it)
    }

    /// What people call it.
    pub(crate) fn label(&self) -> String {
        let parts = [&self.name, &self.mac, &self.ip, &self.id];
        parts
            .into_iter()
            .flatten()
            .next()
            .cloned()
            .unwrap_or_default()
    }

    /// Sorts by name; different for each client.
    pub(crate) fn key(&self) -> String {
        let id = self
            .mac
            .as_ref()
            .or(self.id.as_ref())
            .cloned()
            .unwrap_or_default();
        format!("{}\u{1}{id}", self.label().to_lowercase())
    }

    /// Whether a search finds it.
    pub(crate) fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let parts = [
            &self.name,
            &self.hostname,
            &self.mac,
            &self.ip,
            &self.network,
            &self.ssid,
        ];
        parts
            .into_iter()
            .flatten()
            .any(|part| part.to_lowercase().contains(&text))
    }

    fn is(&self, wanted: &str) -> bool {
        let mac: Option<Mac> = wanted.parse().ok();
        let by_mac = mac.is_some_and(|mac| self.mac.as_deref() == Some(&mac.to_string()));
        let parts = [&self.name, &self.hostname, &self.id, &self.ip];
        by_mac
            || parts
                .into_iter()
                .flatten()
                .any(|part| part.to_lowercase() == wanted.to_lowercase())
    }
}

/// One client.
pub(crate) struct Named {
    pub(crate) client: ClientItem,
    pub(crate) api: Source,
    pub(crate) notes: Vec<String>,
}

/// Clients, and what could not be found out about them.
pub(crate) struct Clients {
    pub(crate) told: Told<Vec<ClientItem>>,
    pub(crate) notes: Vec<String>,
}

impl Unifi {
    pub(crate) fn now_s(&self) -> i64 {
        self.now().0.div_euclid(1_000_000)
    }

    /// The clients that are connected: by the official API, with what the old one adds, if that can
    /// be asked.
    pub(crate) async fn active(&self, site: &Site) -> ToolResult<Clients> {
        let now = self.now_s();
        if !self.api.has(Feature::Basics).await? {
            let rows = self.stations(site).await?;
            let rows = rows
                .into_iter()
                .map(|row| ClientItem::of_station(row, true, now));
            return Ok(Clients {
                told: Told {
                    rows: rows.collect(),
                    api: Source::Legacy,
                },
                notes: Vec::new(),
            });
        }
        let rows = self.official_clients(site).await?;
        let mut rows: Vec<ClientItem> = rows.into_iter().map(ClientItem::of_official).collect();
        let (mut api, mut notes) = (Source::Integration, Vec::new());
        match self.stations(site).await {
            Ok(stations) => {
                api = Source::Both;
                for station in stations {
                    let mac = Some(station.mac.to_lowercase());
                    if let Some(row) = rows.iter_mut().find(|row| row.mac == mac) {
                        row.add(station, now);
                    }
                }
            }
            Err(error) => notes.push(missing("network, VLAN, SSID, signal and traffic", &error)),
        }
        Ok(Clients {
            told: Told { rows, api },
            notes,
        })
    }

    /// All clients that the site knows, connected or not; only the old API tells.
    pub(crate) async fn everyone(&self, site: &Site) -> ToolResult<Vec<ClientItem>> {
        let now = self.now_s();
        let known = self.known(site).await?;
        let online = self.stations(site).await?;
        let mut rows: Vec<ClientItem> = Vec::new();
        for row in known {
            let station = online
                .iter()
                .find(|one| one.mac.eq_ignore_ascii_case(&row.mac));
            let mut item = ClientItem::of_station(row, station.is_some(), now);
            if let Some(station) = station {
                item.add(station.clone(), now);
            }
            rows.push(item);
        }
        Ok(rows)
    }

    /// The client that somebody names by MAC address, name, IP address or id.
    ///
    /// # Errors
    /// `client_not_found` with those that are alike, `ambiguous_name` with the candidates.
    pub(crate) async fn client_named(&self, site: &Site, wanted: &str) -> ToolResult<Named> {
        let mut clients = self.active(site).await?;
        let known = match self.everyone(site).await {
            Ok(known) => known,
            Err(error) => {
                clients.notes = vec![missing("clients that are not connected", &error)];
                Vec::new()
            }
        };
        for other in known {
            let same = |row: &&mut ClientItem| row.mac.is_some() && row.mac == other.mac;
            match clients.told.rows.iter_mut().find(same) {
                Some(row) => row.blocked = row.blocked.or(other.blocked),
                None => clients.told.rows.push(other),
            }
        }
        let wanted = wanted.trim();
        let rows = &clients.told.rows;
        let found: Vec<&ClientItem> = rows.iter().filter(|row| row.is(wanted)).collect();
        match found.as_slice() {
            [one] => Ok(Named {
                client: (*one).clone(),
                api: clients.told.api,
                notes: clients.notes,
            }),
            [] => {
                let near = rows.iter().filter(|row| row.has(wanted)).take(CANDIDATES);
                let near: Vec<String> = near.map(candidate).collect();
                let hint = match (near.is_empty(), clients.notes.first()) {
                    (false, _) => format!("did you mean {}?", near.join(", ")),
                    (true, Some(note)) => note.clone(),
                    (true, None) => {
                        "call `list_clients` with `status` `known` to see all clients".to_owned()
                    }
                };
                Err(ToolError::not_found(format!("no client `{wanted}`"))
                    .reason("client_not_found")
                    .field("client")
                    .hint(hint))
            }
            several => Err(ambiguous(
                "client",
                wanted,
                several.iter().map(|row| candidate(row)),
            )),
        }
    }
}

/// What an answer lacks, and why.
pub(crate) fn missing(what: &str, error: &ToolError) -> String {
    format!("not shown: {what}; {}", error.envelope().message)
}

fn candidate(row: &ClientItem) -> String {
    let id = row
        .mac
        .as_ref()
        .or(row.id.as_ref())
        .cloned()
        .unwrap_or_default();
    format!("`{}` ({id})", row.label())
}

/// Several things have the name.
pub(crate) fn ambiguous(
    field: &str,
    wanted: &str,
    candidates: impl Iterator<Item = String>,
) -> ToolError {
    let candidates: Vec<String> = candidates.take(CANDIDATES).collect();
    ToolError::invalid(field, format!("`{wanted}` is the name of several"))
        .reason("ambiguous_name")
        .hint(format!(
            "say which by its MAC address: {}",
            candidates.join(", ")
        ))
}
