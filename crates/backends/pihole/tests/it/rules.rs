//! Rules about domains.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason};

#[tokio::test]
async fn domains_are_allowed_and_denied() {
    let world = World::lab().await;
    let allow = json!({ "domains": ["CDN.Shop.example.", "b.example"], "comment": "the shop" });

    let allowed = world.first("whitelist_domain", allow).await;
    let denied = json!({ "domain": "^ads[0-9]+\\.", "kind": "regex" });
    let denied = world.first("blacklist_domain", denied).await;

    assert_eq!(
        world.pihole.rules(),
        [
            "allow/exact cdn.shop.example",
            "allow/exact b.example",
            "deny/regex ^ads[0-9]+\\."
        ]
    );
    assert_eq!(allowed["rules"][0]["comment"], "the shop");
    assert_eq!(allowed["rules"][0]["groups"], json!(["Default"]));
    assert_eq!(denied["unchanged"], json!([]));
}

#[tokio::test]
async fn what_is_there_stays_and_what_is_off_comes_on() {
    let world = World::lab().await;
    let args = json!({ "domains": ["a.example", "b.example"], "comment": "new" });
    world
        .call(
            "blacklist_domain",
            json!({ "domain": "a.example", "comment": "old" }),
        )
        .await;

    let again = world.first("blacklist_domain", args).await;

    assert_eq!(again["unchanged"], json!(["a.example"]));
    assert_eq!(again["rules"][0]["comment"], "old");
    assert_eq!(world.pihole.rules().len(), 2);
}

#[tokio::test]
async fn a_contradiction_is_told() {
    let world = World::lab().await;
    world.pihole.add_rule("allow/exact", "a.example");

    let denied = world
        .first("blacklist_domain", json!({ "domain": "a.example" }))
        .await;
    let allowed = world
        .first("whitelist_domain", json!({ "domain": "a.example" }))
        .await;

    assert_eq!(denied["contradicted"], json!(["a.example"]));
    assert_eq!(allowed["contradicted"], json!(["a.example"]));
}

#[tokio::test]
async fn rules_can_be_for_a_group() {
    let world = World::lab().await;
    world.pihole.add_group("children");
    let args = |group: &str| json!({ "domain": "casino.example", "groups": [group] });

    let made = world.first("blacklist_domain", args("children")).await;
    let unknown = world.fail("whitelist_domain", args("adults")).await;

    assert_eq!(made["rules"][0]["groups"], json!(["children"]));
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::NotFound, "group_not_found")
    );
    assert_eq!(world.pihole.rules(), ["deny/exact casino.example"]);
}

#[tokio::test]
async fn mistakes_are_refused_before_anything_is_sent() {
    let world = World::lab().await;
    for (args, wanted) in [
        (json!({}), "domain"),
        (
            json!({ "domain": "a.example", "domains": ["b.example"] }),
            "domains",
        ),
        (json!({ "domain": "https://a.example/x" }), "domain"),
        (json!({ "domain": "*.a.example" }), "domain"),
        (json!({ "domain": ".*", "kind": "regex" }), "domain"),
    ] {
        let error = world.fail("blacklist_domain", args.clone()).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, wanted),
            "{args}"
        );
    }
    assert_eq!(world.pihole.logins(), 0);
    let all = json!({ "domain": ".*", "kind": "regex", "force": true });
    world.call("blacklist_domain", all).await;
}

#[tokio::test]
async fn an_expression_that_is_wrong_is_refused_with_its_reason() {
    let world = World::lab().await;

    let args = json!({ "domain": "(ads", "kind": "regex" });
    let error = world.fail("whitelist_domain", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::InvalidArgument, "refused_by_server")
    );
    assert!(error.envelope().message.contains("Regex validation failed"));
}

#[tokio::test]
async fn names_of_other_scripts_are_taken() {
    let world = World::lab().await;

    let made = world
        .first("blacklist_domain", json!({ "domain": "bücher.example" }))
        .await;

    assert_eq!(made["rules"][0]["domain"], "xn--bcher-kva.example");
}

#[tokio::test]
async fn a_rule_is_removed_once() {
    let world = World::lab().await;
    let expression = "^a/b?c#d%[.]";
    world.pihole.add_rule("deny/regex", expression);
    let args = json!({ "domain": expression, "type": "deny", "kind": "regex" });

    let plan = world.preview("remove_domain_rule", args.clone()).await;
    let gone = world.first("remove_domain_rule", args.clone()).await;
    let again = world.first("remove_domain_rule", args.clone()).await;
    let nothing = world
        .try_preview("remove_domain_rule", args)
        .await
        .unwrap_err();

    assert_eq!(plan.changes.len(), 1);
    assert_eq!(
        (gone, again),
        (json!({ "removed": true }), json!({ "removed": false }))
    );
    assert_eq!(reason(&nothing), "rule_not_found");
    assert_eq!(world.pihole.rules(), [""; 0]);
}

#[tokio::test]
async fn changes_have_plans_and_ways_back() {
    let world = World::lab().await;
    let args = json!({ "domain": "a.example" });

    for tool in ["whitelist_domain", "blacklist_domain"] {
        let plan = world.preview(tool, args.clone()).await;
        world.there_and_back(tool, args.clone()).await;
        assert_eq!(
            (plan.changes.len(), plan.changes[0].from.as_deref()),
            (1, None)
        );
        assert_eq!(world.targets(tool, args.clone()).await[0].id, "a.example");
    }
    let kept = json!({ "domain": "b.example", "comment": "why" });
    world.call("blacklist_domain", kept).await;
    let args = json!({ "domain": "b.example", "type": "deny" });
    world
        .there_and_back("remove_domain_rule", args.clone())
        .await;

    let list = world.call("list_domain_rules", json!({})).await;
    assert_eq!(list["items"][0]["comment"], "why");
    assert_eq!(
        world.targets("remove_domain_rule", args).await[0].kind,
        "domain"
    );
}

#[tokio::test]
async fn rules_are_listed_in_pages() {
    let world = World::lab().await;
    for n in 0..5 {
        world
            .pihole
            .add_rule("deny/exact", &format!("d{n}.example"));
        world.pihole.add_rule("allow/regex", &format!("^a{n}\\."));
    }

    let denied = world
        .call("list_domain_rules", json!({ "type": "deny", "limit": 3 }))
        .await;
    let next = json!({ "type": "deny", "limit": 3, "cursor": denied["next_cursor"] });
    let next = world.call("list_domain_rules", next).await;
    let found = world
        .call(
            "list_domain_rules",
            json!({ "kind": "regex", "search": "A3" }),
        )
        .await;
    let cursor = world
        .fail("list_domain_rules", json!({ "cursor": "?" }))
        .await;

    assert_eq!(denied["total"], 5);
    let names: Vec<Value> = [column(&denied, "domain"), column(&next, "domain")].concat();
    assert_eq!(
        names,
        ["d0", "d1", "d2", "d3", "d4"].map(|name| format!("{name}.example"))
    );
    assert_eq!(column(&found, "domain"), ["^a3\\."]);
    assert_eq!(field(&cursor), "cursor");
}

#[tokio::test]
async fn a_domain_is_explained() {
    let world = World::lab().await;
    let list = "https://lists.example/ads.txt";
    world.pihole.add_blocklist(list, &["ads.example.com"]);
    let ask = async || {
        world
            .call("explain_domain", json!({ "domain": "ads.example.com" }))
            .await
    };

    let listed = ask().await;
    world.pihole.add_rule("allow/exact", "ads.example.com");
    let allowed = ask().await;
    let nothing = world
        .call("explain_domain", json!({ "domain": "other.example" }))
        .await;
    let wrong = world
        .fail("explain_domain", json!({ "domain": "a b" }))
        .await;

    assert_eq!(listed["blocked"], true);
    assert!(listed["because"].as_str().unwrap().contains(list));
    assert_eq!(
        (
            allowed["blocked"].clone(),
            allowed["lists"][0]["entry"].clone()
        ),
        (json!(false), json!("ads.example.com"))
    );
    assert_eq!(nothing["blocked"], false);
    assert!(hint(&wrong).contains("host name"));
}
