//! `keys`: API keys of agents and owners.

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use homelab_core::call::CredentialKind;
use homelab_core::clock::Micros;
use homelab_core::policy::{Grants, Pattern, Role};
use homelab_core::secret::Secret;
use homelab_core::store::{ApiKey, StoreError};
use homelab_gateway::auth::keys::{NewKey, generate};
use serde_json::{Value, json};

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::owner::{self, in_force};
use crate::services::{Event, Services};
use crate::session::Session;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the first keys of a new data directory: one for agents, one for the owner.
    #[command(after_help = "Both are shown once. `serve` on a new data directory does the same.")]
    Init,
    /// Make a key; it is shown once.
    Create(Create),
    /// List the keys.
    List,
    /// Stop a key from working.
    Revoke(Revoke),
}

/// Options of `keys create`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp keys create --name claude --role operator
  homelab-mcp keys create --name chat --role viewer --allow 'homelab_*' --deny '*:credential:*'

Needs the owner key: HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt.")]
pub(crate) struct Create {
    /// Name for people, rules and the audit.
    #[arg(long)]
    name: String,
    /// viewer reads; operator writes; admin may read secrets too. Owners are always admin.
    #[arg(long, default_value = "operator", value_parser = ["viewer", "operator", "admin"])]
    role: String,
    /// Whether it is for a client's configuration or for yourself.
    #[arg(long, default_value = "agent")]
    kind: KeyKind,
    /// Only tools that fit one of these patterns (name or permission, `*` for any text).
    #[arg(long, value_name = "PATTERN")]
    allow: Vec<String>,
    /// No tools that fit one of these patterns.
    #[arg(long, value_name = "PATTERN")]
    deny: Vec<String>,
    /// Days until it stops working; never without this.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_days: Option<u32>,
}

/// Options of `keys revoke`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs the owner key: HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt."
)]
pub(crate) struct Revoke {
    /// The key's id or name.
    key: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyKind {
    /// Lives in client configurations; may call tools.
    Agent,
    /// Manages keys and the kill switch; never goes into a client configuration.
    Owner,
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| match &command {
        Command::Init => init(services, session).await,
        Command::Create(args) => create(args, services, session).await,
        Command::List => list(services, session).await,
        Command::Revoke(args) => revoke(&args.key, services, session).await,
    })
    .await
}

/// The first pair of keys, shown once.
pub(crate) struct FirstKeys {
    /// For client configurations.
    pub(crate) agent: (ApiKey, Secret),
    /// For the person.
    pub(crate) owner: (ApiKey, Secret),
}

/// Makes the first keys; `None` if there are keys already.
pub(crate) async fn make_first(services: &Services) -> Result<Option<FirstKeys>> {
    let make = |name: &str, kind, role| {
        let new = NewKey {
            name: name.to_owned(),
            kind,
            role,
            grants: Grants::default(),
            expires_at: None,
        };
        generate(
            new,
            services.env.clock.as_ref(),
            services.env.entropy.as_ref(),
        )
    };
    let agent = make("agent", CredentialKind::Agent, Role::Operator);
    let owner = make("owner", CredentialKind::Owner, Role::Admin);
    let rows = vec![agent.0.clone(), owner.0.clone()];
    if !services.stores.keys.insert_first(rows).await? {
        return Ok(None);
    }
    owner::remember(&services.data, &owner.0)?;
    for (key, text) in [&agent, &owner] {
        services.env.redactor.learn(text);
        record(services, "key_created", key, None).await?;
    }
    Ok(Some(FirstKeys { agent, owner }))
}

async fn init(services: &Services, session: &Session) -> Result<Exit> {
    let Some(first) = make_first(services).await? else {
        return Err(Failure::new("this data directory has keys already")
            .hint("`keys list` shows them; the owner makes more with `keys create`")
            .into());
    };
    let output = &session.output;
    if output.is_json() {
        let part = |(key, text): &(ApiKey, Secret)| json!({ "id": key.id, "key": text.expose() });
        let both = json!({ "agent": part(&first.agent), "owner": part(&first.owner) });
        output.json_with_secret(&both)?;
        return Ok(Exit::Ok);
    }
    show_first(&first, output)?;
    Ok(Exit::Ok)
}

/// Shows the first keys to a person.
pub(crate) fn show_first(first: &FirstKeys, output: &Output) -> Result<()> {
    let heading = "These keys are shown once; keep them now.";
    output.line(output.mark(Mark::Warning, heading))?;
    output.line_with_secret(format!("  agent key  {}", first.agent.1.expose()))?;
    output.line(
        "             for the configuration of your AI client; calls tools (role operator)",
    )?;
    output.line_with_secret(format!("  owner key  {}", first.owner.1.expose()))?;
    output.line("             for yourself; makes and revokes keys, switches the kill switch off")
}

async fn create(args: &Create, services: &Services, session: &Session) -> Result<Exit> {
    let owner = require_owner(services, session).await?;
    let (kind, role) = match args.kind {
        KeyKind::Agent => (
            CredentialKind::Agent,
            args.role.parse().map_err(Failure::usage)?,
        ),
        KeyKind::Owner => (CredentialKind::Owner, Role::Admin),
    };
    let patterns = |texts: &[String]| texts.iter().map(Pattern::new).collect();
    let now = session.clock.now();
    let new = NewKey {
        name: args.name.clone(),
        kind,
        role,
        grants: Grants {
            allow: patterns(&args.allow),
            deny: patterns(&args.deny),
        },
        expires_at: args
            .expires_days
            .map(|days| now.plus_seconds(i64::from(days) * 86_400)),
    };
    let (key, text) = generate(new, session.clock.as_ref(), session.entropy.as_ref());
    session.redactor.learn(&text);
    match services.stores.keys.insert(key.clone()).await {
        Err(StoreError::Conflict { .. }) => {
            let failure = Failure::new(format!("a key named `{}` is in force already", args.name));
            return Err(failure
                .hint("choose another name, or revoke that one first")
                .into());
        }
        inserted => inserted?,
    }
    if kind == CredentialKind::Owner {
        owner::remember(&services.data, &key)?;
    }
    record(services, "key_created", &key, owner.as_ref()).await?;
    let output = &session.output;
    if output.is_json() {
        let shown = json!({ "id": key.id, "key": text.expose(), "role": role });
        output.json_with_secret(&shown)?;
    } else {
        let heading = format!("Key `{}` ({role}); it is shown once:", key.name);
        output.line(heading)?;
        output.line_with_secret(text.expose())?;
    }
    Ok(Exit::Ok)
}

async fn list(services: &Services, session: &Session) -> Result<Exit> {
    let keys = services.stores.keys.list().await?;
    let state = |key: &ApiKey| {
        if key.revoked_at.is_some() {
            "revoked"
        } else if in_force(key, session.clock.as_ref()) {
            "in force"
        } else {
            "expired"
        }
    };
    if session.output.is_json() {
        let rows: Vec<Value> = keys
            .iter()
            .map(|key| {
                let mut row = serde_json::to_value(key)?;
                row["state"] = state(key).into();
                Ok(row)
            })
            .collect::<Result<_>>()?;
        session.output.json(&rows)?;
        return Ok(Exit::Ok);
    }
    let rows = keys
        .iter()
        .map(|key| {
            let patterns = |sign: &str, patterns: &[Pattern]| -> Vec<String> {
                patterns
                    .iter()
                    .map(|one| format!("{sign}{}", one.as_str()))
                    .collect()
            };
            let mut narrowed = patterns("+", &key.grants.allow);
            narrowed.extend(patterns("-", &key.grants.deny));
            vec![
                key.id.clone(),
                key.name.clone(),
                key.kind.as_str().to_owned(),
                key.role.to_string(),
                state(key).to_owned(),
                day(Some(key.created_at)),
                day(key.expires_at),
                narrowed.join(" "),
            ]
        })
        .collect();
    let headings = [
        "ID", "NAME", "KIND", "ROLE", "STATE", "MADE", "EXPIRES", "TOOLS",
    ];
    session.output.table(&headings, rows)?;
    Ok(Exit::Ok)
}

async fn revoke(id_or_name: &str, services: &Services, session: &Session) -> Result<Exit> {
    let owner = require_owner(services, session).await?;
    let keys = services.stores.keys.list().await?;
    let key = keys
        .iter()
        .filter(|key| key.revoked_at.is_none())
        .find(|key| key.id == id_or_name || key.name == id_or_name);
    let Some(key) = key else {
        return Err(
            Failure::new(format!("no key in force has the id or name `{id_or_name}`"))
                .hint("see `homelab-mcp keys list`")
                .into(),
        );
    };
    let owners = keys
        .iter()
        .filter(|key| key.kind == CredentialKind::Owner && in_force(key, session.clock.as_ref()));
    if key.kind == CredentialKind::Owner && owners.count() == 1 {
        return Err(Failure::new("this is the only owner key in force")
            .hint("make another one first: `keys create --kind owner --name NAME`")
            .into());
    }
    services
        .stores
        .keys
        .revoke(&key.id, session.clock.now())
        .await?;
    owner::forget(&services.data, &key.id)?;
    record(services, "key_revoked", key, owner.as_ref()).await?;
    if session.output.is_json() {
        session
            .output
            .json(&json!({ "id": key.id, "name": key.name, "revoked": true }))?;
    } else {
        session
            .output
            .line(format!("key `{}` ({}) no longer works", key.name, key.id))?;
    }
    Ok(Exit::Ok)
}

async fn require_owner(services: &Services, session: &Session) -> Result<Option<ApiKey>> {
    let stored = services.stores.keys.as_ref();
    let (clock, environment) = (session.clock.as_ref(), &session.environment);
    let owner = owner::require(stored, &services.data, clock, environment, &session.output).await?;
    Ok(owner.key)
}

async fn record(
    services: &Services,
    action: &str,
    key: &ApiKey,
    by: Option<&ApiKey>,
) -> Result<()> {
    let details = format!(
        "{} key `{}`, role {}",
        key.kind.as_str(),
        key.name,
        key.role
    );
    services
        .record(Event {
            action,
            target_type: "key",
            target_id: &key.id,
            by,
            details: Some(details),
        })
        .await
}

/// The day of a time, or a dash.
fn day(at: Option<Micros>) -> String {
    at.map_or_else(
        || "-".to_owned(),
        |at| at.to_rfc3339().chars().take(10).collect(),
    )
}
