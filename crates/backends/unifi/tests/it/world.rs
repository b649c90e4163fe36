//! A console that plays UniFi Network, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend_unifi::kind;
use homelab_core::clock::ManualClock;
use homelab_harness::{Bench, today};
use homelab_lab::unifi::{
    ACCOUNT, API_KEY, ClientSeed, DeviceKind, DeviceSeed, Flavour, Options, Release, Unifi,
};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{column, context, field, hint, reason, says};

pub(crate) const GATEWAY: &str = "00:00:5e:00:53:01";
pub(crate) const SWITCH: &str = "00:00:5e:00:53:02";
pub(crate) const AP: &str = "00:00:5e:00:53:03";
pub(crate) const NAS: &str = "00:00:5e:00:53:10";
pub(crate) const PHONE: &str = "00:00:5e:00:53:11";
pub(crate) const PRINTER: &str = "00:00:5e:00:53:12";

/// With what the server under test signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum With {
    Both,
    Key,
    Account,
}

pub(crate) struct World {
    pub(crate) unifi: Unifi,
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    with: With,
}

impl World {
    /// A console of release 10.5 with zones, asked with a key and an administrator.
    pub(crate) async fn lab() -> Self {
        Self::of(Options::default(), With::Both).await
    }

    pub(crate) async fn with(with: With) -> Self {
        Self::of(Options::default(), with).await
    }

    /// A console of another release.
    pub(crate) async fn release(release: Release, with: With) -> Self {
        let options = Options {
            release,
            ..Options::default()
        };
        Self::of(options, with).await
    }

    /// An old application by itself, with rules instead of zones.
    pub(crate) async fn classic() -> Self {
        let options = Options {
            flavour: Flavour::Classic,
            release: Release::V8_6,
            zone_based: false,
            ..Options::default()
        };
        Self::of(options, With::Account).await
    }

    pub(crate) async fn of(options: Options, with: With) -> Self {
        let clock = today();
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let unifi = Unifi::with(options).await.expect("a loopback port");
        fill(&unifi);
        let settings = settings_of(&unifi, with, &json!({}));
        Self {
            bench: Bench::open(kind(), settings, clock.clone()).await,
            unifi,
            clock,
            with,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.unifi, self.with, settings);
        self.bench.reopen_with(settings);
    }

    /// `METHOD path` of the requests that change something, without logins.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.unifi.log().lines();
        let reads = |line: &str| {
            line.starts_with("GET ") || line.ends_with("login") || line.contains("/system-log/")
        };
        lines.retain(|line| !reads(line));
        lines
    }

    /// The bodies of the requests to a path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let requests = self.unifi.log().all();
        let to_path = requests
            .iter()
            .filter(|one| one.path.contains(path) && !one.body.is_empty());
        to_path
            .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
            .collect()
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.unifi.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

fn fill(unifi: &Unifi) {
    unifi.add_device(DeviceSeed::new(GATEWAY, "gateway", DeviceKind::Gateway));
    unifi.add_device(DeviceSeed {
        poe: true,
        ..DeviceSeed::new(SWITCH, "sw-rack", DeviceKind::Switch)
    });
    unifi.add_device(DeviceSeed::new(AP, "ap-hall", DeviceKind::AccessPoint));
    unifi.add_network("trusted", 30, "192.0.2.129/26");
    unifi.add_network("guests", 60, "198.51.100.129/25");
    unifi.add_wlan("homelab", "trusted", "demo-only-kestrel");
    unifi.add_wlan("homelab-guests", "guests", "");
    unifi.add_client(ClientSeed {
        ip: Some("192.0.2.140".into()),
        network: "trusted".into(),
        uplink: SWITCH.into(),
        port: 3,
        ..ClientSeed::wired(NAS, "nas")
    });
    unifi.add_client(ClientSeed {
        ip: Some("192.0.2.141".into()),
        network: "trusted".into(),
        uplink: AP.into(),
        ..ClientSeed::wireless(PHONE, "phone", "homelab")
    });
    unifi.add_client(ClientSeed {
        online: false,
        network: "trusted".into(),
        uplink: SWITCH.into(),
        ..ClientSeed::wired(PRINTER, "printer")
    });
    unifi.add_port_forward(&json!({
        "name": "web", "enabled": true, "proto": "tcp", "src": "any", "dst_port": "443",
        "fwd": "192.0.2.140", "fwd_port": "8443",
    }));
}

/// Address and credentials, unless the settings say otherwise. A device that restarts is looked at
/// often.
fn settings_of(unifi: &Unifi, with: With, settings: &Value) -> Value {
    let mut all = json!({ "url": unifi.url(), "restart_poll_ms": 10 });
    if with != With::Account {
        all["api_key"] = API_KEY.into();
    }
    if with != With::Key {
        all["username"] = ACCOUNT.0.into();
        all["password"] = ACCOUNT.1.into();
    }
    for (key, value) in settings.as_object().expect("a section") {
        all[key] = value.clone();
    }
    all
}
