//! What a test puts onto a console.

use serde_json::Map;

use super::state::{Client, Device, Network, State, Wlan};

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// By cable.
    Wired,
    /// By radio.
    Wireless,
    /// Through a VPN server; the old API does not list it.
    Vpn,
    /// Through Teleport; the old API does not list it.
    Teleport,
}

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The way to the Internet.
    Gateway,
    /// A switch.
    Switch,
    /// An access point.
    AccessPoint,
}

/// A client of a site.
#[derive(Debug, Clone)]
pub struct ClientSeed {
    /// Lower case with colons.
    pub mac: String,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// The name that it gave itself.
    pub hostname: String,
    /// Its address.
    pub ip: Option<String>,
    /// How it is connected.
    pub kind: ClientKind,
    /// The name of its network.
    pub network: String,
    /// MAC address of the switch or access point before it.
    pub uplink: String,
    /// The port of the switch.
    pub port: i64,
    /// The WLAN.
    pub essid: String,
    /// Whether it is a guest, who must be authorised.
    pub guest: bool,
    /// Whether it is connected.
    pub online: bool,
}

impl ClientSeed {
    /// One on a cable, connected, without an address.
    pub fn wired(mac: &str, name: &str) -> Self {
        Self {
            mac: mac.to_owned(),
            name: Some(name.to_owned()),
            hostname: name.to_owned(),
            ip: None,
            kind: ClientKind::Wired,
            network: "Default".to_owned(),
            uplink: String::new(),
            port: 1,
            essid: String::new(),
            guest: false,
            online: true,
        }
    }

    /// One on a WLAN, connected, without an address.
    pub fn wireless(mac: &str, name: &str, essid: &str) -> Self {
        Self {
            kind: ClientKind::Wireless,
            essid: essid.to_owned(),
            ..Self::wired(mac, name)
        }
    }
}

/// A device of a site.
#[derive(Debug, Clone)]
pub struct DeviceSeed {
    /// Lower case with colons.
    pub mac: String,
    /// Its name.
    pub name: String,
    /// Such as `U7 Pro`.
    pub model: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Its address.
    pub ip: String,
    /// As the integration API says it: `ONLINE`, `OFFLINE`, `PENDING_ADOPTION` and so on.
    pub state: String,
    /// Its firmware.
    pub version: String,
    /// Whether there is a newer firmware.
    pub upgradable: bool,
    /// Number of ports.
    pub ports: i64,
    /// Whether the ports give power.
    pub poe: bool,
    /// MAC address of the device that it hangs on, if that is one of the site.
    pub uplink: Option<String>,
}

impl DeviceSeed {
    /// One that is online, with eight ports without power if it is a switch, and one otherwise.
    pub fn new(mac: &str, name: &str, kind: DeviceKind) -> Self {
        let model = match kind {
            DeviceKind::Gateway => "UCG Ultra",
            DeviceKind::Switch => "USW Lite 8",
            DeviceKind::AccessPoint => "U7 Pro",
        };
        Self {
            mac: mac.to_owned(),
            name: name.to_owned(),
            model: model.to_owned(),
            kind,
            ip: "192.0.2.9".to_owned(),
            state: "ONLINE".to_owned(),
            version: "7.1.68".to_owned(),
            upgradable: false,
            ports: if kind == DeviceKind::Switch { 8 } else { 1 },
            poe: false,
            uplink: None,
        }
    }
}

impl State {
    pub(super) fn add_client(&mut self, site: &str, seed: ClientSeed) {
        let now = self.now();
        let Ok(site) = self.site(site) else { return };
        let n = i64::try_from(site.clients.len()).unwrap_or_default();
        let client = Client {
            oui: "Lab Instruments".to_owned(),
            signal: -50 - n % 30,
            rx_bytes: 1_000_000 * (n + 1),
            tx_bytes: 7_000_000 * (n + 1),
            returns: seed.online,
            blocked: false,
            authorization: None,
            connected: now - 3600,
            first_seen: now - 40 * 86_400,
            last_seen: if seed.online { now } else { now - 86_400 },
            mac: seed.mac,
            name: seed.name,
            hostname: seed.hostname,
            ip: seed.ip,
            kind: seed.kind,
            network: seed.network,
            uplink: seed.uplink,
            port: seed.port,
            essid: seed.essid,
            online: seed.online,
            guest: seed.guest,
        };
        site.clients.insert(client.mac.clone(), client);
    }

    pub(super) fn add_device(&mut self, site: &str, seed: DeviceSeed) {
        let started = self.now() - 9 * 86_400;
        let Ok(site) = self.site(site) else { return };
        let device = Device {
            busy: 0,
            locating: false,
            started,
            done: Vec::new(),
            mac: seed.mac,
            name: seed.name,
            model: seed.model,
            kind: seed.kind,
            ip: seed.ip,
            state: seed.state,
            version: seed.version,
            upgradable: seed.upgradable,
            ports: seed.ports,
            poe: seed.poe,
            uplink: seed.uplink,
        };
        site.devices.insert(device.mac.clone(), device);
    }

    pub(super) fn add_network(&mut self, site: &str, name: &str, vlan: i64, subnet: &str) {
        let Ok(site) = self.site(site) else { return };
        let guest = name == "guests";
        let zone = if guest { "Hotspot" } else { "Internal" };
        if let Some(zone) = site.zones.iter_mut().find(|known| known.name == zone) {
            zone.networks.push(name.to_owned());
        }
        site.networks.push(Network {
            name: name.to_owned(),
            vlan,
            subnet: subnet.to_owned(),
            purpose: if guest { "guest" } else { "corporate" },
            pool: None,
            more: Map::new(),
        });
    }

    pub(super) fn add_wlan(&mut self, site: &str, name: &str, network: &str, passphrase: &str) {
        let Ok(site) = self.site(site) else { return };
        site.wlans.push(Wlan {
            name: name.to_owned(),
            network: network.to_owned(),
            enabled: true,
            guest: network == "guests",
            passphrase: passphrase.to_owned(),
        });
    }
}
