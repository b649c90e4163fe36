//! Tokens, accounts, zones and pages.

use homelab_lab::cloudflare::{ACCOUNT, Permission, Plan, TOKEN, TokenSeed};
use serde_json::{Value, json};

use super::{api, ask, ask_as, get, refused, texts, well};
use crate::wire::call;

#[tokio::test]
async fn each_kind_of_token_has_its_own_verification() {
    let (api, _, _) = api().await;
    api.add_token(
        TokenSeed::new("owned-by-the-account")
            .all()
            .of_the_account(),
    );
    api.add_token(TokenSeed::new("switched-off").all().disabled());
    api.add_token(TokenSeed::new("too-old").all().expired());
    let account = format!("/accounts/{ACCOUNT}/tokens/verify");

    let user = well(&api, "GET", "/user/tokens/verify", Value::Null).await;
    let at_the_wrong_place = ask_as(
        &api,
        "owned-by-the-account",
        "GET",
        "/user/tokens/verify",
        "",
    )
    .await;
    let owned = ask_as(&api, "owned-by-the-account", "GET", &account, "").await;
    let users_there = ask(&api, "GET", &account, Value::Null).await;
    let disabled = ask_as(&api, "switched-off", "GET", "/user/tokens/verify", "").await;
    let expired = ask_as(&api, "too-old", "GET", "/user/tokens/verify", "").await;
    let zones = ask_as(&api, "switched-off", "GET", "/zones", "").await;

    assert_eq!(user["result"]["status"], "active");
    assert_eq!(
        user["messages"][0]["message"],
        "This API Token is valid and active"
    );
    assert_eq!((at_the_wrong_place.status, users_there.status), (401, 401));
    assert_eq!(owned.json()["result"]["status"], "active");
    assert_eq!(disabled.json()["result"]["status"], "disabled");
    assert_eq!(expired.json()["result"]["status"], "expired");
    assert_eq!(zones.status, 403);
    assert!(api.log().unexpected().is_empty());
}

#[tokio::test]
async fn only_a_known_bearer_is_let_in() {
    let (api, _, _) = api().await;
    let zones = "/client/v4/zones";

    let none = call(api.address(), "GET", zones, &[], "").await;
    let basic = call(
        api.address(),
        "GET",
        zones,
        &[("Authorization", "Basic YQ==")],
        "",
    )
    .await;
    let key = [("X-Auth-Email", "a@b.example"), ("X-Auth-Key", "0123")];
    let key = call(api.address(), "GET", zones, &key, "").await;
    let unknown = ask_as(&api, "guessed", "GET", "/zones", "").await;

    assert_eq!((none.status, basic.status, key.status), (400, 400, 403));
    assert_eq!(
        (unknown.status, unknown.json()["errors"][0]["code"].clone()),
        (403, json!(9109))
    );
    // A token that is wrong is nothing a client can know; the rest is.
    assert_eq!(api.log().unexpected().len(), 3);
}

#[tokio::test]
async fn a_token_does_what_it_may_where_it_may() {
    let (api, _, zone) = api().await;
    let other = api.add_zone("other.example", Plan::Free);
    let reader = TokenSeed::new("reader").may(&[Permission::ZoneRead, Permission::DnsWrite]);
    api.add_token(reader.for_zones(&[&zone]));
    let codes = async |path: &str| {
        let answer = ask_as(&api, "reader", "GET", path, "").await;
        (answer.status, answer.json()["errors"][0]["code"].clone())
    };

    let zones = ask_as(&api, "reader", "GET", "/zones", "").await.json();

    assert_eq!(texts(&zones["result"], "name"), ["lab.example"]);
    // To write includes to read.
    assert_eq!(codes(&format!("/zones/{zone}/dns_records")).await.0, 200);
    assert_eq!(
        codes(&format!("/zones/{zone}/rulesets")).await,
        (403, json!(10_000))
    );
    assert_eq!(codes(&format!("/zones/{other}")).await, (403, json!(9109)));
    assert_eq!(
        codes(&format!("/accounts/{ACCOUNT}/cfd_tunnel")).await,
        (403, json!(10_000))
    );
    assert_eq!(codes("/accounts").await, (403, json!(10_000)));
}

#[tokio::test]
async fn zones_come_in_pages() {
    let (api, _, _) = api().await;
    for n in 0..11 {
        api.add_zone(&format!("z{n:02}.example"), Plan::Pro);
    }

    let first = well(&api, "GET", "/zones?per_page=5&order=name", Value::Null).await;
    let last = well(
        &api,
        "GET",
        "/zones?per_page=5&page=3&direction=desc",
        Value::Null,
    )
    .await;
    let beyond = well(&api, "GET", "/zones?per_page=5&page=9", Value::Null).await;
    let one = well(
        &api,
        "GET",
        "/zones?name=z03.example&status=active",
        Value::Null,
    )
    .await;
    let too_small = refused(&api, "GET", "/zones?per_page=4", Value::Null).await;

    assert_eq!(
        first["result_info"],
        json!({"page": 1, "per_page": 5, "count": 5, "total_count": 12, "total_pages": 3})
    );
    assert_eq!(
        texts(&last["result"], "name"),
        ["z00.example", "lab.example"]
    );
    assert_eq!(beyond["result"], json!([]));
    assert_eq!(texts(&one["result"], "name"), ["z03.example"]);
    assert_eq!(one["result"][0]["plan"]["legacy_id"], "pro");
    assert_eq!(one["result"][0]["account"]["id"], ACCOUNT);
    assert_eq!(too_small.0, 400);
}

#[tokio::test]
async fn the_account_and_the_own_addresses_can_be_seen() {
    let (api, _, _) = api().await;

    assert_eq!(texts(&get(&api, "/accounts").await, "id"), [ACCOUNT]);
    assert_eq!(
        get(&api, "/ips").await["ipv4_cidrs"],
        json!(["203.0.113.0/24"])
    );
}

#[tokio::test]
async fn a_zone_that_is_not_there_is_not_there() {
    let (api, _, _) = api().await;

    let unknown = format!("/zones/{}", "0".repeat(32));
    assert_eq!(
        refused(&api, "GET", &unknown, Value::Null).await,
        (404, 1001)
    );
    assert!(api.log().unexpected().is_empty());
    assert_eq!(
        refused(&api, "GET", "/zones/lab.example", Value::Null).await,
        (404, 7003)
    );
    assert_eq!(api.log().unexpected(), ["GET /client/v4/zones/lab.example"]);
}

#[tokio::test]
async fn calls_are_counted_by_token() {
    let (api, clock, _) = api().await;
    api.set_rate(2, 60);
    api.add_token(TokenSeed::new("another").all());

    let first = ask(&api, "GET", "/zones", Value::Null).await;
    let second = ask(&api, "GET", "/zones", Value::Null).await;
    clock.advance_seconds(20);
    let third = ask(&api, "GET", "/zones", Value::Null).await;
    let another = ask_as(&api, "another", "GET", "/zones", "").await;
    clock.advance_seconds(40);
    let later = ask_as(&api, TOKEN, "GET", "/zones", "").await;

    assert!(
        first.head.contains("ratelimit: \"default\";r=1;t=60"),
        "{}",
        first.head
    );
    assert!(
        first
            .head
            .contains("ratelimit-policy: \"default\";q=2;w=60"),
        "{}",
        first.head
    );
    assert_eq!((second.status, third.status), (200, 429));
    assert!(third.head.contains("retry-after: 40"), "{}", third.head);
    assert_eq!(third.json()["errors"][0]["code"], 971);
    assert_eq!((another.status, later.status), (200, 200));
}
