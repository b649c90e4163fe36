//! `inventory add`.

use std::sync::Arc;

use anyhow::Result;
use homelab_core::inventory::Record;
use homelab_core::store::{Inventory, Records};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::services::{Event, Services};
use crate::session::Session;
use crate::transfer::{Entity, check_name, known_fields, record_of, text_of, with_records};

/// Options of `inventory add`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp inventory add device name=nas type=nas ip=192.0.2.10 'tags=storage;rack 1'
  homelab-mcp inventory add service service_name=grafana url=https://grafana.example device=nas
  homelab-mcp inventory add device --update name=nas status=maintenance")]
pub(crate) struct Args {
    /// What to add.
    entity: Entity,
    /// Fields; lists are separated by `;`.
    #[arg(required = true, value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Change these fields of the record of this name, which must exist; an empty value removes one.
    #[arg(long)]
    update: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let inventory = services.stores.inventory.clone();
        let none = homelab_core::inventory::Snapshot::default();
        with_records!(args.entity, none, list => put(list, inventory, &args, services, session).await)
    })
    .await
}

/// The list only says which kind of record it is.
async fn put<R>(
    _: Vec<R>,
    inventory: Arc<dyn Inventory>,
    args: &Args,
    services: &Services,
    session: &Session,
) -> Result<Exit>
where
    R: Record + Serialize + DeserializeOwned + JsonSchema + Send + 'static,
    dyn Inventory: Records<R>,
{
    let known = known_fields::<R>();
    let given = split(&args.fields, &known)?;
    let pairs = |fields: &'_ [(String, String)]| -> Vec<(String, String)> { fields.to_vec() };
    let key = given
        .iter()
        .find(|(name, _)| name == R::KEY)
        .map(|(_, key)| key.clone())
        .ok_or_else(|| {
            Failure::usage(format!("`{}` is missing", R::KEY))
                .hint(format!("it is what records of {} are found by", R::ENTITY))
        })?;
    let before: Option<R> = Records::<R>::get(inventory.as_ref(), &key).await?;
    let (action, fields) = match (before, args.update) {
        (None, false) => ("record_added", pairs(&given)),
        (Some(_), false) => {
            return Err(
                Failure::new(format!("{} has a record `{key}` already", R::ENTITY))
                    .hint("add `--update` to change the given fields of it")
                    .into(),
            );
        }
        (None, true) => {
            let near = Records::<R>::near(inventory.as_ref(), &key).await?;
            let failure = Failure::new(format!("{} has no record `{key}`", R::ENTITY));
            return Err(match near.first() {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("leave out `--update` to add it"),
            }
            .into());
        }
        (Some(record), true) => ("record_changed", merged(&record, &given)?),
    };
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let record: R = record_of(&known, fields).map_err(|error| Failure::usage(error.to_string()))?;
    let stored = Records::<R>::put(inventory.as_ref(), record).await?;
    services
        .record(Event {
            action,
            target_type: R::ENTITY,
            target_id: stored.id(),
            by: None,
            details: Some(stored.key()),
        })
        .await?;
    if session.output.is_json() {
        session.output.json(&stored)?;
    } else {
        let value = serde_json::to_value(&stored)?;
        session.output.line(homelab_core::render::text(&value))?;
    }
    Ok(Exit::Ok)
}

fn split(fields: &[String], known: &Map<String, Value>) -> Result<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for field in fields {
        let Some((name, value)) = field.split_once('=') else {
            return Err(Failure::usage(format!("`{field}` is not `FIELD=VALUE`")).into());
        };
        check_name(known, name).map_err(|error| Failure::usage(error.to_string()))?;
        if pairs.iter().any(|(known, _)| known == name) {
            return Err(Failure::usage(format!("`{name}` is given twice")).into());
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Ok(pairs)
}

/// The record's fields as texts, with the given ones in their place.
fn merged<R: Serialize>(record: &R, given: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let Value::Object(members) = serde_json::to_value(record)? else {
        return Ok(given.to_vec());
    };
    let mut fields: Vec<(String, String)> = members
        .iter()
        .filter(|(name, _)| !given.iter().any(|(given, _)| given == *name))
        .map(|(name, value)| (name.clone(), text_of(value)))
        .collect();
    fields.extend(given.iter().cloned());
    Ok(fields)
}
