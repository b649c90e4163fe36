//! Subnet routes and exit nodes.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::tailscale::DeviceSeed;
use serde_json::json;

use crate::world::{World, field, reason, says};

const FW: &str = "fw-1";

#[tokio::test]
async fn routes_are_shown_with_what_is_not_approved_and_not_offered() {
    let world = World::lab().await;
    world
        .control
        .add_device(DeviceSeed::new("gone", "linux").enabled(&["198.51.100.0/25"]));

    let fw = world
        .call("get_device_routes", json!({ "device_id": FW }))
        .await;
    let gone = world
        .call("get_device_routes", json!({ "device_id": "gone" }))
        .await;
    let missing = world
        .fail("get_device_routes", json!({ "device_id": "nobody" }))
        .await;

    assert_eq!(fw["enabled"], json!(["192.0.2.0/26"]));
    assert_eq!(fw["pending"], json!(["192.0.2.64/26", "0.0.0.0/0", "::/0"]));
    assert_eq!(gone["not_advertised"], json!(["198.51.100.0/25"]));
    assert_eq!(reason(&missing), "device_not_found");
}

#[tokio::test]
async fn one_more_route_leaves_the_others_enabled() {
    let world = World::lab().await;
    let args = json!({ "device_id": FW, "routes": ["192.0.2.64/26"] });

    let undo = world
        .inverse("enable_subnet_routes", args.clone())
        .await
        .unwrap();
    let done = world.call("enable_subnet_routes", args.clone()).await;
    let again = world.call("enable_subnet_routes", args).await;

    assert_eq!(done["before"], json!(["192.0.2.0/26"]));
    assert_eq!(done["enabled"], json!(["192.0.2.0/26", "192.0.2.64/26"]));
    assert_eq!(again["before"], again["enabled"]);
    assert_eq!(world.writes().len(), 1);
    let back = world.undo(undo).await;
    assert_eq!(back["enabled"], json!(["192.0.2.0/26"]));
}

#[tokio::test]
async fn two_who_add_one_route_each_both_get_it() {
    let world = World::lab().await;

    let one = world.call(
        "enable_subnet_routes",
        json!({ "device_id": FW, "routes": ["192.0.2.64/26"] }),
    );
    let other = world.call("set_exit_node", json!({ "device_id": FW, "enabled": true }));
    futures_util::future::join(one, other).await;

    assert_eq!(
        world.device(FW)["enabledRoutes"].as_array().unwrap().len(),
        4,
        "{}",
        world.device(FW)["enabledRoutes"]
    );
}

#[tokio::test]
async fn routes_are_replaced_and_taken_away() {
    let world = World::lab().await;
    let replace = json!({ "device_id": FW, "routes": ["192.0.2.64/26"], "mode": "replace" });
    let remove = json!({ "device_id": FW, "routes": ["192.0.2.64/26"], "mode": "remove" });

    let plan = world.preview("enable_subnet_routes", replace.clone()).await;
    let replaced = world.call("enable_subnet_routes", replace.clone()).await;
    let removed = world.call("enable_subnet_routes", remove).await;

    assert!(
        says(&plan.impact, "no longer reached through it: 192.0.2.0/26"),
        "{plan:?}"
    );
    assert_eq!(replaced["enabled"], json!(["192.0.2.64/26"]));
    assert_eq!(removed["enabled"], json!([]));
    assert_eq!(
        world.effect("enable_subnet_routes", replace),
        Effect::Destructive
    );
    let add = json!({ "device_id": FW, "routes": ["192.0.2.64/26"] });
    assert_eq!(
        world.effect("enable_subnet_routes", add.clone()),
        Effect::Write
    );
    assert_eq!(
        world.targets("enable_subnet_routes", add).await[0].tags,
        ["tag:router"]
    );
}

#[tokio::test]
async fn what_is_not_advertised_is_taken_with_a_word() {
    let world = World::lab().await;

    let args = json!({ "device_id": FW, "routes": ["198.51.100.0/25"] });
    let plan = world.preview("enable_subnet_routes", args.clone()).await;
    let done = world.call("enable_subnet_routes", args).await;

    assert!(says(&plan.impact, "not advertised"));
    assert_eq!(done["not_advertised"], json!(["198.51.100.0/25"]));
    assert!(
        done["notes"][0]
            .as_str()
            .unwrap()
            .contains("--advertise-routes")
    );
}

#[tokio::test]
async fn taking_away_mentions_who_may_give_it_back() {
    let world = World::lab().await;
    world.control.set_policy("{ // x\n \"autoApprovers\": {\"routes\": {\"192.0.2.0/26\": [\"tag:router\"]}},\n \"tagOwners\": {\"tag:router\": []}, \"grants\": [{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"]}],\n}");

    let args = json!({ "device_id": FW, "mode": "remove", "routes": ["192.0.2.0/26"] });
    let done = world.run("enable_subnet_routes", args).await.unwrap();

    assert!(
        done.output["notes"][0]
            .as_str()
            .unwrap()
            .contains("autoApprovers"),
        "{}",
        done.output
    );
}

#[tokio::test]
async fn an_exit_node_is_made_and_unmade_without_touching_subnets() {
    let world = World::lab().await;
    let on = json!({ "device_id": FW, "enabled": true });
    let off = json!({ "device_id": FW, "enabled": false });

    let undo = world.inverse("set_exit_node", on.clone()).await.unwrap();
    let done = world.call("set_exit_node", on.clone()).await;
    let undone = world.undo(undo).await;
    world.call("set_exit_node", on.clone()).await;
    let closed = world.call("set_exit_node", off.clone()).await;

    assert_eq!(done["exit_node"], true);
    assert_eq!(
        done["enabled"],
        json!(["192.0.2.0/26", "0.0.0.0/0", "::/0"])
            .as_array()
            .map(|all| {
                let mut all = all.clone();
                all.sort_by_key(ToString::to_string);
                json!(all)
            })
            .unwrap()
    );
    assert_eq!(
        (&undone["exit_node"], &undone["enabled"]),
        (&json!(false), &json!(["192.0.2.0/26"]))
    );
    assert_eq!(closed["enabled"], json!(["192.0.2.0/26"]));
    assert_eq!(world.effect("set_exit_node", on.clone()), Effect::Write);
    assert_eq!(world.effect("set_exit_node", off), Effect::Destructive);
    assert!(
        !world
            .preview("set_exit_node", on.clone())
            .await
            .changes
            .is_empty()
    );
    assert_eq!(world.targets("set_exit_node", on).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_route_is_refused_by_its_place() {
    let world = World::lab().await;

    let host = json!({ "device_id": FW, "routes": ["192.0.2.0/26", "192.0.2.7/26"] });
    let host = world.refuse("enable_subnet_routes", host).await;
    let none = world
        .fail("enable_subnet_routes", json!({ "device_id": FW }))
        .await;

    assert_eq!(
        (host.code(), field(&host)),
        (Code::InvalidArgument, "routes[1]")
    );
    assert!(host.envelope().message.contains("`192.0.2.0/26`"), "{host}");
    assert_eq!(field(&none), "routes");
    assert_eq!(world.writes(), [""; 0]);
}
