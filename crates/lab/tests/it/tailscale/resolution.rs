//! DNS.

use homelab_lab::tailscale::Tailscale;
use serde_json::{Value, json};

use super::{ask, get};

const BASE: &str = "/tailnet/-/dns";

async fn set(server: &Tailscale, method: &str, what: &str, body: Value) -> (u16, Value) {
    let answer = ask(server, method, &format!("{BASE}/{what}"), &body.to_string()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn without_nameservers_there_is_no_magic() {
    let server = Tailscale::start().await.unwrap();

    let too_soon = set(&server, "POST", "preferences", json!({"magicDNS": true})).await;
    let servers = set(
        &server,
        "POST",
        "nameservers",
        json!({"dns": ["192.0.2.66"]}),
    )
    .await;
    let on = set(&server, "POST", "preferences", json!({"magicDNS": true})).await;
    let none = set(&server, "POST", "nameservers", json!({"dns": []})).await;
    let off = get(&server, &format!("{BASE}/preferences")).await;
    let wrong = set(
        &server,
        "POST",
        "nameservers",
        json!({"dns": ["dns.example"]}),
    )
    .await;

    assert_eq!((too_soon.0, wrong.0), (400, 400));
    assert_eq!(
        servers,
        (200, json!({"dns": ["192.0.2.66"], "magicDNS": false}))
    );
    assert_eq!(on, (200, json!({"magicDNS": true})));
    assert_eq!(none, (200, json!({"dns": [], "magicDNS": false})));
    assert_eq!(off, json!({"magicDNS": false}));
}

#[tokio::test]
async fn domains_are_merged_or_replaced() {
    let server = Tailscale::start().await.unwrap();
    server.set_split_dns("lab.example", &["192.0.2.66"]);

    let merged = set(
        &server,
        "PATCH",
        "split-dns",
        json!({"iot.example": ["192.0.2.67"]}),
    )
    .await;
    let cleared = set(&server, "PATCH", "split-dns", json!({"lab.example": null})).await;
    let replaced = set(
        &server,
        "PUT",
        "split-dns",
        json!({"a.example": ["192.0.2.1"]}),
    )
    .await;
    let empty = set(&server, "PUT", "split-dns", json!({})).await;

    assert_eq!(
        merged.1,
        json!({"iot.example": ["192.0.2.67"], "lab.example": ["192.0.2.66"]})
    );
    assert_eq!(cleared.1, json!({"iot.example": ["192.0.2.67"]}));
    assert_eq!(replaced.1, json!({"a.example": ["192.0.2.1"]}));
    assert_eq!(empty.1, json!({}));
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn the_whole_configuration_is_replaced() {
    let server = Tailscale::start().await.unwrap();
    server.set_dns(&["192.0.2.66"], &["lab.example"]);
    server.set_split_dns("iot.example", &["192.0.2.67"]);
    let before = get(&server, &format!("{BASE}/configuration")).await;

    let new = json!({"nameservers": [{"address": "192.0.2.67", "useWithExitNode": true}]});
    let after = set(&server, "POST", "configuration", new).await;
    let paths = set(
        &server,
        "POST",
        "searchpaths",
        json!({"searchPaths": ["x.example"]}),
    )
    .await;

    assert_eq!(
        before,
        json!({
            "nameservers": [{"address": "192.0.2.66", "useWithExitNode": false}],
            "splitDNS": {"iot.example": [{"address": "192.0.2.67", "useWithExitNode": false}]},
            "searchPaths": ["lab.example"],
            "preferences": {"overrideLocalDNS": false, "magicDNS": true},
        })
    );
    assert_eq!(
        after.1,
        json!({
            "nameservers": [{"address": "192.0.2.67", "useWithExitNode": true}],
            "splitDNS": {},
            "searchPaths": [],
            "preferences": {"overrideLocalDNS": false, "magicDNS": false},
        })
    );
    assert_eq!(paths.1, json!({"searchPaths": ["x.example"]}));
    assert_eq!(server.dns()["searchPaths"], json!(["x.example"]));
}
