//! Commands in containers.

use std::time::{Duration, Instant};

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, context, reason};

#[tokio::test(flavor = "multi_thread")]
async fn output_exit_code_and_environment_of_a_command_are_its_own() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("exec-me").await;

    let done = world
        .call(
            "exec_container",
            json!({
                "container": "exec-me", "command": ["sh", "-c", "echo \"$GREETING from $(pwd)\"; echo oops >&2; exit 3"],
                "env": { "GREETING": "hello" }, "workdir": "/tmp",
            }),
        )
        .await;
    let literal = world
        .call(
            "exec_container",
            json!({ "container": "exec-me", "command": ["echo", "$(id); `id`"] }),
        )
        .await;
    let missing = world
        .run(
            "exec_container",
            json!({ "container": "exec-me", "command": ["no-such-program"] }),
        )
        .await;

    assert_eq!(
        (&done["stdout"], &done["stderr"], &done["exit_code"]),
        (&json!("hello from /tmp\n"), &json!("oops\n"), &json!(3))
    );
    assert_eq!(literal["stdout"], "$(id); `id`\n");
    // Engines report it as output and exit code.
    let missing = missing.unwrap().output;
    assert!(missing["exit_code"].as_i64().unwrap() >= 126, "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_output_is_cut_in_its_middle() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("exec-long").await;

    let done = world
        .call("exec_container", json!({ "container": "exec-long", "command": ["sh", "-c", "echo first; yes | head -n 2000000; echo last"] }))
        .await;

    let stdout = done["stdout"].as_str().unwrap();
    assert!(stdout.len() < 60_000 && stdout.starts_with("first") && stdout.ends_with("last\n"));
    assert!(done["left_out_bytes"].as_u64().unwrap() > 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_too_long_is_left_and_said_so() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("exec-slow").await;
    let started = Instant::now();

    let left = world
        .call(
            "exec_container",
            json!({ "container": "exec-slow", "command": ["sleep", "100"], "timeout_s": 1 }),
        )
        .await;
    let ctx = context();
    ctx.cancel.cancel();
    let cancelled = world
        .run_in(
            "exec_container",
            json!({ "container": "exec-slow", "command": ["sleep", "101"] }),
            &ctx,
        )
        .await
        .unwrap();

    assert_eq!(
        (&left["still_running"], left.get("exit_code")),
        (&json!("timeout"), None)
    );
    assert!(left["pid"].as_i64().unwrap() > 0);
    assert_eq!(cancelled.output["still_running"], "cancelled");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_does_not_run_takes_no_commands() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container("exec-cold", json!({ "command": ["true"], "start": false }))
        .await;
    let args = json!({ "container": "exec-cold", "command": ["sh", "-c", "mysql --password=hunter22"], "env": { "A": "hunter23" } });

    let error = world.fail("exec_container", args.clone()).await;
    let preview = world.preview("exec_container", args.clone()).await;
    let targets = world.targets("exec_container", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "container_not_running")
    );
    assert!(
        preview.impact.contains(&"runs as `root`".to_owned()),
        "{:?}",
        preview.impact
    );
    assert!(!format!("{preview:?}").contains("hunter23"));
    assert_eq!(targets[0].name.as_deref(), Some("exec-cold"));
}
