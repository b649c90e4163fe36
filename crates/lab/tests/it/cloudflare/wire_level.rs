//! Faults, the contract, and the demo.

use homelab_lab::Fault;
use homelab_lab::cloudflare::{ACCOUNT, Cloudflare, TOKEN};
use serde_json::{Value, json};

use super::{api, ask, get, refused, texts, well};
use crate::wire::call;

#[tokio::test]
async fn a_refusal_in_the_envelope_can_have_any_status() {
    let (api, _, _) = api().await;
    api.refuse_next("/zones", 200, 1234, "not today");
    api.refuse_next("/zones", 503, 10_001, "later");

    let well_in_name = ask(&api, "GET", "/zones", Value::Null).await;
    let later = refused(&api, "GET", "/zones", Value::Null).await;
    let third = ask(&api, "GET", "/zones", Value::Null).await;

    assert_eq!(well_in_name.status, 200);
    assert_eq!(
        well_in_name.json(),
        json!({"success": false, "errors": [{"code": 1234, "message": "not today"}], "messages": [], "result": null})
    );
    assert_eq!((later, third.status), ((503, 10_001), 200));
}

#[tokio::test]
async fn the_common_faults_work_here() {
    let (api, _, _) = api().await;
    api.faults().next(
        1,
        "/client/v4/zones",
        Fault::RateLimited { retry_after_s: 7 },
    );
    api.faults().next(1, "/client/v4/zones", Fault::NotJson);

    let limited = ask(&api, "GET", "/zones", Value::Null).await;
    let page = ask(&api, "GET", "/zones", Value::Null).await;

    assert_eq!(limited.status, 429);
    assert!(limited.head.contains("retry-after: 7"));
    assert!(page.body().starts_with("<html>"));
}

#[tokio::test]
async fn lists_may_lack_their_paging() {
    let (api, _, zone) = api().await;
    api.leave_out_paging();

    for path in [
        "/zones".to_owned(),
        format!("/zones/{zone}/dns_records"),
        format!("/zones/{zone}/rulesets"),
    ] {
        let envelope = well(&api, "GET", &path, Value::Null).await;
        assert!(envelope.get("result_info").is_none(), "{envelope}");
    }
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_noted() {
    let (api, _, zone) = api().await;
    let records = format!("/client/v4/zones/{zone}/dns_records");
    let bearer = format!("Bearer {TOKEN}");
    let authorized = ("Authorization", bearer.as_str());
    let record = r#"{"type":"A","name":"a","content":"192.0.2.1"}"#;
    let cases = [
        ("POST", records.as_str(), "text/plain", record, 400),
        ("POST", &records, "application/json", "{", 400),
        ("POST", &records, "application/json", r#"{"type":"A"}"#, 400),
        (
            "POST",
            &records,
            "application/json",
            r#"{"type":"A","name":"a","content":"192.0.2.1","zone_id":"x"}"#,
            400,
        ),
        ("DELETE", &records, "application/json", "", 405),
        ("GET", "/client/v4/nothing", "application/json", "", 404),
        ("GET", "/", "application/json", "", 404),
    ];

    for (number, (method, path, kind, body, status)) in cases.into_iter().enumerate() {
        let headers = [authorized, ("Content-Type", kind)];
        let answer = call(api.address(), method, path, &headers, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {body}: {}",
            answer.body()
        );
        assert_eq!(
            api.log().unexpected().len(),
            number + 1,
            "{method} {path} {body}"
        );
    }
    assert!(api.records(&zone).is_empty());
}

#[tokio::test]
async fn the_demo_is_an_account_that_holds_together() {
    let api = Cloudflare::demo().await.unwrap();

    let zones = get(&api, "/zones").await;
    let lab = zones[0]["id"].as_str().unwrap();
    let tunnels = get(
        &api,
        &format!("/accounts/{ACCOUNT}/cfd_tunnel?is_deleted=false"),
    )
    .await;
    let records = get(&api, &format!("/zones/{lab}/dns_records?type=CNAME")).await;
    let home = tunnels[0]["id"].as_str().unwrap();

    assert_eq!(texts(&zones, "name"), ["lab.example", "old-lab.example"]);
    assert_eq!(texts(&tunnels, "status"), ["healthy", "down"]);
    for record in records.as_array().unwrap() {
        assert_eq!(record["content"], format!("{home}.cfargotunnel.com"));
    }
    assert_eq!(api.rules(lab).unwrap().len(), 1);
    let (_, config) = api.tunnel_config(home).unwrap();
    assert_eq!(config["ingress"].as_array().unwrap().len(), 5);
    assert!(api.log().unexpected().is_empty());
}
