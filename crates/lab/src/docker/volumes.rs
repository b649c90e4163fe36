//! Volumes.

use serde_json::{Map, Value, json};

use super::create::passes;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, empty, json_of};
use super::state::{ApiVersion, Engine, Volume};
use crate::calendar::rfc3339;

impl Volume {
    pub(super) fn row(&self) -> Value {
        json!({
            "Name": self.name,
            "Driver": self.driver,
            "Mountpoint": format!("/var/lib/docker/volumes/{}/_data", self.name),
            "CreatedAt": rfc3339(self.created),
            "Labels": self.labels,
            "Options": null,
            "Scope": "local",
        })
    }
}

fn missing(name: &str) -> Failure {
    Failure::new(404, format!("get {name}: no such volume"))
}

/// `GET /volumes`.
pub(super) fn list(engine: &mut Engine, call: &Call) -> Answer {
    let dangling = call
        .filter("dangling")
        .map(|all| all.iter().any(|one| one == "true" || one == "1"));
    let wanted = |one: &&Volume| {
        let unused = engine.volume_users(&one.name).is_empty();
        dangling.is_none_or(|dangling| unused == dangling)
            && call
                .filter("name")
                .is_none_or(|names| names.iter().any(|name| one.name.contains(name)))
            && call
                .filter("driver")
                .is_none_or(|drivers| drivers.contains(&one.driver))
            && passes(&one.labels, call)
    };
    let rows: Vec<Value> = engine
        .volumes
        .values()
        .filter(wanted)
        .map(Volume::row)
        .collect();
    json_of(json!({ "Volumes": rows, "Warnings": null }))
}

/// `GET /volumes/{name}`.
pub(super) fn inspect(engine: &mut Engine, call: &Call) -> Answer {
    let volume = engine
        .volumes
        .get(call.id())
        .ok_or_else(|| missing(call.id()))?;
    json_of(volume.row())
}

/// `POST /volumes/create`: one that is there is answered as if it were new.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn create(engine: &mut Engine, call: &Call) -> Answer {
    let named = call
        .body
        .get("Name")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty());
    let name = named.map_or_else(|| engine.id("volume"), str::to_owned);
    let created = engine.now();
    let volume = engine
        .volumes
        .entry(name.clone())
        .or_insert_with(|| Volume {
            name,
            driver: call
                .body
                .get("Driver")
                .and_then(Value::as_str)
                .unwrap_or("local")
                .to_owned(),
            labels: match call.body.get("Labels") {
                Some(Value::Object(labels)) => labels.clone(),
                _ => Map::new(),
            },
            created,
            size: 0,
        });
    Ok(Reply::Json(201, volume.row()))
}

/// `DELETE /volumes/{name}`.
pub(super) fn remove(engine: &mut Engine, call: &Call) -> Answer {
    let name = call.id();
    if !engine.volumes.contains_key(name) {
        return if call.is_set("force") {
            empty(204)
        } else {
            Err(missing(name))
        };
    }
    let users = engine.volume_users(name);
    if !users.is_empty() {
        let text = format!("remove {name}: volume is in use - [{}]", users.join(", "));
        return Err(Failure::new(409, text));
    }
    engine.volumes.remove(name);
    empty(204)
}

/// `POST /volumes/prune`: since 1.42 those without a name, unless asked for all; before, all.
pub(super) fn prune(engine: &mut Engine, call: &Call) -> Answer {
    let asked = call
        .filter("all")
        .is_some_and(|all| all.iter().any(|one| one == "true" || one == "1"));
    let all = asked || engine.version == ApiVersion::V1_41;
    let gone: Vec<Volume> = engine
        .volumes
        .values()
        .filter(|one| (all || one.is_anonymous()) && passes(&one.labels, call))
        .filter(|one| engine.volume_users(&one.name).is_empty())
        .cloned()
        .collect();
    engine
        .volumes
        .retain(|name, _| !gone.iter().any(|one| one.name == *name));
    let names: Vec<&String> = gone.iter().map(|one| &one.name).collect();
    let freed: u64 = gone.iter().map(|one| one.size).sum();
    json_of(json!({ "VolumesDeleted": names, "SpaceReclaimed": freed }))
}
