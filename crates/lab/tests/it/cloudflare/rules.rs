//! Custom rules and IP access rules.

use homelab_lab::cloudflare::{Cloudflare, Plan};
use serde_json::{Value, json};

use super::{api, ask, done, get, refused, texts, well};

fn entry(zone: &str) -> String {
    format!("/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint")
}

fn rule(name: &str) -> Value {
    json!({"description": name, "expression": "ip.src eq 192.0.2.1", "action": "block", "ref": name})
}

/// An entry point with the rules `a` and `b`; the place of its rules.
async fn two_rules(api: &Cloudflare, zone: &str) -> String {
    let made = done(
        api,
        "PUT",
        &entry(zone),
        json!({"rules": [rule("a"), rule("b")]}),
    )
    .await;
    format!(
        "/zones/{zone}/rulesets/{}/rules",
        made["id"].as_str().unwrap()
    )
}

fn refs(ruleset: &Value) -> String {
    texts(&ruleset["rules"], "ref").join(" ")
}

#[tokio::test]
async fn the_entry_point_is_missing_until_it_is_put() {
    let (api, _, zone) = api().await;

    let before = refused(&api, "GET", &entry(&zone), Value::Null).await;
    let rules = two_rules(&api, &zone).await;
    let after = get(&api, &entry(&zone)).await;
    let list = get(&api, &format!("/zones/{zone}/rulesets")).await;

    assert_eq!(before, (404, 10_003));
    assert_eq!(
        (&after["version"], &after["kind"]),
        (&json!("1"), &json!("zone"))
    );
    assert_eq!(refs(&after), "a b");
    assert_eq!(after["rules"][0]["enabled"], true);
    assert!(list[0].get("rules").is_none() && rules.contains(list[0]["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_put_overwrites_all_rules_and_a_post_appends_one() {
    let (api, _, zone) = api().await;
    let rules = two_rules(&api, &zone).await;

    let appended = done(&api, "POST", &rules, rule("c")).await;
    let overwritten = done(&api, "PUT", &entry(&zone), json!({"rules": [rule("d")]})).await;

    assert_eq!(
        (refs(&appended), &appended["version"]),
        ("a b c".to_owned(), &json!("2"))
    );
    assert_eq!(
        (refs(&overwritten), &overwritten["version"]),
        ("d".to_owned(), &json!("3"))
    );
}

#[tokio::test]
async fn a_rule_goes_where_it_says() {
    let (api, _, zone) = api().await;
    let rules = two_rules(&api, &zone).await;
    let id = get(&api, &entry(&zone)).await["rules"][1]["id"].clone();
    let at = async |name: &str, position: Value| {
        let mut rule = rule(name);
        rule["position"] = position;
        refs(&done(&api, "POST", &rules, rule).await)
    };

    assert_eq!(at("c", json!({"before": id})).await, "a c b");
    assert_eq!(at("d", json!({"after": id})).await, "a c b d");
    assert_eq!(at("e", json!({"index": 1})).await, "e a c b d");
    let moved = json!({"position": {"before": ""}});
    let place = format!("{rules}/{}", id.as_str().unwrap());
    assert_eq!(refs(&done(&api, "PATCH", &place, moved).await), "b e a c d");
    assert!(api.log().unexpected().is_empty());
}

#[tokio::test]
async fn a_rule_is_changed_and_deleted_alone() {
    let (api, _, zone) = api().await;
    let rules = two_rules(&api, &zone).await;
    let id = api.rules(&zone).unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let one = format!("{rules}/{id}");

    let changed = done(&api, "PATCH", &one, json!({"enabled": false})).await;
    let left = done(&api, "DELETE", &one, Value::Null).await;
    let again = refused(&api, "DELETE", &one, Value::Null).await;

    assert_eq!(changed["rules"][0]["enabled"], false);
    assert_eq!(
        (&changed["rules"][0]["version"], &changed["version"]),
        (&json!("2"), &json!("2"))
    );
    assert_eq!(changed["rules"][0]["expression"], "ip.src eq 192.0.2.1");
    assert_eq!(refs(&left), "b");
    assert_eq!(again.0, 404);
    api.answer_204_to_deletes();
    let other = api.rules(&zone).unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let empty = ask(&api, "DELETE", &format!("{rules}/{other}"), Value::Null).await;
    assert_eq!((empty.status, empty.body()), (204, String::new()));
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_its_place() {
    let (api, _, zone) = api().await;
    let rules = two_rules(&api, &zone).await;
    let bad = [
        (json!({"expression": "ip.src eq"}), "/expression"),
        (json!({"action": "allow"}), "/action"),
        (json!({"action": "log"}), "/action"),
        (json!({"action": "skip"}), "/action_parameters"),
        (
            json!({"action": "skip", "action_parameters": {"products": ["all"]}}),
            "/action_parameters",
        ),
        (
            json!({"action_parameters": {"response": {"status_code": 418}}}),
            "/action_parameters",
        ),
        (json!({"ref": "a"}), "/rules/2/ref"),
        (json!({"ratelimit": {"period": 10}}), "/ratelimit"),
    ];

    for (change, pointer) in bad {
        let mut body = rule("c");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = ask(&api, "POST", &rules, body).await;
        assert_eq!(answer.status, 400, "{change}: {}", answer.body());
        assert_eq!(
            answer.json()["errors"][0]["source"]["pointer"],
            pointer,
            "{change}"
        );
    }
    assert_eq!(api.rules(&zone).unwrap().len(), 2);
    let skip = json!({"action": "skip", "expression": "true", "action_parameters": {"ruleset": "current", "products": ["waf"]}});
    done(&api, "POST", &rules, skip).await;
    assert!(api.log().unexpected().is_empty());
}

#[tokio::test]
async fn a_plan_has_so_many_rules() {
    let (api, _, zone) = api().await;
    let rules = two_rules(&api, &zone).await;
    for name in ["c", "d", "e"] {
        done(&api, "POST", &rules, rule(name)).await;
    }

    assert_eq!(
        refused(&api, "POST", &rules, rule("f")).await,
        (400, 20_021)
    );
}

#[tokio::test]
async fn rulesets_come_by_cursor() {
    let (api, _, _) = api().await;
    let zone = api.add_zone("paid.example", Plan::Pro);
    for phase in [
        "http_request_firewall_custom",
        "http_ratelimit",
        "http_request_transform",
    ] {
        let body = json!({"name": phase, "kind": "zone", "phase": phase, "rules": []});
        done(&api, "POST", &format!("/zones/{zone}/rulesets"), body).await;
    }

    let first = well(
        &api,
        "GET",
        &format!("/zones/{zone}/rulesets?per_page=2"),
        Value::Null,
    )
    .await;
    let cursor = first["result_info"]["cursors"]["after"].as_str().unwrap();
    let path = format!("/zones/{zone}/rulesets?per_page=2&cursor={cursor}");
    let last = well(&api, "GET", &path, Value::Null).await;

    assert_eq!(first["result"].as_array().unwrap().len(), 2);
    assert_eq!(texts(&last["result"], "phase"), ["http_request_transform"]);
    assert_eq!(last["result_info"], json!({}));
    let again = json!({"name": "b", "kind": "zone", "phase": "http_ratelimit", "rules": []});
    assert_eq!(
        refused(&api, "POST", &format!("/zones/{zone}/rulesets"), again)
            .await
            .0,
        400
    );
}

#[tokio::test]
async fn what_is_deprecated_is_not_there() {
    let (api, _, zone) = api().await;

    for path in [
        "firewall/rules",
        "filters",
        "settings",
        "analytics/dashboard",
    ] {
        let path = format!("/zones/{zone}/{path}");
        assert_eq!(
            refused(&api, "GET", &path, Value::Null).await,
            (404, 7003),
            "{path}"
        );
    }
    assert_eq!(api.log().unexpected().len(), 4);
}

#[tokio::test]
async fn addresses_are_let_in_and_kept_out() {
    let (api, _, zone) = api().await;
    let place = format!("/zones/{zone}/firewall/access_rules/rules");
    let of = |target: &str, value: &str| json!({"mode": "block", "configuration": {"target": target, "value": value}, "notes": "n"});

    let made = done(&api, "POST", &place, of("ip", "192.0.2.1")).await;
    let one = format!("{place}/{}", made["id"].as_str().unwrap());
    let changed = done(&api, "PATCH", &one, json!({"mode": "whitelist"})).await;
    let found = get(
        &api,
        &format!("{place}?mode=whitelist&configuration.target=ip"),
    )
    .await;
    let twice = refused(&api, "POST", &place, of("ip", "192.0.2.1")).await;
    let range = refused(&api, "POST", &place, of("ip_range", "192.0.2.0/26")).await;
    let gone = done(&api, "DELETE", &one, Value::Null).await;

    assert_eq!(changed["mode"], "whitelist");
    assert_eq!(found[0]["id"], made["id"]);
    assert_eq!((twice, range.0), ((400, 10_009), 400));
    assert_eq!(gone, json!({"id": made["id"]}));
    assert_eq!(refused(&api, "DELETE", &one, Value::Null).await.0, 404);
    assert!(api.log().unexpected().is_empty());
}
