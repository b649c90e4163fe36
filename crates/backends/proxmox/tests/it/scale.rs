//! Large clusters, long use, and what never ends.

use std::fmt::Write as _;

use homelab_core::error::Code;
use homelab_lab::proxmox::{Down, GuestSeed, Options, Pace, StorageSeed};
use serde_json::json;

use crate::raw::Raw;
use crate::world::{World, context, eventually, reason, run};

/// Guests of the large answer.
const MANY: usize = 50_000;

#[tokio::test]
async fn fifty_thousand_guests_are_one_request_and_one_small_page() {
    let mut guests = String::from(r#"{"data":["#);
    for number in 0..MANY {
        let vmid = 100 + number;
        let comma = if number == 0 { "" } else { "," };
        write!(
            guests,
            r#"{comma}{{"type":"qemu","id":"qemu/{vmid}","vmid":{vmid},"node":"pve{}","name":"guest-{number}","status":"running","maxcpu":4,"maxmem":8589934592,"mem":1073741824,"maxdisk":34359738368,"disk":0,"cpu":0.01,"uptime":86400,"netin":1234567,"netout":7654321,"diskread":1,"diskwrite":2,"template":0,"tags":"a;b"}}"#,
            number % 32
        )
        .expect("a string takes everything");
    }
    guests.push_str("]}");
    let large = Raw::answering(move |_| Some((200, "OK", guests.clone()))).await;
    let mut world = World::lab().await;
    world.reopen(&json!({ "hosts": [large.url()] }));

    let page = world.call("list_vms", json!({})).await;
    let found = world
        .call("list_vms", json!({ "name": "guest-49999" }))
        .await;

    assert_eq!(page["total"], MANY);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(25));
    assert_eq!(found["total"], 1);
    assert!(page.to_string().len() < 20_000, "a page stays small");
}

#[tokio::test]
async fn an_answer_beyond_all_bounds_is_refused_as_such() {
    let large = Raw::answering(|_| Some((200, "OK", " ".repeat((64 << 20) + 1)))).await;
    let mut world = World::lab().await;
    world.reopen(&json!({ "hosts": [large.url()] }));

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "too_large"),
        "{error}"
    );
}

#[tokio::test]
async fn a_thousand_guests_over_thirty_two_nodes_take_few_requests_at_a_time() {
    let nodes: Vec<String> = (1..=32).map(|number| format!("pve{number}")).collect();
    let world = World::with(
        Options {
            nodes: nodes.clone(),
            ..Options::default()
        },
        json!({}),
    )
    .await;
    world.cluster.add_storage(StorageSeed {
        name: "vault".to_owned(),
        kind: "nfs".to_owned(),
        content: vec!["backup".to_owned()],
        shared: true,
        retention: None,
    });
    for number in 0..1000 {
        let node = &nodes[number % nodes.len()];
        let vmid = u32::try_from(1000 + number).expect("small");
        world
            .cluster
            .add_guest(GuestSeed::machine(vmid, &format!("g{number}"), node));
    }
    world
        .cluster
        .add_backup(1000, "local", 60)
        .expect("a backup");
    world.cluster.log().clear();

    let guests = world.call("list_vms", json!({ "limit": 200 })).await;
    let asked = world.cluster.log().all().len();
    let backups = world.call("list_backups", json!({})).await;

    assert_eq!(guests["total"], 1003);
    assert_eq!(asked, 1, "guests come in one answer");
    assert_eq!(backups["total"], 1);
    let asked = world.cluster.log().all().len() - asked;
    assert!(
        (34..=36).contains(&asked),
        "{asked}: one for each storage of each node"
    );
    assert!(world.cluster.log().most_at_once() <= 4);
}

#[tokio::test]
async fn memory_stays_flat_over_ten_thousand_calls() {
    let world = World::lab().await;
    let ctx = context();
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages = text
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok());
        pages.expect("a number") * 4096
    };
    let calls = async |count: u32| {
        for number in 0..count {
            let args = json!({});
            let ran = run(&*world.server, "list_storage", args, &ctx).await;
            assert!(ran.is_ok(), "call {number}");
            world.cluster.log().clear();
        }
    };

    calls(1_000).await;
    let before = resident();
    calls(9_000).await;
    let grown = resident().saturating_sub(before);

    // Other tests run beside this one; a kilobyte kept of each call would show.
    assert!(grown < 64 << 20, "{} KiB more", grown / 1024);
}

#[tokio::test]
async fn a_task_that_never_ends_is_reported_as_running() {
    let world = World::configured(json!({ "task_wait_s": 1 })).await;
    world.cluster.set_pace(Pace::Polls(1_000_000));

    let done = world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(done["task"]["state"], "running");
    assert!(
        done["task"]["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("get_task_status"))
    );
    assert!(
        done["status"].is_null(),
        "nothing is claimed that is not known"
    );
}

#[tokio::test]
async fn a_node_that_goes_away_during_a_move_leaves_the_task_to_be_followed() {
    let mut world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(1_000_000));
    let args = json!({ "vmid": 101, "target": "pve1", "with_local_disks": true });
    let ctx = context();

    let begun = eventually(|| world.cluster.tasks() == ["qmigrate"]);
    let gone = async {
        begun.await;
        world.cluster.lose_contact("pve2", Down::NoRoute);
    };
    let (ran, ()) = tokio::join!(run(&*world.server, "migrate_vm", args, &ctx), gone);
    let error = ran.expect_err("its node is away");
    world.cluster.take_down("pve2", Down::NoRoute).await;
    let guests = world.call("list_vms", json!({})).await;

    assert_eq!(reason(&error), "node_unreachable", "{error}");
    assert!(error.envelope().message.contains("UPID:pve2:"), "{error}");
    assert!(!error.envelope().retryable, "it may go on");
    assert_eq!(guests["total"], 3, "the others still answer");
}
