//! Hosts behind hosts.

use homelab_core::error::Code;
use homelab_testkit::{KeyType, Sshd};

use crate::world::{hosts, reason, run, server, server_with, settings, write_known_hosts};

/// The hosts `a`, `b` behind it, and `c` behind that.
fn chain(a: &Sshd, b: &Sshd, c: &Sshd) -> homelab_ssh::Hosts {
    let lines = [a, b, c].map(|sshd| sshd.known_hosts_line(KeyType::Ed25519).unwrap());
    write_known_hosts(a, &lines.concat());
    let behind = |sshd: &Sshd, jump: &str| homelab_ssh::HostConfig {
        jump: Some(jump.to_owned()),
        ..settings(sshd)
    };
    // Named against the order of the chain, so that nothing depends on it.
    hosts(
        a,
        [
            ("z", settings(a)),
            ("m", behind(b, "z")),
            ("b", behind(c, "m")),
        ],
    )
}

#[tokio::test]
async fn a_host_behind_two_others_is_reached_through_them() {
    let (Some(a), Some(b), Some(c)) = (server(), server(), server()) else {
        return;
    };
    let hosts = chain(&a, &b, &c);

    let output = run(&hosts.host(Some("b")).unwrap(), "echo $SSH_CONNECTION").await;

    assert!(
        output.stdout.text().trim().ends_with(&c.port().to_string()),
        "{output:?}"
    );
    for sshd in [&a, &b, &c] {
        assert_eq!(sshd.log().matches("Accepted publickey").count(), 1);
    }
}

#[tokio::test]
async fn each_host_on_the_way_must_show_its_known_key() {
    let (Some(a), Some(b), Some(c)) = (server(), server(), server()) else {
        return;
    };
    let hosts = chain(&a, &b, &c);
    b.new_host_keys().unwrap();
    b.restart().unwrap();

    let error = hosts.host(Some("b")).unwrap().probe().await.unwrap_err();

    assert_eq!(reason(&error), "host_key_changed");
    assert!(error.envelope().message.contains("`m`"), "{error}");
    assert!(!c.log().contains("Connection from"), "nobody got there");
}

#[tokio::test]
async fn a_jump_host_that_forwards_nothing_is_named() {
    let Some(a) = server_with(&["AllowTcpForwarding no"]) else {
        return;
    };
    let (Some(b), Some(c)) = (server(), server()) else {
        return;
    };
    let hosts = chain(&a, &b, &c);

    let error = hosts.host(Some("m")).unwrap().probe().await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(reason(&error), "ssh_channel_refused");
    assert!(error.envelope().message.contains("`z`"), "{error}");
}

#[tokio::test]
async fn the_way_is_made_anew_when_a_host_on_it_was_restarted() {
    let (Some(a), Some(b), Some(c)) = (server(), server(), server()) else {
        return;
    };
    let hosts = chain(&a, &b, &c);
    let host = hosts.host(Some("b")).unwrap();
    run(&host, "true").await;

    a.restart().unwrap();
    crate::world::eventually("the loss is noticed", || {
        c.log().contains("Connection closed")
            || c.log().contains("Disconnected")
            || c.log().contains("Closing")
    })
    .await;

    assert!(run(&host, "true").await.ok());
}
