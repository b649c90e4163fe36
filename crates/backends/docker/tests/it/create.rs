//! Making containers.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::json;

use crate::world::{IMAGE, World, hint, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_made_with_all_that_was_asked_for() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .call("create_network", json!({ "name": "create-net" }))
        .await;
    let args = json!({
        "image": IMAGE, "name": "create-all", "command": ["sh", "-c", "echo $GREETING >/data/x; sleep 600"],
        "env": { "GREETING": "hello", "DB_PASSWORD": "hunter22" }, "ports": ["127.0.0.1:18090:80", "18091:53/udp"],
        "volumes": ["create-data:/data"], "network": "create-net", "restart_policy": "unless-stopped",
        "labels": { "a": "b" }, "memory_bytes": 67_108_864, "cpus": 0.5, "user": "0:0", "workdir": "/tmp",
        "healthcheck": { "command": "true", "interval_s": 1 },
    });

    let preview = world.preview("create_container", args.clone()).await;
    let made = world.call("create_container", args.clone()).await;
    let details = world
        .call(
            "inspect_container",
            json!({ "container": "create-all", "show_env": true, "processes": true }),
        )
        .await;
    let again = world.fail("create_container", args).await;

    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.contains("port 53/udp open to everybody")),
        "{:?}",
        preview.impact
    );
    assert!(!format!("{preview:?}").contains("hunter22"));
    assert_eq!(
        (&made["name"], &made["state"], &made["pulled"]),
        (&json!("create-all"), &json!("running"), &json!(false))
    );
    assert_eq!(
        details["ports"],
        json!(["0.0.0.0:18091->53/udp", "127.0.0.1:18090->80/tcp"])
    );
    assert_eq!(details["mounts"][0]["source"], "create-data");
    assert_eq!(details["networks"][0]["name"], "create-net");
    assert_eq!(details["limits"]["restart_policy"], "unless-stopped");
    assert_eq!(details["limits"]["cpus"], 0.5);
    assert_eq!(details["user"], "0:0");
    assert!(!details.to_string().contains("hunter22"), "{details}");
    assert!(details["env"].to_string().contains("hello"));
    assert!(
        !details["processes"].as_array().unwrap().is_empty(),
        "{}",
        details["processes"]
    );
    assert_eq!(
        (again.code(), reason(&again)),
        (Code::Conflict, "name_in_use")
    );
    world
        .call(
            "remove_container",
            json!({ "container": "create-all", "force": true }),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn making_a_container_is_undone_by_removing_it() {
    let Some(world) = World::real().await else {
        return;
    };
    let args = json!({ "image": IMAGE, "name": "create-undo", "command": ["sleep", "600"] });

    let (made, removed) = world.there_and_back("create_container", args).await;

    assert_eq!(made["state"], "running");
    assert_eq!(removed["name"], "create-undo");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_started_leaves_nothing_behind() {
    let Some(world) = World::real().await else {
        return;
    };

    let error = world
        .fail(
            "create_container",
            json!({ "image": IMAGE, "name": "create-bad", "command": ["/no/such/program"] }),
        )
        .await;
    let left = world
        .call("list_containers", json!({ "name": "create-bad" }))
        .await;

    assert_eq!(reason(&error), "start_failed");
    assert!(hint(&error).contains("removed again"), "{}", hint(&error));
    assert_eq!(left["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_here_is_not_fetched_if_that_was_asked() {
    let Some(world) = World::real().await else {
        return;
    };

    let never = world
        .fail(
            "create_container",
            json!({ "image": "lab/busybox:9", "pull": "never" }),
        )
        .await;
    let unstarted = world
        .call(
            "create_container",
            json!({ "image": IMAGE, "name": "create-cold", "start": false, "command": ["true"] }),
        )
        .await;

    assert_eq!(never.code(), Code::NotFound);
    assert!(hint(&never).contains(IMAGE), "{}", hint(&never));
    assert_eq!(unstarted["state"], "created");
}

#[tokio::test]
async fn what_a_container_may_do_decides_how_the_call_is_held() {
    let world = World::at(std::path::Path::new("/nonexistent")).await;
    let effect = |more: serde_json::Value| {
        let mut args = json!({ "image": IMAGE });
        args.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        world.effect("create_container", args)
    };

    assert_eq!(effect(json!({})), Effect::Write);
    assert_eq!(effect(json!({ "ports": ["80:80"] })), Effect::Destructive);
    assert_eq!(effect(json!({ "privileged": true })), Effect::Critical);
    // What cannot be read is the worst.
    assert_eq!(effect(json!({ "ports": [80] })), Effect::Critical);
}
