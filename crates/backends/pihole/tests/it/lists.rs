//! Lists of domains.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, column, field, reason};

const LIST: &str = "https://lists.example/ads/hosts.txt?a=1&b=2";

#[tokio::test]
async fn a_list_is_added_once() {
    let world = World::lab().await;
    world.pihole.add_group("children");
    let args = json!({ "address": LIST, "comment": "ads", "groups": ["children"] });

    let made = world.first("add_blocklist", args.clone()).await;
    let again = world.first("add_blocklist", args).await;
    let list = world.call("list_blocklists", json!({})).await;

    assert_eq!(
        (
            made["needs_gravity"].clone(),
            again["needs_gravity"].clone()
        ),
        (json!(true), json!(true))
    );
    assert_eq!(made["list"]["status"], "never fetched");
    assert_eq!(column(&list, "address"), [LIST]);
    assert_eq!(column(&list, "groups"), [json!(["children"])]);
}

#[tokio::test]
async fn allowing_and_blocking_lists_are_two() {
    let world = World::lab().await;
    world
        .call("add_blocklist", json!({ "address": LIST }))
        .await;
    world
        .call("add_blocklist", json!({ "address": LIST, "type": "allow" }))
        .await;

    world
        .call("remove_blocklist", json!({ "address": LIST }))
        .await;
    let list = world.call("list_blocklists", json!({})).await;

    assert_eq!(column(&list, "type"), ["allow"]);
}

#[tokio::test]
async fn mistakes_are_refused() {
    let world = World::lab().await;

    let address = world
        .fail(
            "add_blocklist",
            json!({ "address": "ftp://lists.example/" }),
        )
        .await;
    let group = json!({ "address": LIST, "groups": ["nobody"] });
    let group = world.fail("add_blocklist", group).await;
    world
        .pihole
        .faults()
        .always("/api/lists", Fault::Status(500));
    let list = world.fail("list_blocklists", json!({})).await;
    let remove = world
        .fail("remove_blocklist", json!({ "address": LIST }))
        .await;

    assert_eq!(
        (address.code(), field(&address)),
        (Code::InvalidArgument, "address")
    );
    assert_eq!(
        (group.code(), reason(&group)),
        (Code::NotFound, "group_not_found")
    );
    assert_eq!(
        (list.code(), remove.code()),
        (Code::UpstreamRejected, Code::UpstreamRejected)
    );
}

#[tokio::test]
async fn changes_have_plans_and_ways_back() {
    let world = World::lab().await;
    let args = json!({ "address": LIST });

    let plan = world.preview("add_blocklist", args.clone()).await;
    world.there_and_back("add_blocklist", args.clone()).await;
    let none = world.first("remove_blocklist", args.clone()).await;
    world
        .call(
            "add_blocklist",
            json!({ "address": LIST, "comment": "why" }),
        )
        .await;
    let remove_plan = world.preview("remove_blocklist", args.clone()).await;
    world.there_and_back("remove_blocklist", args.clone()).await;
    let list = world.call("list_blocklists", json!({})).await;

    assert_eq!(
        (plan.changes.len(), plan.changes[0].from.as_deref()),
        (1, None)
    );
    assert_eq!(none["removed"], false);
    assert_eq!(remove_plan.impact.len(), 1);
    assert_eq!(column(&list, "comment"), ["why"]);
    for tool in ["add_blocklist", "remove_blocklist"] {
        assert_eq!(world.targets(tool, args.clone()).await[0].id, LIST);
    }
}
