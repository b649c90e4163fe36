//! What is in the database: engine, keys, credentials, audit.

use anyhow::Result;
use homelab_core::call::CredentialKind;
use homelab_core::store::{ApiKey, KILL_SWITCH};

use super::Findings;
use crate::commands::credentials::all_credentials;
use crate::commands::tools::pinned;
use crate::config::Config;
use crate::owner::{in_force, is_altered};
use crate::pin::{self, Standing};
use crate::services::Services;
use crate::session::Session;

/// A key that ends sooner than this is worth a word.
const SOON_DAYS: i64 = 14;

pub(super) async fn look(
    skip_audit: bool,
    config: &Config,
    services: &Services,
    session: &Session,
    findings: &mut Findings,
) -> Result<()> {
    services.database.ping().await?;
    findings.ok("database", services.database.describe().await?);
    let fingerprint = services.master.ring.fingerprint();
    let older = services.master.keys.len() - 1;
    let keys = match older {
        0 => format!("passwords are encrypted with key {fingerprint}"),
        older => {
            format!("passwords are encrypted with key {fingerprint}; {older} older keys are kept")
        }
    };
    findings.ok("keys", keys);
    api_keys(services, session, findings).await?;
    credentials(services, findings).await?;
    if services.stores.settings.get(KILL_SWITCH).await?.as_deref() == Some("on") {
        let fix = "`homelab-mcp kill-switch off` lets changes through again";
        findings.warning("kill switch", "it is on: nothing can be changed", fix);
    }
    if !skip_audit {
        audit(services, findings).await?;
    }
    pins(config, services, findings).await?;
    tools(services, findings).await?;
    Ok(())
}

async fn api_keys(services: &Services, session: &Session, findings: &mut Findings) -> Result<()> {
    let check = "API keys";
    let keys = services.stores.keys.list().await?;
    let clock = session.clock.as_ref();
    let (valid, ended): (Vec<&ApiKey>, Vec<&ApiKey>) = keys
        .iter()
        .filter(|key| key.revoked_at.is_none())
        .partition(|key| in_force(key, clock));
    let of = |kind| valid.iter().filter(|key| key.kind == kind).count();
    let (agents, owners) = (of(CredentialKind::Agent), of(CredentialKind::Owner));
    if keys.is_empty() {
        findings.warning(
            check,
            "there are none",
            "`homelab-mcp keys init`, or start `serve`",
        );
    } else if owners == 0 {
        let fix = "homelab-mcp keys create --kind owner --name owner";
        findings.broken(check, "no owner key is in force", fix);
    } else {
        findings.ok(check, format!("{agents} for agents, {owners} for owners"));
    }
    for key in &ended {
        let text = format!("`{}` has expired", key.name);
        findings.warning(check, text, format!("homelab-mcp keys revoke {}", key.id));
    }
    let soon = clock.now().plus_seconds(SOON_DAYS * 86_400);
    for key in valid
        .iter()
        .filter(|key| key.expires_at.is_some_and(|at| at < soon))
    {
        let text = format!("`{}` expires within {SOON_DAYS} days", key.name);
        findings.warning(
            check,
            text,
            "make another one with `homelab-mcp keys create`",
        );
    }
    for key in valid.iter().filter(|key| key.kind == CredentialKind::Owner) {
        if is_altered(&services.data, key)? {
            let text = format!(
                "the owner key `{}` is not as the data directory knows it",
                key.name
            );
            findings.broken(check, text, "find out who did, then restore a backup");
        }
    }
    Ok(())
}

async fn credentials(services: &Services, findings: &mut Findings) -> Result<()> {
    let check = "credentials";
    let credentials = all_credentials(services.stores.credentials.as_ref()).await?;
    let unreadable: Vec<&str> = credentials
        .iter()
        .filter(|one| {
            let token = one.password_encrypted.as_deref();
            token.is_some_and(|token| services.master.ring.decrypt(token).is_err())
        })
        .map(|one| one.target_id.as_str())
        .collect();
    if unreadable.is_empty() {
        findings.ok(check, format!("{} stored, all readable", credentials.len()));
    } else {
        let text = format!("cannot be decrypted: {}", unreadable.join(", "));
        let fix = "add the key they were stored with to `HOMELAB_DB_KEY`, or set them again";
        findings.broken(check, text, fix);
    }
    Ok(())
}

async fn audit(services: &Services, findings: &mut Findings) -> Result<()> {
    let found = services.trail.verify(&[]).await?;
    if found.faults.is_empty() {
        let text = format!(
            "{} rows, {} checkpoints, intact",
            found.rows, found.checkpoints
        );
        findings.ok("audit", text);
    } else {
        let text = format!("{} faults in {} rows", found.faults.len(), found.rows);
        findings.broken(
            "audit",
            text,
            "`homelab-mcp audit verify` names each; compare with a backup",
        );
    }
    Ok(())
}

/// Whether the audit's head reaches the places it is pinned to.
async fn pins(config: &Config, services: &Services, findings: &mut Findings) -> Result<()> {
    let check = "audit pin";
    for place in pin::names(&config.audit.pin) {
        match Standing::of(services.stores.settings.as_ref(), place).await? {
            Some(Standing {
                error: Some(error),
                number,
                ..
            }) => {
                let since = number.map_or("none".to_owned(), |number| number.to_string());
                let text = format!("{place}: {error} (newest head there: {since})");
                findings.warning(check, text, format!("check `audit.pin.{place}`"));
            }
            Some(Standing {
                number: Some(number),
                ..
            }) => {
                findings.ok(check, format!("{place}: has head {number}"));
            }
            _ => findings.ok(check, format!("{place}: nothing was pinned yet")),
        }
    }
    Ok(())
}

/// Whether tools say something else than the owner accepted.
async fn tools(services: &Services, findings: &mut Findings) -> Result<()> {
    let check = "tools";
    match pinned::changes(services.stores.settings.as_ref()).await? {
        None => {}
        Some(changes) if changes.is_empty() => findings.ok(check, "as they were accepted"),
        Some(changes) => {
            let fix =
                "read them with `homelab-mcp tools describe`, then `homelab-mcp tools accept`";
            findings.warning(check, changes.to_string(), fix);
        }
    }
    Ok(())
}
