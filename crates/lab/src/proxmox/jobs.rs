//! Scheduled backups.

use serde_json::{Map, Value, json};

use super::backup::list;
use super::entry::Call;
use super::guests::config::as_stored;
use super::reply::{Answer, Failure, data, nothing};
use super::state::State;
use crate::hash::short_hex;

/// A backup that is made on a schedule.
#[derive(Debug, Clone)]
pub(super) struct BackupJob {
    id: String,
    settings: Map<String, Value>,
}

impl BackupJob {
    pub(super) fn new(id: &str, settings: Map<String, Value>) -> Self {
        Self {
            id: id.to_owned(),
            settings,
        }
    }

    /// Takes a guest out of it.
    pub(super) fn forget(&mut self, vmid: u32) {
        let text = self.settings.get("vmid").and_then(Value::as_str);
        let Some(Ok(vmids)) = text.map(list) else {
            return;
        };
        let left: Vec<String> = vmids
            .iter()
            .filter(|one| **one != vmid)
            .map(ToString::to_string)
            .collect();
        self.settings
            .insert("vmid".to_owned(), json!(left.join(",")));
    }

    fn row(&self, now: i64) -> Value {
        let mut row = Value::Object(self.settings.clone());
        row["id"] = json!(self.id);
        row["type"] = json!("vzdump");
        if row.get("enabled").is_none() {
            row["enabled"] = json!(1);
        }
        row["next-run"] = json!(now.div_euclid(86_400) * 86_400 + 93_600);
        row
    }
}

/// `GET /cluster/backup`.
pub(super) fn all(state: &mut State, _: &Call) -> Answer {
    let now = state.now();
    data(state.jobs.values().map(|job| job.row(now)).collect())
}

/// `GET /cluster/backup/{id}`.
pub(super) fn one(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let job = state.jobs.get(call.path.get("id"));
    data(job.ok_or_else(|| missing(call))?.row(now))
}

fn missing(call: &Call) -> Failure {
    Failure::new(400, format!("No such job '{}'", call.path.get("id")))
}

fn settings(call: &Call) -> Map<String, Value> {
    let kept = call
        .args
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "id" | "delete"));
    kept.map(|(name, value)| (name.clone(), as_stored(value)))
        .collect()
}

/// `POST /cluster/backup`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let settings = settings(call);
    let count = ["vmid", "all", "pool"]
        .iter()
        .filter(|name| settings.contains_key(**name))
        .count();
    if count != 1 {
        let text = "you need to specify exactly one of 'vmid', 'all' and 'pool'";
        return Err(Failure::parameter("vmid", text));
    }
    if let Some(text) = call.text("vmid") {
        list(text)?;
    }
    let storage = call.text("storage").unwrap_or("local");
    if !state.storages.contains_key(storage) {
        let text = format!("storage '{storage}' does not exist");
        return Err(Failure::parameter("storage", text));
    }
    let made = || {
        format!(
            "backup-{}",
            short_hex(format!("{settings:?}").as_bytes(), 12)
        )
    };
    let id = call.text("id").map_or_else(made, str::to_owned);
    if state.jobs.contains_key(&id) {
        return Err(Failure::died(format!("Job '{id}' already exists")));
    }
    state.jobs.insert(id.clone(), BackupJob::new(&id, settings));
    nothing()
}

/// `PUT /cluster/backup/{id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let changes = settings(call);
    let job = state
        .jobs
        .get_mut(call.path.get("id"))
        .ok_or_else(|| missing(call))?;
    job.settings.extend(changes);
    for name in call
        .text("delete")
        .unwrap_or_default()
        .split([',', ';', ' '])
    {
        job.settings.remove(name);
    }
    nothing()
}

/// `DELETE /cluster/backup/{id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    state
        .jobs
        .remove(call.path.get("id"))
        .ok_or_else(|| missing(call))?;
    nothing()
}
