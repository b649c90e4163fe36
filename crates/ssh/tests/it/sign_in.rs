//! As whom we sign in.

use homelab_core::error::{Code, ToolError};
use homelab_core::secret::{Secret, SecretRef};
use homelab_ssh::Host;
use homelab_testkit::{KeyType, SshAgent, Sshd};

use crate::world::{host_with, reason, server};

async fn refused(host: &Host) -> ToolError {
    host.probe().await.unwrap_err()
}

/// A key that opens, of a kind and with a passphrase.
fn key(sshd: &Sshd, kind: KeyType, passphrase: &str) -> std::path::PathBuf {
    let path = sshd.folder().join(format!("mine_{}", kind.name()));
    let public = kind.generate(&path, passphrase).unwrap();
    sshd.authorize(&public).unwrap();
    path
}

fn plain(text: impl Into<String>) -> SecretRef {
    SecretRef::Plain(Secret::new(text))
}

#[tokio::test]
async fn keys_of_every_kind_open() {
    let Some(sshd) = server() else { return };

    for kind in [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa] {
        let key = key(&sshd, kind, "");
        let host = host_with(&sshd, |settings| settings.key_file = Some(key));
        host.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_key_may_stand_in_the_settings_themselves() {
    let Some(sshd) = server() else { return };
    let key = std::fs::read_to_string(sshd.key()).unwrap();

    let host = host_with(&sshd, |settings| {
        settings.key_file = None;
        settings.key = Some(plain(key));
    });

    host.probe().await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_is_named_with_the_user() {
    let Some(sshd) = server() else { return };
    let other = sshd.folder().join("other");
    let public = KeyType::Ed25519.generate(&other, "").unwrap();

    let error = refused(&host_with(&sshd, |settings| {
        settings.key_file = Some(other);
    }))
    .await;

    assert_eq!(error.code(), Code::UpstreamUnauthorized);
    assert_eq!(reason(&error), "ssh_auth_failed");
    let message = &error.envelope().message;
    assert!(message.contains(&format!("`{}`", sshd.user())), "{message}");
    assert!(message.contains("key ssh-ed25519 SHA256:"), "{message}");
    assert!(!message.contains(public.split_whitespace().nth(1).unwrap()));
}

#[tokio::test]
async fn an_encrypted_key_needs_its_passphrase() {
    let Some(sshd) = server() else { return };
    let key = key(&sshd, KeyType::Ed25519, "open sesame");
    let with = |passphrase: Option<SecretRef>| {
        host_with(&sshd, |settings| {
            settings.key_file = Some(key.clone());
            settings.passphrase = passphrase;
        })
    };

    with(Some(plain("open sesame"))).probe().await.unwrap();
    let without = refused(&with(None)).await;
    let wrong = refused(&with(Some(plain("open barley")))).await;

    for error in [&without, &wrong] {
        assert_eq!(error.code(), Code::NotConfigured);
        assert_eq!(reason(error), "ssh_key_unusable");
        assert!(!error.to_string().contains("barley"));
    }
    assert!(
        without.envelope().message.contains("set `passphrase`"),
        "{without}"
    );
    assert!(wrong.envelope().message.contains("is wrong"), "{wrong}");
}

#[tokio::test]
async fn a_key_file_that_is_missing_or_no_key_is_named() {
    let Some(sshd) = server() else { return };
    let no_key = sshd.folder().join("no_key");
    std::fs::write(&no_key, "hello").unwrap();

    for path in [sshd.folder().join("missing"), no_key] {
        let shown = path.display().to_string();
        let error = refused(&host_with(&sshd, |settings| settings.key_file = Some(path))).await;

        assert_eq!(reason(&error), "ssh_key_unusable");
        assert_eq!(
            error.envelope().field.as_deref(),
            Some("ssh.hosts.nas.key_file")
        );
        assert!(error.envelope().message.contains(&shown), "{error}");
    }
}

#[tokio::test]
async fn the_keys_of_an_agent_open() {
    let Some(sshd) = server() else { return };
    let agent = SshAgent::start(sshd.folder()).unwrap();
    let wrong = sshd.folder().join("wrong");
    KeyType::Ed25519.generate(&wrong, "").unwrap();
    let with_agent = || {
        host_with(&sshd, |settings| {
            settings.key_file = None;
            settings.agent = true;
            settings.agent_socket_file = Some(agent.socket().to_owned());
        })
    };

    let empty = refused(&with_agent()).await;
    agent.add(&wrong).unwrap();
    let wrong = refused(&with_agent()).await;
    agent.add(&key(&sshd, KeyType::Rsa, "")).unwrap();
    with_agent().probe().await.unwrap();

    assert!(
        empty.envelope().message.contains("holds no keys"),
        "{empty}"
    );
    assert!(
        wrong.envelope().message.contains("agent key ssh-ed25519"),
        "{wrong}"
    );
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_said() {
    let Some(sshd) = server() else { return };
    let unset = refused(&host_with(&sshd, |settings| {
        settings.key_file = None;
        settings.agent = true;
    }))
    .await;
    let gone = refused(&host_with(&sshd, |settings| {
        settings.key_file = None;
        settings.agent = true;
        settings.agent_socket_file = Some(sshd.folder().join("nobody.sock"));
    }))
    .await;

    for error in [&unset, &gone] {
        assert_eq!(reason(error), "ssh_agent_unusable");
        assert_eq!(error.code(), Code::NotConfigured);
    }
}

#[tokio::test]
async fn a_certificate_opens_where_its_key_alone_does_not() {
    let Some(sshd) = server() else { return };
    let authority = sshd.folder().join("ca");
    let public = KeyType::Ed25519.generate(&authority, "").unwrap();
    let user = sshd.user().to_owned();
    sshd.authorize(&format!("cert-authority,principals=\"{user}\" {public}"))
        .unwrap();
    let mine = sshd.folder().join("mine");
    KeyType::Ed25519.generate(&mine, "").unwrap();
    let signed = homelab_testkit::command("ssh-keygen")
        .args([
            "-q",
            "-s",
            authority.to_str().unwrap(),
            "-I",
            "me",
            "-n",
            &user,
        ])
        .arg(mine.with_extension("pub"))
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");

    let host = host_with(&sshd, |settings| {
        settings.key_file = Some(mine.clone());
        settings.certificate_file = Some(sshd.folder().join("mine-cert.pub"));
    });
    host.probe().await.unwrap();
    let alone = refused(&host_with(&sshd, |settings| settings.key_file = Some(mine))).await;

    assert_eq!(reason(&alone), "ssh_auth_failed");
}
