//! Passwords. An unprivileged OpenSSH cannot check any, so the server is made here.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::secret::{Secret, SecretRef};
use homelab_ssh::{Host, HostConfig, Hosts, SshConfig};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};
use russh::server::{self, Auth, Response};
use tokio::net::TcpListener;

use crate::world::{parts, reason};

const PASSWORD: &str = "open sesame";

/// How the server asks for the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// By the method `password`.
    Plainly,
    /// By questions, as PAM does.
    Interactively,
    /// By questions, and for a second factor too.
    ForMore,
}

struct Door(Asks);

impl server::Handler for Door {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        let right = self.0 == Asks::Plainly && user == "lab" && password == PASSWORD;
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let prompts = match self.0 {
            Asks::Plainly => return Ok(Auth::reject()),
            Asks::Interactively => vec![("Password: ".into(), false)],
            Asks::ForMore => vec![("Password: ".into(), false), ("Code: ".into(), false)],
        };
        Ok(match response {
            None => Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: prompts.into(),
            },
            Some(mut answers) => match answers.next() {
                Some(answer) if answer == PASSWORD.as_bytes() => Auth::Accept,
                _ => Auth::reject(),
            },
        })
    }
}

/// A host that asks for a password, and is given this one.
async fn host(asks: Asks, password: &str) -> Host {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(server::Config {
        keys: vec![key],
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..server::Config::default()
    });
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let session = server::run_stream(config, stream, Door(asks)).await;
        drop(session.unwrap().await);
    });
    let settings = HostConfig {
        host: "127.0.0.1".to_owned(),
        port,
        user: "lab".to_owned(),
        password: Some(SecretRef::Plain(Secret::new(password))),
        fingerprint: Some(fingerprint),
        ..HostConfig::default()
    };
    let config = SshConfig {
        hosts: [("nas".to_owned(), settings)].into(),
        ..SshConfig::default()
    };
    let hosts = Hosts::new(config, parts("/nonexistent".into())).unwrap();
    hosts.host(None).unwrap()
}

#[tokio::test]
async fn a_password_opens_in_both_ways_of_asking() {
    for asks in [Asks::Plainly, Asks::Interactively] {
        host(asks, PASSWORD).await.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_repeated_in_the_error() {
    for asks in [Asks::Plainly, Asks::Interactively] {
        let error = host(asks, "open barley").await.probe().await.unwrap_err();

        assert_eq!(reason(&error), "ssh_auth_failed");
        assert!(error.envelope().message.contains("the password"), "{error}");
        assert!(!error.to_string().contains("barley"));
    }
}

#[tokio::test]
async fn the_password_is_no_answer_to_other_questions() {
    let error = host(Asks::ForMore, PASSWORD)
        .await
        .probe()
        .await
        .unwrap_err();

    assert_eq!(reason(&error), "ssh_auth_failed");
}
