//! Commands and what comes of them.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_ssh::{Ended, Exec, quote};
use tokio_util::sync::CancellationToken;

use crate::world::{host, host_with, reason, run, server, server_with};

#[tokio::test]
async fn a_command_gives_its_output_and_its_code() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "echo out; echo err >&2; exit 3").await;

    assert_eq!(output.ended, Ended::Exited(3));
    assert_eq!(output.stdout.bytes, b"out\n");
    assert_eq!(output.stderr.bytes, b"err\n");
    assert!(!output.ok() && !output.left_running);
}

#[tokio::test]
async fn a_missing_command_is_a_result_and_not_an_error() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "no-such-command-here").await;

    assert_eq!(output.exit_code(), Some(127));
    assert!(output.stderr.text().contains("not found"));
}

#[tokio::test]
async fn a_command_that_a_signal_ends_says_which() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "kill -TERM $$").await;

    assert_eq!(output.ended, Ended::Signaled("TERM".to_owned()));
}

#[tokio::test]
async fn a_command_reads_what_it_is_given_and_nothing_else() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    let input: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let counting = Exec::new("wc -c").stdin(input);

    let counted = host
        .exec(counting, &CancellationToken::new())
        .await
        .unwrap();
    let nothing = run(&host, "wc -c").await;

    assert_eq!(counted.stdout.text().trim(), "3000000");
    assert_eq!(nothing.stdout.text().trim(), "0");
}

#[tokio::test]
async fn a_command_that_does_not_read_its_input_still_ends() {
    let Some(sshd) = server() else { return };
    let exec = Exec::new("true").stdin(vec![b'x'; 5_000_000]);

    let output = host(&sshd)
        .exec(exec, &CancellationToken::new())
        .await
        .unwrap();

    assert!(output.ok());
}

#[tokio::test]
async fn a_command_runs_in_the_directory_that_is_asked_for() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    let folder = sshd.folder().join("it's a $(folder)");
    std::fs::create_dir(&folder).unwrap();
    let here = Exec::new("pwd").cwd(folder.to_str().unwrap());
    let nowhere = Exec::new("pwd").cwd("/no/such/place");

    let there = host.exec(here, &CancellationToken::new()).await.unwrap();
    let missing = host.exec(nowhere, &CancellationToken::new()).await.unwrap();

    assert_eq!(there.stdout.text().trim(), folder.to_str().unwrap());
    assert_eq!(missing.exit_code(), Some(126));
}

#[tokio::test]
async fn quoted_words_reach_the_program_unchanged() {
    let Some(sshd) = server() else { return };
    let words = [
        "a b",
        "it's",
        "$(id)",
        "`id`",
        "\"",
        "\\",
        "*",
        "-n",
        "",
        "ä\n\t;|&<>!#~",
    ];
    let line = words.map(quote).join(" ");

    let output = run(&host(&sshd), &format!("printf '%s\\0' {line}")).await;

    let mut expected = words.join("\0").into_bytes();
    expected.push(0);
    assert_eq!(output.stdout.bytes, expected);
}

#[tokio::test]
async fn the_user_own_shell_runs_the_command() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "echo $0").await;

    let shell = run(&host(&sshd), "echo $SHELL").await.stdout.text();
    let name = shell.trim().rsplit('/').next().unwrap().to_owned();
    assert!(output.stdout.text().contains(&name), "{output:?}");
}

#[tokio::test]
async fn of_a_hundred_megabytes_head_and_tail_are_kept_and_the_rest_is_counted() {
    let Some(sshd) = server() else { return };
    let command = "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last";
    let exec = Exec::new(command).timeout(Duration::from_mins(5));

    let output = host(&sshd)
        .exec(exec, &CancellationToken::new())
        .await
        .unwrap();

    assert!(output.ok());
    assert_eq!(output.stdout.total, 100_000_000 + 12);
    assert_eq!(output.stdout.dropped, 100_000_012 - 256 * 1024);
    let text = output.stdout.text();
    assert!(text.starts_with("first\n") && text.ends_with("\nlast\n"));
    assert!(text.contains("bytes left out"));
    assert!(output.stdout.bytes.len() < 257 * 1024);
}

#[tokio::test]
async fn escape_sequences_are_not_passed_on_as_text() {
    let Some(sshd) = server() else { return };

    let output = run(&host(&sshd), "printf '\\033[31mred\\033[0m\\007\\377\\n'").await;

    assert_eq!(output.stdout.text(), "red\u{fffd}\n");
}

#[tokio::test]
async fn fifty_commands_at_once_share_one_connection_and_wait_for_their_turn() {
    let Some(sshd) = server_with(&["MaxSessions 3"]) else {
        return;
    };
    let host = host_with(&sshd, |settings| settings.max_sessions = 3);

    let commands = (0..50).map(|number| {
        let host = host.clone();
        tokio::spawn(async move { run(&host, &format!("echo {number}")).await })
    });
    let commands: Vec<_> = commands.collect();
    for (number, command) in commands.into_iter().enumerate() {
        assert_eq!(command.await.unwrap().stdout.text(), format!("{number}\n"));
    }

    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn with_one_session_commands_and_files_take_turns() {
    let Some(sshd) = server_with(&["MaxSessions 1"]) else {
        return;
    };
    let host = host_with(&sshd, |settings| settings.max_sessions = 1);
    let path = crate::world::file(&sshd, "a");
    std::fs::write(&path, "a").unwrap();

    for _ in 0..3 {
        assert!(run(&host, "true").await.ok());
        let read = host
            .files()
            .read(path.to_str().unwrap(), 0, 10)
            .await
            .unwrap();
        assert_eq!(read.bytes, b"a");
    }

    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn more_sessions_than_the_server_allows_are_said_to_be_too_many() {
    let Some(sshd) = server_with(&["MaxSessions 0"]) else {
        return;
    };

    let error = host(&sshd)
        .exec(Exec::new("true"), &CancellationToken::new())
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(reason(&error), "ssh_channel_refused");
    assert!(
        error
            .envelope()
            .hint
            .as_ref()
            .unwrap()
            .contains("max_sessions")
    );
}

#[tokio::test]
async fn a_forced_command_gets_the_command_as_it_is_without_the_wrapper() {
    let Some(sshd) = server_with(&["ForceCommand printf '%s' \"$SSH_ORIGINAL_COMMAND\""]) else {
        return;
    };
    let host = host_with(&sshd, |settings| settings.wrap = false);

    let output = run(&host, "restart 'my service'").await;

    assert_eq!(output.stdout.text(), "restart 'my service'");
}

#[tokio::test]
async fn commands_that_no_shell_can_take_are_refused_before_anything_is_connected() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    sshd.kill().unwrap();
    let refused = |exec: Exec| {
        let host = host.clone();
        async move {
            host.exec(exec, &CancellationToken::new())
                .await
                .unwrap_err()
        }
    };

    assert_eq!(refused(Exec::new(" ")).await.code(), Code::InvalidArgument);
    assert_eq!(
        refused(Exec::new("a\0b")).await.code(),
        Code::InvalidArgument
    );
    let relative = refused(Exec::new("true").cwd("tmp")).await;
    assert_eq!(relative.envelope().field.as_deref(), Some("cwd"));
    let sudo = refused(Exec::new("true").sudo()).await;
    assert_eq!(sudo.code(), Code::PermissionDenied);
    assert_eq!(reason(&sudo), "ssh_sudo_not_allowed");
}

#[tokio::test]
async fn as_root_the_command_goes_through_sudo() {
    // Stands for sudo: says how it was called, and runs the rest.
    let bin = tempfile::tempdir().unwrap();
    let sudo = bin.path().join("sudo");
    let script = "#!/bin/sh\necho \"sudo $1 $2\" >&2\nshift 2\nexec \"$@\"\n";
    std::fs::write(&sudo, script).unwrap();
    make_executable(&sudo);
    let path = format!("SetEnv PATH={}:/usr/bin:/bin", bin.path().display());
    let Some(sshd) = server_with(&[&path]) else {
        return;
    };
    let host = host_with(&sshd, |settings| settings.sudo = true);
    let exec = Exec::new("echo \"it's $HOME\" | wc -l").sudo();

    let output = host.exec(exec, &CancellationToken::new()).await.unwrap();

    assert_eq!(output.stdout.text().trim(), "1");
    assert_eq!(output.stderr.text(), "sudo -n --\n");
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
