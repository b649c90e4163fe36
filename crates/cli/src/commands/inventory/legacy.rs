//! Import from the database of the older Python server, which is only ever read.

use anyhow::{Context as _, Result};
use homelab_core::secret::{Secret, SecretRef};
use homelab_core::store::Credential;
use homelab_store::legacy::{self, Legacy, LegacyCredential};
use serde_json::json;

use super::import::{show, store, would_import};
use crate::exit::{Exit, Failure};
use crate::services::{Event, Services};
use crate::session::Session;

/// Imports inventory, credentials and audit rows, or only says what would be.
pub(super) async fn run(
    source: &str,
    dry_run: bool,
    services: &Services,
    session: &Session,
) -> Result<Exit> {
    let source = resolve(source, session)?;
    let shown = shown(&source);
    let bar = session.output.progress(&format!("reading {shown}"));
    // All known keys: the older server's own, given in HOMELAB_DB_KEY, is among them.
    let read = legacy::read(source.expose(), Some(&services.master.ring)).await;
    bar.finish_and_clear();
    let legacy = read.with_context(|| format!("`{shown}` cannot be imported"))?;
    for credential in &legacy.credentials {
        if let Some(password) = &credential.password {
            session.redactor.learn(password);
        }
    }
    for warning in &legacy.warnings {
        session.output.warn(warning)?;
    }
    if dry_run {
        would_import(&legacy.snapshot, &session.output)?;
        session.output.note(format!(
            "and {} credentials, {} audit rows",
            legacy.credentials.len(),
            legacy.audit.len()
        ))?;
        return Ok(Exit::Ok);
    }
    take_over(legacy, &shown, services, session).await
}

async fn take_over(
    legacy: Legacy,
    shown: &str,
    services: &Services,
    session: &Session,
) -> Result<Exit> {
    let report = store(legacy.snapshot, shown, services, session).await?;
    let (mut readable, mut unreadable) = (0_u64, 0_u64);
    for credential in &legacy.credentials {
        match (&credential.password, &credential.password_encrypted) {
            (None, Some(_)) => unreadable += 1,
            _ => readable += 1,
        }
        let ours = ours(credential, services);
        services
            .stores
            .credentials
            .put(ours)
            .await
            .context("storing a credential")?;
    }
    services
        .stores
        .audit
        .append_legacy(&legacy.audit)
        .await
        .context("storing audit rows")?;
    let audit = legacy.audit.len();
    services
        .record(Event {
            action: "legacy_imported",
            target_type: "inventory",
            target_id: shown,
            by: None,
            details: Some(format!(
                "{readable} credentials, {unreadable} unreadable ones, {audit} audit rows"
            )),
        })
        .await?;
    let output = &session.output;
    if output.is_json() {
        let mut all = serde_json::to_value(&report)?;
        all["credentials"] = json!({ "readable": readable, "unreadable": unreadable });
        all["audit_rows"] = audit.into();
        all["warnings"] = json!(legacy.warnings);
        output.json(&all)?;
    } else {
        show(&report, output)?;
        output.line(format!("{readable} credentials, {audit} audit rows"))?;
        if unreadable > 0 {
            output.warn(format!(
                "{unreadable} more credentials stay unreadable until their Fernet key is in HOMELAB_DB_KEY"
            ))?;
        }
    }
    Ok(Exit::Ok)
}

/// A password that can be read is encrypted with our key; one that cannot keeps its token, so that
/// giving its key later makes it readable.
fn ours(credential: &LegacyCredential, services: &Services) -> Credential {
    let now = services.env.clock.now();
    let encrypted = match &credential.password {
        Some(password) => Some(services.master.ring.encrypt(password)),
        None => credential.password_encrypted.clone(),
    };
    Credential {
        id: String::new(),
        target_type: credential.target_type.clone(),
        target_id: credential.target_id.clone(),
        username: credential.username.clone(),
        password_encrypted: encrypted,
        ssh_key_path: credential.ssh_key_path.clone(),
        auth_type: credential.auth_type.clone(),
        notes: credential.notes.clone(),
        created_at: now,
        updated_at: now,
    }
}

/// The source, looked up where it is a reference: a URL with a password does not belong on a
/// command line, which other users of the machine can see.
fn resolve(source: &str, session: &Session) -> Result<Secret> {
    let environment = &session.environment;
    let resolved = match source.parse().unwrap_or_else(|never| match never {}) {
        SecretRef::Env(name) => environment
            .get(&name)
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage(format!("the variable `{name}` is not set")))?,
        SecretRef::File(path) => {
            let path = environment.directory.join(path);
            let text = std::fs::read_to_string(&path);
            text.with_context(|| format!("reading `{}`", path.display()))?
                .trim()
                .to_owned()
        }
        _ => source.to_owned(),
    };
    let known = ["sqlite:", "postgres://", "postgresql://"];
    let Some(path) = resolved.strip_prefix("sqlite:") else {
        if known.iter().any(|prefix| resolved.starts_with(prefix)) {
            session.redactor.learn(&Secret::new(resolved.as_str()));
            return Ok(Secret::new(resolved));
        }
        return Err(Failure::usage("`--from` names no database")
            .hint("write `sqlite:PATH` or `postgres://user:password@host:port/name`; a file goes without `--from`")
            .into());
    };
    let path = environment
        .directory
        .join(path.strip_prefix("//").unwrap_or(path));
    Ok(Secret::new(format!("sqlite:{}", path.display())))
}

/// The source without user and password.
fn shown(source: &Secret) -> String {
    let text = source.expose();
    match text
        .split_once("://")
        .map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
    {
        Some((scheme, Some((_, place)))) => format!("{scheme}://{place}"),
        _ => text.to_owned(),
    }
}
