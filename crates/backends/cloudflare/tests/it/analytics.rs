//! Analytics.

use homelab_core::clock::Micros;
use homelab_core::error::Code;
use homelab_lab::cloudflare::{Plan, Traffic};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{NOW, World, field, reason};

/// Two hours: 10 requests, then 20, and 5 that were blocked.
async fn busy(plan: Plan) -> World {
    let world = World::on(plan).await;
    let now = Micros::from_rfc3339(NOW).unwrap().0 / 1_000_000;
    let add = |traffic: Traffic| world.api.add_traffic(&world.zone, traffic);
    add(Traffic::new(now - 7200, "www.lab.example", 10));
    add(Traffic::new(now - 3600, "www.lab.example", 20));
    add(Traffic {
        country: "US".to_owned(),
        status: 403,
        action: Some("block".to_owned()),
        ..Traffic::new(now - 3500, "vpn.lab.example", 5)
    });
    world
}

async fn keys(world: &World, group_by: &str) -> Vec<(String, u64)> {
    let args = json!({ "group_by": group_by });
    let found = world.call("get_zone_analytics", args).await;
    let groups = found["groups"].as_array().unwrap().iter();
    groups
        .map(|group| {
            let key = group["key"].as_str().unwrap().to_owned();
            (key, group["requests"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_day_comes_by_the_hour_with_its_totals() {
    let world = busy(Plan::Free).await;

    let day = world.call("get_zone_analytics", json!({})).await;
    let by_hour = keys(&world, "time").await;

    assert_eq!(day["dataset"], "httpRequests1hGroups");
    assert_eq!(
        (&day["since"], &day["until"], &day["sampled"]),
        (&json!("2026-11-19T02:00:00Z"), &json!(NOW), &json!(false))
    );
    assert_eq!(day["totals"]["requests"], 35);
    assert_eq!(day["totals"]["threats"], 5);
    assert_eq!(
        by_hour,
        [
            ("2026-11-20T00:00:00Z".to_owned(), 10),
            ("2026-11-20T01:00:00Z".to_owned(), 25)
        ]
    );
}

#[tokio::test]
async fn a_month_comes_by_the_day() {
    let world = busy(Plan::Free).await;

    let month = world
        .call("get_zone_analytics", json!({ "period": "30d" }))
        .await;

    assert_eq!(month["dataset"], "httpRequests1dGroups");
    assert_eq!(month["groups"][0]["key"], "2026-11-20");
    assert_eq!(month["totals"]["requests"], 35);
}

#[rstest]
#[case("country", &[("DE", 30), ("US", 5)])]
#[case("status", &[("200", 30), ("403", 5)])]
#[case("host", &[("www.lab.example", 30), ("vpn.lab.example", 5)])]
#[case("path", &[("/", 35)])]
#[case("firewall", &[("block US vpn.lab.example", 5)])]
#[tokio::test]
async fn requests_are_grouped(#[case] group_by: &str, #[case] expected: &[(&str, u64)]) {
    let world = busy(Plan::Free).await;

    let found = keys(&world, group_by).await;

    let found: Vec<(&str, u64)> = found.iter().map(|(key, n)| (&**key, *n)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_is_not_shown_is_counted() {
    let world = busy(Plan::Free).await;

    let args = json!({ "group_by": "host", "limit": 1 });
    let found = world.call("get_zone_analytics", args).await;

    assert_eq!(found["groups"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&found["more"], &found["sampled"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test]
async fn the_plan_says_what_can_be_asked() {
    let free = busy(Plan::Free).await;
    let paid = busy(Plan::Pro).await;
    let args = json!({ "group_by": "host", "period": "7d" });

    let refused = free.fail("get_zone_analytics", args.clone()).await;
    let answered = paid.call("get_zone_analytics", args).await;

    assert_eq!(
        (refused.code(), field(&refused)),
        (Code::InvalidArgument, "since")
    );
    assert!(refused.envelope().message.contains("24 hours at a time"));
    assert_eq!(answered["totals"]["requests"], 35);
}

#[rstest]
#[case(json!({ "since": "soon" }), "since")]
#[case(json!({ "until": "2026-11-01T00:00:00Z", "since": "2026-11-02T00:00:00Z" }), "since")]
#[case(json!({ "zone": "nosuch.example" }), "zone")]
#[tokio::test]
async fn questions_that_are_none_name_the_argument(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;

    let error = world.fail("get_zone_analytics", args).await;

    assert_eq!(field(&error), wrong);
}

#[tokio::test]
async fn an_error_in_a_right_answer_is_one() {
    let world = busy(Plan::Free).await;
    world.api.fail_analytics("internal server error");

    let error = world.fail("get_zone_analytics", json!({})).await;
    world
        .api
        .fail_analytics("zone does not have access to the path");
    let denied = world.fail("get_zone_analytics", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "analytics_refused")
    );
    assert_eq!(reason(&denied), "permission_missing");
}
