//! An OpenSSH server of the tests' own.

use std::net::TcpStream;
use std::time::Duration;

use homelab_testkit::{KeyType, SshAgent, Sshd, SshdSetup, command, wait_for_port};

/// Signs in with OpenSSH's own client and runs a command; its output.
fn ssh(sshd: &Sshd, known_hosts: &str, run: &str) -> Option<String> {
    let file = sshd.folder().join("known");
    std::fs::write(&file, known_hosts).unwrap();
    let output = command("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args(["-o", &format!("UserKnownHostsFile={}", file.display())])
        .args([
            "-o",
            "GlobalKnownHostsFile=none",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .args(["-p", &sshd.port().to_string(), "-l", sshd.user(), "-i"])
        .arg(sshd.key())
        .args(["127.0.0.1", run])
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_user_of_the_tests_signs_in_and_runs_commands() {
    let Some(sshd) = Sshd::start().unwrap() else {
        return;
    };
    let known = sshd.known_hosts_line(KeyType::Ed25519).unwrap();

    assert_eq!(
        ssh(&sshd, &known, "id -un"),
        Some(format!("{}\n", sshd.user()))
    );
}

#[test]
fn lines_of_the_configuration_take_effect() {
    let setup = SshdSetup {
        lines: vec!["ForceCommand echo forced".to_owned()],
        ..SshdSetup::default()
    };
    let Some(sshd) = Sshd::start_with(setup).unwrap() else {
        return;
    };
    let known = sshd.known_hosts_line(KeyType::Ed25519).unwrap();

    assert_eq!(ssh(&sshd, &known, "id").as_deref(), Some("forced\n"));
}

#[test]
fn a_killed_server_comes_back_on_its_port_with_other_keys() {
    let Some(sshd) = Sshd::start().unwrap() else {
        return;
    };
    let known = sshd.known_hosts_line(KeyType::Ed25519).unwrap();

    sshd.kill().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", sshd.port())).is_err());
    sshd.new_host_keys().unwrap();
    sshd.restart().unwrap();
    wait_for_port(sshd.port(), Duration::from_secs(10)).unwrap();

    assert_eq!(ssh(&sshd, &known, "true"), None);
    assert_ne!(sshd.known_hosts_line(KeyType::Ed25519).unwrap(), known);
}

#[test]
fn an_agent_holds_the_keys_it_is_given() {
    let Some(sshd) = Sshd::start().unwrap() else {
        return;
    };
    let agent = SshAgent::start(sshd.folder()).unwrap();
    agent.add(&sshd.key()).unwrap();

    let listed = command("ssh-add")
        .arg("-L")
        .env("SSH_AUTH_SOCK", agent.socket())
        .output()
        .unwrap();

    assert!(
        String::from_utf8(listed.stdout)
            .unwrap()
            .starts_with("ssh-ed25519 ")
    );
}
