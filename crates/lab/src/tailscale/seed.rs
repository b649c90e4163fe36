//! Machines before they join.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::routes::approved;
use super::state::{Device, State};
use super::{OWNER, SUFFIX};
use crate::hash::{hex, short_hex};

const DAY_S: i64 = 86_400;

/// A machine that is to join: online, let in, of the owner, without tags or routes, unless said
/// otherwise.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks, set one by one"
)]
pub struct DeviceSeed {
    hostname: String,
    os: String,
    user: String,
    tags: Vec<String>,
    advertised: Vec<String>,
    enabled: Vec<String>,
    offline_s: Option<i64>,
    expires_in_days: i64,
    authorized: bool,
    external: bool,
    key_expires: bool,
    update: bool,
    ephemeral: bool,
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

impl DeviceSeed {
    /// A machine with this name and system: `linux`, `macOS`, `windows`, `iOS`, `android`.
    pub fn new(hostname: &str, os: &str) -> Self {
        Self {
            hostname: hostname.to_owned(),
            os: os.to_owned(),
            user: OWNER.to_owned(),
            tags: Vec::new(),
            advertised: Vec::new(),
            enabled: Vec::new(),
            offline_s: None,
            expires_in_days: 150,
            authorized: true,
            external: false,
            key_expires: true,
            update: false,
            ephemeral: false,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn user(mut self, login: &str) -> Self {
        login.clone_into(&mut self.user);
        self
    }

    /// With tags, so that it is nobody's and its key does not expire.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.tags = owned(tags);
        "tagged-devices".clone_into(&mut self.user);
        self.no_expiry()
    }

    /// Offers these routes.
    #[must_use]
    pub fn advertises(mut self, routes: &[&str]) -> Self {
        self.advertised = owned(routes);
        self
    }

    /// Has these routes enabled.
    #[must_use]
    pub fn enabled(mut self, routes: &[&str]) -> Self {
        self.enabled = owned(routes);
        self
    }

    /// Was seen so many seconds ago for the last time.
    #[must_use]
    pub fn offline(mut self, seconds: i64) -> Self {
        self.offline_s = Some(seconds);
        self
    }

    /// Waits to be let in.
    #[must_use]
    pub fn pending(mut self) -> Self {
        self.authorized = false;
        self
    }

    /// Belongs to another tailnet and is shared with this one: its times are empty texts.
    #[must_use]
    pub fn external(mut self) -> Self {
        self.external = true;
        self
    }

    /// Has a key that ends in so many days; before now where that is negative.
    #[must_use]
    pub fn expires_in_days(mut self, days: i64) -> Self {
        self.expires_in_days = days;
        self
    }

    /// Has a key that does not expire.
    #[must_use]
    pub fn no_expiry(mut self) -> Self {
        self.key_expires = false;
        self
    }

    /// Runs an old client.
    #[must_use]
    pub fn outdated(mut self) -> Self {
        self.update = true;
        self
    }

    /// Goes when it is gone.
    #[must_use]
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    pub(super) fn join(self, state: &mut State) -> String {
        let serial = state.next_serial();
        let host = u32::try_from(serial).unwrap_or(u32::MAX);
        let [_, _, high, low] = host.to_be_bytes();
        let node_id = format!("n{}CNTRL", short_hex(&serial.to_be_bytes(), 11));
        let key = |kind: &str| format!("{kind}:{}", hex(format!("{kind} {serial}").as_bytes()));
        let time = |seconds: i64| {
            let text = if self.external {
                String::new()
            } else {
                state.time_in(seconds)
            };
            json!(text)
        };
        let mut fields = json!({
            "addresses": [
                format!("100.64.{high}.{low}"),
                format!("fd7a:115c:a1e0::{host:x}"),
            ],
            "id": (92_000_000_000_u64 + serial * 7919).to_string(),
            "nodeId": node_id,
            "user": self.user,
            "name": format!("{}.{SUFFIX}", self.hostname.to_lowercase()),
            "hostname": self.hostname,
            "clientVersion": if self.update { "1.84.2-t9c1a8a5f3" } else { "1.92.1-t4b5d6e7f8" },
            "updateAvailable": self.update,
            "os": self.os,
            "created": time(-200 * DAY_S),
            "connectedToControl": self.offline_s.is_none(),
            "keyExpiryDisabled": !self.key_expires,
            "expires": time(self.expires_in_days * DAY_S),
            "authorized": self.authorized,
            "isExternal": self.external,
            "multipleConnections": false,
            "machineKey": key("mkey"),
            "nodeKey": key("nodekey"),
            "blocksIncomingConnections": false,
            "enabledRoutes": self.enabled,
            "advertisedRoutes": self.advertised,
            "clientConnectivity": {
                "endpoints": [format!("203.0.113.{}:41641", low.max(1))],
                "mappingVariesByDestIP": false,
                "latency": { "Frankfurt": { "preferred": true, "latencyMs": 11.3 } },
                "clientSupports": {
                    "hairPinning": null, "ipv6": true, "pcp": false, "pmp": null, "udp": true, "upnp": false,
                },
            },
            "tailnetLockError": "",
            "tailnetLockKey": key("nlpub"),
            "sshEnabled": self.os == "linux" && !self.tags.is_empty(),
            "isEphemeral": self.ephemeral,
        });
        let mut add = |name: &str, value: Value| fields[name] = value;
        if let Some(seconds) = self.offline_s {
            // Whoever is connected has no such field.
            add("lastSeen", time(-seconds));
        }
        if !self.tags.is_empty() {
            add("tags", json!(self.tags));
        }
        if self.os == "linux" {
            add(
                "distro",
                json!({ "name": "debian", "version": "13", "codeName": "trixie" }),
            );
        }
        let mut device = Device {
            fields: fields.as_object().cloned().unwrap_or_default(),
            attributes: BTreeMap::new(),
        };
        let mut enabled = device.texts("enabledRoutes");
        for route in approved(&state.policy.value(), &device) {
            if !enabled.contains(&route) {
                enabled.push(route);
            }
        }
        device.set("enabledRoutes", json!(enabled));
        state.devices.push(device);
        node_id
    }
}
