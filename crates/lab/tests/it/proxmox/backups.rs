//! Backups, restores, scheduled jobs, volumes.

use homelab_lab::proxmox::StorageSeed;
use serde_json::json;

use super::{ask, at_once, cluster, get, run};

const VZDUMP: &str = "/nodes/pve1/vzdump";

#[tokio::test]
async fn a_backup_is_a_volume_with_notes() {
    let (cluster, _) = cluster().await;

    let body = "vmid=100&storage=nas&compress=zstd&remove=0&notes-template=%7B%7Bguestname%7D%7D%20on%20%7B%7Bnode%7D%7D&protected=1";
    let done = run(&cluster, "POST", VZDUMP, body).await;
    let list = get(
        &cluster,
        "/nodes/pve2/storage/nas/content?content=backup&vmid=100",
    )
    .await;

    let volid = "nas:backup/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst";
    assert_eq!(done, "OK");
    assert_eq!(list[0]["volid"], volid);
    assert_eq!(list[0]["notes"], "web on pve1");
    assert_eq!(list[0]["protected"], 1);
    assert_eq!(list[0]["ctime"], 1_795_140_000);
}

#[tokio::test]
async fn on_another_node_a_backup_ends_well_and_does_nothing() {
    let (cluster, _) = cluster().await;

    let done = run(
        &cluster,
        "POST",
        "/nodes/pve2/vzdump",
        "vmid=100&storage=nas",
    )
    .await;

    assert_eq!(done, "OK");
    assert_eq!(cluster.volumes("backup"), [""; 0]);
}

#[tokio::test]
async fn a_guest_is_locked_while_it_is_backed_up() {
    let (cluster, _) = cluster().await;

    ask(&cluster, "POST", VZDUMP, "vmid=101&storage=nas").await;
    let during = get(&cluster, "/nodes/pve1/qemu/101/status/current").await;
    cluster.finish_tasks();
    let after = get(&cluster, "/nodes/pve1/qemu/101/status/current").await;

    assert_eq!(during["lock"], "backup");
    assert!(after.get("lock").is_none());
}

#[tokio::test]
async fn unless_forbidden_a_backup_drives_old_ones_out() {
    let (cluster, _) = cluster().await;
    at_once(&cluster);
    cluster.add_storage(StorageSeed {
        name: "small".to_owned(),
        kind: "dir".to_owned(),
        content: vec!["backup".to_owned()],
        shared: true,
        retention: Some("keep-last=2".to_owned()),
    });
    for days in 1..=3 {
        cluster.add_backup(100, "small", days * 86_400);
    }

    run(&cluster, "POST", VZDUMP, "vmid=100&storage=small&remove=0").await;
    let kept = cluster.volumes("backup").len();
    run(&cluster, "POST", VZDUMP, "vmid=100&storage=small").await;

    assert_eq!(kept, 4);
    assert_eq!(cluster.volumes("backup").len(), 2);
}

#[tokio::test]
async fn pruning_is_shown_before_it_is_done() {
    let (cluster, _) = cluster().await;
    for days in 0..4 {
        cluster.add_backup(200, "nas", days * 86_400);
    }
    let protected = cluster.add_backup(200, "nas", 9 * 86_400).unwrap();
    let volume = protected.replace('/', "%2F").replace(':', "%3A");
    let path = format!("/nodes/pve1/storage/nas/content/{volume}");
    ask(&cluster, "PUT", &path, "protected=1").await;

    let path = "/nodes/pve1/storage/nas/prunebackups?prune-backups=keep-last%3D2&vmid=200";
    let marks = get(&cluster, path).await;
    let before = cluster.volumes("backup").len();
    let done = run(&cluster, "DELETE", path, "").await;

    let count = |mark: &str| {
        marks
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["mark"] == mark)
            .count()
    };
    assert_eq!(
        (count("keep"), count("remove"), count("protected")),
        (2, 2, 1)
    );
    assert_eq!(before, 5);
    assert_eq!(done, "OK");
    assert!(cluster.volumes("backup").contains(&protected));
    assert_eq!(cluster.volumes("backup").len(), 3);
}

#[tokio::test]
async fn a_protected_backup_is_not_removed() {
    let (cluster, _) = cluster().await;
    let volid = cluster.add_backup(100, "nas", 60).unwrap();
    let volume = volid.replace('/', "%2F").replace(':', "%3A");
    let path = format!("/nodes/pve1/storage/nas/content/{volume}");

    ask(&cluster, "PUT", &path, "protected=1&notes=keep%20me").await;
    let refused = ask(&cluster, "DELETE", &path, "").await;
    ask(&cluster, "PUT", &path, "protected=0").await;
    let done = run(&cluster, "DELETE", &path, "").await;

    assert_eq!(refused.status, 500);
    assert_eq!(
        refused.reason,
        format!("can't remove protected volume '{volid}'")
    );
    assert_eq!(done, "OK");
    assert_eq!(cluster.volumes("backup"), [""; 0]);
}

#[tokio::test]
async fn a_restore_makes_a_guest_of_a_backup() {
    let (cluster, _) = cluster().await;
    at_once(&cluster);
    let machine = cluster.add_backup(100, "nas", 60).unwrap();
    let container = cluster.add_backup(200, "nas", 60).unwrap();

    let new = format!("vmid=300&archive={machine}&storage=local-lvm&unique=1");
    let new = run(&cluster, "POST", "/nodes/pve2/qemu", &new).await;
    let over = format!("vmid=200&ostemplate={container}&restore=1&storage=local-lvm");
    let exists = ask(&cluster, "POST", "/nodes/pve1/lxc", &over).await;
    let running = ask(
        &cluster,
        "POST",
        "/nodes/pve1/lxc",
        &format!("{over}&force=1"),
    )
    .await;
    run(&cluster, "POST", "/nodes/pve1/lxc/200/status/stop", "").await;
    let forced = run(
        &cluster,
        "POST",
        "/nodes/pve1/lxc",
        &format!("{over}&force=1"),
    )
    .await;

    assert_eq!(new, "OK");
    assert_eq!(cluster.config_of(300).unwrap()["name"], "web");
    assert_eq!(exists.reason, "CT 200 already exists on node 'pve1'");
    assert_eq!(running.status, 500);
    assert_eq!(forced, "OK");
    assert_eq!(cluster.tasks().last().unwrap(), "vzrestore");
}

#[tokio::test]
async fn the_configuration_in_a_backup_can_be_read_first() {
    let (cluster, _) = cluster().await;
    let volid = cluster.add_backup(100, "nas", 60).unwrap();

    let text = get(
        &cluster,
        &format!("/nodes/pve1/vzdump/extractconfig?volume={volid}"),
    )
    .await;

    assert!(text.as_str().unwrap().contains("name: web\n"), "{text}");
}

#[tokio::test]
async fn jobs_are_kept_and_forget_purged_guests() {
    let (cluster, _) = cluster().await;
    at_once(&cluster);

    let body = "id=nightly&schedule=02:00&vmid=100%2C101&storage=nas&mode=snapshot";
    let made = ask(&cluster, "POST", "/cluster/backup", body).await;
    let again = ask(&cluster, "POST", "/cluster/backup", body).await;
    run(&cluster, "DELETE", "/nodes/pve1/qemu/100?purge=1", "").await;
    ask(&cluster, "PUT", "/cluster/backup/nightly", "enabled=0").await;
    let job = get(&cluster, "/cluster/backup/nightly").await;
    ask(&cluster, "DELETE", "/cluster/backup/nightly", "").await;

    assert_eq!((made.status, again.status), (200, 500));
    assert_eq!((&job["vmid"], &job["enabled"]), (&json!("101"), &json!(0)));
    assert_eq!(get(&cluster, "/cluster/backup").await, json!([]));
}

#[tokio::test]
async fn a_template_is_downloaded_once() {
    let (cluster, _) = cluster().await;
    let name = "debian-13-standard_13.1-2_amd64.tar.zst";

    let body = format!("storage=local&template={name}");
    let done = run(&cluster, "POST", "/nodes/pve1/aplinfo", &body).await;
    let again = ask(&cluster, "POST", "/nodes/pve1/aplinfo", &body).await;
    let list = get(&cluster, "/nodes/pve1/storage/local/content?content=vztmpl").await;

    assert_eq!(done, "OK");
    assert_eq!(again.status, 500);
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_template_is_made_of_an_image() {
    let (cluster, _) = cluster().await;
    let path = "/nodes/pve1/storage/local/oci-registry-pull";

    let done = run(
        &cluster,
        "POST",
        path,
        "reference=registry.example/lab/nginx:1.29",
    )
    .await;
    let list = get(&cluster, "/nodes/pve1/storage/local/content?content=vztmpl").await;

    assert_eq!(done, "OK");
    assert_eq!(list[1]["volid"], "local:vztmpl/nginx_1.29.tar");
}

#[tokio::test]
async fn a_storage_that_cannot_be_used_fails_the_task() {
    let (cluster, _) = cluster().await;

    let missing = run(&cluster, "POST", VZDUMP, "vmid=100&storage=nope").await;
    let disks = run(&cluster, "POST", VZDUMP, "vmid=100&storage=local-lvm").await;

    assert!(
        missing.ends_with("storage 'nope' does not exist"),
        "{missing}"
    );
    assert!(
        disks.ends_with("can't use storage type 'lvmthin' for backup"),
        "{disks}"
    );
}
