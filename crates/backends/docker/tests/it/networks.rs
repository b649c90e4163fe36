//! Networks and volumes.

use homelab_core::error::Code;
use homelab_testkit::DockerEngine;
use serde_json::json;

use crate::world::{World, hint, reason, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_made_and_removed_and_both_are_undone() {
    let Some(world) = World::real().await else {
        return;
    };
    let args = json!({ "name": "net-undo", "subnet": "172.30.7.0/24", "gateway": "172.30.7.1", "internal": true, "labels": { "a": "b" } });

    let (made, removed) = world.there_and_back("create_network", args.clone()).await;
    world.call("create_network", args.clone()).await;
    let twice = world.fail("create_network", args).await;
    let (_, back) = world
        .there_and_back("remove_network", json!({ "network": "net-undo" }))
        .await;
    let list = world
        .call("list_networks", json!({ "name": "net-undo" }))
        .await;

    assert_eq!(
        (&made["subnets"], &removed["name"]),
        (&json!(["172.30.7.0/24"]), &json!("net-undo"))
    );
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "name_in_use")
    );
    assert_eq!(back["subnets"], json!(["172.30.7.0/24"]));
    assert_eq!(list["items"][0]["internal"], true);
    assert_eq!(list["items"][0]["gateways"], json!(["172.30.7.1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_join_and_leave_networks_and_both_are_undone() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("net-member").await;
    world
        .call(
            "create_network",
            json!({ "name": "net-join", "subnet": "172.30.8.0/24" }),
        )
        .await;
    let args = json!({ "network": "net-join", "container": "net-member", "aliases": ["db"], "ip": "172.30.8.9" });

    let (joined, left) = world.there_and_back("connect_network", args.clone()).await;
    world.call("connect_network", args.clone()).await;
    let again = world.call("connect_network", args).await;
    let leave = json!({ "network": "net-join", "container": "net-member" });
    let preview = world.preview("disconnect_network", leave.clone()).await;
    let list = world
        .call(
            "list_networks",
            json!({ "name": "net-join", "dangling": false }),
        )
        .await;
    let in_use = world
        .fail("remove_network", json!({ "network": "net-join" }))
        .await;
    let (_, back) = world.there_and_back("disconnect_network", leave).await;

    assert_eq!(
        (&joined["ip"], &joined["changed"]),
        (&json!("172.30.8.9"), &json!(true))
    );
    assert_eq!(left["networks"], json!(["bridge"]));
    assert_eq!(again["changed"], false);
    assert!(
        preview
            .impact
            .contains(&"loses the address 172.30.8.9".to_owned()),
        "{:?}",
        preview.impact
    );
    assert_eq!(
        list["items"][0]["containers"],
        json!([{ "name": "net-member", "state": "running", "ip": "172.30.8.9" }])
    );
    assert_eq!(
        (in_use.code(), reason(&in_use)),
        (Code::Conflict, "network_in_use")
    );
    assert!(hint(&in_use).contains("`net-member`"));
    assert_eq!(back["ip"], "172.30.8.9");
    let details = world
        .call("inspect_container", json!({ "container": "net-member" }))
        .await;
    assert!(
        details["networks"].to_string().contains("\"db\""),
        "{}",
        details["networks"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engines_own_networks_stay_and_unknown_ones_are_told() {
    let Some(world) = World::real().await else {
        return;
    };

    let own = world
        .fail("remove_network", json!({ "network": "bridge" }))
        .await;
    let unknown = world
        .fail("remove_network", json!({ "network": "brige" }))
        .await;
    let gateway = world
        .fail(
            "create_network",
            json!({ "name": "net-bad", "gateway": "172.30.9.1" }),
        )
        .await;
    let subnet = world
        .fail(
            "create_network",
            json!({ "name": "net-bad", "subnet": "not a subnet" }),
        )
        .await;

    assert_eq!(reason(&own), "network_predefined");
    assert_eq!(
        (unknown.code(), hint(&unknown)),
        (Code::NotFound, "did you mean `bridge`?")
    );
    assert_eq!(gateway.envelope().field.as_deref(), Some("gateway"));
    assert!(matches!(subnet.code(), Code::UpstreamRejected), "{subnet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_made_listed_with_its_users_and_removed() {
    let Some(world) = World::real().await else {
        return;
    };

    let (made, removed) = world
        .there_and_back(
            "create_volume",
            json!({ "name": "vol-undo", "labels": { "a": "b" } }),
        )
        .await;
    world
        .call(
            "create_volume",
            json!({ "name": "vol-used", "labels": { "team": "lab" } }),
        )
        .await;
    let twice = world
        .fail("create_volume", json!({ "name": "vol-used" }))
        .await;
    world.container("vol-user", json!({ "command": ["sh", "-c", "echo hello >/data/x; sleep 600"], "volumes": ["vol-used:/data"] })).await;
    let list = world
        .call("list_volumes", json!({ "label": "team=lab", "size": true }))
        .await;
    let preview = world
        .preview("remove_volume", json!({ "volume": "vol-used" }))
        .await;
    let in_use = world
        .fail("remove_volume", json!({ "volume": "vol-used" }))
        .await;
    let unknown = world
        .fail("remove_volume", json!({ "volume": "vol-usde" }))
        .await;

    assert!(made["mountpoint"].as_str().unwrap().contains("vol-undo"));
    assert_eq!(removed["name"], "vol-undo");
    assert_eq!(reason(&twice), "name_in_use");
    assert_eq!(texts(&list["items"][0]["used_by"], ""), ["vol-user:/data"]);
    assert_eq!(list["items"][0]["size_bytes"], 6);
    assert!(
        preview.impact.iter().any(|line| line.contains("vol-user")),
        "{:?}",
        preview.impact
    );
    assert_eq!(
        (in_use.code(), reason(&in_use)),
        (Code::Conflict, "volume_in_use")
    );
    assert_eq!(hint(&unknown), "did you mean `vol-used`?");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    for number in 0..5 {
        engine
            .cli(&["volume", "create", &format!("page-{number}")])
            .unwrap();
    }

    let first = world
        .call("list_volumes", json!({ "name": "page-", "limit": 2 }))
        .await;
    let second = world
        .call(
            "list_volumes",
            json!({ "name": "page-", "limit": 2, "cursor": first["next_cursor"] }),
        )
        .await;
    let foreign = world.fail("list_volumes", json!({ "cursor": "%%%" })).await;

    assert_eq!(
        (texts(&first["items"], "name"), &first["total"]),
        (vec!["page-0", "page-1"], &json!(5))
    );
    assert_eq!(texts(&second["items"], "name"), ["page-2", "page-3"]);
    assert_eq!(foreign.envelope().field.as_deref(), Some("cursor"));
}
