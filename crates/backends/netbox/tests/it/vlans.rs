//! VLANs.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason, says};

#[tokio::test]
async fn a_vlan_of_a_site_is_made_once() {
    let world = World::lab().await;
    let args = json!({ "vid": 20, "name": "servers", "site": "cellar", "description": "x", "tags": ["lab"] });

    let plan = world.preview("create_vlan", args.clone()).await;
    let targets = world.targets("create_vlan", args.clone()).await;
    let inverse = world.inverse("create_vlan", args.clone()).await;
    let done = world.call("create_vlan", args.clone()).await;
    let twice = world.fail("create_vlan", args.clone()).await;
    let mut meant = args.clone();
    meant["allow_duplicate"] = json!(true);
    let no_inverse = world.inverse("create_vlan", meant).await;
    let elsewhere = world
        .call(
            "create_vlan",
            json!({ "vid": 20, "name": "servers", "site": "attic" }),
        )
        .await;
    world.undo(inverse).await;

    assert_eq!(plan.changes[0].to.as_deref(), Some("20"));
    assert_eq!(plan.summary, "create the VLAN `servers` in `Cellar`");
    assert_eq!(
        (targets[0].id.as_str(), targets[1].kind.as_str()),
        ("20", "site")
    );
    assert_eq!(
        (&done["vlan"]["vid"], &done["vlan"]["site"]),
        (&json!(20), &json!("Cellar"))
    );
    assert_eq!(
        (twice.code(), reason(&twice), field(&twice)),
        (Code::Conflict, "object_exists", "vid")
    );
    assert!(hint(&twice).contains("allow_duplicate"));
    assert_eq!(no_inverse, None);
    assert_eq!(elsewhere["vlan"]["site"], "Attic");
    assert_eq!(world.netbox.count("ipam/vlans"), 2);
}

#[tokio::test]
async fn a_second_one_of_the_same_id_must_be_meant() {
    let world = World::lab().await;

    world
        .call(
            "create_vlan",
            json!({ "vid": 10, "name": "mgmt", "site": "1", "allow_duplicate": true }),
        )
        .await;

    assert_eq!(world.netbox.count("ipam/vlans"), 2);
}

#[tokio::test]
async fn a_group_gives_the_next_free_id() {
    let world = World::lab().await;
    let args = |name: &str| json!({ "name": name, "group": "House" });

    let plan = world.preview("create_vlan", args("a")).await;
    let inverse = world.inverse("create_vlan", args("a")).await;
    let mut seen = Vec::new();
    for name in ["a", "b", "c"] {
        seen.push(world.call("create_vlan", args(name)).await["vlan"]["vid"].clone());
    }
    let full = world.fail("create_vlan", args("d")).await;
    let empty = world.preview("create_vlan", args("d")).await;
    world.undo(inverse).await;

    assert_eq!(plan.changes[0].to.as_deref(), Some("100, as things stand"));
    assert_eq!(seen, [json!(100), json!(101), json!(102)]);
    assert_eq!((full.code(), reason(&full)), (Code::Conflict, "exhausted"));
    assert!(says(&empty.impact, "no free id"), "{:?}", empty.impact);
    assert_eq!(world.netbox.count("ipam/vlans"), 3);
}

#[tokio::test]
async fn a_group_refuses_ids_outside_and_doubles() {
    let world = World::lab().await;
    world
        .call(
            "create_vlan",
            json!({ "vid": 100, "name": "a", "group": "house" }),
        )
        .await;

    let outside = world
        .fail(
            "create_vlan",
            json!({ "vid": 500, "name": "b", "group": "house" }),
        )
        .await;
    let double = world
        .fail(
            "create_vlan",
            json!({ "vid": 100, "name": "c", "group": "house" }),
        )
        .await;

    assert_eq!(
        (outside.code(), reason(&outside), field(&outside)),
        (Code::InvalidArgument, "value_refused", "vid")
    );
    assert_eq!(
        (double.code(), reason(&double)),
        (Code::Conflict, "object_exists")
    );
}

#[tokio::test]
async fn arguments_that_do_not_go_together_are_named() {
    let world = World::lab().await;
    for (args, wanted) in [
        (json!({ "name": "x" }), "vid"),
        (
            json!({ "name": "x", "group": "house", "qinq_role": "svlan" }),
            "qinq_role",
        ),
        (json!({ "name": "x", "vid": 5, "site": "nowhere" }), "site"),
        (json!({ "name": "x", "vid": 5, "group": "none" }), "group"),
        (json!({ "name": "x", "vid": 5, "role": "none" }), "role"),
    ] {
        let error = world.fail("create_vlan", args.clone()).await;

        assert_eq!(field(&error), wanted, "{args}: {error}");
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn vlans_are_listed_and_deleted_with_an_undo() {
    let world = World::lab().await;
    let before = world
        .call("list_vlans", json!({ "vid": 10, "site": "cellar" }))
        .await;
    let args = json!({ "vid": 10, "site": "cellar" });

    let plan = world.preview("delete_vlan", args.clone()).await;
    let targets = world.targets("delete_vlan", args.clone()).await;
    let inverse = world.inverse("delete_vlan", args.clone()).await;
    let done = world.call("delete_vlan", args.clone()).await;
    let missing = world.fail("delete_vlan", args).await;
    world.undo(inverse).await;
    let after = world.call("list_vlans", json!({ "q": "mgmt" })).await;

    assert_eq!(
        plan.summary,
        "delete the record of VLAN 10 `mgmt` of `Cellar`"
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].name.as_deref()),
        ("vlan", Some("mgmt"))
    );
    assert_eq!(
        (&done["deleted"]["name"], &done["gone"]),
        (&json!("mgmt"), &json!(true))
    );
    assert_eq!((missing.code(), field(&missing)), (Code::NotFound, "vid"));
    let name = |list: &Value| column(list, "items", "name");
    assert_eq!(name(&before), name(&after));
}

#[tokio::test]
async fn a_vlan_that_is_in_use_has_no_undo_and_says_so() {
    let world = World::lab().await;
    world
        .netbox
        .add("ipam/vlans", json!({ "vid": 11, "name": "used" }));
    let port = json!({ "device": 1, "name": "eth5", "type": "1000base-t", "mode": "access", "untagged_vlan": 2 });
    world.netbox.add("dcim/interfaces", port);
    let args = json!({ "id": 2 });

    let plan = world.preview("delete_vlan", args.clone()).await;
    let inverse = world.inverse("delete_vlan", args.clone()).await;
    let done = world.call("delete_vlan", args).await;

    assert!(says(&plan.impact, "1 interface(s)"), "{:?}", plan.impact);
    assert_eq!((inverse, &done["gone"]), (None, &json!(true)));
}

#[tokio::test]
async fn a_vlan_that_prefixes_are_in_is_kept() {
    let world = World::lab().await;
    world.netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "203.0.113.0/24", "vlan": 1 }),
    );

    let plan = world.preview("delete_vlan", json!({ "id": 1 })).await;
    let error = world.fail("delete_vlan", json!({ "id": 1 })).await;

    assert!(says(&plan.impact, "makes this fail"), "{:?}", plan.impact);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "has_dependents")
    );
    assert_eq!(world.netbox.count("ipam/vlans"), 1);
}

#[tokio::test]
async fn which_vlan_is_meant_must_be_clear() {
    let world = World::lab().await;
    world.netbox.add(
        "ipam/vlans",
        json!({ "vid": 10, "name": "mgmt", "site": 2 }),
    );

    let unnamed = world.fail("delete_vlan", json!({ "site": "cellar" })).await;
    let no_id = world.fail("delete_vlan", json!({ "id": 9 })).await;
    let unclear = world.fail("delete_vlan", json!({ "name": "mgmt" })).await;
    let group = world.fail("list_vlans", json!({ "group": "none" })).await;

    assert_eq!(
        (field(&unnamed), reason(&no_id)),
        ("vid", "object_not_found")
    );
    assert_eq!((reason(&unclear), field(&unclear)), ("ambiguous", "id"));
    assert_eq!(field(&group), "group");
}
