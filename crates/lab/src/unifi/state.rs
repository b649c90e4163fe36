//! What the console holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::Clock;
use serde_json::{Map, Value};

use super::access::Access;
use super::reply::Failure;
use super::seed::{ClientKind, DeviceKind};
use super::{Flavour, Options, Release};
use crate::hash::short_hex;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) flavour: Flavour,
    pub(super) release: Release,
    pub(super) access: Access,
    /// Sites by short name.
    pub(super) sites: BTreeMap<String, Site>,
    /// Paths without prefix whose next change is answered as done and not kept.
    pub(super) swallow: Vec<String>,
    /// Paths without prefix, and the code with which the old API refuses them next.
    pub(super) refusals: Vec<(String, String)>,
    serial: u64,
}

/// A site: everything a tool can see or change.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) zone_based: bool,
    /// By MAC address.
    pub(super) clients: BTreeMap<String, Client>,
    /// By MAC address, adopted or waiting for it.
    pub(super) devices: BTreeMap<String, Device>,
    pub(super) networks: Vec<Network>,
    pub(super) wlans: Vec<Wlan>,
    pub(super) vouchers: Vec<Voucher>,
    pub(super) zones: Vec<Zone>,
    pub(super) policies: Vec<Policy>,
    /// Records that are kept as they are, by kind.
    pub(super) records: BTreeMap<Records, Vec<Record>>,
    /// Newest last.
    pub(super) events: Vec<Event>,
    /// Looks at a device until a restart is over.
    pub(super) restart_looks: u32,
}

/// Kinds of record whose fields the console only keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Records {
    FirewallRules,
    FirewallGroups,
    PortForwards,
    TrafficRules,
    AclRules,
    DnsPolicies,
}

#[derive(Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) uuid: String,
    pub(super) fields: Map<String, Value>,
}

#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "marks of one client that do not depend on each other"
)]
pub(super) struct Client {
    pub(super) mac: String,
    pub(super) name: Option<String>,
    pub(super) hostname: String,
    pub(super) oui: String,
    pub(super) ip: Option<String>,
    pub(super) kind: ClientKind,
    pub(super) network: String,
    pub(super) uplink: String,
    pub(super) port: i64,
    pub(super) essid: String,
    pub(super) signal: i64,
    pub(super) rx_bytes: i64,
    pub(super) tx_bytes: i64,
    pub(super) online: bool,
    /// Whether it was connected when it was blocked.
    pub(super) returns: bool,
    pub(super) blocked: bool,
    pub(super) guest: bool,
    pub(super) authorization: Option<Authorization>,
    pub(super) connected: i64,
    pub(super) first_seen: i64,
    pub(super) last_seen: i64,
}

#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) since: i64,
    pub(super) until: i64,
    pub(super) megabytes: Option<i64>,
    pub(super) down_kbps: Option<i64>,
    pub(super) up_kbps: Option<i64>,
}

#[derive(Clone)]
pub(super) struct Device {
    pub(super) mac: String,
    pub(super) name: String,
    pub(super) model: String,
    pub(super) kind: DeviceKind,
    pub(super) ip: String,
    /// As the integration API says it.
    pub(super) state: String,
    /// Looks until the state is `ONLINE` again.
    pub(super) busy: u32,
    pub(super) version: String,
    pub(super) upgradable: bool,
    pub(super) ports: i64,
    pub(super) poe: bool,
    /// MAC address of the device that it hangs on.
    pub(super) uplink: Option<String>,
    pub(super) locating: bool,
    pub(super) started: i64,
    /// Restarts, and ports that were cycled, in their order.
    pub(super) done: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) vlan: i64,
    pub(super) subnet: String,
    pub(super) purpose: &'static str,
    pub(super) pool: Option<(String, String)>,
    /// More fields, secrets among them.
    pub(super) more: Map<String, Value>,
}

#[derive(Clone)]
pub(super) struct Wlan {
    pub(super) name: String,
    pub(super) network: String,
    pub(super) enabled: bool,
    pub(super) guest: bool,
    pub(super) passphrase: String,
}

#[derive(Clone)]
pub(super) struct Voucher {
    pub(super) serial: u64,
    pub(super) created: i64,
    pub(super) name: String,
    pub(super) code: String,
    pub(super) minutes: i64,
    /// Guests that may use it; 0 is any number.
    pub(super) guests: i64,
    pub(super) used: i64,
    pub(super) activated: Option<i64>,
    pub(super) megabytes: Option<i64>,
    pub(super) down_kbps: Option<i64>,
    pub(super) up_kbps: Option<i64>,
}

#[derive(Clone)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) networks: Vec<String>,
    pub(super) system: bool,
}

/// A policy between zones.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) key: String,
    pub(super) origin: &'static str,
    pub(super) index: i64,
    /// As the integration API has it, without `id`, `index` and `metadata`.
    pub(super) body: Map<String, Value>,
    /// What only the `v2` part says.
    pub(super) more: Map<String, Value>,
}

#[derive(Clone)]
pub(super) struct Event {
    pub(super) time: i64,
    pub(super) category: &'static str,
    pub(super) key: String,
    pub(super) severity: &'static str,
    pub(super) message: String,
    pub(super) alarm: bool,
}

/// The 24 digits of an object of the old API.
pub(super) fn object_id(kind: &str, key: &str) -> String {
    short_hex(format!("{kind}/{key}").as_bytes(), 24)
}

/// The UUID of an object of the integration API.
pub(super) fn uuid(kind: &str, key: &str) -> String {
    let hex = short_hex(format!("uuid/{kind}/{key}").as_bytes(), 32);
    let digits: Vec<char> = hex.chars().collect();
    [0..8, 8..12, 12..16, 16..20, 20..32]
        .map(|part| digits.get(part).map(String::from_iter).unwrap_or_default())
        .join("-")
}

impl State {
    pub(super) fn new(options: &Options) -> Self {
        let mut state = Self {
            clock: Arc::clone(&options.clock),
            flavour: options.flavour,
            release: options.release,
            access: Access::default(),
            sites: BTreeMap::new(),
            swallow: Vec::new(),
            refusals: Vec::new(),
            serial: 0,
        };
        state.add_site("default", "Default", options.zone_based);
        state
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn add_site(&mut self, name: &str, title: &str, zone_based: bool) {
        let system = ["Internal", "External", "Gateway", "Vpn", "Hotspot", "Dmz"];
        let zones = system.map(|zone| Zone {
            name: zone.to_owned(),
            networks: Vec::new(),
            system: true,
        });
        let site = Site {
            name: name.to_owned(),
            title: title.to_owned(),
            zone_based,
            clients: BTreeMap::new(),
            devices: BTreeMap::new(),
            networks: Vec::new(),
            wlans: Vec::new(),
            vouchers: Vec::new(),
            zones: if zone_based { zones.into() } else { Vec::new() },
            policies: Vec::new(),
            records: BTreeMap::new(),
            events: Vec::new(),
            restart_looks: 1,
        };
        self.sites.insert(name.to_owned(), site);
    }

    /// The site of a call: by short name in the old API, by UUID in the integration API.
    pub(super) fn site(&mut self, given: &str) -> Result<&mut Site, Failure> {
        let by_uuid = |site: &&mut Site| uuid("site", &site.name) == given || site.name == given;
        let found = self.sites.values_mut().find(by_uuid);
        found.ok_or_else(|| Failure::new(401, "api.err.NoSiteContext", "no such site"))
    }

    /// A voucher's code: ten digits.
    pub(super) fn code_of(serial: u64) -> String {
        let hex = short_hex(format!("voucher/{serial}").as_bytes(), 15);
        let number = u64::from_str_radix(&hex, 16).unwrap_or(serial);
        format!("{:010}", number % 10_000_000_000)
    }
}

impl Site {
    pub(super) fn note(&mut self, time: i64, category: &'static str, key: &str, message: String) {
        self.events.push(Event {
            time,
            category,
            key: key.to_owned(),
            severity: "LOW",
            message,
            alarm: false,
        });
    }

    /// Counts one look at the devices, after which some have come back.
    pub(super) fn look(&mut self) {
        for device in self.devices.values_mut().filter(|device| device.busy > 0) {
            device.busy -= 1;
            if device.busy == 0 {
                "ONLINE".clone_into(&mut device.state);
            }
        }
    }

    pub(super) fn client(&mut self, mac: &str) -> Result<&mut Client, Failure> {
        let unknown = || Failure::api("api.err.UnknownStation");
        self.clients.get_mut(mac).ok_or_else(unknown)
    }

    pub(super) fn device(&mut self, mac: &str) -> Result<&mut Device, Failure> {
        let unknown = || Failure::api("api.err.UnknownDevice");
        self.devices.get_mut(mac).ok_or_else(unknown)
    }

    pub(super) fn restart(&mut self, mac: &str, how: &str, now: i64) -> Result<(), Failure> {
        let looks = self.restart_looks;
        let device = self.device(mac)?;
        device.done.push(format!("restart {how}"));
        "OFFLINE".clone_into(&mut device.state);
        device.busy = looks;
        if looks == 0 {
            "ONLINE".clone_into(&mut device.state);
        }
        device.started = now;
        let message = format!("{} was restarted by Admin.", device.name);
        self.note(now, "UNIFI_DEVICES", "DEVICE_RESTARTED_BY_ADMIN", message);
        Ok(())
    }

    pub(super) fn power_cycle(&mut self, mac: &str, port: i64) -> Result<(), Failure> {
        let device = self.device(mac)?;
        if !device.poe || !(1..=device.ports).contains(&port) {
            return Err(Failure::api("api.err.InvalidTarget"));
        }
        device.done.push(format!("power-cycle {port}"));
        Ok(())
    }

    pub(super) fn records(&mut self, kind: Records) -> &mut Vec<Record> {
        self.records.entry(kind).or_default()
    }
}

impl Client {
    pub(super) fn id(&self) -> String {
        object_id("user", &self.mac)
    }

    pub(super) fn uuid(&self) -> String {
        uuid("client", &self.mac)
    }

    pub(super) fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.hostname)
    }
}

impl Device {
    pub(super) fn id(&self) -> String {
        object_id("device", &self.mac)
    }

    pub(super) fn uuid(&self) -> String {
        uuid("device", &self.mac)
    }

    pub(super) fn adopted(&self) -> bool {
        self.state != "PENDING_ADOPTION"
    }
}
