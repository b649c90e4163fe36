//! Networks.

use serde_json::{Map, Value, json};

use super::create::passes;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, empty, json_of};
use super::state::{Engine, Network};
use crate::calendar::rfc3339;

/// Networks that are always there.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

impl Network {
    fn row(&self) -> Value {
        json!({
            "Name": self.name,
            "Id": self.id,
            "Created": rfc3339(self.created),
            "Scope": "local",
            "Driver": self.driver,
            "EnableIPv4": true,
            "EnableIPv6": false,
            "IPAM": { "Driver": "default", "Options": null, "Config": [{ "Subnet": self.subnet }] },
            "Internal": self.internal,
            "Attachable": false,
            "Ingress": false,
            "ConfigOnly": false,
            "Containers": {},
            "Options": self.options,
            "Labels": self.labels,
        })
    }
}

/// `GET /networks`: without their members.
pub(super) fn list(engine: &mut Engine, call: &Call) -> Answer {
    let dangling = call
        .filter("dangling")
        .map(|all| all.iter().any(|one| one == "true" || one == "1"));
    let wanted = |one: &&Network| {
        let unused =
            engine.on_network(&one.name).is_empty() && !PREDEFINED.contains(&one.name.as_str());
        dangling.is_none_or(|dangling| unused == dangling)
            && call
                .filter("name")
                .is_none_or(|names| names.iter().any(|name| one.name.contains(name)))
            && call
                .filter("driver")
                .is_none_or(|drivers| drivers.contains(&one.driver))
            && call
                .filter("id")
                .is_none_or(|ids| ids.iter().any(|id| one.id.starts_with(id)))
            && passes(&one.labels, call)
    };
    json_of(
        engine
            .networks
            .values()
            .filter(wanted)
            .map(Network::row)
            .collect(),
    )
}

/// `GET /networks/{id}`: with its members that run.
pub(super) fn inspect(engine: &mut Engine, call: &Call) -> Answer {
    let network = engine.network(call.id())?;
    let mut row = network.row();
    for one in engine
        .on_network(&network.name)
        .into_iter()
        .filter(|one| one.phase.is_up())
    {
        row["Containers"][&one.id] = json!({
            "Name": one.name,
            "EndpointID": one.id,
            "MacAddress": "02:42:c6:33:64:02",
            "IPv4Address": format!("{}/28", one.networks[&network.name]),
            "IPv6Address": "",
        });
    }
    json_of(row)
}

/// `POST /networks/create`.
pub(super) fn create(engine: &mut Engine, call: &Call) -> Answer {
    let name = call
        .body
        .get("Name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let driver = call
        .body
        .get("Driver")
        .and_then(Value::as_str)
        .unwrap_or("bridge");
    let checked = call
        .body
        .get("CheckDuplicate")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let exists = engine.networks.values().any(|one| one.name == name);
    if PREDEFINED.contains(&name) {
        let text = format!("operation is not permitted on predefined {name} network");
        return Err(Failure::new(403, text));
    }
    if exists && (engine.version.minor() >= 44 || checked) {
        return Err(Failure::new(
            409,
            format!("network with name {name} already exists"),
        ));
    }
    let map = |field: &str| match call.body.get(field) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    let (labels, options, ipam) = (map("Labels"), map("Options"), map("IPAM"));
    let internal = call
        .body
        .get("Internal")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let id = engine.add_network(name, driver);
    if let Some(network) = engine.networks.get_mut(&id) {
        network.labels = labels;
        network.options = options;
        network.internal = internal;
        if let Some(subnet) = ipam
            .get("Config")
            .and_then(|config| config[0]["Subnet"].as_str())
        {
            subnet.clone_into(&mut network.subnet);
        }
    }
    Ok(Reply::Json(201, json!({ "Id": id, "Warning": "" })))
}

/// `DELETE /networks/{id}`.
pub(super) fn remove(engine: &mut Engine, call: &Call) -> Answer {
    let network = engine.network(call.id())?.clone();
    if PREDEFINED.contains(&network.name.as_str()) {
        let text = format!(
            "{} is a pre-defined network and cannot be removed",
            network.name
        );
        return Err(Failure::new(403, text));
    }
    let members = engine.on_network(&network.name);
    if let Some(member) = members.iter().find(|one| one.phase.is_up()) {
        let text = format!(
            "error while removing network: network {} has active endpoints (name:\"{}\" id:\"{}\")",
            network.name,
            member.name,
            member.id.chars().take(12).collect::<String>()
        );
        return Err(Failure::new(403, text));
    }
    engine.networks.remove(&network.id);
    empty(204)
}

fn names(engine: &Engine, call: &Call) -> Result<(String, String), Failure> {
    let network = engine.network(call.id())?.name.clone();
    let container = call
        .body
        .get("Container")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok((network, engine.container(container)?.id.clone()))
}

/// `POST /networks/{id}/connect`.
pub(super) fn connect(engine: &mut Engine, call: &Call) -> Answer {
    let (network, container) = names(engine, call)?;
    let address = engine.free_address(&network);
    let one = engine.container_mut(&container)?;
    if one.networks.contains_key(&network) {
        let text = format!(
            "endpoint with name {} already exists in network {network}",
            one.name
        );
        return Err(Failure::new(403, text));
    }
    one.networks.insert(network, address);
    empty(200)
}

/// `POST /networks/{id}/disconnect`.
pub(super) fn disconnect(engine: &mut Engine, call: &Call) -> Answer {
    let (network, container) = names(engine, call)?;
    let one = engine.container_mut(&container)?;
    if one.networks.remove(&network).is_none() {
        let text = format!("container {} is not connected to network {network}", one.id);
        return Err(Failure::new(403, text));
    }
    empty(200)
}

/// `POST /networks/prune`.
pub(super) fn prune(engine: &mut Engine, call: &Call) -> Answer {
    let before = super::containers::until(engine, call)?;
    let gone: Vec<String> = engine
        .networks
        .values()
        .filter(|one| !PREDEFINED.contains(&one.name.as_str()) && one.created < before)
        .filter(|one| engine.on_network(&one.name).is_empty() && passes(&one.labels, call))
        .map(|one| one.name.clone())
        .collect();
    engine.networks.retain(|_, one| !gone.contains(&one.name));
    json_of(json!({ "NetworksDeleted": if gone.is_empty() { Value::Null } else { json!(gone) } }))
}
