//! Settings of a zone, and its cache.

use homelab_lab::cloudflare::{Cloudflare, Plan};
use serde_json::{Value, json};

use super::{api, ask, done, get, refused};

#[tokio::test]
async fn a_setting_is_seen_and_changed() {
    let (api, _, zone) = api().await;
    let place = format!("/zones/{zone}/settings/ssl");

    let before = get(&api, &place).await;
    let after = done(&api, "PATCH", &place, json!({"value": "strict"})).await;
    let wrong = refused(&api, "PATCH", &place, json!({"value": "on"})).await;

    assert_eq!(
        (&before["value"], &before["modified_on"]),
        (&json!("full"), &Value::Null)
    );
    assert_eq!(after["modified_on"], "2026-11-20T02:00:00Z");
    assert_eq!(wrong, (400, 1007));
    assert_eq!(api.setting(&zone, "ssl"), Some(json!("strict")));
}

#[tokio::test]
async fn what_the_plan_does_not_have_is_not_changed() {
    let (api, _, zone) = api().await;
    let paid = api.add_zone("paid.example", Plan::Pro);
    let change = json!({"value": "lossy"});

    let free = refused(
        &api,
        "PATCH",
        &format!("/zones/{zone}/settings/polish"),
        change.clone(),
    )
    .await;
    done(
        &api,
        "PATCH",
        &format!("/zones/{paid}/settings/polish"),
        change,
    )
    .await;
    let unknown = refused(
        &api,
        "GET",
        &format!("/zones/{zone}/settings/nothing"),
        Value::Null,
    )
    .await;

    assert_eq!(free, (403, 1015));
    assert_eq!(unknown, (400, 1006));
}

#[tokio::test]
async fn development_shows_in_the_zone() {
    let (api, _, zone) = api().await;

    let place = format!("/zones/{zone}/settings/development_mode");
    let on = done(&api, "PATCH", &place, json!({"value": "on"})).await;

    assert_eq!(on["time_remaining"], 10_800);
    assert_eq!(
        get(&api, &format!("/zones/{zone}")).await["development_mode"],
        10_800
    );
}

async fn purge(api: &Cloudflare, zone: &str, body: Value) -> u16 {
    ask(api, "POST", &format!("/zones/{zone}/purge_cache"), body)
        .await
        .status
}

#[tokio::test]
async fn a_purge_takes_exactly_one_way() {
    let (api, _, zone) = api().await;
    let right = [
        json!({"purge_everything": true}),
        json!({"files": ["https://lab.example/a", {"url": "https://www.lab.example/b", "headers": {"CF-Device-Type": "mobile"}}]}),
        json!({"tags": ["a"]}),
        json!({"hosts": ["www.lab.example"]}),
        json!({"prefixes": ["www.lab.example/css"]}),
    ];

    for body in &right {
        assert_eq!(purge(&api, &zone, body.clone()).await, 200, "{body}");
    }
    assert_eq!(api.purges().len(), right.len());
    assert_eq!(api.purges()[2], (zone.clone(), right[2].clone()));
    // Not known to the client before: it may be of no zone, or of another.
    for body in [
        json!({"files": ["https://other.example/a"]}),
        json!({"files": ["lab.example/a"]}),
        json!({"hosts": ["https://www.lab.example"]}),
    ] {
        assert_eq!(purge(&api, &zone, body.clone()).await, 400, "{body}");
    }
    assert!(api.log().unexpected().is_empty());
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    for body in [
        json!({}),
        json!({"tags": ["a"], "hosts": ["www.lab.example"]}),
        json!({"purge_everything": false}),
        json!({"tags": []}),
        json!({"tags": many}),
    ] {
        assert_eq!(purge(&api, &zone, body.clone()).await, 400, "{body}");
    }
    assert_eq!(api.log().unexpected().len(), 5);
    assert_eq!(api.purges().len(), right.len());
}

#[tokio::test]
async fn purges_are_rationed() {
    let (api, clock, zone) = api().await;
    for _ in 0..25 {
        assert_eq!(purge(&api, &zone, json!({"tags": ["a"]})).await, 200);
    }

    let place = format!("/zones/{zone}/purge_cache");
    let over = ask(&api, "POST", &place, json!({"tags": ["a"]})).await;
    let file = purge(&api, &zone, json!({"files": ["https://lab.example/a"]})).await;
    clock.advance_seconds(12);
    let later = purge(&api, &zone, json!({"tags": ["a"]})).await;

    assert_eq!(
        (over.status, over.json()["errors"][0]["code"].clone()),
        (429, json!(1134))
    );
    assert!(over.head.contains("retry-after: 12"), "{}", over.head);
    assert_eq!((file, later), (200, 200));
}
