//! Environments, which the API calls endpoints.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Environment, State};

impl Environment {
    fn row(&self, id: u64, with_snapshot: bool) -> Value {
        let mut row = json!({
            "Id": id,
            "Name": self.name,
            "Type": self.kind,
            "URL": self.url,
            "PublicURL": "",
            "GroupId": 1,
            "TagIds": [],
            "Status": if self.up { 1 } else { 2 },
            "ContainerEngine": "docker",
            "LastCheckInDate": 0,
            "Heartbeat": self.up,
            "Snapshots": [],
        });
        for (name, value) in &self.settings {
            row[name] = value.clone();
        }
        if with_snapshot && let Some(snapshot) = self.snapshot() {
            row["Snapshots"] = json!([snapshot]);
        }
        row
    }

    /// What was found when it was last looked at.
    fn snapshot(&self) -> Option<Value> {
        let counts = self.engine.as_ref()?.lock().counts();
        Some(json!({
            "Time": self.snapshot,
            "DockerVersion": counts["version"],
            "Swarm": false,
            "TotalCPU": 4,
            "TotalMemory": 16_606_191_616_u64,
            "ContainerCount": counts["containers"],
            "RunningContainerCount": counts["running"],
            "StoppedContainerCount": counts["stopped"],
            "HealthyContainerCount": counts["healthy"],
            "UnhealthyContainerCount": counts["unhealthy"],
            "ImageCount": counts["images"],
            "VolumeCount": counts["volumes"],
            "StackCount": 0,
            "ServiceCount": 0,
            "NodeCount": 1,
            // In the product this is megabytes of the engine's lists.
            "DockerSnapshotRaw": { "Containers": [], "Version": { "Version": counts["version"] } },
            "PerformanceMetrics": { "CPUUsage": 12.5, "MemoryUsage": 48.2, "NetworkUsage": 1.7 },
        }))
    }
}

fn texts(call: &Call, name: &str) -> Option<Vec<String>> {
    let list = call.query.get(name)?.as_array()?;
    Some(
        list.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    )
}

/// `GET /endpoints`.
#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let text = |name: &str| call.query.get(name).and_then(Value::as_str);
    let wanted = |id: u64, one: &Environment| {
        let fits =
            |name: &str, value: String| texts(call, name).is_none_or(|all| all.contains(&value));
        state.may_use(call.user, id).is_ok()
            && text("search")
                .is_none_or(|part| one.name.to_lowercase().contains(&part.to_lowercase()))
            && text("name").is_none_or(|name| one.name == name)
            && fits("status", if one.up { "1" } else { "2" }.to_owned())
            && fits("types", one.kind.to_string())
            && fits("endpointIds", id.to_string())
            && texts(call, "excludeIds").is_none_or(|all| !all.contains(&id.to_string()))
    };
    let found: Vec<Value> = state
        .environments
        .iter()
        .filter(|(id, one)| wanted(**id, one))
        .map(|(id, one)| one.row(*id, !call.flag("excludeSnapshots")))
        .collect();
    let size = |name: &str| call.number(name).and_then(|n| usize::try_from(n).ok());
    let start = size("start").unwrap_or(1).saturating_sub(1);
    let limit = size("limit")
        .filter(|limit| *limit > 0)
        .unwrap_or(usize::MAX);
    let total = found.len();
    let page: Vec<Value> = found.into_iter().skip(start).take(limit).collect();
    Ok(Reply::Page(page.into(), total))
}

/// `GET /endpoints/summary`.
pub(super) fn summary(state: &mut State, _: &Call) -> Answer {
    let up = state.environments.values().filter(|one| one.up).count();
    json_of(
        json!({ "total": state.environments.len(), "up": up, "down": state.environments.len() - up }),
    )
}

/// `GET /endpoints/{id}`.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let id = call.id()?;
    let with_snapshot = !call.flag("excludeSnapshot");
    json_of(state.environment(call.user, id)?.row(id, with_snapshot))
}

fn free_name(state: &State, name: &str, own: Option<u64>) -> Result<(), Failure> {
    let taken = state
        .environments
        .iter()
        .any(|(id, one)| one.name == name && Some(*id) != own);
    if taken {
        let details = "Name is not unique";
        return Err(Failure::new(409, "Name is not unique", details));
    }
    Ok(())
}

/// `POST /endpoints`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    state.must_be_admin(call.user)?;
    let name = call.text("Name").to_owned();
    free_name(state, &name, None)?;
    let creation = call.number("EndpointCreationType").unwrap_or_default();
    let kind = match creation {
        1 => 1,
        2 => 2,
        3 => 3,
        4 => 4,
        5 => 5,
        _ => {
            let details = "Invalid environment type value";
            return Err(Failure::new(400, "Invalid request payload", details));
        }
    };
    let url = match (creation, call.text("URL")) {
        (1, "") => "unix:///var/run/docker.sock".to_owned(),
        (_, "") => {
            let details = "Invalid environment URL";
            return Err(Failure::new(400, "Invalid request payload", details));
        }
        (2, url) if !url.starts_with("tcp://") => format!("tcp://{url}"),
        (_, url) => url.to_owned(),
    };
    if creation == 2
        && !(call.flag("TLS") && call.flag("TLSSkipVerify") && call.flag("TLSSkipClientVerify"))
    {
        let details = "the agent speaks TLS with a certificate of its own";
        return Err(Failure::new(
            500,
            "Unable to initiate communications with environment",
            details,
        ));
    }
    let tags = call.text("TagIds");
    if !tags.is_empty() && serde_json::from_str::<Vec<u64>>(tags).is_err() {
        let details = "Invalid TagIds parameter";
        return Err(Failure::new(400, "Invalid request payload", details).outside_the_contract());
    }
    let id = state.add_environment(&name, kind, &url);
    let group = call.number("GroupID");
    let public = call.text("PublicURL").to_owned();
    if let Some(one) = state.environments.get_mut(&id) {
        if let Some(group) = group {
            one.settings.insert("GroupId".to_owned(), json!(group));
        }
        one.settings.insert("PublicURL".to_owned(), json!(public));
        if let Ok(tags) = serde_json::from_str::<Value>(tags) {
            one.settings.insert("TagIds".to_owned(), tags);
        }
        return json_of(one.row(id, false));
    }
    Err(Failure::new(500, "Unable to persist environment", ""))
}

/// `PUT /endpoints/{id}`: what is given, and no more.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    state.must_be_admin(call.user)?;
    let id = call.id()?;
    state.environment(call.user, id)?;
    if call.body.contains_key("Name") {
        free_name(state, call.text("Name"), Some(id))?;
    }
    let Some(one) = state.environments.get_mut(&id) else {
        return Err(Failure::new(404, "Unable to find an environment", ""));
    };
    for (name, value) in &call.body {
        match (name.as_str(), value.as_str()) {
            ("Name", Some(text)) => text.clone_into(&mut one.name),
            ("URL", Some(text)) => text.clone_into(&mut one.url),
            ("GroupID", _) => {
                one.settings.insert("GroupId".to_owned(), value.clone());
            }
            ("TagIDs", _) => {
                one.settings.insert("TagIds".to_owned(), value.clone());
            }
            ("PublicURL", _) => {
                one.settings.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    json_of(one.row(id, false))
}

/// `DELETE /endpoints/{id}`: the registration alone.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    state.must_be_admin(call.user)?;
    let id = call.id()?;
    state.environment(call.user, id)?;
    state.environments.remove(&id);
    Ok(Reply::Empty(204))
}

/// `POST /endpoints/{id}/snapshot`.
pub(super) fn snapshot(state: &mut State, call: &Call) -> Answer {
    let id = call.id()?;
    let now = state.now();
    if !state.environment(call.user, id)?.up {
        let details = "dial tcp 192.0.2.87:9001: connect: no route to host";
        return Err(Failure::new(500, "Unable to create snapshot", details));
    }
    if let Some(one) = state.environments.get_mut(&id) {
        one.snapshot = now;
    }
    Ok(Reply::Empty(204))
}

/// `GET /docker/{id}/dashboard`.
pub(super) fn dashboard(state: &mut State, call: &Call) -> Answer {
    let id = call.id()?;
    let environment = state.environment(call.user, id)?;
    let Some(engine) = environment.engine.as_ref().filter(|_| environment.up) else {
        let details = "Cannot connect to the Docker daemon";
        return Err(Failure::new(500, "Unable to retrieve containers", details));
    };
    let counts = engine.lock().counts();
    let stacks = state
        .stacks
        .values()
        .filter(|stack| stack.environment == id)
        .count();
    json_of(json!({
        "containers": {
            "total": counts["containers"],
            "running": counts["running"],
            "stopped": counts["stopped"],
            "healthy": counts["healthy"],
            "unhealthy": counts["unhealthy"],
        },
        "images": { "total": counts["images"], "size": counts["imageBytes"] },
        "volumes": counts["volumes"],
        "networks": counts["networks"],
        "services": 0,
        "stacks": stacks,
    }))
}
