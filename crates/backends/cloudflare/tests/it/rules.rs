//! Custom rules, one at a time.

use homelab_core::error::Code;
use homelab_lab::cloudflare::Plan;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason};

fn rule(description: &str) -> Value {
    json!({ "description": description, "action": "block", "ips": ["198.51.100.7"], "hosts": ["git.lab.example"] })
}

#[tokio::test]
async fn the_first_rule_makes_the_ruleset_and_others_go_behind() {
    let world = World::lab().await;
    let none = world.call("list_firewall_rules", json!({})).await;

    let first = world.call("create_firewall_rule", rule("first")).await;
    let second = world.call("create_firewall_rule", rule("second")).await;
    let mut before = rule("before");
    before["before"] = second["rule"]["id"].clone();
    let before = world.call("create_firewall_rule", before).await;
    let list = world.call("list_firewall_rules", json!({})).await;

    assert_eq!(none["total"], 0);
    assert_eq!(
        (&first["done"], &before["rule"]["position"]),
        (&json!("created"), &json!(2))
    );
    assert_eq!(
        first["rule"]["expression"],
        r#"ip.src in {198.51.100.7} and http.host in {"git.lab.example"}"#
    );
    assert_eq!(column(&list, "description"), ["first", "before", "second"]);
    assert!(!world.writes().iter().any(|line| line.starts_with("PUT ")));
}

#[tokio::test]
async fn two_first_rules_at_once_are_both_kept() {
    let world = World::lab().await;
    // Somebody else's call, past our lock, between our look and our write.
    let path = format!("/zones/{}/rulesets/phases", world.zone);
    world
        .api
        .refuse_next(&path, 404, 10_003, "could not find entrypoint ruleset");
    let theirs = json!({ "description": "theirs", "action": "block", "expression": "ssl" });
    world.api.add_rule(&world.zone, theirs).unwrap();

    world.call("create_firewall_rule", rule("ours")).await;
    let list = world.call("list_firewall_rules", json!({})).await;

    assert_eq!(column(&list, "description"), ["theirs", "ours"]);
}

#[tokio::test]
async fn many_rules_at_once_are_all_kept() {
    let world = World::on(Plan::Pro).await;
    let names: Vec<String> = (0..8).map(|n| format!("rule {n}")).collect();

    let calls = names
        .iter()
        .map(|name| world.call("create_firewall_rule", rule(name)));
    futures_util::future::join_all(calls).await;

    assert_eq!(world.api.rules(&world.zone).unwrap().len(), 8);
}

#[tokio::test]
async fn the_same_rule_again_changes_nothing() {
    let world = World::lab().await;
    let mut named = rule("named");
    named["ref"] = json!("no-bots");
    world.call("create_firewall_rule", named.clone()).await;

    let again = world.call("create_firewall_rule", named.clone()).await;
    named["action"] = json!("managed_challenge");
    let other = world.fail("create_firewall_rule", named).await;

    assert_eq!(again["done"], "unchanged");
    assert_eq!(
        (other.code(), reason(&other), field(&other)),
        (Code::Conflict, "rule_exists", "ref")
    );
    assert_eq!(world.api.rules(&world.zone).unwrap().len(), 1);
}

#[tokio::test]
async fn a_rule_can_let_pass() {
    let world = World::lab().await;

    let skip = json!({ "description": "me", "action": "skip", "ips": ["203.0.113.17"], "skip": ["custom_rules", "rate_limits", "browser_check"], "enabled": false });
    let made = world.call("create_firewall_rule", skip).await;
    let rules = world.api.rules(&world.zone).unwrap();

    assert_eq!(made["rule"]["enabled"], false);
    assert_eq!(
        rules[0]["action_parameters"],
        json!({ "ruleset": "current", "phases": ["http_ratelimit"], "products": ["bic"] })
    );
    // It has parameters of its own, so nothing is said that would lose them.
    let id = rules[0]["id"].clone();
    let inverse = world
        .inverse("delete_firewall_rule", json!({ "rule_id": id }))
        .await;
    let renamed = json!({ "rule_id": id, "description": "me, at home" });
    world.call("update_firewall_rule", renamed).await;
    let kept = &world.api.rules(&world.zone).unwrap()[0]["action_parameters"];
    assert_eq!((inverse, &kept["ruleset"]), (None, &json!("current")));
}

#[rstest]
#[case(json!({ "description": "x", "action": "block" }), "expression")]
#[case(json!({ "description": "x", "action": "block", "expression": "ssl", "ips": ["192.0.2.1"] }), "expression")]
#[case(json!({ "description": "x", "action": "block", "ips": ["x"] }), "ips[0]")]
#[case(json!({ "description": "x", "action": "block", "countries": ["D1"] }), "countries[0]")]
#[case(json!({ "description": "x", "action": "block", "paths": ["x"] }), "paths[0]")]
#[case(json!({ "description": "x", "action": "block", "expression": "ssl", "skip": ["rate_limits"] }), "skip")]
#[case(json!({ "description": "x", "action": "block", "expression": "ssl", "before": "00000000000000000000000000000000" }), "before")]
#[case(json!({ "description": "x", "action": "block", "expression": "ip.src eq" }), "expression")]
#[case(json!({ "description": "x", "action": "log", "expression": "ssl" }), "action")]
#[tokio::test]
async fn a_rule_that_is_none_names_the_argument(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;

    let error = world.fail("create_firewall_rule", args).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, wrong),
        "{error}"
    );
    assert_eq!(world.api.rules(&world.zone), None);
}

#[tokio::test]
async fn a_plan_that_is_full_is_told() {
    let world = World::lab().await;
    for n in 0..5 {
        world
            .call("create_firewall_rule", rule(&format!("{n}")))
            .await;
    }

    let error = world.fail("create_firewall_rule", rule("one more")).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "rule_limit")
    );
    assert!(hint(&error).contains("list_firewall_rules"));
}

#[tokio::test]
async fn a_rule_is_changed_and_deleted_by_its_id_or_name() {
    let world = World::lab().await;
    let mut first = rule("first");
    first["ref"] = json!("first-rule");
    let made = world.call("create_firewall_rule", first).await;
    world.call("create_firewall_rule", rule("second")).await;
    let id = made["rule"]["id"].clone();

    let args = json!({ "rule_id": id, "action": "managed_challenge", "enabled": false });
    let preview = world.preview("update_firewall_rule", args.clone()).await;
    let changed = world.call("update_firewall_rule", args).await;
    let targets = world
        .targets("delete_firewall_rule", json!({ "ref": "first-rule" }))
        .await;
    world.api.answer_204_to_deletes();
    let deleted = json!({ "ref": "first-rule" });
    let deleted = world.call("delete_firewall_rule", deleted).await;
    let list = world.call("list_firewall_rules", json!({})).await;

    assert_eq!(preview.changes.len(), 2);
    let rule = &changed["rule"];
    assert_eq!(
        (&rule["action"], &rule["enabled"], &rule["ref"]),
        (
            &json!("managed_challenge"),
            &json!(false),
            &json!("first-rule")
        )
    );
    assert_eq!(targets, ["zone lab.example", "firewall_rule first-rule"]);
    assert_eq!(deleted["done"], "deleted");
    assert_eq!(column(&list, "description"), ["second"]);
}

#[rstest]
#[case("update_firewall_rule", json!({ "rule_id": "00000000000000000000000000000000", "enabled": true }), "rule_not_found")]
#[case("delete_firewall_rule", json!({ "rule_id": "00000000000000000000000000000000" }), "rule_not_found")]
#[case("delete_firewall_rule", json!({ "ref": "nosuch" }), "rule_not_found")]
#[case("delete_firewall_rule", json!({}), "")]
#[tokio::test]
async fn a_rule_that_is_not_there_is_told(
    #[case] tool: &str,
    #[case] args: Value,
    #[case] wanted: &str,
) {
    let world = World::lab().await;
    world.call("create_firewall_rule", rule("kept")).await;

    let error = world.fail(tool, args).await;

    assert_eq!((field(&error), reason(&error)), ("rule_id", wanted));
    assert_eq!(world.api.rules(&world.zone).unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_of_nothing_and_one_to_a_skip_are_refused() {
    let world = World::lab().await;
    let made = world.call("create_firewall_rule", rule("kept")).await;
    let id = made["rule"]["id"].clone();

    let nothing = json!({ "rule_id": id });
    let nothing = world.fail("update_firewall_rule", nothing).await;
    let skip = json!({ "rule_id": id, "action": "skip" });
    let skip = world.fail("update_firewall_rule", skip).await;
    let wrong = json!({ "rule_id": id, "expression": "ip.src eq" });
    let wrong = world.fail("update_firewall_rule", wrong).await;

    assert_eq!(
        [field(&nothing), field(&skip), field(&wrong)],
        ["expression", "action", "expression"]
    );
}
