//! The owner's key on the command line: where it is taken from, and what it is checked against.

use anyhow::{Context as _, Result};
use homelab_core::call::CredentialKind;
use homelab_core::clock::Clock;
use homelab_core::secret::Secret;
use homelab_core::store::{ApiKey, Keys};
use homelab_gateway::auth::keys;

use crate::data_dir::{DataDir, OWNER_HASH};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::output::Output;

/// Holds the owner's key.
const VARIABLE: &str = "HOMELAB_OWNER_KEY";
/// Names a file that holds it.
const VARIABLE_FILE: &str = "HOMELAB_OWNER_KEY_FILE";

/// Who the owner is, once the key was checked.
pub(crate) struct Owner {
    /// The key's row; absent while no owner key was ever made, when nothing is asked.
    pub(crate) key: Option<ApiKey>,
}

/// Asks for the owner's key, unless there is none in force yet.
///
/// # Errors
/// If no key is given, or it is not an owner key in force.
pub(crate) async fn require(
    stored: &dyn Keys,
    data: &DataDir,
    clock: &dyn Clock,
    environment: &Environment,
    output: &Output,
) -> Result<Owner> {
    let rows = stored.list().await?;
    let any_in_force = rows.iter().any(|key| is_owner(key) && in_force(key, clock));
    if !any_in_force {
        return Ok(Owner { key: None });
    }
    let presented = given(environment, output)?;
    let parsed = keys::parse(presented.expose().trim()).ok_or_else(|| {
        Failure::new("this is not one of our keys").hint("owner keys start with `hlab_`")
    })?;
    let row = rows.into_iter().find(|row| row.id == parsed.id());
    let refused = || Failure::new("this owner key is not valid here");
    let Some(row) = row.filter(|row| parsed.verify(&row.hash)) else {
        let hint = "use the owner key that was shown when this data directory was set up";
        return Err(refused().hint(hint).into());
    };
    if !is_owner(&row) {
        let text = format!("`{}` is an agent key", row.name);
        return Err(Failure::new(text).hint("this needs an owner key").into());
    }
    if !in_force(&row, clock) {
        return Err(refused().hint("it was revoked or has expired").into());
    }
    if is_altered(data, &row)? {
        let text = "the data directory does not know this owner key as the database has it";
        let hint = format!(
            "use it on the machine where it was made, or compare `{OWNER_HASH}` with a backup"
        );
        return Err(Failure::new(text).hint(hint).into());
    }
    Ok(Owner { key: Some(row) })
}

fn given(environment: &Environment, output: &Output) -> Result<Secret> {
    match (environment.get(VARIABLE), environment.path(VARIABLE_FILE)) {
        (Some(_), Some(_)) => {
            let text = format!("`{VARIABLE}` and `{VARIABLE_FILE}` are both set");
            Err(Failure::usage(text).hint("unset one of them").into())
        }
        (Some(key), None) => Ok(Secret::new(key)),
        (None, Some(path)) => std::fs::read_to_string(&path)
            .map(Secret::new)
            .with_context(|| format!("reading the owner key from `{}`", path.display())),
        (None, None) if output.is_interactive() => output.ask_secret("Owner key"),
        (None, None) => Err(Failure::new("this needs the owner key")
            .hint(format!(
                "set `{VARIABLE}` or `{VARIABLE_FILE}`, or run it on a terminal"
            ))
            .into()),
    }
}

fn is_owner(key: &ApiKey) -> bool {
    key.kind == CredentialKind::Owner
}

/// Whether the key works now.
pub(crate) fn in_force(key: &ApiKey, clock: &dyn Clock) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > clock.now())
}

/// Whether the data directory remembers its owner keys and this is not one of them as it was made:
/// a row slipped into the database, or changed there, does not make an owner.
pub(crate) fn is_altered(data: &DataDir, key: &ApiKey) -> Result<bool> {
    let Some(text) = data.read_private(OWNER_HASH)? else {
        return Ok(false);
    };
    let mut known = text.lines().filter_map(|line| line.split_once(' '));
    Ok(!known.any(|(id, hash)| id == key.id && hash == key.hash))
}

/// Remembers an owner key that was made here.
pub(crate) fn remember(data: &DataDir, key: &ApiKey) -> Result<()> {
    let mut text = data.read_private(OWNER_HASH)?.unwrap_or_default();
    for part in [&key.id, " ", &key.hash, "\n"] {
        text.push_str(part);
    }
    data.write_private(OWNER_HASH, &text)
}

/// Forgets an owner key that was revoked.
pub(crate) fn forget(data: &DataDir, id: &str) -> Result<()> {
    let Some(text) = data.read_private(OWNER_HASH)? else {
        return Ok(());
    };
    let mut kept = String::new();
    for line in text.lines() {
        if line.split(' ').next() != Some(id) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    data.write_private(OWNER_HASH, &kept)
}
