//! Nodes, and a cluster of which one is down.

use homelab_lab::proxmox::{Down, Proxmox, Release};
use serde_json::json;
use tokio::net::TcpStream;

use super::{ask, cluster, cluster_of, get};
use crate::wire::call;

#[tokio::test]
async fn every_node_answers_for_the_others() {
    let (cluster, _) = cluster().await;
    let token = (
        "Authorization",
        "PVEAPIToken=root@pam!lab=11111111-2222-3333-4444-555555555555",
    );

    let path = "/api2/json/nodes/pve1/qemu/100/config";
    let answer = call(cluster.address_of("pve2"), "GET", path, &[token], "").await;

    assert_eq!(answer.json()["data"]["name"], "web");
}

#[tokio::test]
async fn a_node_that_is_down_refuses_and_shows_as_offline() {
    let (mut cluster, _) = cluster().await;
    let address = cluster.address_of("pve2");

    cluster.take_down("pve2", Down::NoRoute).await;
    let direct = TcpStream::connect(address).await;
    let proxied = ask(&cluster, "GET", "/nodes/pve2/status", "").await;
    let nodes = get(&cluster, "/nodes").await;
    let status = get(&cluster, "/cluster/status").await;

    assert_eq!(
        direct.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    assert_eq!(
        (proxied.status, proxied.reason.as_str()),
        (595, "No route to host")
    );
    assert_eq!(
        (&nodes[0]["status"], &nodes[1]["status"]),
        (&json!("online"), &json!("offline"))
    );
    assert_eq!(
        (&status[0]["quorate"], &status[2]["online"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_a_596() {
    let (cluster, _) = cluster().await;
    cluster.lose_contact("pve2", Down::TimedOut);

    let proxied = ask(&cluster, "GET", "/nodes/pve2/qemu", "").await;
    let unknown = ask(&cluster, "GET", "/nodes/pve9/status", "").await;

    assert_eq!(
        (proxied.status, proxied.reason.as_str()),
        (596, "Connection timed out")
    );
    assert_eq!(unknown.status, 500);
    assert!(
        unknown.reason.starts_with("hostname lookup 'pve9' failed"),
        "{}",
        unknown.reason
    );
}

#[tokio::test]
async fn calls_and_parameters_of_9_are_not_in_8() {
    let (old, _) = cluster_of(Release::V8_4).await;
    let (new, _) = cluster().await;
    let path = "/cluster/bulk-action/guest/start";

    let before = ask(&old, "POST", path, "vms=100&vms=101").await;
    let since = ask(&new, "POST", path, "vms=100&vms=101").await;
    let parameter = ask(
        &old,
        "PUT",
        "/nodes/pve1/lxc/200/config",
        "entrypoint=/bin/x",
    )
    .await;

    assert_eq!(before.status, 501);
    assert_eq!(since.status, 200);
    assert_eq!(parameter.status, 400);
    assert_eq!(get(&old, "/version").await["release"], "8.4");
}

#[tokio::test]
async fn the_next_number_is_free_but_not_reserved() {
    let (cluster, _) = cluster().await;

    let free = get(&cluster, "/cluster/nextid").await;
    let again = get(&cluster, "/cluster/nextid").await;
    let taken = ask(&cluster, "GET", "/cluster/nextid?vmid=100", "").await;

    assert_eq!((&free, &again), (&json!("102"), &json!("102")));
    assert_eq!(taken.json()["errors"]["vmid"], "VM 100 already exists");
}

#[tokio::test]
async fn a_shared_storage_shows_once_per_node() {
    let (cluster, _) = cluster().await;

    let all = get(&cluster, "/cluster/resources?type=storage").await;

    let shared = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["storage"] == "nas");
    assert_eq!(shared.count(), 2);
}

#[tokio::test]
async fn the_demo_has_guests_with_backups_except_one() {
    let cluster = Proxmox::demo().await.unwrap();

    let guests = cluster.guests().len();
    let backups = cluster.volumes("backup");
    let job = get(&cluster, "/cluster/backup").await;

    assert_eq!(guests, 17);
    assert_eq!(backups.len(), 48);
    assert!(backups.iter().all(|volid| !volid.contains("/111/")));
    assert_eq!(job[0]["storage"], "pbs");
    assert_eq!(cluster.log().unexpected(), [""; 0]);
}
