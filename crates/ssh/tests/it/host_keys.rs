//! Whom we speak to.

use homelab_core::error::{Code, ToolError};
use homelab_ssh::{Host, HostKeyPolicy, Trusted};
use homelab_testkit::{KeyType, Sshd, SshdSetup};

use crate::world::{
    NAME, host, host_with, hosts, known_hosts, reason, server, settings, write_known_hosts,
};

async fn refused(host: &Host) -> ToolError {
    let error = host.probe().await.unwrap_err();
    assert!(!error.envelope().retryable, "{error}");
    error
}

fn fingerprint(sshd: &Sshd, kind: KeyType) -> String {
    let file = sshd.host_key_file(kind).with_extension("pub");
    let output = homelab_testkit::command("ssh-keygen")
        .args(["-l", "-f"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().nth(1).unwrap().to_owned()
}

fn server_with_keys(host_keys: &[KeyType]) -> Option<Sshd> {
    Sshd::start_with(SshdSetup {
        host_keys: host_keys.to_vec(),
        ..SshdSetup::default()
    })
    .unwrap()
}

#[tokio::test]
async fn a_known_key_is_accepted_and_named() {
    let Some(sshd) = server() else { return };

    let probe = host(&sshd).probe().await.unwrap();

    let expected = format!("ssh-ed25519 {}", fingerprint(&sshd, KeyType::Ed25519));
    assert_eq!(probe.host_key, expected);
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_fingerprint_and_what_to_do() {
    let Some(sshd) = server() else { return };
    write_known_hosts(&sshd, "");

    let error = refused(&host(&sshd)).await;

    assert_eq!(error.code(), Code::UpstreamUnauthorized);
    assert_eq!(reason(&error), "host_key_unknown");
    let shown = fingerprint(&sshd, KeyType::Ed25519);
    assert!(error.envelope().message.contains(&shown), "{error}");
    assert!(
        error
            .envelope()
            .hint
            .as_ref()
            .unwrap()
            .contains("ssh trust nas")
    );
    assert!(!sshd.log().contains("Accepted"), "nobody has signed in");
}

#[tokio::test]
async fn a_missing_file_is_said_and_an_unreadable_one_is_an_error_of_its_own() {
    let Some(sshd) = server() else { return };
    let host = hosts(&sshd, [(NAME, settings(&sshd))]).host(None).unwrap();

    let missing = refused(&host).await;
    std::fs::create_dir(known_hosts(&sshd)).unwrap();
    let unreadable = refused(&host).await;

    assert_eq!(reason(&missing), "host_key_unknown");
    assert!(
        missing.envelope().message.contains("is not there"),
        "{missing}"
    );
    assert_eq!(reason(&unreadable), "known_hosts_unusable");
    assert_eq!(unreadable.code(), Code::NotConfigured);
}

#[tokio::test]
async fn a_changed_key_is_refused_loudly_with_both_fingerprints() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    host.probe().await.unwrap();
    let old = fingerprint(&sshd, KeyType::Ed25519);
    sshd.new_host_keys().unwrap();
    sshd.restart().unwrap();

    // The first may still find the old connection open for a moment.
    let error = loop {
        match host
            .exec(
                homelab_ssh::Exec::new("true"),
                &tokio_util::sync::CancellationToken::new(),
            )
            .await
        {
            Err(error) if reason(&error) != "connection_lost" => break error,
            _ => {}
        }
    };

    assert_eq!(reason(&error), "host_key_changed");
    assert!(!error.envelope().retryable);
    let message = &error.envelope().message;
    assert!(message.contains("HAS CHANGED"), "{message}");
    assert!(message.contains(&old) && message.contains(&fingerprint(&sshd, KeyType::Ed25519)));
    assert!(!sshd.log().contains("Accepted"), "nobody has signed in");
}

/// The trap of trust on first use: a key of another kind must not pass for a new host.
#[tokio::test]
async fn accepting_new_hosts_does_not_accept_another_kind_of_key_of_a_known_one() {
    let Some(sshd) = server() else { return };
    let Some(other) = server_with_keys(&[KeyType::Ecdsa]) else {
        return;
    };
    let line = other.known_hosts_line(KeyType::Ecdsa).unwrap();
    let line = line.replace(&other.port().to_string(), &sshd.port().to_string());
    write_known_hosts(&sshd, &line);

    let error = refused(&host_with(&sshd, |settings| {
        settings.host_key_policy = HostKeyPolicy::AcceptNew;
    }))
    .await;

    // It has no key of the known kind, so the handshake ends before it shows any.
    assert_eq!(reason(&error), "host_key_changed");
    assert_eq!(std::fs::read_to_string(known_hosts(&sshd)).unwrap(), line);
}

#[tokio::test]
async fn an_honest_host_with_several_keys_shows_the_known_one() {
    let kinds = [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa];
    let Some(sshd) = server_with_keys(&kinds) else {
        return;
    };

    for kind in kinds {
        write_known_hosts(&sshd, &sshd.known_hosts_line(kind).unwrap());
        let probe = host(&sshd).probe().await.unwrap();
        assert!(
            probe.host_key.contains(&fingerprint(&sshd, kind)),
            "{probe:?}"
        );
    }
}

#[tokio::test]
async fn a_pinned_fingerprint_needs_no_file_and_finds_its_key_among_several() {
    let kinds = [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa];
    let Some(sshd) = server_with_keys(&kinds) else {
        return;
    };
    write_known_hosts(&sshd, "");

    for kind in kinds {
        let pinned = fingerprint(&sshd, kind);
        let host = host_with(&sshd, |settings| {
            settings.fingerprint = Some(pinned.clone());
        });
        assert!(host.probe().await.unwrap().host_key.contains(&pinned));
    }
}

#[tokio::test]
async fn another_key_than_the_pinned_one_is_refused_even_if_the_file_knows_it() {
    let Some(sshd) = server() else { return };
    let Some(other) = server() else { return };
    let pinned = fingerprint(&other, KeyType::Ed25519);

    let error = refused(&host_with(&sshd, |settings| {
        settings.fingerprint = Some(pinned.clone());
    }))
    .await;

    assert_eq!(reason(&error), "host_key_changed");
    assert!(error.envelope().message.contains(&pinned), "{error}");
}

#[tokio::test]
async fn a_revoked_key_is_refused() {
    let Some(sshd) = server() else { return };
    let line = sshd.known_hosts_line(KeyType::Ed25519).unwrap();
    let key = sshd.host_key(KeyType::Ed25519).unwrap();
    write_known_hosts(&sshd, &format!("{line}@revoked * {key}\n"));

    let error = refused(&host(&sshd)).await;

    assert_eq!(reason(&error), "host_key_revoked");
}

#[tokio::test]
async fn the_first_key_of_a_new_host_is_remembered_where_that_is_wanted() {
    let Some(sshd) = server() else { return };
    write_known_hosts(&sshd, "# mine\nother ssh-ed25519 AAAA\n");
    let new = |settings: &mut homelab_ssh::HostConfig| {
        settings.host_key_policy = HostKeyPolicy::AcceptNew;
    };

    host_with(&sshd, new).probe().await.unwrap();
    // From now on it is a known host, also without that policy.
    host(&sshd).probe().await.unwrap();
    sshd.new_host_keys().unwrap();
    sshd.restart().unwrap();
    let changed = refused(&host_with(&sshd, new)).await;

    assert_eq!(reason(&changed), "host_key_changed");
    let text = std::fs::read_to_string(known_hosts(&sshd)).unwrap();
    assert!(
        text.starts_with("# mine\nother ssh-ed25519 AAAA\n[127.0.0.1]:"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 3);
}

#[tokio::test]
async fn hashed_names_as_ssh_keygen_writes_them_are_understood() {
    let Some(sshd) = server() else { return };
    write_known_hosts(&sshd, &sshd.known_hosts_line(KeyType::Ed25519).unwrap());
    let hashed = homelab_testkit::command("ssh-keygen")
        .args(["-H", "-f"])
        .arg(known_hosts(&sshd))
        .output()
        .unwrap();
    assert!(hashed.status.success());
    let text = std::fs::read_to_string(known_hosts(&sshd)).unwrap();
    assert!(text.starts_with("|1|"), "{text}");

    host(&sshd).probe().await.unwrap();
}

/// A server whose host key is signed by an authority, and the authority's public key.
fn certified(principal: &str) -> Option<(Sshd, String)> {
    let sshd = server()?;
    let authority = sshd.folder().join("authority");
    let public = KeyType::Ed25519.generate(&authority, "").unwrap();
    let key = sshd.host_key_file(KeyType::Ed25519).with_extension("pub");
    let signed = homelab_testkit::command("ssh-keygen")
        .args([
            "-q",
            "-s",
            authority.to_str().unwrap(),
            "-I",
            "nas",
            "-h",
            "-n",
            principal,
        ])
        .arg(&key)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
    Some((sshd, public))
}

#[tokio::test]
async fn a_host_with_a_certificate_of_a_known_authority_is_accepted() {
    // The server is started without its certificate first: where it lies is not known before.
    let Some((sshd, public)) = certified("127.0.0.1") else {
        return;
    };
    let certificate = sshd.folder().join("host_ed25519-cert.pub");
    sshd.add_line(&format!("HostCertificate {}", certificate.display()));
    sshd.restart().unwrap();
    write_known_hosts(&sshd, &format!("@cert-authority [127.0.0.1]:* {public}"));

    host(&sshd).probe().await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let Some((sshd, public)) = certified("nas.example.test") else {
        return;
    };
    let certificate = sshd.folder().join("host_ed25519-cert.pub");
    sshd.add_line(&format!("HostCertificate {}", certificate.display()));
    sshd.restart().unwrap();
    write_known_hosts(&sshd, &format!("@cert-authority * {public}"));

    let error = refused(&host(&sshd)).await;

    assert_eq!(reason(&error), "host_key_changed");
    assert!(error.envelope().message.contains("other names"), "{error}");
}

#[tokio::test]
async fn a_key_is_trusted_by_its_fingerprint_and_by_no_other() {
    let Some(sshd) = server() else { return };
    write_known_hosts(&sshd, "");
    let host = host(&sshd);
    let fingerprint = fingerprint(&sshd, KeyType::Ed25519);

    let shown = host.shown_key().await.unwrap();
    let other = host.trust("SHA256:AAAA").await.unwrap_err();
    let before = host.trusted().unwrap();
    host.trust(&shown.fingerprint).await.unwrap();
    host.probe().await.unwrap();

    assert_eq!(shown.fingerprint, fingerprint);
    assert_eq!(shown.kind, "ssh-ed25519");
    assert_eq!(reason(&shown.refusal.unwrap()), "host_key_unknown");
    assert_eq!(reason(&other), "host_key_unknown");
    assert_eq!(
        (before, host.trusted().unwrap()),
        (Trusted::Not, Trusted::Known)
    );
    assert_eq!(host.shown_key().await.unwrap().refusal, None);
}

#[tokio::test]
async fn a_changed_key_cannot_be_trusted_over_the_old_one() {
    let Some(sshd) = server() else { return };
    let host = host(&sshd);
    sshd.new_host_keys().unwrap();
    sshd.restart().unwrap();
    let before = std::fs::read_to_string(known_hosts(&sshd)).unwrap();

    let error = host
        .trust(&fingerprint(&sshd, KeyType::Ed25519))
        .await
        .unwrap_err();

    assert_eq!(reason(&error), "host_key_changed");
    assert_eq!(std::fs::read_to_string(known_hosts(&sshd)).unwrap(), before);
}
