//! Devices: looking and changing.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::tailscale::{DeviceSeed, Nothing};
use serde_json::json;

use crate::world::{World, column, field, hint, reason, says};

#[tokio::test]
async fn devices_are_listed_filtered_and_paged() {
    let world = World::lab().await;

    let all = world.call("list_tailscale_devices", json!({})).await;
    let first = world
        .call("list_tailscale_devices", json!({ "limit": 2 }))
        .await;
    let args = json!({ "limit": 2, "cursor": first["next_cursor"] });
    let last = world.call("list_tailscale_devices", args).await;
    for (args, names) in [
        (json!({ "online": false }), vec!["phone-sam"]),
        (json!({ "pending_only": true }), vec!["phone-sam"]),
        (json!({ "tag": "tag:router" }), vec!["fw-1"]),
        (
            json!({ "os": "LINUX", "online": true }),
            vec!["fw-1", "nas-main"],
        ),
        (json!({ "name": "NAS" }), vec!["nas-main"]),
        (
            json!({ "user": "alex@lab.example", "os": "iOS" }),
            vec!["phone-sam"],
        ),
    ] {
        let found = world.call("list_tailscale_devices", args.clone()).await;
        let found: Vec<String> = column(&found, "name")
            .iter()
            .map(|name| name.as_str().unwrap().split('.').next().unwrap().to_owned())
            .collect();
        assert_eq!(found, names, "{args}");
    }

    assert_eq!(all["total"], 3);
    assert_eq!(
        (
            first["items"].as_array().unwrap().len(),
            last["items"].as_array().unwrap().len()
        ),
        (2, 1)
    );
    // Without all fields nothing is said about routes.
    assert!(all["items"][0].get("enabled_routes").is_none());
    assert_eq!(all["items"][0]["online"], true);
    assert!(all["items"][0].get("last_seen").is_none());
}

#[tokio::test]
async fn routes_come_with_all_fields() {
    let world = World::lab().await;

    let all = world
        .call(
            "list_tailscale_devices",
            json!({ "fields": "all", "name": "fw-1" }),
        )
        .await;

    let fw = &all["items"][0];
    assert_eq!(fw["enabled_routes"], json!(["192.0.2.0/26"]));
    assert_eq!(
        fw["pending_routes"],
        json!(["192.0.2.64/26", "0.0.0.0/0", "::/0"])
    );
    assert_eq!(fw["exit_node"], false);
}

#[tokio::test]
async fn a_device_is_found_by_any_of_its_names() {
    let world = World::lab().await;
    let device = world.device("nas-main");

    for name in [
        &device["nodeId"],
        &device["id"],
        &device["name"],
        &json!("NAS-MAIN"),
        &device["addresses"][0],
    ] {
        let found = world
            .call("get_tailscale_device", json!({ "device_id": name }))
            .await;

        assert_eq!(found["device"]["node_id"], device["nodeId"], "{name}");
    }
    let found = world
        .call("get_tailscale_device", json!({ "device_id": "nas-main" }))
        .await;
    assert_eq!(found["distro"], "debian 13");
    assert_eq!(found["relay"], "Frankfurt, 11 ms");
    assert_eq!(found["device"]["update_available"], true);
}

#[tokio::test]
async fn a_name_that_nobody_or_several_have_is_refused() {
    let world = World::lab().await;
    let twin = world
        .control
        .add_device(DeviceSeed::new("NAS-main", "linux"));

    let nobody = world
        .fail("get_tailscale_device", json!({ "device_id": "nowhere" }))
        .await;
    let unknown_id = world
        .fail("get_tailscale_device", json!({ "device_id": "n0000CNTRL" }))
        .await;
    let several = world
        .fail(
            "delete_tailscale_device",
            json!({ "device_id": "nas-main" }),
        )
        .await;

    assert_eq!(
        (nobody.code(), reason(&nobody)),
        (Code::NotFound, "device_not_found")
    );
    assert_eq!(reason(&unknown_id), "device_not_found");
    assert_eq!(
        (several.code(), reason(&several)),
        (Code::Conflict, "ambiguous_device")
    );
    assert!(hint(&several).contains(&twin));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn what_would_leave_the_address_is_refused() {
    let world = World::lab().await;

    for name in ["../../settings", "a/b", "a?b", "%2e%2e", ".."] {
        let error = world
            .refuse("get_tailscale_device", json!({ "device_id": name }))
            .await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, "device_id"),
            "{name}"
        );
    }
    assert!(world.control.log().all().is_empty());
}

#[tokio::test]
async fn a_device_is_let_in_and_cut_off() {
    let world = World::lab().await;
    let args = json!({ "device_id": "phone-sam" });
    let off = json!({ "device_id": "phone-sam", "authorized": false });

    let undo = world
        .inverse("authorize_tailscale_device", args.clone())
        .await
        .unwrap();
    let plan = world
        .preview("authorize_tailscale_device", args.clone())
        .await;
    let done = world.call("authorize_tailscale_device", args.clone()).await;
    let again = world.call("authorize_tailscale_device", args.clone()).await;

    assert_eq!(
        (
            &done["device"]["authorized"],
            &again["device"]["authorized"]
        ),
        (&json!(true), &json!(true))
    );
    assert!(plan.summary.contains("phone-sam"));
    // It was done already.
    assert_eq!(world.writes().len(), 1);
    assert_eq!(
        world.effect("authorize_tailscale_device", args.clone()),
        Effect::Write
    );
    assert_eq!(
        world.effect("authorize_tailscale_device", off),
        Effect::Destructive
    );
    assert_eq!(
        world.targets("authorize_tailscale_device", args).await[0].kind,
        "device"
    );
    world.undo(undo).await;
    assert_eq!(world.device("phone-sam")["authorized"], false);
}

#[tokio::test]
async fn letting_in_says_where_nobody_asks_for_it() {
    let world = World::lab().await;
    world.control.set_setting("devicesApprovalOn", json!(false));

    let done = world
        .call(
            "authorize_tailscale_device",
            json!({ "device_id": "phone-sam" }),
        )
        .await;

    assert!(
        done["notes"][0]
            .as_str()
            .unwrap()
            .contains("does not ask for approval")
    );
}

#[tokio::test]
async fn a_device_of_another_tailnet_is_left_alone() {
    let world = World::lab().await;
    world
        .control
        .add_device(DeviceSeed::new("their-nas", "linux").external());

    let seen = world
        .call("get_tailscale_device", json!({ "device_id": "their-nas" }))
        .await;
    assert_eq!(seen["device"]["external"], true);
    assert!(seen.get("created").is_none() && seen["device"].get("expires").is_none());
    for (tool, args) in [
        (
            "delete_tailscale_device",
            json!({ "device_id": "their-nas" }),
        ),
        ("expire_device_key", json!({ "device_id": "their-nas" })),
        (
            "set_device_tags",
            json!({ "device_id": "their-nas", "tags": ["tag:server"] }),
        ),
        (
            "rename_device",
            json!({ "device_id": "their-nas", "name": "ours" }),
        ),
        (
            "set_device_key_expiry",
            json!({ "device_id": "their-nas", "key_expiry_disabled": true }),
        ),
        (
            "authorize_tailscale_device",
            json!({ "device_id": "their-nas" }),
        ),
        (
            "enable_subnet_routes",
            json!({ "device_id": "their-nas", "exit_node": true }),
        ),
        (
            "set_exit_node",
            json!({ "device_id": "their-nas", "enabled": true }),
        ),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(reason(&error), "shared_in_device", "{tool}");
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_device_is_deleted_once() {
    let world = World::lab().await;
    let args = json!({ "device_id": "fw-1" });

    let plan = world.preview("delete_tailscale_device", args.clone()).await;
    let done = world.call("delete_tailscale_device", args.clone()).await;
    let again = world.fail("delete_tailscale_device", args).await;

    assert!(says(&plan.impact, "192.0.2.0/26"), "{:?}", plan.impact);
    assert!(
        done["deleted"]["name"]
            .as_str()
            .unwrap()
            .starts_with("fw-1")
    );
    assert_eq!(reason(&again), "device_not_found");
    assert!(world.control.device("fw-1").is_none());
}

#[tokio::test]
async fn a_key_is_expired_and_kept_from_expiring() {
    let world = World::lab().await;
    let keep = json!({ "device_id": "nas-main", "key_expiry_disabled": true });

    let undo = world
        .inverse("set_device_key_expiry", keep.clone())
        .await
        .unwrap();
    let kept = world.call("set_device_key_expiry", keep).await;
    world.undo(undo).await;
    let plan = world
        .preview("expire_device_key", json!({ "device_id": "nas-main" }))
        .await;
    let expired = world
        .call("expire_device_key", json!({ "device_id": "nas-main" }))
        .await;

    assert_eq!(kept["device"]["key_expiry_disabled"], true);
    assert!(kept["device"].get("expires").is_none());
    assert!(says(&plan.impact, "sign in"));
    assert!(expired["notes"][0].as_str().unwrap().contains("signs in"));
    assert_eq!(world.device("nas-main")["keyExpiryDisabled"], false);
}

#[tokio::test]
async fn tags_replace_each_other_and_only_known_ones_are_taken() {
    let world = World::lab().await;
    let args = json!({ "device_id": "fw-1", "tags": ["tag:server"] });

    let undo = world
        .inverse("set_device_tags", args.clone())
        .await
        .unwrap();
    let plan = world.preview("set_device_tags", args.clone()).await;
    let done = world.call("set_device_tags", args).await;
    world.undo(undo).await;
    let unknown = json!({ "device_id": "fw-1", "tags": ["tag:nobody"] });
    let refused = world.fail("set_device_tags", unknown).await;

    assert_eq!(done["device"]["tags"], json!(["tag:server"]));
    assert_eq!(plan.changes[0].from.as_deref(), Some("tag:router"));
    assert_eq!(world.device("fw-1")["tags"], json!(["tag:router"]));
    assert_eq!(refused.code(), Code::UpstreamRejected);
    let bad = json!({ "device_id": "fw-1", "tags": ["router"] });
    assert_eq!(
        field(&world.refuse("set_device_tags", bad).await),
        "tags[0]"
    );
}

#[tokio::test]
async fn a_first_tag_has_no_way_back() {
    let world = World::lab().await;
    let args = json!({ "device_id": "nas-main", "tags": ["tag:server"] });

    let undo = world.inverse("set_device_tags", args.clone()).await;
    let done = world.call("set_device_tags", args).await;

    assert_eq!(undo, None);
    assert!(
        done["notes"][0]
            .as_str()
            .unwrap()
            .contains("alex@lab.example")
    );
}

#[tokio::test]
async fn a_device_is_renamed_and_back() {
    let world = World::lab().await;
    let args = json!({ "device_id": "nas-main", "name": "storage" });

    let undo = world.inverse("rename_device", args.clone()).await.unwrap();
    let plan = world.preview("rename_device", args.clone()).await;
    let done = world.call("rename_device", args).await;

    assert!(
        done["device"]["name"]
            .as_str()
            .unwrap()
            .starts_with("storage.")
    );
    assert!(says(&plan.impact, "nas-main"));
    world.undo(undo).await;
    assert!(
        world.device("nas-main")["name"]
            .as_str()
            .unwrap()
            .starts_with("nas-main.")
    );
    let bad = json!({ "device_id": "nas-main", "name": "-x" });
    assert_eq!(field(&world.refuse("rename_device", bad).await), "name");
}

#[tokio::test]
async fn answers_without_anything_to_say_may_be_empty_null_or_an_object() {
    for nothing in [Nothing::Empty, Nothing::Null, Nothing::Object] {
        let world = World::lab().await;
        world.control.set_nothing(nothing);

        world
            .call(
                "authorize_tailscale_device",
                json!({ "device_id": "phone-sam" }),
            )
            .await;
        world
            .call(
                "set_device_tags",
                json!({ "device_id": "fw-1", "tags": ["tag:server"] }),
            )
            .await;
        let tests = json!({ "tests": [{ "src": "alex@lab.example", "accept": ["192.0.2.1:22"] }] });
        let checked = world.call("validate_tailscale_acl", tests).await;
        world
            .call("delete_tailscale_device", json!({ "device_id": "fw-1" }))
            .await;

        assert_eq!(checked["valid"], true, "{nothing:?}: {checked}");
    }
}
