//! Guests.

use serde_json::json;

use super::{ask, at_once, cluster, get, run};

#[tokio::test]
async fn the_list_of_the_cluster_has_both_kinds() {
    let (cluster, _) = cluster().await;

    let all = get(&cluster, "/cluster/resources?type=vm").await;

    let rows: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["id"].as_str().unwrap(),
                row["name"].as_str().unwrap(),
                row["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("qemu/100", "web", "stopped"),
            ("qemu/101", "docker", "running"),
            ("lxc/200", "dns", "running")
        ]
    );
}

#[tokio::test]
async fn a_guest_is_on_its_node_and_of_its_kind() {
    let (cluster, _) = cluster().await;

    let other_node = ask(&cluster, "GET", "/nodes/pve2/qemu/100/config", "").await;
    let other_kind = ask(&cluster, "GET", "/nodes/pve1/lxc/100/config", "").await;

    let text = "Configuration file 'nodes/pve2/qemu-server/100.conf' does not exist";
    assert_eq!((other_node.status, other_node.reason.as_str()), (500, text));
    assert_eq!(
        other_kind.reason,
        "Configuration file 'nodes/pve1/lxc/100.conf' does not exist"
    );
}

#[tokio::test]
async fn a_second_start_fails_in_the_task_or_before_it_by_kind() {
    let (cluster, _) = cluster().await;

    let machine = run(&cluster, "POST", "/nodes/pve1/qemu/101/status/start", "").await;
    let container = ask(&cluster, "POST", "/nodes/pve1/lxc/200/status/start", "").await;

    assert_eq!(machine, "VM 101 already running");
    assert_eq!(
        (container.status, container.reason.as_str()),
        (500, "CT 200 already running")
    );
}

#[tokio::test]
async fn a_locked_guest_says_so() {
    let (cluster, _) = cluster().await;
    cluster.set_lock(101, Some("backup"));

    let stop = run(&cluster, "POST", "/nodes/pve1/qemu/101/status/stop", "").await;
    let delete = ask(&cluster, "PUT", "/nodes/pve1/qemu/101/config", "cores=4").await;
    let row = get(&cluster, "/nodes/pve1/qemu/101/status/current").await;

    assert_eq!(stop, "VM is locked (backup)");
    assert_eq!(
        (delete.status, delete.reason.as_str()),
        (500, "VM is locked (backup)")
    );
    assert_eq!(row["lock"], "backup");
}

#[tokio::test]
async fn a_container_is_made_of_a_template() {
    let (cluster, _) = cluster().await;
    let template = "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst";

    let body = format!(
        "vmid=201&ostemplate={template}&hostname=new&storage=local-lvm&rootfs=local-lvm:12&memory=1024&unprivileged=1&net0=name%3Deth0%2Cbridge%3Dvmbr0%2Cip%3Ddhcp&features=nesting%3D1&start=1&password=very-secret"
    );
    let done = run(&cluster, "POST", "/nodes/pve1/lxc", &body).await;
    let config = get(&cluster, "/nodes/pve1/lxc/201/config").await;
    let again = ask(&cluster, "POST", "/nodes/pve1/lxc", &body).await;

    assert_eq!(done, "OK");
    assert_eq!(config["hostname"], "new");
    assert_eq!(config["unprivileged"], 1);
    assert_eq!(config["rootfs"], "local-lvm:vm-201-disk-0,size=12G");
    assert!(config.get("password").is_none());
    assert_eq!(cluster.is_running(201), Some(true));
    assert_eq!(again.reason, "CT 201 already exists on node 'pve1'");
}

#[tokio::test]
async fn a_size_with_a_unit_and_a_storage_that_holds_no_disks_are_refused() {
    let (cluster, _) = cluster().await;
    let base = "vmid=201&ostemplate=local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst";

    let unit = ask(
        &cluster,
        "POST",
        "/nodes/pve1/lxc",
        &format!("{base}&rootfs=local-lvm:8G"),
    )
    .await;
    let usual = ask(&cluster, "POST", "/nodes/pve1/lxc", base).await;

    assert_eq!(unit.status, 400);
    assert!(unit.json()["errors"]["rootfs"].is_string());
    assert_eq!(
        (usual.status, usual.reason.as_str()),
        (
            500,
            "storage 'local' does not support content-type 'rootdir'"
        )
    );
}

#[tokio::test]
async fn a_running_machine_is_not_destroyed() {
    let (cluster, _) = cluster().await;

    let running = ask(&cluster, "DELETE", "/nodes/pve1/qemu/101", "").await;
    let stopped = run(&cluster, "DELETE", "/nodes/pve1/qemu/100?purge=1", "").await;
    let forced = run(&cluster, "DELETE", "/nodes/pve1/lxc/200?force=1", "").await;

    assert_eq!(
        (running.status, running.reason.as_str()),
        (500, "VM 101 is running - destroy failed")
    );
    assert_eq!((stopped.as_str(), forced.as_str()), ("OK", "OK"));
    assert_eq!(cluster.guests(), [101]);
    assert_eq!(cluster.volumes("rootdir"), [""; 0]);
}

#[tokio::test]
async fn snapshots_form_a_line_and_bring_the_configuration_back() {
    let (cluster, _) = cluster().await;
    at_once(&cluster);
    let base = "/nodes/pve1/qemu/100";

    run(
        &cluster,
        "POST",
        &format!("{base}/snapshot"),
        "snapname=before&description=a%20b",
    )
    .await;
    ask(&cluster, "PUT", &format!("{base}/config"), "cores=8").await;
    run(
        &cluster,
        "POST",
        &format!("{base}/snapshot"),
        "snapname=after",
    )
    .await;
    let list = get(&cluster, &format!("{base}/snapshot")).await;
    let twice = run(
        &cluster,
        "POST",
        &format!("{base}/snapshot"),
        "snapname=after",
    )
    .await;
    let missing = run(
        &cluster,
        "POST",
        &format!("{base}/snapshot/none/rollback"),
        "",
    )
    .await;
    let back = run(
        &cluster,
        "POST",
        &format!("{base}/snapshot/before/rollback"),
        "",
    )
    .await;
    let config = get(&cluster, &format!("{base}/config")).await;
    run(&cluster, "DELETE", &format!("{base}/snapshot/before"), "").await;

    assert_eq!(list[0]["description"], "a b");
    assert_eq!(list[1]["parent"], "before");
    assert_eq!(
        (&list[2]["name"], &list[2]["parent"]),
        (&json!("current"), &json!("after"))
    );
    assert_eq!(twice, "snapshot name 'after' already used");
    assert_eq!(missing, "snapshot 'none' does not exist");
    assert_eq!(back, "OK");
    assert_eq!(
        (&config["cores"], &config["parent"]),
        (&json!(2), &json!("before"))
    );
    assert_eq!(cluster.snapshots_of(100), ["after"]);
}

#[tokio::test]
async fn a_change_of_a_running_machine_waits_for_its_restart() {
    let (cluster, _) = cluster().await;
    at_once(&cluster);
    let base = "/nodes/pve1/qemu/101";
    let digest = get(&cluster, &format!("{base}/config")).await["digest"].take();
    let digest = digest.as_str().unwrap();

    let done = run(
        &cluster,
        "POST",
        &format!("{base}/config"),
        &format!("cores=8&name=renamed&digest={digest}"),
    )
    .await;
    let lost = ask(
        &cluster,
        "PUT",
        &format!("{base}/config"),
        &format!("cores=1&digest={digest}"),
    )
    .await;
    let pending = get(&cluster, &format!("{base}/pending")).await;
    let now = get(&cluster, &format!("{base}/config?current=1")).await;
    run(&cluster, "POST", &format!("{base}/status/reboot"), "").await;
    let then = get(&cluster, &format!("{base}/config?current=1")).await;

    let waiting = pending
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["key"] == "cores")
        .unwrap();
    assert_eq!(done, "OK");
    assert_eq!(lost.status, 500, "{}", lost.reason);
    assert_eq!(waiting, &json!({"key": "cores", "value": 2, "pending": 8}));
    assert_eq!(
        (&now["cores"], &now["name"]),
        (&json!(2), &json!("renamed"))
    );
    assert_eq!(then["cores"], 8);
}

#[tokio::test]
async fn a_disk_grows_and_never_shrinks() {
    let (cluster, _) = cluster().await;

    let grown = run(
        &cluster,
        "PUT",
        "/nodes/pve1/qemu/100/resize",
        "disk=scsi0&size=%2B8G",
    )
    .await;
    let less = ask(
        &cluster,
        "PUT",
        "/nodes/pve1/qemu/100/resize",
        "disk=scsi0&size=1G",
    )
    .await;

    assert_eq!(grown, "OK");
    assert_eq!(less.reason, "shrinking disks is not supported");
    let disk = cluster.config_of(100).unwrap()["scsi0"].take();
    assert_eq!(disk, "local-lvm:vm-100-disk-0,size=40960M");
}

#[tokio::test]
async fn a_clone_has_disks_of_its_own() {
    let (cluster, _) = cluster().await;

    let done = run(
        &cluster,
        "POST",
        "/nodes/pve1/qemu/100/clone",
        "newid=110&name=copy&full=1&target=pve2&storage=nas",
    )
    .await;
    let taken = ask(&cluster, "POST", "/nodes/pve1/qemu/100/clone", "newid=101").await;

    let config = cluster.config_of(110).unwrap();
    assert_eq!(done, "OK");
    assert_eq!(cluster.node_of(110).as_deref(), Some("pve2"));
    assert_eq!(config["name"], "copy");
    assert_eq!(config["scsi0"], "nas:vm-110-disk-0,size=32G");
    assert_eq!(taken.status, 500);
}

#[tokio::test]
async fn a_move_needs_what_its_kind_needs() {
    let (cluster, _) = cluster().await;
    let machine = "/nodes/pve1/qemu/101/migrate";
    let container = "/nodes/pve1/lxc/200/migrate";

    let check = get(&cluster, machine).await;
    let offline = ask(&cluster, "POST", machine, "target=pve2").await;
    let local = run(&cluster, "POST", machine, "target=pve2&online=1").await;
    let both = run(
        &cluster,
        "POST",
        machine,
        "target=pve2&online=1&with-local-disks=1",
    )
    .await;
    let live = ask(&cluster, "POST", container, "target=pve2&online=1").await;
    let restarted = run(&cluster, "POST", container, "target=pve2&restart=1").await;

    assert_eq!(check["allowed_nodes"], json!(["pve2"]));
    assert_eq!(check["local_disks"][0]["volid"], "local-lvm:vm-101-disk-0");
    assert_eq!(offline.status, 500);
    assert!(local.contains("local disks"), "{local}");
    assert_eq!(both, "OK");
    assert_eq!(live.status, 500);
    assert_eq!(restarted, "OK");
    assert_eq!(cluster.node_of(101).as_deref(), Some("pve2"));
    assert_eq!(cluster.node_of(200).as_deref(), Some("pve2"));
}

#[tokio::test]
async fn the_agent_runs_a_command_that_is_looked_at_until_it_exits() {
    let (cluster, _) = cluster().await;
    let base = "/nodes/pve1/qemu/101/agent";

    let pid = ask(
        &cluster,
        "POST",
        &format!("{base}/exec"),
        "command=echo&command=a%20b&command=c",
    )
    .await;
    let pid = pid.json()["data"]["pid"].take();
    let first = get(&cluster, &format!("{base}/exec-status?pid={pid}")).await;
    let second = get(&cluster, &format!("{base}/exec-status?pid={pid}")).await;
    let gone = ask(
        &cluster,
        "GET",
        &format!("{base}/exec-status?pid={pid}"),
        "",
    )
    .await;

    assert_eq!(first, json!({"exited": 0}));
    assert_eq!(
        second,
        json!({"exited": 1, "exitcode": 0, "out-data": "a b c\n"})
    );
    assert_eq!(gone.status, 500);
}

#[tokio::test]
async fn without_an_agent_there_is_an_error_and_no_addresses() {
    let (cluster, _) = cluster().await;

    let path = "/nodes/pve1/qemu/101/agent/network-get-interfaces";
    let addresses = get(&cluster, path).await;
    cluster.set_agent(101, false);
    let silent = ask(&cluster, "GET", path, "").await;
    let container = get(&cluster, "/nodes/pve1/lxc/200/interfaces").await;

    assert_eq!(
        addresses["result"][1]["ip-addresses"][0]["ip-address"],
        "192.0.2.87"
    );
    assert_eq!(
        (silent.status, silent.reason.as_str()),
        (500, "QEMU guest agent is not running")
    );
    assert_eq!(container[1]["inet"], "192.0.2.53/24");
}

#[tokio::test]
async fn a_rule_is_added_at_the_top() {
    let (cluster, _) = cluster().await;
    let path = "/nodes/pve1/lxc/200/firewall/rules";

    ask(
        &cluster,
        "POST",
        path,
        "type=in&action=ACCEPT&dport=53&proto=udp",
    )
    .await;
    ask(&cluster, "POST", path, "type=in&action=DROP&enable=1").await;
    let rules = get(&cluster, path).await;

    assert_eq!(
        rules[0],
        json!({"type": "in", "action": "DROP", "enable": 1, "pos": 0})
    );
    assert_eq!(rules[1]["dport"], "53");
}
