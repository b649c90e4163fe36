//! New containers, and changed ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::containers::has_labels;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Container, Engine, Phase, Volume};

/// Refuses a name that is taken or is none.
pub(super) fn free_name(engine: &Engine, name: &str) -> Result<(), Failure> {
    let follows = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let valid = name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(follows);
    if !valid {
        let text =
            format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        return Err(Failure::new(400, text));
    }
    match engine.containers.values().find(|one| one.name == name) {
        None => Ok(()),
        Some(other) => {
            let text = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            );
            Err(Failure::new(409, text))
        }
    }
}

/// `POST /containers/create`.
pub(super) fn create(engine: &mut Engine, call: &Call) -> Answer {
    let image_name = call
        .body
        .get("Image")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(image) = engine.image(image_name).cloned() else {
        let name = super::state::full_name(image_name);
        return Err(Failure::new(404, format!("No such image: {name}")));
    };
    let id = engine.id("container");
    let name = match call.text("name") {
        Some(name) => name.trim_start_matches('/').to_owned(),
        None => format!("lab_{}", id.chars().take(8).collect::<String>()),
    };
    free_name(engine, &name)?;
    let mut config = call.body.clone();
    let mut host = taken(&mut config, "HostConfig");
    let networking = taken(&mut config, "NetworkingConfig");
    config.entry("Labels").or_insert_with(|| json!({}));
    config.entry("Tty").or_insert(json!(false));
    if !config.contains_key("Cmd") {
        config.insert("Cmd".to_owned(), json!(image.cmd));
    }
    let mut env = image.env.clone();
    env.extend(texts(config.get("Env")));
    config.insert("Env".to_owned(), json!(env));
    let mounts = mounts(engine, &config, &host)?;
    host.entry("NetworkMode").or_insert(json!("bridge"));
    host.entry("RestartPolicy")
        .or_insert(json!({ "Name": "no", "MaximumRetryCount": 0 }));
    let networks = networks(engine, &host, &networking)?;
    let now = engine.now();
    let container = Container {
        id: id.clone(),
        name: name.clone(),
        image: image_name.to_owned(),
        image_id: image.id,
        created: now,
        started: 0,
        finished: 0,
        phase: Phase::Created,
        exit_code: 0,
        restarts: 0,
        health: config
            .contains_key("Healthcheck")
            .then(|| "starting".to_owned()),
        config,
        host,
        networks,
        mounts,
        log: Vec::new(),
    };
    engine.containers.insert(id.clone(), container);
    engine.note("container", "create", &id, &name);
    Ok(Reply::Json(201, json!({ "Id": id, "Warnings": [] })))
}

fn taken(config: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match config.remove(name) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn mounts(
    engine: &mut Engine,
    config: &Map<String, Value>,
    host: &Map<String, Value>,
) -> Result<Vec<(String, String, bool)>, Failure> {
    let mut mounts = Vec::new();
    for bind in texts(host.get("Binds")) {
        let parts: Vec<&str> = bind.split(':').collect();
        let (source, destination, mode) = match parts.as_slice() {
            [source, destination] => (*source, *destination, "rw"),
            [source, destination, mode] => (*source, *destination, *mode),
            _ => {
                return Err(Failure::new(
                    400,
                    format!("invalid volume specification: '{bind}'"),
                ));
            }
        };
        if !destination.starts_with('/') {
            let text = format!("invalid mount path: '{destination}' mount path must be absolute");
            return Err(Failure::new(400, text));
        }
        mounts.push((
            source.to_owned(),
            destination.to_owned(),
            !mode.split(',').any(|one| one == "ro"),
        ));
    }
    for mount in host
        .get("Mounts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| mount[name].as_str().unwrap_or_default().to_owned();
        let writable = mount["ReadOnly"] != true;
        mounts.push((text("Source"), text("Target"), writable));
    }
    for destination in config
        .get("Volumes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let name = engine.id("volume");
        mounts.push((name, destination.0.clone(), true));
    }
    for (source, ..) in &mounts {
        if !source.starts_with('/') && !engine.volumes.contains_key(source) {
            let created = engine.now();
            let volume = Volume {
                name: source.clone(),
                driver: "local".to_owned(),
                labels: Map::new(),
                created,
                size: 65_536,
            };
            engine.volumes.insert(source.clone(), volume);
        }
    }
    Ok(mounts)
}

fn networks(
    engine: &Engine,
    host: &Map<String, Value>,
    networking: &Map<String, Value>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mode = host
        .get("NetworkMode")
        .and_then(Value::as_str)
        .unwrap_or("bridge");
    let mode = if mode == "default" { "bridge" } else { mode };
    let endpoints = networking.get("EndpointsConfig").and_then(Value::as_object);
    let more = endpoints
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str));
    let mut networks = BTreeMap::new();
    for name in std::iter::once(mode).chain(more) {
        if mode.starts_with("container:") {
            break;
        }
        let network = engine.network(name)?;
        let address = engine.free_address(&network.name);
        networks.insert(network.name.clone(), address);
    }
    Ok(networks)
}

impl Engine {
    /// The next address in a network.
    pub(super) fn free_address(&self, network: &str) -> String {
        let Ok(network) = self.network(network) else {
            return String::new();
        };
        let base = network.subnet.split('/').next().unwrap_or_default();
        let (front, last) = base.rsplit_once('.').unwrap_or((base, "0"));
        let last: usize = last.parse().unwrap_or_default();
        let used = self.on_network(&network.name).len();
        format!("{front}.{}", last + 2 + used % 12)
    }
}

/// `POST /containers/{id}/update`.
pub(super) fn update(engine: &mut Engine, call: &Call) -> Answer {
    let container = engine.container_mut(call.id())?;
    container.host.extend(call.body.clone());
    json_of(json!({ "Warnings": [] }))
}

/// Whether a thing's labels pass the filter of a pruning.
pub(super) fn passes(labels: &Map<String, Value>, call: &Call) -> bool {
    let labels = Value::Object(labels.clone());
    let wanted = call
        .filter("label")
        .is_none_or(|wanted| has_labels(&labels, &wanted));
    let spared = call
        .filter("label!")
        .is_some_and(|spared| has_labels(&labels, &spared));
    wanted && !spared
}
