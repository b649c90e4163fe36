//! The UniFi stand-in against what is known of the product.

mod access;
mod firewall;
mod integration;
mod legacy;

use homelab_lab::unifi::{
    API_KEY, ClientSeed, DeviceKind, DeviceSeed, Flavour, Options, Release, Unifi,
};
use serde_json::Value;

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const PHONE: &str = "00:00:5e:00:53:01";
const GUEST: &str = "00:00:5e:00:53:02";
const SWITCH: &str = "00:00:5e:00:53:10";
const AP: &str = "00:00:5e:00:53:11";

/// A console with a phone, a guest, a switch that gives power, and an access point.
async fn console() -> Unifi {
    furnished(Options::default()).await
}

async fn release(release: Release) -> Unifi {
    furnished(Options {
        release,
        ..Options::default()
    })
    .await
}

async fn classic() -> Unifi {
    furnished(Options {
        flavour: Flavour::Classic,
        zone_based: false,
        ..Options::default()
    })
    .await
}

async fn furnished(options: Options) -> Unifi {
    let console = Unifi::with(options).await.unwrap();
    console.add_network("Default", 1, "192.0.2.1/24");
    console.add_network("guests", 60, "198.51.100.129/25");
    console.add_device(DeviceSeed {
        poe: true,
        ..DeviceSeed::new(SWITCH, "sw-1", DeviceKind::Switch)
    });
    console.add_device(DeviceSeed::new(AP, "ap-1", DeviceKind::AccessPoint));
    console.add_client(ClientSeed {
        uplink: AP.to_owned(),
        ip: Some("192.0.2.50".to_owned()),
        ..ClientSeed::wireless(PHONE, "phone", "lab")
    });
    console.add_client(ClientSeed {
        uplink: AP.to_owned(),
        network: "guests".to_owned(),
        guest: true,
        ..ClientSeed::wireless(GUEST, "visitor", "guests")
    });
    console
}

/// A call with the key: below the integration API, or else below the prefix.
async fn ask(console: &Unifi, method: &str, path: &str, body: &str) -> Answer {
    let path = if path.starts_with("/v1/") {
        format!("/proxy/network/integration{path}")
    } else {
        format!("/proxy/network{path}")
    };
    let headers = [("X-API-KEY", API_KEY), JSON];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    call(console.address(), method, &path, headers, body).await
}

async fn get(console: &Unifi, path: &str) -> Value {
    let answer = ask(console, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()
}

/// A path below the site `default` of the integration API.
fn site(path: &str) -> String {
    format!("/v1/sites/{}{path}", Unifi::site_id("default"))
}

/// A session as a client keeps it.
struct Session {
    cookie: String,
    csrf: String,
}

impl Session {
    async fn open(console: &Unifi, user: &str, password: &str) -> Self {
        let body = serde_json::json!({"username": user, "password": password}).to_string();
        let answer = call(console.address(), "POST", "/api/auth/login", &[JSON], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body());
        Self {
            cookie: header(&answer, "set-cookie")
                .split(';')
                .next()
                .unwrap()
                .to_owned(),
            csrf: header(&answer, "x-csrf-token"),
        }
    }

    async fn ask(&self, console: &Unifi, method: &str, path: &str, body: &str) -> Answer {
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("X-CSRF-Token", self.csrf.as_str()),
            JSON,
        ];
        let headers = if body.is_empty() {
            &headers[..2]
        } else {
            &headers[..]
        };
        let path = format!("/proxy/network{path}");
        call(console.address(), method, &path, headers, body).await
    }
}

/// A header of an answer; empty if it is not there.
fn header(answer: &Answer, name: &str) -> String {
    let find = |line: &str| {
        let (known, value) = line.split_once(':')?;
        known
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    };
    answer.head.lines().find_map(find).unwrap_or_default()
}
