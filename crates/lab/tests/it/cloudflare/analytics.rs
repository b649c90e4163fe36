//! The analytics.

use homelab_lab::cloudflare::{Cloudflare, Permission, TokenSeed, Traffic};
use serde_json::{Value, json};

use super::{NOW, api, ask, ask_as};

async fn question(api: &Cloudflare, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables});
    let answer = ask(api, "POST", "/graphql", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body());
    answer.json()
}

const BY_HOUR: &str = "query($zone: string!, $since: Time!, $until: Time!) {
  viewer { zones(filter: {zoneTag: $zone}) {
    hours: httpRequests1hGroups(limit: 100, orderBy: [datetime_DESC],
        filter: {datetime_geq: $since, datetime_lt: $until}) {
      dimensions { datetime }
      sum { requests bytes cachedRequests threats countryMap { clientCountryName requests } }
      uniq { uniques }
    } } } }";

/// Two hours: 10 requests, then 20 and 5 that were blocked.
async fn busy() -> (Cloudflare, String) {
    let (api, _, zone) = api().await;
    api.add_traffic(&zone, Traffic::new(NOW - 7200, "www.lab.example", 10));
    api.add_traffic(&zone, Traffic::new(NOW - 3600, "www.lab.example", 20));
    let blocked = Traffic {
        country: "US".to_owned(),
        status: 403,
        cache: "dynamic".to_owned(),
        action: Some("block".to_owned()),
        ..Traffic::new(NOW - 3500, "vpn.lab.example", 5)
    };
    api.add_traffic(&zone, blocked);
    (api, zone)
}

#[tokio::test]
async fn hours_are_summed() {
    let (api, zone) = busy().await;

    let variables =
        json!({"zone": zone, "since": "2026-11-19T12:00:00Z", "until": "2026-11-20T02:00:00Z"});
    let answer = question(&api, BY_HOUR, variables).await;

    assert_eq!(answer["errors"], Value::Null, "{answer}");
    let hours = &answer["data"]["viewer"]["zones"][0]["hours"];
    assert_eq!(hours.as_array().unwrap().len(), 2, "{hours}");
    assert_eq!(
        hours[0]["dimensions"],
        json!({"datetime": "2026-11-20T01:00:00Z"})
    );
    assert_eq!(
        hours[0]["sum"],
        json!({
            "requests": 25, "bytes": 25_000, "cachedRequests": 20, "threats": 5,
            "countryMap": [{"clientCountryName": "DE", "requests": 20}, {"clientCountryName": "US", "requests": 5}],
        })
    );
    assert_eq!(hours[1]["uniq"]["uniques"], 1);
}

#[tokio::test]
async fn sampled_sets_are_grouped_and_ordered() {
    let (api, zone) = busy().await;
    let query = "query($z: string!, $s: Time!, $u: Time!) { viewer { zones(filter: {zoneTag: $z}) {
      top: httpRequestsAdaptiveGroups(limit: 1, orderBy: [count_DESC], filter: {datetime_geq: $s, datetime_leq: $u}) {
        count dimensions { clientRequestHTTPHost } sum { visits } }
      blocked: firewallEventsAdaptiveGroups(limit: 10, filter: {datetime_geq: $s, datetime_leq: $u, action: block}) {
        count dimensions { action clientCountryName } } } } }";

    let variables = json!({"z": zone, "s": "2026-11-19T12:00:00Z", "u": "2026-11-20T02:00:00Z"});
    let answer = question(&api, query, variables).await;

    let zone = &answer["data"]["viewer"]["zones"][0];
    assert_eq!(
        zone["top"],
        json!([{"count": 30, "dimensions": {"clientRequestHTTPHost": "www.lab.example"}, "sum": {"visits": 30}}]),
        "{answer}"
    );
    assert_eq!(
        zone["blocked"],
        json!([{"count": 5, "dimensions": {"action": "block", "clientCountryName": "US"}}])
    );
}

#[tokio::test]
async fn the_plans_limits_can_be_asked_for() {
    let (api, zone) = busy().await;
    let query = "query($z: string!) { viewer { zones(filter: {zoneTag: $z}) { zoneTag settings {
      httpRequests1dGroups { enabled maxDuration notOlderThan maxPageSize maxNumberOfFields } } } } }";

    let answer = question(&api, query, json!({"z": zone})).await;

    let limits = &answer["data"]["viewer"]["zones"][0]["settings"]["httpRequests1dGroups"];
    assert_eq!(limits["enabled"], true, "{answer}");
    assert_eq!(limits["maxDuration"], 365 * 86_400);
}

#[tokio::test]
async fn wrong_questions_are_answered_200_with_errors() {
    let (api, zone) = busy().await;
    let day = |filter: &str, fields: &str| {
        format!(
            "query($z: string!) {{ viewer {{ zones(filter: {{zoneTag: $z}}) {{ httpRequests1dGroups(limit: 10, filter: {{{filter}}}) {{ {fields} }} }} }} }}"
        )
    };
    let right = "date_geq: \"2026-11-01\", date_leq: \"2026-11-20\"";
    let cases = [
        (day(right, "sum { visits }"), "unknown field \"visits\""),
        (
            day(right, "dimensions { clientCountryName }"),
            "unknown field",
        ),
        (
            day("date_geq: \"2026-11-01\"", "uniq { uniques }"),
            "both ends",
        ),
        (
            day(
                "date_geq: \"2024-01-01\", date_leq: \"2024-01-02\"",
                "uniq { uniques }",
            ),
            "older than 365d",
        ),
        (
            day("datetime_geq: \"2026-11-01\"", "uniq { uniques }"),
            "unknown argument",
        ),
        (
            "query($z: string!) { viewer { zones(filter: {zoneTag: $z}) { nothing } } }".to_owned(),
            "unknown field",
        ),
        (
            "query($z: string!) { viewer { zones(filter: {zone: $z}) { zoneTag } } }".to_owned(),
            "unknown argument",
        ),
        ("{ viewer".to_owned(), "syntax error"),
    ];

    for (query, part) in cases {
        let variables = if query.contains("$z") {
            json!({"z": zone})
        } else {
            json!({})
        };
        let answer = question(&api, &query, variables).await;
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{query}: {answer}");
        assert_eq!(answer["data"], Value::Null);
    }
    let ok = question(&api, &day(right, "uniq { uniques }"), json!({"z": zone})).await;
    assert_eq!(
        ok["data"]["viewer"]["zones"][0]["httpRequests1dGroups"][0]["uniq"]["uniques"],
        3
    );
}

#[tokio::test]
async fn a_free_plan_looks_a_day_at_a_time() {
    let (api, zone) = busy().await;
    let query = "query($z: string!) { viewer { zones(filter: {zoneTag: $z}) { httpRequestsAdaptiveGroups(limit: 1,
      filter: {datetime_geq: \"2026-11-17T00:00:00Z\", datetime_leq: \"2026-11-20T00:00:00Z\"}) { count } } } }";

    let answer = question(&api, query, json!({"z": zone})).await;

    assert_eq!(
        answer["errors"][0]["message"],
        "cannot request a time range wider than 1d"
    );
}

#[tokio::test]
async fn a_token_without_the_right_is_told_in_the_errors() {
    let (api, zone) = busy().await;
    api.add_token(TokenSeed::new("reader").may(&[Permission::ZoneRead]));
    let query = "query($z: string!) { viewer { zones(filter: {zoneTag: $z}) { zoneTag } } }";
    let body = json!({"query": query, "variables": {"z": zone}}).to_string();

    let answer = ask_as(&api, "reader", "POST", "/graphql", &body).await;
    api.fail_analytics("quota exceeded");
    let failed = question(&api, query, json!({"z": zone})).await;

    assert_eq!(answer.status, 200);
    assert!(
        answer.json()["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("not authorized")
    );
    assert!(!answer.head.contains("ratelimit"), "{}", answer.head);
    assert_eq!(failed["errors"][0]["message"], "quota exceeded");
}
