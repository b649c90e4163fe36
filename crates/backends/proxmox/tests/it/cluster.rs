//! Nodes and the cluster as a whole.

use homelab_core::error::Code;
use homelab_lab::proxmox::Down;
use serde_json::json;

use crate::world::{World, column, field, hint, reason};

#[tokio::test]
async fn nodes_are_listed_with_quorum_and_fingerprints() {
    let world = World::lab().await;

    let list = world.call("list_nodes", json!({})).await;

    assert_eq!(column(&list, "node"), ["pve1", "pve2"]);
    assert_eq!(list["quorate"], true);
    assert_eq!(list["cluster"], "homelab");
    assert!(list["items"][0]["memory_percent"].is_number());
    assert_eq!(
        list["items"][0]["fingerprint"],
        world.cluster.identity("pve1").fingerprint()
    );
}

#[tokio::test]
async fn without_the_right_to_see_the_cluster_its_nodes_are_listed_all_the_same() {
    let mut world = World::lab().await;
    world.cluster.add_token("root@pam!ops", "ops-secret");
    world.cluster.grant("root@pam!ops", "/vms", &["VM.Audit"]);
    world.reopen(&json!({ "token_id": "root@pam!ops", "token_secret": "ops-secret" }));

    let list = world.call("list_nodes", json!({})).await;

    assert_eq!(list.get("quorate"), None);
}

#[tokio::test]
async fn one_node_or_all_of_them_in_detail() {
    let world = World::lab().await;

    let one = world
        .call("get_node_status", json!({ "node": "pve2" }))
        .await;
    let all = world.call("get_node_status", json!({})).await;

    assert_eq!(one["nodes"][0]["node"], "pve2");
    assert!(
        one["nodes"][0]["version"]
            .as_str()
            .expect("a version")
            .contains('9')
    );
    assert_eq!(
        one["nodes"][0]["load_average"].as_array().map(Vec::len),
        Some(3)
    );
    assert!(one["nodes"][0]["root_disk_percent"].is_number());
    assert_eq!(all["nodes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_node_that_is_down_does_not_hide_the_others() {
    let world = World::lab().await;
    world.cluster.lose_contact("pve2", Down::Refused);

    let all = world.call("get_node_status", json!({})).await;
    let error = world
        .fail("get_node_status", json!({ "node": "pve2" }))
        .await;

    assert_eq!(all["nodes"][0]["status"], "online");
    assert!(all["nodes"][1]["problem"].is_string(), "{all}");
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "node_unreachable")
    );
    assert!(error.envelope().message.contains("`pve2`"));
    assert!(error.envelope().retryable);
}

#[tokio::test]
async fn an_unknown_node_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("get_node_status", json!({ "node": "pve9" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "node_not_found")
    );
    assert_eq!(field(&error), "node");
    assert!(hint(&error).contains("list_nodes"));
}

#[tokio::test]
async fn the_cluster_has_totals_and_rows() {
    let world = World::lab().await;

    let all = world
        .call("get_cluster_resources", json!({ "limit": 3 }))
        .await;
    let nodes = world
        .call("get_cluster_resources", json!({ "type": "node" }))
        .await;

    assert_eq!(
        (&all["totals"]["guests"], &all["totals"]["guests_running"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(all["totals"]["nodes_online"], 2);
    assert_eq!(all["items"].as_array().map(Vec::len), Some(3));
    assert!(all["next_cursor"].is_string());
    assert_eq!(column(&nodes, "type"), ["node", "node"]);
}
