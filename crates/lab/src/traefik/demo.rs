//! The demo lab's routes: most are well, one names a middleware that is gone, and one certificate
//! ends soon.

use serde_json::json;

use super::state::{Protocol, State};

pub(super) fn fill(state: &mut State) {
    let inventory = crate::demo::inventory();
    let web = inventory
        .services
        .iter()
        .filter(|service| service.url.is_some());
    for service in web {
        let name = &service.service_name;
        let router = json!({
            "entryPoints": ["websecure"],
            "middlewares": match name.as_str() {
                "wiki" => json!(["gone@file"]),
                "grafana" => json!(["auth@file"]),
                _ => json!([]),
            },
            "service": name,
            "rule": format!("Host(`{name}.lab.example`)"),
            "tls": { "certResolver": "lab" },
        });
        let url = format!("http://{name}.lab.example:{}", service.port.unwrap_or(80));
        let balancer = json!({
            "loadBalancer": {
                "servers": [{ "url": url }],
                "strategy": "wrr",
                "passHostHeader": true,
                "healthCheck": {
                    "mode": "http",
                    "path": service.health_endpoint.as_deref().unwrap_or("/"),
                    "interval": "30s",
                    "timeout": "5s",
                },
            },
        });
        if name == "wiki" {
            state.down.push(url);
        }
        let http = state.given(Protocol::Http);
        http.routers.insert(format!("{name}@docker"), router);
        http.services.insert(format!("{name}@docker"), balancer);
    }
    // A hash of no password at all.
    let users = json!(["demo:$2y$05$0000000000000000000000000000000000000000000000000000"]);
    let http = state.given(Protocol::Http);
    http.middlewares.insert(
        "auth@file".to_owned(),
        json!({ "basicAuth": { "users": users } }),
    );
    for (name, days, status) in [
        ("lab.example", 71, "enabled"),
        ("old.lab.example", 9, "warning"),
    ] {
        let fingerprint = crate::hash::hex(name.as_bytes());
        state.certificates.push(json!({
            "name": fingerprint,
            "sans": [name, format!("*.{name}")],
            "notBefore": "2026-09-01T00:00:00Z",
            "notAfter": format!("2027-{:02}-{:02}T00:00:00Z", 1 + days / 28, 1 + days % 28),
            "serialNumber": "66569565433550573125169185000030564948963118646",
            "commonName": name,
            "issuerCN": "Lab CA",
            "version": "v3",
            "keyType": "ECDSA",
            "keySize": 256,
            "signatureAlgorithm": "ECDSA-SHA256",
            "certFingerprint": fingerprint,
            "status": status,
        }));
    }
}
