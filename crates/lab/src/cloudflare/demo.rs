//! The demo lab's account: `lab.example` with what is reachable from outside, one tunnel that is
//! well, one that is down, and one that was deleted.

use serde_json::json;

use super::{Cloudflare, Plan, RecordSeed, Traffic};

/// Services that are reachable through the tunnel.
const OUTSIDE: [&str; 4] = ["grafana", "homeassistant", "nextcloud", "jellyfin"];

/// The household's own address, as others see it.
const HOME: &str = "203.0.113.17";

pub(super) fn fill(api: &Cloudflare) {
    let zone = api.add_zone("lab.example", Plan::Free);
    let retired = api.add_zone("old-lab.example", Plan::Free);
    let tunnel = api.add_tunnel("home");
    api.connect(&tunnel, HOME);
    let down = api.add_tunnel("workshop");
    api.connect(&down, HOME);
    api.disconnect(&down);
    let gone = api.add_local_tunnel("home-2024");
    api.delete_tunnel(&gone);
    api.add_route(&tunnel, "192.0.2.64/26", "servers");

    let target = format!("{tunnel}.cfargotunnel.com");
    for service in OUTSIDE {
        let name = format!("{service}.lab.example");
        let record = RecordSeed::new("CNAME", &name, &target).proxied();
        api.add_record(&zone, &record.comment("through the tunnel home"));
    }
    for (kind, name, content) in [
        ("A", "vpn.lab.example", HOME),
        ("A", "pbs.lab.example", "192.0.2.14"),
        ("A", "traefik.lab.example", "192.0.2.80"),
        ("AAAA", "traefik.lab.example", "2001:db8:20::80"),
        ("TXT", "lab.example", "\"v=spf1 -all\""),
        ("TXT", "_dmarc.lab.example", "\"v=DMARC1; p=reject\""),
    ] {
        api.add_record(&zone, &RecordSeed::new(kind, name, content));
    }
    api.add_record(
        &retired,
        &RecordSeed::new("A", "wiki.old-lab.example", "192.0.2.101"),
    );

    let mut ingress: Vec<_> = OUTSIDE
        .iter()
        .map(|service| {
            json!({
                "hostname": format!("{service}.lab.example"),
                "service": "https://192.0.2.80:443",
                "originRequest": { "originServerName": format!("{service}.lab.example") },
            })
        })
        .collect();
    ingress.push(json!({ "service": "http_status:404" }));
    fill_config(api, &tunnel, json!({ "ingress": ingress }));

    let rule = json!({
        "description": "nobody signs in from elsewhere",
        "expression": "http.host eq \"nextcloud.lab.example\" and not ip.src.country in {\"DE\" \"NL\"}",
        "action": "managed_challenge",
        "ref": "sign-in-from-elsewhere",
    });
    // The rule is right, see the tests.
    drop(api.add_rule(&zone, rule));
    let now = api.state.lock().now();
    for hour in 0..48 {
        let at = now - hour * 3600;
        for (service, requests) in OUTSIDE.into_iter().zip([40, 220, 90, 310]) {
            let host = format!("{service}.lab.example");
            api.add_traffic(&zone, Traffic::new(at, &host, requests));
        }
        let blocked = Traffic::new(at, "nextcloud.lab.example", 3);
        api.add_traffic(
            &zone,
            Traffic {
                country: "US".to_owned(),
                status: 403,
                cache: "dynamic".to_owned(),
                action: Some("managed_challenge".to_owned()),
                ..blocked
            },
        );
    }
}

fn fill_config(api: &Cloudflare, tunnel: &str, config: serde_json::Value) {
    if let Some(tunnel) = api
        .state
        .lock()
        .tunnels
        .iter_mut()
        .find(|one| one.id == tunnel)
    {
        tunnel.config = config;
        tunnel.version = 1;
    }
}
