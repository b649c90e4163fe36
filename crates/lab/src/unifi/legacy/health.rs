//! How the site is.

use serde_json::{Value, json};

use crate::unifi::entry::Call;
use crate::unifi::reply::{Answer, rows};
use crate::unifi::seed::{ClientKind, DeviceKind};
use crate::unifi::state::{Site, State};

pub(in crate::unifi) fn health(state: &mut State, call: &Call) -> Answer {
    let site = call.site(state)?;
    let users = |kind: ClientKind, guest: bool| {
        let fits = |client: &&crate::unifi::state::Client| {
            client.online && client.kind == kind && client.guest == guest
        };
        site.clients.values().filter(fits).count()
    };
    let part = |name: &str, kind: DeviceKind, count: &str| {
        let all = devices(site, kind, None);
        let gone = all - devices(site, kind, Some("ONLINE"));
        let mut row = json!({
            "subsystem": name,
            "status": if gone == 0 { "ok" } else { "warning" },
            "num_adopted": all,
            "num_disconnected": gone,
            "num_pending": devices(site, kind, Some("PENDING_ADOPTION")),
            "tx_bytes-r": 156_250,
            "rx_bytes-r": 1_050_000,
        });
        row[count] = json!(all);
        row
    };
    let mut wlan = part("wlan", DeviceKind::AccessPoint, "num_ap");
    wlan["num_user"] = json!(users(ClientKind::Wireless, false));
    wlan["num_guest"] = json!(users(ClientKind::Wireless, true));
    let mut lan = part("lan", DeviceKind::Switch, "num_sw");
    lan["num_user"] = json!(users(ClientKind::Wired, false));
    lan["num_guest"] = json!(users(ClientKind::Wired, true));
    if devices(site, DeviceKind::Gateway, None) == 0 {
        let unknown = |name: &str| json!({ "subsystem": name, "status": "unknown" });
        let rest = ["wan", "www", "vpn"].map(unknown);
        return rows([vec![wlan, lan], rest.into()].concat());
    }
    let mut wan = part("wan", DeviceKind::Gateway, "num_gw");
    wan["wan_ip"] = json!("203.0.113.17");
    wan["gateways"] = json!(["203.0.113.1"]);
    let up = wan["status"] == "ok";
    let www = json!({
        "subsystem": "www",
        "status": if up { "ok" } else { "error" },
        "latency": 9,
        "uptime": 777_600,
        "drops": 2,
        "xput_up": 48.7,
        "xput_down": 912.4,
        "speedtest_status": "Success",
        "speedtest_lastrun": call.now - 7200,
        "speedtest_ping": 9,
        "tx_bytes-r": 156_250,
        "rx_bytes-r": 1_050_000,
    });
    let vpn = json!({
        "subsystem": "vpn",
        "status": "ok",
        "remote_user_num_active": users(ClientKind::Vpn, false),
    });
    rows(vec![wlan, wan, www, lan, vpn])
}

pub(in crate::unifi) fn sysinfo(state: &mut State, call: &Call) -> Answer {
    call.site(state)?;
    rows(vec![json!({
        "name": "Lab Console",
        "hostname": "unifi",
        "version": state.release.version(),
        "timezone": "Europe/Zurich",
        "uptime": 777_600,
        "update_available": false,
        "unsupported_device_count": 0,
    })])
}

/// Traffic of the last hours.
pub(in crate::unifi) fn dashboard(state: &mut State, call: &Call) -> Answer {
    call.site(state)?;
    let hour = call.now - call.now % 3600;
    let row = |ago: i64| -> Value {
        json!({
            "time": (hour - 3600 * ago) * 1000,
            "wan-tx_bytes": 90_000_000 + 1_000_000 * ago,
            "wan-rx_bytes": 700_000_000 + 9_000_000 * ago,
            "latency_avg": 9.0,
            "latency_max": 31,
        })
    };
    rows((0..24).rev().map(row).collect())
}

/// Devices of a kind, of any state or this one. Those that wait for adoption are not counted as the
/// site's.
fn devices(site: &Site, kind: DeviceKind, state: Option<&str>) -> usize {
    let of_kind = site.devices.values().filter(|device| device.kind == kind);
    of_kind
        .filter(|device| match state {
            None => device.adopted(),
            Some(state) => device.state == state,
        })
        .count()
}
