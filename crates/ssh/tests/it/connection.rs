//! One connection, lost and made anew.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_ssh::{HostConfig, Hosts, SshConfig};

use crate::world::{host, host_with, hosts, parts, reason, run, server, server_with, settings};

#[tokio::test]
async fn commands_one_after_the_other_share_a_connection() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);

    for _ in 0..30 {
        assert!(run(&host, "true").await.ok());
    }

    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_by_the_next_call() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    run(&host, "true").await;

    sshd.restart().unwrap();

    // The loss may be noticed only by the next call; that one has started nothing, so it may repeat.
    assert!(run(&host, "true").await.ok());
    assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
}

#[tokio::test]
async fn a_server_that_is_down_is_said_and_found_again_when_it_is_back() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    sshd.kill().unwrap();

    let down = host.probe().await.unwrap_err();
    sshd.restart().unwrap();
    host.probe().await.unwrap();

    assert_eq!(down.code(), Code::UpstreamUnreachable);
    assert_eq!(reason(&down), "refused");
    assert!(down.envelope().retryable);
}

#[tokio::test]
async fn many_callers_of_a_silent_host_wait_once_and_not_one_after_the_other() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let settings = HostConfig {
        host: "127.0.0.1".to_owned(),
        port,
        user: "lab".to_owned(),
        agent: true,
        connect_timeout_s: 1,
        ..HostConfig::default()
    };
    let config = SshConfig {
        hosts: [("silent".to_owned(), settings)].into(),
        ..SshConfig::default()
    };
    let host = Hosts::new(config, parts("/nonexistent".into()))
        .unwrap()
        .host(None)
        .unwrap();
    let started = std::time::Instant::now();

    let callers: Vec<_> = (0..20)
        .map(|_| {
            let host = host.clone();
            tokio::spawn(async move { host.probe().await.unwrap_err() })
        })
        .collect();
    for caller in callers {
        assert_eq!(reason(&caller.await.unwrap()), "connect_timeout");
    }

    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_said() {
    let Some(sshd) = server() else { return };
    let host = host_with(&sshd, |settings| settings.host = "nas.invalid".to_owned());

    let error = host.probe().await.unwrap_err();

    assert_eq!(reason(&error), "dns");
}

#[tokio::test]
async fn what_is_no_ssh_server_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let Some(sshd) = server() else { return };
    let host = host_with(&sshd, |settings| settings.port = port);

    let error = host.probe().await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert_eq!(reason(&error), "ssh_handshake");
}

#[tokio::test]
async fn an_unknown_host_names_the_near_ones() {
    let Some(sshd) = server() else { return };
    let hosts = hosts(&sshd, [("nas", settings(&sshd)), ("pve1", settings(&sshd))]);

    let near = hosts.host(Some("nsa")).unwrap_err();
    let far = hosts.host(Some("router")).unwrap_err();
    let none = hosts.host(None).unwrap_err();

    assert_eq!(near.envelope().hint.as_deref(), Some("did you mean `nas`?"));
    assert!(
        far.envelope()
            .hint
            .as_ref()
            .unwrap()
            .contains("`nas`, `pve1`")
    );
    assert!(
        none.envelope()
            .hint
            .as_ref()
            .unwrap()
            .contains("default_host")
    );
    assert_eq!(hosts.names().collect::<Vec<_>>(), ["nas", "pve1"]);
}

#[tokio::test]
async fn without_any_host_the_setting_is_named() {
    let hosts = Hosts::new(SshConfig::default(), parts("/nonexistent".into())).unwrap();

    let error = hosts.host(None).unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some("ssh.hosts"));
}

#[tokio::test]
async fn an_account_for_files_alone_says_so_itself() {
    let Some(sshd) = server_with(&["ForceCommand internal-sftp"]) else {
        return;
    };

    let output = run(&host(&sshd), "true").await;

    assert_eq!(output.exit_code(), Some(1));
    assert!(
        output.stdout.text().contains("sftp connections only"),
        "{output:?}"
    );
}
