//! Policies between zones, and the rules of before.

use homelab_core::error::Code;
use homelab_lab::unifi::{Options, Release, Unifi};
use serde_json::{Value, json};

use crate::world::{With, World, column, field, reason, says};

fn policy(name: &str, action: &Value) -> Value {
    json!({
        "name": name, "enabled": true, "action": action,
        "source": { "zoneId": Unifi::zone_id("Internal") },
        "destination": { "zoneId": Unifi::zone_id("External") },
        "ipProtocolScope": { "ipVersion": "IPV4_AND_IPV6" }, "loggingEnabled": false,
    })
}

/// A policy of ours and one of the console's; their ids.
fn policies(world: &World) -> (String, String) {
    let allow = json!({ "type": "ALLOW", "allowReturnTraffic": true });
    let own = world
        .unifi
        .add_policy("USER_DEFINED", &policy("nas out", &allow));
    let block = json!({ "type": "BLOCK" });
    let system = world
        .unifi
        .add_policy("SYSTEM_DEFINED", &policy("Block All", &block));
    (own, system)
}

fn by_name(world: &World, name: &str) -> Value {
    let all = world.unifi.policies();
    all.into_iter().find(|one| one["name"] == name).unwrap()
}

async fn with_rules() -> World {
    let options = Options {
        release: Release::V9_1,
        zone_based: false,
        ..Options::default()
    };
    let world = World::of(options, With::Both).await;
    world.unifi.add_rule(&json!({
        "name": "drop smb", "enabled": true, "action": "drop", "ruleset": "WAN_IN", "rule_index": 2000,
        "protocol": "tcp", "dst_port": "445", "logging": false,
    }));
    world
}

#[tokio::test]
async fn policies_are_listed_with_their_zones() {
    for (release, api) in [(Release::V10_5, "integration"), (Release::V10_0, "legacy")] {
        let world = World::release(release, With::Both).await;
        policies(&world);

        let all = world.call("list_firewall_rules", json!({})).await;
        let own = world
            .call("list_firewall_rules", json!({ "user_defined": true }))
            .await;
        let found = world
            .call(
                "list_firewall_rules",
                json!({ "search": "nas", "enabled": true }),
            )
            .await;

        assert_eq!(
            (&all["api"], &all["model"]),
            (&json!(api), &json!("zone_policy"))
        );
        assert_eq!(column(&all, "name"), ["nas out", "Block All"]);
        assert_eq!(column(&own, "source"), ["Internal"]);
        assert_eq!(column(&found, "destination"), ["External"]);
        assert_eq!(column(&all, "action"), ["allow", "block"]);
    }
}

#[tokio::test]
async fn rules_are_listed_where_there_are_no_zones() {
    let world = with_rules().await;

    let list = world.call("list_firewall_rules", json!({})).await;
    let zones = world
        .call("list_firewall_rules", json!({ "mode": "zones" }))
        .await;

    assert_eq!(
        (&list["model"], &list["api"]),
        (&json!("legacy_rule"), &json!("legacy"))
    );
    let rule = &list["items"][0];
    assert_eq!(
        (&rule["ruleset"], &rule["destination"]),
        (&json!("WAN_IN"), &json!("any:445"))
    );
    assert_eq!(zones["total"], 0);
}

#[tokio::test]
async fn a_policy_is_changed_and_changed_back() {
    for release in [Release::V10_5, Release::V10_0] {
        let world = World::release(release, With::Both).await;
        policies(&world);
        let list = world.call("list_firewall_rules", json!({})).await;
        let args = json!({ "id": list["items"][0]["id"], "enabled": false, "action": "block" });

        let plan = world.preview("update_firewall_rule", args.clone()).await;
        let targets = world.targets("update_firewall_rule", args.clone()).await;
        let inverse = world
            .inverse("update_firewall_rule", args.clone())
            .await
            .unwrap();
        let done = world.call("update_firewall_rule", args).await;
        let after = by_name(&world, "nas out");
        world.undo(inverse).await;
        let back = by_name(&world, "nas out");

        assert_eq!(plan.changes.len(), 2);
        assert!(says(&plan.impact, "own way in"), "{:?}", plan.impact);
        assert_eq!(targets[0].name.as_deref(), Some("nas out"));
        assert_eq!(
            (&done["changed"], &done["rule"]["enabled"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(
            (&after["enabled"], &after["action"]),
            (&json!(false), &json!({ "type": "BLOCK" }))
        );
        assert_eq!(
            (&back["enabled"], &back["action"]["type"]),
            (&json!(true), &json!("ALLOW"))
        );
    }
}

#[tokio::test]
async fn logging_alone_is_patched_and_may_be_of_any_policy() {
    let world = World::lab().await;
    let (_, system) = policies(&world);

    let done = world
        .call(
            "update_firewall_rule",
            json!({ "id": system, "logging": true }),
        )
        .await;
    let again = world
        .call(
            "update_firewall_rule",
            json!({ "id": system, "logging": true }),
        )
        .await;

    assert_eq!(
        (&done["changed"], &again["changed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        world.bodies("/firewall/policies/"),
        [json!({ "loggingEnabled": true })]
    );
}

#[tokio::test]
async fn what_the_console_made_stays_as_it_is() {
    let world = World::lab().await;
    let (_, system) = policies(&world);

    let error = world
        .fail(
            "update_firewall_rule",
            json!({ "id": system, "enabled": false }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "not_user_defined")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_change_of_nothing_or_of_nobody_is_refused() {
    let world = World::lab().await;
    let (own, _) = policies(&world);

    let nothing = world
        .fail("update_firewall_rule", json!({ "id": own }))
        .await;
    let nobody = world
        .fail(
            "update_firewall_rule",
            json!({ "id": "x", "enabled": true }),
        )
        .await;
    let site = world
        .fail("list_firewall_rules", json!({ "site": "attic" }))
        .await;

    assert_eq!(
        (nothing.code(), reason(&nothing)),
        (Code::InvalidArgument, "nothing_to_change")
    );
    assert_eq!((reason(&nobody), field(&nobody)), ("rule_not_found", "id"));
    assert_eq!(reason(&site), "site_not_found");
}

#[tokio::test]
async fn a_policy_that_is_not_kept_is_a_failure() {
    let world = World::lab().await;
    let (own, _) = policies(&world);
    world.unifi.swallow_next_write("/v1/sites/");

    let args = json!({ "id": own, "name": "renamed" });
    let ran = world.run("update_firewall_rule", args).await.unwrap();

    assert_eq!(
        (ran.mismatches[0].field, ran.mismatches[0].found.as_str()),
        ("name", "nas out")
    );
}

#[tokio::test]
async fn a_rule_of_before_is_changed_by_what_is_new_of_it() {
    let world = with_rules().await;
    let list = world.call("list_firewall_rules", json!({})).await;

    let args = json!({ "id": list["items"][0]["id"], "action": "reject", "logging": true });
    let done = world.call("update_firewall_rule", args).await;

    assert_eq!(
        (&done["rule"]["action"], &done["rule"]["logging"]),
        (&json!("reject"), &json!(true))
    );
    assert_eq!(
        world.bodies("/rest/firewallrule/"),
        [json!({ "logging": true, "action": "reject" })]
    );
}
