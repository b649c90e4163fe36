//! Commands that must not run on.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_ssh::{Ended, Exec, Host};
use homelab_testkit::Sshd;
use tokio_util::sync::CancellationToken;

use crate::world::{eventually, file, host, host_with, reason, run, runs, server, server_with};

/// A command that starts another in the background and one in the foreground, and says their numbers.
fn tree(sshd: &Sshd) -> String {
    let pids = file(sshd, "pids");
    format!(
        "sleep 60 >/dev/null 2>&1 & echo $! >> {0}; echo started; sh -c 'echo $$ >> {0}; exec sleep 60'",
        pids.display()
    )
}

/// The numbers, once both are there.
async fn pids(sshd: &Sshd) -> Vec<String> {
    let path = file(sshd, "pids");
    let mut found = Vec::new();
    eventually("the command has started", || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        found = text.lines().map(str::to_owned).collect();
        found.len() == 2
    })
    .await;
    found
}

async fn all_are_gone(pids: &[String]) {
    eventually("everything is killed", || !pids.iter().any(|pid| runs(pid))).await;
}

#[tokio::test]
async fn a_time_out_kills_the_command_and_all_it_started_and_keeps_the_output() {
    let Some(sshd) = server() else { return };
    let exec = Exec::new(tree(&sshd)).timeout(Duration::from_secs(1));

    let output = host(&sshd)
        .exec(exec, &CancellationToken::new())
        .await
        .unwrap();

    assert_eq!(output.ended, Ended::TimedOut);
    assert_eq!(output.stdout.text(), "started\n");
    assert!(!output.left_running);
    all_are_gone(&pids(&sshd).await).await;
}

#[tokio::test]
async fn a_time_out_without_the_wrapper_frees_the_session_all_the_same() {
    let Some(sshd) = server_with(&["MaxSessions 1"]) else {
        return;
    };
    let host = host_with(&sshd, |settings| {
        settings.wrap = false;
        settings.max_sessions = 1;
    });
    let exec = Exec::new("exec sleep 60").timeout(Duration::from_secs(1));

    let output = host.exec(exec, &CancellationToken::new()).await.unwrap();

    assert_eq!(output.ended, Ended::TimedOut);
    assert!(run(&host, "true").await.ok());
}

#[tokio::test]
async fn a_time_out_with_no_session_left_kills_all_the_same() {
    let Some(sshd) = server_with(&["MaxSessions 1"]) else {
        return;
    };
    let host = host_with(&sshd, |settings| settings.max_sessions = 1);
    let exec = Exec::new(tree(&sshd)).timeout(Duration::from_secs(1));

    host.exec(exec, &CancellationToken::new()).await.unwrap();

    all_are_gone(&pids(&sshd).await).await;
}

/// Starts the command in a task, and waits until it runs.
async fn started(
    sshd: &Sshd,
    host: &Host,
    cancel: &CancellationToken,
) -> (
    tokio::task::JoinHandle<homelab_core::error::ToolResult<homelab_ssh::Output>>,
    Vec<String>,
) {
    let (host, cancel, exec) = (host.clone(), cancel.clone(), Exec::new(tree(sshd)));
    let task = tokio::spawn(async move { host.exec(exec, &cancel).await });
    let pids = pids(sshd).await;
    assert!(pids.iter().all(|pid| runs(pid)));
    (task, pids)
}

#[tokio::test]
async fn a_cancelled_command_is_killed() {
    let Some(sshd) = server() else { return };
    let (host, cancel) = (host(&sshd), CancellationToken::new());
    let (task, pids) = started(&sshd, &host, &cancel).await;

    cancel.cancel();
    let error = task.await.unwrap().unwrap_err();

    assert_eq!(error.code(), Code::Timeout);
    assert_eq!(reason(&error), "cancelled");
    assert!(!error.envelope().retryable);
    all_are_gone(&pids).await;
}

#[tokio::test]
async fn a_command_whose_caller_is_gone_is_killed() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    let (task, pids) = started(&sshd, &host, &CancellationToken::new()).await;

    task.abort();

    all_are_gone(&pids).await;
    assert!(run(&host, "true").await.ok());
}

#[tokio::test]
async fn a_command_that_waits_for_its_turn_can_be_cancelled() {
    let Some(sshd) = server() else { return };
    let host = host_with(&sshd, |settings| settings.max_sessions = 1);
    let (first, pids) = started(&sshd, &host, &CancellationToken::new()).await;
    let cancel = CancellationToken::new();
    let second = tokio::spawn({
        let (host, cancel) = (host.clone(), cancel.clone());
        let touch = format!("touch {}", file(&sshd, "ran").display());
        async move { host.exec(Exec::new(touch), &cancel).await }
    });

    cancel.cancel();

    assert_eq!(reason(&second.await.unwrap().unwrap_err()), "cancelled");
    first.abort();
    all_are_gone(&pids).await;
    assert!(!file(&sshd, "ran").exists());
}

#[tokio::test]
async fn a_process_left_in_the_background_does_not_hold_the_call() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "sleep 60 & echo $!").await;

    assert_eq!(output.ended, Ended::Exited(0));
    assert!(output.left_running);
    assert!(output.duration < Duration::from_secs(20));
    let pid = output.stdout.text().trim().to_owned();
    assert!(runs(&pid), "it was meant to stay");
    run(&host(&sshd), &format!("kill -KILL {pid}")).await;
}

#[tokio::test]
async fn output_without_end_does_not_keep_a_command_from_being_killed() {
    let Some(sshd) = server() else { return };
    let exec = Exec::new("yes").timeout(Duration::from_secs(1));

    let output = host(&sshd)
        .exec(exec, &CancellationToken::new())
        .await
        .unwrap();

    assert_eq!(output.ended, Ended::TimedOut);
    assert!(!output.left_running);
    assert!(output.stdout.total > 1_000_000);
}

#[tokio::test]
async fn a_command_is_not_run_again_when_the_connection_ends_and_the_next_connects_anew() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    let count = file(&sshd, "count");
    let command = format!("echo x >> {}; sleep 60", count.display());
    let task = tokio::spawn({
        let host = host.clone();
        async move {
            host.exec(Exec::new(command), &CancellationToken::new())
                .await
        }
    });
    eventually("the command has started", || count.exists()).await;

    sshd.sever().unwrap();
    let error = task.await.unwrap().unwrap_err();

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert_eq!(reason(&error), "connection_lost");
    assert!(!error.envelope().retryable);
    assert!(run(&host, "true").await.ok());
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
}
