//! `credentials set`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use homelab_core::secret::Secret;
use homelab_core::store::Credential;
use serde_json::json;

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::services::Event;
use crate::session::Session;

/// Options of `credentials set`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp credentials set nas --username admin                      asks for the password
  pass show nas | homelab-mcp credentials set nas --username admin --password-stdin
  homelab-mcp credentials set grafana --type service --auth-type api_token --password-env TOKEN
  homelab-mcp credentials set pve1 --type host --ssh-key-path ~/.ssh/lab --no-password

A credential of the same target, type and user is replaced.")]
pub(crate) struct Args {
    /// What it opens: the name of a device, guest, host or service.
    target: String,
    /// Kind of thing it opens.
    #[arg(long = "type", default_value = "device", value_parser = ["device", "service", "vm", "host", "other"])]
    target_type: String,
    /// Login name.
    #[arg(long)]
    username: Option<String>,
    /// What the secret is.
    #[arg(long, default_value = "password", value_parser = ["password", "api_token", "ssh_key", "other"])]
    auth_type: String,
    /// Path of a private key on this machine.
    #[arg(long, value_name = "PATH")]
    ssh_key_path: Option<String>,
    /// Free text.
    #[arg(long)]
    notes: Option<String>,
    #[command(flatten)]
    password: PasswordSource,
}

/// Where the password is read; a terminal is asked without any of these.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct PasswordSource {
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    /// Read the password from this environment variable.
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// Read the password from this file.
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
    /// Store no password.
    #[arg(long)]
    no_password: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let password = password(&args.password, &args.target, session)?;
    if let Some(password) = &password {
        session.redactor.learn(password);
    }
    with_services(session, async |services, _| {
        let now = session.clock.now();
        let stored = services
            .stores
            .credentials
            .put(Credential {
                id: String::new(),
                target_type: args.target_type.clone(),
                target_id: args.target.clone(),
                username: args.username.clone(),
                password_encrypted: password
                    .as_ref()
                    .map(|text| services.master.ring.encrypt(text)),
                ssh_key_path: args.ssh_key_path.clone(),
                auth_type: args.auth_type.clone(),
                notes: args.notes.clone(),
                created_at: now,
                updated_at: now,
            })
            .await?;
        services
            .record(Event {
                action: "credential_set",
                target_type: "credential",
                target_id: &stored.id,
                by: None,
                details: Some(format!("{} {}", args.target_type, args.target)),
            })
            .await?;
        if session.output.is_json() {
            session.output.json(&json!({
                "id": stored.id,
                "target_type": stored.target_type,
                "target": stored.target_id,
                "username": stored.username,
            }))?;
        } else {
            session.output.line(format!(
                "stored the credential of `{}` ({})",
                args.target, stored.id
            ))?;
        }
        Ok(Exit::Ok)
    })
    .await
}

fn password(source: &PasswordSource, target: &str, session: &Session) -> Result<Option<Secret>> {
    let text = if source.no_password {
        return Ok(None);
    } else if let Some(name) = &source.password_env {
        session
            .environment
            .get(name)
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage(format!("the variable `{name}` is not set")))?
    } else if let Some(path) = &source.password_file {
        let path = session.environment.directory.join(path);
        std::fs::read_to_string(&path).with_context(|| format!("reading `{}`", path.display()))?
    } else if source.password_stdin {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        text
    } else if session.output.is_interactive() {
        let secret = session
            .output
            .ask_secret(&format!("Password of {target}"))?;
        secret.expose().to_owned()
    } else {
        return Err(Failure::usage("there is no password")
            .hint("use `--password-stdin`, `--password-env`, `--password-file` or `--no-password`")
            .into());
    };
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(Failure::usage("the password is empty")
            .hint("use `--no-password` to store none")
            .into());
    }
    Ok(Some(Secret::new(text)))
}
