use std::sync::{Arc, Mutex};

use homelab_core::call::Progress;
use homelab_core::error::Code;
use homelab_ssh::HostConfig;
use serde_json::json;

use crate::world::{Named, World, context_with, field, reason};

/// Two good hosts and one that does not answer.
fn one_is_down(good: HostConfig) -> Vec<Named> {
    let down = HostConfig {
        port: 9,
        ..good.clone()
    };
    vec![("alpha", good.clone()), ("beta", down), ("gamma", good)]
}

#[tokio::test]
async fn a_host_that_is_down_does_not_stop_the_others() {
    let settings = json!({ "fleet_concurrency": 2 });
    let Some(world) = World::hosts(settings, one_is_down).await else {
        return;
    };

    let ran = world
        .call(
            "whisper_run_on_hosts",
            json!({ "command": "echo hi", "hosts": ["gamma", "beta", "alpha", "gamma"] }),
        )
        .await;

    assert_eq!((&ran["succeeded"], &ran["failed"]), (&json!(2), &json!(1)));
    let hosts: Vec<&str> = ran["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["host"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["gamma", "beta", "alpha"]);
    assert_eq!(ran["items"][0]["stdout"], "hi\n");
    assert_eq!(ran["items"][1]["ok"], false);
    assert!(
        ran["items"][1]["problem"]
            .as_str()
            .unwrap()
            .contains("`beta`")
    );
    assert!(ran["items"][1].get("exit_code").is_none());
}

#[tokio::test]
async fn a_star_means_all_hosts_and_progress_counts_them() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let progress = Progress::to(move |update| sink.lock().unwrap().push(update.progress));

    let ran = world
        .run_in(
            "whisper_run_on_hosts",
            json!({ "command": "false", "hosts": ["*"] }),
            &context_with(progress),
        )
        .await
        .unwrap();

    assert_eq!(ran.output["failed"], 3);
    assert_eq!(ran.output["items"][0]["exit_code"], 1);
    assert_eq!(*seen.lock().unwrap(), [1.0, 2.0, 3.0]);
}

#[tokio::test]
async fn a_name_that_is_not_known_is_refused_before_anything_runs() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };
    let mark = world.path("ran");

    let error = world
        .fail(
            "whisper_run_on_hosts",
            json!({ "command": format!("touch {mark}"), "hosts": ["alpha", "delta"] }),
        )
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(
        (reason(&error), field(&error)),
        ("ssh_host_unknown", "hosts[1]")
    );
    assert!(!std::path::Path::new(&mark).exists());
}

#[tokio::test]
async fn a_star_stands_alone() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };

    let error = world
        .fail(
            "whisper_run_on_hosts",
            json!({ "command": "id", "hosts": ["*", "alpha"] }),
        )
        .await;

    assert_eq!(field(&error), "hosts");
}

#[tokio::test]
async fn every_host_is_a_target_and_stands_in_the_preview() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };
    let args = json!({ "command": "reboot", "hosts": ["*"] });

    let targets = world.targets("whisper_run_on_hosts", args.clone()).await;
    let preview = world.preview("whisper_run_on_hosts", args).await;

    let ids: Vec<&str> = targets.iter().map(|target| target.id.as_str()).collect();
    assert_eq!(ids, ["alpha", "beta", "gamma"]);
    assert_eq!(preview.summary, "run `reboot` on 3 hosts");
    assert_eq!(preview.impact.len(), 4);
}

#[tokio::test]
async fn hosts_are_listed_and_checked() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };

    let plain = world
        .call("whisper_list_hosts", json!({ "limit": 2 }))
        .await;
    assert_eq!(plain["total"], 3);
    assert_eq!(plain["items"][0]["name"], "alpha");
    assert!(plain["items"][0].get("reachable").is_none());
    let rest = world
        .call(
            "whisper_list_hosts",
            json!({ "cursor": plain["next_cursor"] }),
        )
        .await;
    assert_eq!(rest["items"][0]["name"], "gamma");

    let checked = world
        .call("whisper_list_hosts", json!({ "check": true }))
        .await;
    assert_eq!(checked["items"][0]["reachable"], true);
    assert_eq!(checked["items"][1]["reachable"], false);
    assert!(
        checked["items"][1]["problem"]
            .as_str()
            .unwrap()
            .contains("beta")
    );
    assert_eq!(checked["items"][2]["default"], false);
}

#[tokio::test]
async fn health_counts_the_hosts_that_answer() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };

    let health = world.health().await;

    assert!(
        health.message.contains("2 of 3 SSH hosts answer"),
        "{health:?}"
    );
    assert!(health.hint.unwrap().contains("`beta`"));
}

#[tokio::test]
async fn a_call_that_names_no_host_of_several_is_asked_which() {
    let Some(world) = World::hosts(json!({}), one_is_down).await else {
        return;
    };

    let error = world
        .fail("whisper_ssh_command", json!({ "command": "id" }))
        .await;

    assert_eq!(field(&error), "host");
}
