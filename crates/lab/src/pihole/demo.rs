//! The demo lab's two servers: the second is not quite in step with the first. It still has an old
//! address of a guest, so every other look-up of that name leads nowhere.

use serde_json::json;

use super::seed::QuerySeed;
use super::state::State;

const UPSTREAMS: [&str; 2] = ["192.0.2.1#53", "2001:db8:20::1#53"];

/// A name, and where the second server says that it is.
const STALE: (&str, &str) = ("nextcloud", "192.0.2.79");

const ADS: &[&str] = &[
    "ads.example.com",
    "banner.example.net",
    "metrics.tv.example",
    "telemetry.printer.example",
    "tracker.example.org",
];

/// Domain, what became of it, and how often it was asked in a day.
const ASKED: &[(&str, &str, usize)] = &[
    ("grafana.lab.example", "CACHE", 61),
    ("homeassistant.lab.example", "CACHE", 48),
    ("mirror.example.org", "FORWARDED", 37),
    ("telemetry.printer.example", "GRAVITY", 33),
    ("time.example.net", "FORWARDED", 29),
    ("metrics.tv.example", "GRAVITY", 27),
    ("ads.example.com", "GRAVITY", 24),
    ("video.example.com", "FORWARDED", 18),
    ("casino.example", "DENYLIST", 6),
    ("ads7.shop.example", "REGEX", 5),
];

pub(super) fn fill(state: &mut State, second: bool) {
    let inventory = crate::demo::inventory();
    let hosts = inventory
        .services
        .iter()
        .filter_map(|service| {
            let guest = inventory
                .virtual_machines
                .iter()
                .find(|guest| Some(&guest.name) == service.vm.as_ref())?;
            let ip = if second && service.service_name == STALE.0 {
                STALE.1.to_owned()
            } else {
                guest.ip?.to_string()
            };
            Some(format!("{ip} {}.lab.example", service.service_name))
        })
        .collect::<Vec<_>>();
    state.settings.set("dns.hosts", json!(hosts));
    state.settings.set("dns.upstreams", json!(UPSTREAMS));
    state.settings.set(
        "dns.cnameRecords",
        json!(["status.lab.example,uptime.lab.example"]),
    );
    state.settings.set("dns.domain.name", json!("lab.example"));
    let children = state.add_group("children");
    state.add_fetched_list("https://lists.example/ads/hosts.txt", false, ADS);
    state.add_fetched_list(
        "https://lists.example/malware.txt",
        false,
        &["malware.example.net", "phishing.example.org"],
    );
    for device in &inventory.devices {
        let (Some(mac), Some(ip)) = (device.mac, device.ip) else {
            continue;
        };
        let (mac, ip) = (mac.to_string(), ip.to_string());
        state.add_device(&mac, device.manufacturer.as_deref(), &ip, &device.name);
        if device.name == "tablet-kitchen" {
            let client = state.add_client(&ip);
            state.clients[client].groups = vec![0, children];
            state.clients[client].comment = Some("demo: for homework".to_owned());
        }
    }
    state.add_rule(true, false, "cdn.shop.example", "demo: the shop needs it");
    state.add_rule(false, true, r"^ads[0-9]*[.-]", "demo: numbered ads");
    if !second {
        // Not on the second one.
        state.add_rule(false, false, "casino.example", "demo: children");
    }
    state.add_message(
        "RATE_LIMIT",
        "Client 198.51.100.20 has been rate-limited (queries: 1000, interval: 60 seconds)",
    );
    ask(state);
}

/// The queries of a day, spread over it.
fn ask(state: &mut State) {
    let clients = [
        ("192.0.2.131", "workstation.lab.example"),
        ("192.0.2.145", "printer-office.lab.example"),
        ("198.51.100.20", "tv-living.lab.example"),
        ("198.51.100.22", "tablet-kitchen.lab.example"),
    ];
    let all: Vec<(&str, &str)> = ASKED
        .iter()
        .flat_map(|(domain, status, times)| std::iter::repeat_n((*domain, *status), *times))
        .collect();
    // A step that has no factor in common with their number visits each once.
    let count = u32::try_from(all.len()).unwrap_or(1);
    for n in (0..count).rev() {
        let index = usize::try_from((u64::from(n) * 7919) % u64::from(count)).unwrap_or_default();
        let Some((domain, status)) = all.get(index) else {
            continue;
        };
        let mut seed = QuerySeed::new(domain, status);
        let (client, name) = match *domain {
            "telemetry.printer.example" => clients[1],
            "metrics.tv.example" => clients[2],
            "casino.example" => clients[3],
            _ => clients[index % 4],
        };
        client.clone_into(&mut seed.client);
        seed.client_name = Some(name.to_owned());
        seed.age_s = f64::from(n) * 86_000.0 / f64::from(count) + 20.0;
        if index % 3 == 0 {
            "AAAA".clone_into(&mut seed.kind);
        }
        state.add_query(seed);
    }
}
