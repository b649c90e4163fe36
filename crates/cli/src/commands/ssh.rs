//! `ssh`: the hosts of `[ssh.hosts]`, and whose keys are trusted.

use anyhow::Result;
use clap::Subcommand;
use homelab_core::error::ToolError;
use homelab_ssh::{Host, ShownKey, Trusted};
use serde_json::json;

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::owner;
use crate::services::{Event, Services};
use crate::session::Session;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the hosts, and whether their keys are known.
    List,
    /// Show the key of a host, and remember it if it is the right one.
    #[command(
        after_help = "Needs the owner key: HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt.\n\
                      Compare the fingerprint with what `ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub` prints on the host itself."
    )]
    Trust {
        /// The host's name in the configuration.
        host: String,
        /// The fingerprint it must have (`SHA256:…`); asked for otherwise.
        #[arg(long, value_name = "SHA256")]
        fingerprint: Option<String>,
    },
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| match &command {
        Command::List => list(services, session),
        Command::Trust { host, fingerprint } => {
            trust(host, fingerprint.as_deref(), services, session).await
        }
    })
    .await
}

fn list(services: &Services, session: &Session) -> Result<Exit> {
    let hosts = &services.hosts;
    let mut rows = Vec::new();
    for name in hosts.names() {
        let host = hosts.host(Some(name))?;
        let trusted = match host.trusted()? {
            Trusted::Pinned => "pinned",
            Trusted::Known => "known",
            Trusted::Not => "not known",
        };
        rows.push((host, trusted));
    }
    let output = &session.output;
    if output.is_json() {
        let hosts: Vec<_> = rows
            .iter()
            .map(|(host, trusted)| {
                json!({
                    "name": host.name(),
                    "destination": host.destination(),
                    "through": host.settings().jump,
                    "key": trusted,
                })
            })
            .collect();
        output.json(&json!({ "hosts": hosts }))?;
    } else if rows.is_empty() {
        output.line("no SSH host is configured; add one with `[ssh.hosts.NAME]`")?;
    } else {
        let rows = rows.into_iter().map(|(host, trusted)| {
            let through = host.settings().jump.clone().unwrap_or_default();
            let name = host.name().to_owned();
            vec![name, host.destination(), through, trusted.to_owned()]
        });
        output.table(&["host", "destination", "through", "key"], rows.collect())?;
    }
    Ok(Exit::Ok)
}

async fn trust(
    name: &str,
    fingerprint: Option<&str>,
    services: &Services,
    session: &Session,
) -> Result<Exit> {
    let host = services.hosts.host(Some(name))?;
    let keys = services.stores.keys.as_ref();
    let (clock, environment) = (session.clock.as_ref(), &session.environment);
    let owner = owner::require(keys, &services.data, clock, environment, &session.output).await?;
    let shown = host.shown_key().await?;
    if let Some(refusal) = &shown.refusal {
        if refusal.envelope().reason.as_deref() != Some("host_key_unknown") {
            return Err(not_trusted(&host, refusal).into());
        }
        agreed(&host, &shown, fingerprint, session)?;
        host.trust(&shown.fingerprint).await?;
        services
            .record(Event {
                action: "ssh_host_trusted",
                target_type: "ssh_host",
                target_id: name,
                by: owner.key.as_ref(),
                details: Some(format!("{} {}", shown.kind, shown.fingerprint)),
            })
            .await?;
    }
    let output = &session.output;
    if output.is_json() {
        output.json(&json!({
            "host": name,
            "kind": shown.kind,
            "fingerprint": shown.fingerprint,
            "added": shown.refusal.is_some(),
        }))?;
    } else {
        let was = if shown.refusal.is_some() {
            "is now"
        } else {
            "was already"
        };
        let key = format!("{} {}", shown.kind, shown.fingerprint);
        output.line(format!("the key of `{name}` {was} trusted: {key}"))?;
    }
    Ok(Exit::Ok)
}

/// Whether the key is the right one: by its fingerprint, or by a person's word.
fn agreed(
    host: &Host,
    shown: &ShownKey,
    fingerprint: Option<&str>,
    session: &Session,
) -> Result<()> {
    let ShownKey {
        kind,
        fingerprint: found,
        ..
    } = shown;
    let name = host.name();
    match fingerprint {
        Some(expected) if expected == found => Ok(()),
        Some(_) => Err(
            Failure::new(format!("`{name}` shows another key: {kind} {found}"))
                .hint("find out who answers there before you trust it")
                .into(),
        ),
        None if !session.output.is_interactive() => Err(Failure::new(format!(
            "`{name}` shows the key {kind} {found}"
        ))
        .hint("if it is the right one, repeat this with `--fingerprint`")
        .into()),
        None => {
            let question = format!("`{name}` shows the key {kind} {found}. Trust it?");
            if session.output.confirm(&question)? {
                return Ok(());
            }
            Err(Failure::new("nothing was changed").into())
        }
    }
}

fn not_trusted(host: &Host, refusal: &ToolError) -> Failure {
    let envelope = refusal.envelope();
    let known_as = host.known_as();
    let failure = Failure::new(envelope.message.clone());
    if envelope.reason.as_deref() == Some("host_key_changed") {
        return failure.hint(format!(
            "only if you know why it changed: take the old one out with \
             `ssh-keygen -R '{known_as}' -f FILE`, where FILE is the one named above, and try again"
        ));
    }
    match &envelope.hint {
        Some(hint) => failure.hint(hint.clone()),
        None => failure,
    }
}
