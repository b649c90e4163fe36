//! Groups and the clients in them.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn a_group_is_made_changed_and_deleted() {
    let world = World::lab().await;

    let made = world
        .first(
            "create_group",
            json!({ "name": "children", "comment": "x" }),
        )
        .await;
    let again = world
        .first("create_group", json!({ "name": "children" }))
        .await;
    let changed = json!({ "name": "children", "new_name": "kids", "enabled": false });
    let changed = world.first("update_group", changed).await;
    let gone = world.first("delete_group", json!({ "name": "kids" })).await;
    let none = world.first("delete_group", json!({ "name": "kids" })).await;

    assert_eq!(
        (made["name"].clone(), again["comment"].clone()),
        (json!("children"), json!("x"))
    );
    assert_eq!(changed["name"], "kids");
    assert_eq!(
        (changed["enabled"].clone(), changed["comment"].clone()),
        (json!(false), json!("x"))
    );
    assert_eq!(
        (gone["removed"].clone(), none["removed"].clone()),
        (json!(true), json!(false))
    );
}

#[tokio::test]
async fn the_group_of_everybody_stays() {
    let world = World::lab().await;

    let deleted = world
        .fail("delete_group", json!({ "name": "Default" }))
        .await;
    let renamed = json!({ "name": "Default", "new_name": "all" });
    let renamed = world.fail("update_group", renamed).await;

    assert_eq!(
        (deleted.code(), reason(&deleted)),
        (Code::InvalidArgument, "default_group")
    );
    assert_eq!(field(&renamed), "new_name");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn mistakes_are_refused() {
    let world = World::lab().await;

    let nothing = world
        .fail("update_group", json!({ "name": "Default" }))
        .await;
    let unknown = json!({ "name": "nobody", "enabled": true });
    let unknown = world.fail("update_group", unknown).await;
    let blank = world.fail("create_group", json!({ "name": " " })).await;
    let taken = world.pihole.add_group("taken");
    world.pihole.add_group("other");
    let twice = json!({ "name": "other", "new_name": "taken" });
    let twice = world.fail("update_group", twice).await;
    world
        .pihole
        .faults()
        .always("/api/groups", Fault::Status(500));
    let list = world.fail("list_groups", json!({})).await;

    assert!(taken > 0);
    assert_eq!(field(&nothing), "enabled");
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::NotFound, "group_not_found")
    );
    assert_eq!(field(&blank), "name");
    assert!(twice.envelope().message.contains("UNIQUE"));
    assert_eq!(list.code(), Code::UpstreamRejected);
}

#[tokio::test]
async fn groups_have_plans_and_ways_back() {
    let world = World::lab().await;
    let make = json!({ "name": "children" });

    let plan = world.preview("create_group", make.clone()).await;
    world.there_and_back("create_group", make.clone()).await;
    world.call("create_group", make.clone()).await;
    let change = json!({ "name": "children", "new_name": "kids", "comment": "c" });
    let change_plan = world.preview("update_group", change.clone()).await;
    world.there_and_back("update_group", change.clone()).await;
    let list = world.call("list_groups", json!({ "limit": 1 })).await;
    let rest = json!({ "limit": 1, "cursor": list["next_cursor"] });
    let rest = world.call("list_groups", rest).await;
    let delete_plan = world.preview("delete_group", make.clone()).await;

    assert_eq!(plan.changes[0].to.as_deref(), Some("children"));
    assert_eq!(change_plan.changes.len(), 2);
    assert_eq!(
        [column(&list, "name"), column(&rest, "name")].concat(),
        ["Default", "children"]
    );
    assert_eq!(
        delete_plan.impact,
        ["pihole: 0 rules and 0 clients lose it"]
    );
    for (tool, args) in [
        ("create_group", make.clone()),
        ("update_group", change),
        ("delete_group", make),
    ] {
        assert_eq!(world.targets(tool, args).await[0].kind, "group");
    }
}

#[tokio::test]
async fn a_client_is_put_into_groups() {
    let world = World::lab().await;
    world.pihole.add_group("children");
    let client = "198.51.100.0/24";
    let args = |groups: &[&str]| json!({ "client": client, "groups": groups, "comment": "iot" });

    let new = world
        .first("assign_client_groups", args(&["children", "Default"]))
        .await;
    let plan = world.preview("assign_client_groups", args(&[])).await;
    world
        .there_and_back("assign_client_groups", args(&[]))
        .await;
    let list = world.call("list_clients", json!({})).await;

    assert_eq!(new["comment"], "iot");
    assert_eq!(plan.impact, ["nothing is blocked for it then"]);
    assert_eq!(column(&list, "client"), [client]);
    assert_eq!(list["items"][0]["groups"].as_array().unwrap().len(), 2);
    assert_eq!(
        world.targets("assign_client_groups", args(&[])).await[0].id,
        client
    );
}

#[tokio::test]
async fn clients_refuse_mistakes() {
    let world = World::lab().await;

    let group = json!({ "client": "192.0.2.9", "groups": ["nobody"] });
    let group = world.fail("assign_client_groups", group).await;
    let client = json!({ "client": "two words", "groups": [] });
    let client = world.fail("assign_client_groups", client).await;
    world
        .pihole
        .faults()
        .always("/api/clients", Fault::Status(500));
    let list = world.fail("list_clients", json!({})).await;

    assert_eq!(reason(&group), "group_not_found");
    assert_eq!(field(&client), "client");
    assert_eq!(list.code(), Code::UpstreamRejected);
    assert_eq!(world.writes(), [""; 0]);
}
