use std::time::{Duration, Instant};

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::{Value, json};

use crate::world::{World, context, field, hint, reason};

#[tokio::test]
async fn a_command_tells_its_exit_code_and_both_outputs() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": "echo out; echo err >&2; exit 3" }),
        )
        .await;

    assert_eq!(ran["host"], "nas");
    assert_eq!((&ran["ok"], &ran["exit_code"]), (&json!(false), &json!(3)));
    assert_eq!(
        (&ran["stdout"], &ran["stderr"]),
        (&json!("out\n"), &json!("err\n"))
    );
    assert!(ran.get("signal").is_none() && ran.get("dropped").is_none());
}

#[tokio::test]
async fn a_command_that_a_signal_ends_tells_which() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let ran = world
        .call("whisper_ssh_command", json!({ "command": "kill -TERM $$" }))
        .await;

    assert_eq!(ran["ok"], false);
    // Where `timeout` stands between, it passes the signal on as 128 + 15.
    assert!(ran["signal"] == "TERM" || ran["exit_code"] == 143, "{ran}");
}

#[tokio::test]
async fn input_and_directory_reach_the_command() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let cwd = world.path("");

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": "pwd; cat", "cwd": cwd, "stdin": "größe" }),
        )
        .await;

    let stdout = ran["stdout"].as_str().unwrap();
    assert!(stdout.ends_with("größe"), "{ran}");
    assert!(stdout.contains("/files"), "{ran}");
}

#[tokio::test]
async fn long_output_keeps_both_ends_and_says_what_is_missing() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": "echo first; seq 1 20000; echo last", "max_output_bytes": 1000 }),
        )
        .await;

    let stdout = ran["stdout"].as_str().unwrap();
    assert!(
        stdout.starts_with("first\n") && stdout.ends_with("last\n"),
        "{stdout}"
    );
    assert!(stdout.len() < 1200);
    assert!(ran["dropped"]["stdout_bytes"].as_u64().unwrap() > 100_000);
}

#[tokio::test]
async fn a_command_whose_time_is_up_is_killed_on_the_host() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let mark = world.path("alive");
    let started = Instant::now();

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": format!("sleep 600 & echo $! > {mark}; wait"), "timeout_seconds": 1 }),
        )
        .await;

    assert_eq!(
        (&ran["ok"], &ran["timed_out"]),
        (&json!(false), &json!(true))
    );
    assert!(started.elapsed() < Duration::from_secs(30));
    let pid = std::fs::read_to_string(&mark).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z ")),
        "it lives"
    );
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_the_command() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let ctx = context();
    ctx.cancel.cancel();

    let ran = world
        .run_in(
            "whisper_ssh_command",
            json!({ "command": "sleep 600" }),
            &ctx,
        )
        .await;

    assert_eq!(reason(&ran.unwrap_err()), "cancelled");
}

#[tokio::test]
async fn a_read_is_sent_as_the_words_that_were_judged() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program("uptime", r#"printf '<%s>' "$@""#);

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": "uptime   -p '-s'" }),
        )
        .await;

    assert_eq!(ran["stdout"], "<-p><-s>");
}

fn effect(world: &World, args: Value) -> Effect {
    world.effect("whisper_ssh_command", args)
}

#[tokio::test]
async fn only_a_plain_command_of_the_list_counts_as_a_read() {
    let world = World::ollama().await;

    for args in [
        json!({ "command": "df -h" }),
        json!({ "command": "systemctl status nginx", "host": "nas", "timeout_seconds": 5 }),
    ] {
        assert_eq!(effect(&world, args.clone()), Effect::Read, "{args}");
    }
    for args in [
        json!({ "command": "df -h; reboot" }),
        json!({ "command": "rm -rf /srv" }),
        json!({ "command": "df -h", "sudo": true }),
        json!({ "command": "df -h", "cwd": "/tmp" }),
        json!({ "command": "df -h", "stdin": "x" }),
        json!({ "command": "df -h", "unknown": 1 }),
    ] {
        assert_eq!(effect(&world, args.clone()), Effect::Destructive, "{args}");
    }
    let on_many = |command: &str, sudo: bool| {
        let args = json!({ "command": command, "hosts": ["*"], "sudo": sudo });
        world.effect("whisper_run_on_hosts", args)
    };
    assert_eq!(on_many("uptime", false), Effect::Read);
    assert_eq!(on_many("uptime", true), Effect::Destructive);
    assert_eq!(on_many("reboot", false), Effect::Destructive);
}

#[tokio::test]
async fn the_owner_can_want_no_command_to_be_a_read() {
    let world = World::ollama_with(json!({ "inspection_commands": false })).await;

    assert_eq!(
        effect(&world, json!({ "command": "df -h" })),
        Effect::Destructive
    );
}

#[tokio::test]
async fn sudo_is_refused_where_the_host_does_not_allow_it() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let error = world
        .fail(
            "whisper_ssh_command",
            json!({ "command": "id", "sudo": true }),
        )
        .await;

    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(reason(&error), "ssh_sudo_not_allowed");
}

#[tokio::test]
async fn a_host_that_is_not_known_is_refused_with_the_nearest_name() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let error = world
        .fail(
            "whisper_ssh_command",
            json!({ "command": "id", "host": "nass" }),
        )
        .await;

    assert_eq!(reason(&error), "ssh_host_unknown");
    assert_eq!(field(&error), "host");
    assert!(hint(&error).contains("`nas`"), "{error}");
}

#[tokio::test]
async fn a_preview_says_what_runs_where_and_that_it_cannot_be_foreseen() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let args = json!({ "command": "reboot", "cwd": "/srv", "stdin": "yes", "sudo": true });

    let preview = world.preview("whisper_ssh_command", args.clone()).await;
    let targets = world.targets("whisper_ssh_command", args).await;

    assert!(
        preview.summary.starts_with("run `reboot` on `nas` ("),
        "{preview:?}"
    );
    assert_eq!(preview.impact.len(), 4, "{preview:?}");
    assert!(!format!("{preview:?}").contains("yes"));
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("host", "nas")
    );
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_taken_out_of_the_output() {
    let Some(world) = World::ssh().await else {
        return;
    };

    let ran = world
        .call(
            "whisper_ssh_command",
            json!({ "command": r"printf '\033[31mred\033[0m\n'" }),
        )
        .await;

    assert_eq!(ran["stdout"], "red\n");
}
