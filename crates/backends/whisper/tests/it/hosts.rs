use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn the_status_of_a_host_comes_in_one_round_trip() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program(
        "systemctl",
        "echo 'nginx.service loaded failed failed Web server'",
    );
    world.program("apt-get", "echo 'Inst openssl [3.0.11] (3.0.13)'");
    world.program("nproc", "echo 4");

    let status = world.call("host_status", json!({ "host": "nas" })).await;

    assert_eq!(status["host"], "nas");
    assert!(status["uptime_seconds"].as_u64().unwrap() > 0);
    assert_eq!(status["load"].as_array().unwrap().len(), 3);
    assert!(status["memory"]["total_mib"].as_u64().unwrap() > 0);
    assert_eq!(status["failed_units"], json!(["nginx.service"]));
    assert_eq!(
        status["updates"],
        json!({ "manager": "apt", "pending": 1, "packages": ["openssl"] })
    );
    let warnings = status["warnings"].to_string();
    assert!(
        warnings.contains("1 units of systemd have failed"),
        "{warnings}"
    );
    let log = world.sshd.as_ref().unwrap().log();
    assert_eq!(log.matches("Starting session: command").count(), 1, "{log}");
}

#[tokio::test]
async fn a_host_that_tells_nothing_is_not_called_healthy() {
    let Some(world) = World::ssh_with(|host| host.wrap = false).await else {
        return;
    };
    world.program("sh", "echo this account may not >&2; exit 1");

    let error = world.fail("host_status", json!({})).await;

    assert_eq!(reason(&error), "host_status_unreadable");
    assert!(error.envelope().message.contains("may not"), "{error}");
}

#[tokio::test]
async fn logs_are_asked_for_with_fixed_words() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program(
        "journalctl",
        r#"printf '%s\n' "$@"; echo 'not all messages' >&2"#,
    );

    let logs = world
        .call(
            "host_logs",
            json!({
                "unit": "nginx.service",
                "since": "1 hour ago",
                "until": "-5m",
                "priority": "err",
                "lines": 20,
            }),
        )
        .await;

    assert_eq!(
        logs["lines"],
        json!([
            "--no-pager",
            "--quiet",
            "--output=short-iso",
            "--lines=20",
            "--unit=nginx.service",
            "--priority=err",
            "--since=1 hour ago",
            "--until=-5m",
        ])
    );
    assert_eq!(logs["truncated"], false);
    assert_eq!(logs["note"], "not all messages");
}

#[tokio::test]
async fn values_that_are_none_never_reach_the_host() {
    let Some(world) = World::ssh().await else {
        return;
    };

    for (args, expected) in [
        (json!({ "unit": "--rotate" }), "unit"),
        (json!({ "since": "$(reboot)" }), "since"),
        (json!({ "until": "now;reboot" }), "until"),
    ] {
        let error = world.fail("host_logs", args).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, expected)
        );
    }
}

#[tokio::test]
async fn a_host_without_a_journal_and_one_that_refuses_are_told_apart() {
    let Some(world) = World::ssh().await else {
        return;
    };

    world.program("journalctl", "exit 127");
    let error = world.fail("host_logs", json!({})).await;
    assert_eq!(reason(&error), "no_systemd");

    world.program("journalctl", "echo 'Failed to parse timestamp' >&2; exit 1");
    let error = world.fail("host_logs", json!({ "since": "never" })).await;
    assert_eq!(reason(&error), "journal_failed");
    assert!(
        error.envelope().message.contains("Failed to parse"),
        "{error}"
    );
}
