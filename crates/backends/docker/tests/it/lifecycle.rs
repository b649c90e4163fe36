//! Listing, starting, stopping, waiting and removing.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, hint, reason, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_listed_with_its_ports_networks_and_compose_project() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container(
            "list-web",
            json!({
                "command": ["httpd", "-f", "-p", "80"], "ports": ["127.0.0.1:18081:80"],
                "labels": { "com.docker.compose.project": "list", "com.docker.compose.service": "web" },
            }),
        )
        .await;

    let list = world
        .call(
            "list_containers",
            json!({ "name": "list-web", "status": "running" }),
        )
        .await;
    let other = world
        .call(
            "list_containers",
            json!({ "name": "list-web", "status": "paused" }),
        )
        .await;
    let by_image = world
        .call(
            "list_containers",
            json!({ "image": "lab/busybox", "label": "com.docker.compose.project=list" }),
        )
        .await;

    let row = &list["items"][0];
    assert_eq!(
        (&list["total"], &row["name"]),
        (&json!(1), &json!("list-web"))
    );
    assert_eq!(row["ports"], json!(["127.0.0.1:18081->80/tcp"]));
    assert_eq!(row["networks"], json!(["bridge"]));
    assert_eq!(row["compose"], "list/web");
    assert!(row["status"].as_str().unwrap().starts_with("Up "));
    assert_eq!(other["total"], 0);
    assert_eq!(texts(&by_image["items"], "name"), ["list-web"]);
    let projects = world
        .call("list_compose_projects", json!({ "project": "list" }))
        .await;
    assert_eq!(projects["items"][0]["status"], "running");
    assert_eq!(
        projects["items"][0]["services"][0]["ports"],
        json!(["127.0.0.1:18081->80/tcp"])
    );
    let missing = world
        .fail("list_compose_projects", json!({ "project": "no-such" }))
        .await;
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_and_starting_undo_each_other_and_say_when_nothing_changed() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("stop-start").await;
    let args = json!({ "container": "stop-start", "timeout": 0 });

    let preview = world.preview("stop_container", args.clone()).await;
    let (stopped, started) = world.there_and_back("stop_container", args.clone()).await;

    assert!(
        preview
            .summary
            .starts_with("stop the container `stop-start`"),
        "{}",
        preview.summary
    );
    assert_eq!(
        (&stopped["changed"], &stopped["state"]),
        (&json!(true), &json!("exited"))
    );
    assert_eq!(stopped["exit_code"], 137);
    assert_eq!(
        (&started["changed"], &started["state"]),
        (&json!(true), &json!("running"))
    );
    let again = world
        .call("start_container", json!({ "container": "stop-start" }))
        .await;
    assert_eq!(
        (&again["changed"], &again["state"]),
        (&json!(false), &json!("running"))
    );
    world.call("stop_container", args.clone()).await;
    let again = world.call("stop_container", args.clone()).await;
    assert_eq!(again["changed"], false);
    assert_eq!(world.inverse("stop_container", args).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_restarted_and_named_by_the_beginning_of_its_id() {
    let Some(world) = World::real().await else {
        return;
    };
    let id = world.sleeper("restart-me").await;
    let before = world
        .call("inspect_container", json!({ "container": "restart-me" }))
        .await;

    let done = world
        .call(
            "restart_container",
            json!({ "container": id.get(..12), "timeout": 0 }),
        )
        .await;

    let after = world
        .call("inspect_container", json!({ "container": "restart-me" }))
        .await;
    assert_eq!(
        (&done["name"], &done["state"]),
        (&json!("restart-me"), &json!("running"))
    );
    assert_ne!(before["state"]["started"], after["state"]["started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pausing_is_undone_and_a_stopped_container_cannot_be_paused() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("pause-me").await;
    let args = json!({ "container": "pause-me" });

    let (paused, unpaused) = world.there_and_back("pause_container", args.clone()).await;

    assert_eq!(
        (&paused["state"], &unpaused["state"]),
        (&json!("paused"), &json!("running"))
    );
    world.call("pause_container", args.clone()).await;
    let error = world.fail("start_container", args.clone()).await;
    assert_eq!(reason(&error), "container_paused");
    let (unpaused, paused) = world
        .there_and_back("unpause_container", args.clone())
        .await;
    assert_eq!(
        (&unpaused["changed"], &paused["state"]),
        (&json!(true), &json!("paused"))
    );
    world.call("unpause_container", args.clone()).await;
    world
        .call(
            "stop_container",
            json!({ "container": "pause-me", "timeout": 0 }),
        )
        .await;
    let error = world.fail("pause_container", args.clone()).await;
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "container_not_running")
    );
    let error = world.fail("unpause_container", args).await;
    assert_eq!(error.code(), Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_id_is_told_by_every_tool_with_what_is_alike() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("wrong-target").await;

    for (tool, more) in [
        ("start_container", json!({})),
        ("stop_container", json!({})),
        ("restart_container", json!({})),
        ("remove_container", json!({})),
        ("get_container_logs", json!({})),
        ("get_container_stats", json!({})),
        ("inspect_container", json!({})),
        ("recreate_container", json!({})),
        ("exec_container", json!({ "command": ["true"] })),
        ("wait_container", json!({ "until": "running" })),
        ("pause_container", json!({})),
        ("unpause_container", json!({})),
        ("rename_container", json!({ "name": "other" })),
        ("update_container", json!({ "pids": 10 })),
        ("check_image_updates", json!({})),
        ("connect_network", json!({ "network": "bridge" })),
        ("disconnect_network", json!({ "network": "bridge" })),
    ] {
        let mut args = json!({ "container": "wrong-taget" });
        args.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = world.fail(tool, args).await;

        assert_eq!(error.code(), Code::NotFound, "{tool}");
        assert_eq!(hint(&error), "did you mean `wrong-target`?", "{tool}");
        assert_eq!(
            error.envelope().instance.as_deref(),
            Some("docker"),
            "{tool}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_tells_what_is_lost_and_keeps_named_volumes() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container("remove-me", json!({ "command": ["sleep", "600"], "volumes": ["remove-data:/data"], "labels": { "team": "lab" } }))
        .await;
    let args = json!({ "container": "remove-me", "force": true, "volumes": true });

    let refused = world
        .fail("remove_container", json!({ "container": "remove-me" }))
        .await;
    let preview = world.preview("remove_container", args.clone()).await;
    let targets = world.targets("remove_container", args.clone()).await;
    let removed = world.call("remove_container", args).await;

    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::Conflict, "container_running")
    );
    assert!(
        preview
            .impact
            .contains(&"it is running: it will be killed".to_owned()),
        "{:?}",
        preview.impact
    );
    assert!(
        preview
            .impact
            .contains(&"keeps the volume `remove-data` at `/data`".to_owned())
    );
    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.contains("outside of its mounts"))
    );
    assert_eq!(
        (targets[0].name.as_deref(), &targets[0].tags),
        (Some("remove-me"), &vec!["team=lab".to_owned()])
    );
    assert_eq!(removed["volumes_kept"], json!(["remove-data"]));
    let gone = world
        .fail("inspect_container", json!({ "container": "remove-me" }))
        .await;
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_a_container_is_as_it_should_be_or_cannot_become_so() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container(
            "wait-job",
            json!({ "command": ["sh", "-c", "sleep 1; exit 3"] }),
        )
        .await;
    world
        .container(
            "wait-web",
            json!({
                "command": ["sh", "-c", "sleep 1; touch /tmp/ready; sleep 600"],
                "healthcheck": { "command": "test -e /tmp/ready", "interval_s": 1, "retries": 30 },
            }),
        )
        .await;

    let stopped = world
        .call(
            "wait_container",
            json!({ "container": "wait-job", "until": "stopped", "timeout_s": 30 }),
        )
        .await;
    let hopeless = world
        .call(
            "wait_container",
            json!({ "container": "wait-job", "until": "running", "timeout_s": 30 }),
        )
        .await;
    let healthy = world
        .call(
            "wait_container",
            json!({ "container": "wait-web", "until": "healthy", "timeout_s": 30 }),
        )
        .await;
    let not_gone = world
        .call(
            "wait_container",
            json!({ "container": "wait-web", "until": "removed", "timeout_s": 1 }),
        )
        .await;

    assert_eq!(
        (&stopped["reached"], &stopped["exit_code"]),
        (&json!(true), &json!(3))
    );
    assert_eq!(hopeless["reached"], false);
    assert!(hopeless["waited_ms"].as_u64().unwrap() < 5000, "{hopeless}");
    assert_eq!(
        (&healthy["reached"], &healthy["health"]),
        (&json!(true), &json!("healthy"))
    );
    assert_eq!(not_gone["reached"], false);
    let without = world
        .fail(
            "wait_container",
            json!({ "container": "wait-job", "until": "healthy" }),
        )
        .await;
    assert_eq!(reason(&without), "no_health_check");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_is_told_in_order_without_command_lines() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container("event-job", json!({ "command": ["sh", "-c", "exit 7"] }))
        .await;
    world
        .call(
            "wait_container",
            json!({ "container": "event-job", "until": "stopped" }),
        )
        .await;

    let events = world
        .call(
            "get_events",
            json!({ "since": "1h", "container": "event-job" }),
        )
        .await;
    let deaths = world
        .call("get_events", json!({ "since": "1h", "container": "event-job", "actions": ["die"], "kind": "container", "limit": 1 }))
        .await;
    let error = world
        .fail(
            "get_events",
            json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }),
        )
        .await;

    assert_eq!(texts(&events["items"], "action")[..2], ["create", "start"]);
    assert_eq!(deaths["items"][0]["exit_code"], "7");
    assert_eq!(deaths["items"][0]["name"], "event-job");
    assert_eq!(error.envelope().field.as_deref(), Some("since"));
}
