//! Containers: lists and lifecycle.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, empty, json_of};
use super::state::{Container, Engine, Phase};

/// Whether one of the filter's labels, `name` or `name=value`, is there.
pub(super) fn has_labels(labels: &Value, wanted: &[String]) -> bool {
    wanted.iter().all(|one| match one.split_once('=') {
        Some((name, value)) => labels[name] == value,
        None => labels.get(one).is_some(),
    })
}

impl Container {
    pub(super) fn labels(&self) -> Value {
        self.config
            .get("Labels")
            .cloned()
            .unwrap_or_else(|| json!({}))
    }

    fn status(&self, now: i64) -> String {
        let age = |since: i64| match (now - since) / 60 {
            0 => "Less than a minute".to_owned(),
            minutes if minutes < 120 => format!("{minutes} minutes"),
            minutes => format!("{} hours", minutes / 60),
        };
        let health = self
            .health
            .as_ref()
            .map(|health| format!(" ({health})"))
            .unwrap_or_default();
        match self.phase {
            Phase::Created => "Created".to_owned(),
            Phase::Running => format!("Up {}{health}", age(self.started)),
            Phase::Paused => format!("Up {} (Paused)", age(self.started)),
            Phase::Exited => format!("Exited ({}) {} ago", self.exit_code, age(self.finished)),
        }
    }

    /// The ports as the list tells them.
    fn ports(&self) -> Vec<Value> {
        let bindings = self.host.get("PortBindings").and_then(Value::as_object);
        let mut ports = Vec::new();
        for (inside, outside) in bindings.into_iter().flatten() {
            let (port, kind) = inside.split_once('/').unwrap_or((inside, "tcp"));
            let port: u16 = port.parse().unwrap_or_default();
            for binding in outside.as_array().into_iter().flatten() {
                let public = binding["HostPort"]
                    .as_str()
                    .and_then(|text| text.parse::<u16>().ok());
                let ip = binding["HostIp"].as_str().filter(|ip| !ip.is_empty());
                ports.push(json!({
                    "IP": ip.unwrap_or("0.0.0.0"),
                    "PrivatePort": port,
                    "PublicPort": public.unwrap_or(port),
                    "Type": kind,
                }));
            }
        }
        ports
    }

    pub(super) fn mount_rows(&self) -> Vec<Value> {
        let row = |(source, destination, writable): &(String, String, bool)| {
            let bind = source.starts_with('/');
            let mut row = json!({
                "Type": if bind { "bind" } else { "volume" },
                "Source": source,
                "Destination": destination,
                "Mode": if *writable { "rw" } else { "ro" },
                "RW": writable,
                "Propagation": if bind { "rprivate" } else { "" },
            });
            if !bind {
                row["Name"] = json!(source);
                row["Driver"] = json!("local");
                row["Source"] = json!(format!("/var/lib/docker/volumes/{source}/_data"));
            }
            row
        };
        self.mounts.iter().map(row).collect()
    }

    fn row(&self, engine: &Engine, with_size: bool) -> Value {
        let command = self.config.get("Cmd").and_then(Value::as_array);
        let words: Vec<&str> = command
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut row = json!({
            "Id": self.id,
            "Names": [format!("/{}", self.name)],
            "Image": self.image,
            "ImageID": self.image_id,
            "Command": words.join(" "),
            "Created": self.created,
            "Ports": self.ports(),
            "Labels": self.labels(),
            "State": self.phase.name(),
            "Status": self.status(engine.now()),
            "HostConfig": { "NetworkMode": self.host.get("NetworkMode") },
            "NetworkSettings": { "Networks": super::inspect::networks_of(engine, self) },
            "Mounts": self.mount_rows(),
        });
        if with_size {
            row["SizeRw"] = json!(12_288);
            row["SizeRootFs"] = json!(
                engine
                    .image(&self.image_id)
                    .map_or(0, |one| one.size + 12_288)
            );
        }
        row
    }
}

/// `GET /containers/json`.
pub(super) fn list(engine: &mut Engine, call: &Call) -> Answer {
    let all = call.is_set("all") || call.filter("status").is_some();
    let wanted = |one: &&Container| {
        (all || one.phase.is_up())
            && call
                .filter("status")
                .is_none_or(|states| states.iter().any(|state| state == one.phase.name()))
            && call.filter("name").is_none_or(|names| {
                names.iter().any(|name| {
                    one.name
                        .contains(name.trim_start_matches(['^', '/']).trim_end_matches('$'))
                })
            })
            && call
                .filter("id")
                .is_none_or(|ids| ids.iter().any(|id| one.id.starts_with(id)))
            && call
                .filter("label")
                .is_none_or(|labels| has_labels(&one.labels(), &labels))
            && call
                .filter("ancestor")
                .is_none_or(|images| images.contains(&one.image))
            && call
                .filter("network")
                .is_none_or(|names| names.iter().any(|name| one.networks.contains_key(name)))
            && call.filter("volume").is_none_or(|names| {
                names
                    .iter()
                    .any(|name| one.mounts.iter().any(|(source, ..)| source == name))
            })
            && call.filter("health").is_none_or(|states| {
                states
                    .iter()
                    .any(|state| one.health.as_deref().unwrap_or("none") == state)
            })
    };
    let mut found: Vec<&Container> = engine.containers.values().filter(wanted).collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.created, one.name.clone())));
    if let Some(limit) = call
        .integer("limit")
        .and_then(|limit| usize::try_from(limit).ok())
        && limit > 0
    {
        found.truncate(limit);
    }
    let size = call.is_set("size");
    json_of(found.iter().map(|one| one.row(engine, size)).collect())
}

/// Changes a container's phase; 304 where it is so already.
fn change(
    engine: &mut Engine,
    call: &Call,
    action: &str,
    apply: impl FnOnce(&mut Container, i64) -> Result<bool, Failure>,
) -> Answer {
    let now = engine.now();
    let container = engine.container_mut(call.id())?;
    if !apply(container, now)? {
        return empty(304);
    }
    let (id, name) = (container.id.clone(), container.name.clone());
    engine.note("container", action, &id, &name);
    empty(204)
}

impl Container {
    pub(super) fn run(&mut self, now: i64) {
        self.phase = Phase::Running;
        self.started = now;
    }

    fn end(&mut self, now: i64, code: i64) {
        self.phase = Phase::Exited;
        self.finished = now;
        self.exit_code = code;
    }
}

/// `POST …/start`.
pub(super) fn start(engine: &mut Engine, call: &Call) -> Answer {
    change(engine, call, "start", |one, now| match one.phase {
        Phase::Running => Ok(false),
        Phase::Paused => Err(Failure::new(
            409,
            "cannot start a paused container, try unpause instead",
        )),
        Phase::Created | Phase::Exited => {
            one.run(now);
            Ok(true)
        }
    })
}

/// `POST …/stop`.
pub(super) fn stop(engine: &mut Engine, call: &Call) -> Answer {
    change(engine, call, "stop", |one, now| {
        let up = one.phase.is_up();
        if up {
            one.end(now, 0);
        }
        Ok(up)
    })
}

/// `POST …/restart`.
pub(super) fn restart(engine: &mut Engine, call: &Call) -> Answer {
    change(engine, call, "restart", |one, now| {
        one.run(now);
        Ok(true)
    })
}

/// `POST …/kill`.
pub(super) fn kill(engine: &mut Engine, call: &Call) -> Answer {
    let signal = call.text("signal").unwrap_or("SIGKILL").to_owned();
    let stopped = engine.not_running(call)?;
    let cannot = if engine.version.minor() < 44 {
        "Cannot"
    } else {
        "cannot"
    };
    change(engine, call, "kill", |one, now| {
        if !one.phase.is_up() {
            let text = format!("{cannot} kill container: {}: {}", one.name, stopped.message);
            return Err(Failure::new(409, text));
        }
        if matches!(
            signal.as_str(),
            "SIGKILL" | "KILL" | "9" | "SIGTERM" | "TERM" | "15"
        ) {
            one.end(now, 137);
        }
        Ok(true)
    })
}

/// `POST …/pause`.
pub(super) fn pause(engine: &mut Engine, call: &Call) -> Answer {
    let stopped = engine.not_running(call)?;
    change(engine, call, "pause", |one, _| match one.phase {
        Phase::Running => {
            one.phase = Phase::Paused;
            Ok(true)
        }
        Phase::Paused => Err(Failure::new(
            409,
            format!("container {} is already paused", one.id),
        )),
        _ => Err(stopped),
    })
}

/// `POST …/unpause`.
pub(super) fn unpause(engine: &mut Engine, call: &Call) -> Answer {
    change(engine, call, "unpause", |one, _| match one.phase {
        Phase::Paused => {
            one.phase = Phase::Running;
            Ok(true)
        }
        _ => Err(Failure::new(
            500,
            format!("Container {} is not paused", one.id),
        )),
    })
}

/// `POST …/rename`.
pub(super) fn rename(engine: &mut Engine, call: &Call) -> Answer {
    let name = call.text("name").unwrap_or_default().to_owned();
    if name.is_empty() {
        let text = "Neither old nor new names may be empty";
        return Err(Failure::new(400, text).outside_the_contract());
    }
    super::create::free_name(engine, &name)?;
    change(engine, call, "rename", |one, _| {
        one.name = name;
        Ok(true)
    })
}

/// `POST …/wait`: at once, with how it ended; one that runs is taken to end well.
pub(super) fn wait(engine: &mut Engine, call: &Call) -> Answer {
    let now = engine.now();
    let container = engine.container_mut(call.id())?;
    if container.phase.is_up() {
        container.end(now, 0);
    }
    json_of(json!({ "StatusCode": container.exit_code }))
}

/// `DELETE /containers/{id}`.
pub(super) fn remove(engine: &mut Engine, call: &Call) -> Answer {
    let container = engine.container(call.id())?.clone();
    if container.phase.is_up() && !call.is_set("force") {
        let text = match engine.version.minor() {
            ..44 => format!(
                "You cannot remove a running container {}. Stop the container before attempting removal or force remove",
                container.id
            ),
            _ => format!(
                "cannot remove container \"{}\": container is running: stop the container before removing or force remove",
                container.name
            ),
        };
        return Err(Failure::new(409, text));
    }
    engine.containers.remove(&container.id);
    if call.is_set("v") {
        for (source, ..) in &container.mounts {
            let anonymous = engine
                .volumes
                .get(source)
                .is_some_and(super::state::Volume::is_anonymous);
            if anonymous && engine.volume_users(source).is_empty() {
                engine.volumes.remove(source);
            }
        }
    }
    engine.note("container", "destroy", &container.id, &container.name);
    empty(204)
}

/// `POST /containers/prune`.
pub(super) fn prune(engine: &mut Engine, call: &Call) -> Answer {
    let before = until(engine, call)?;
    let gone: Vec<String> = engine
        .containers
        .values()
        .filter(|one| !one.phase.is_up() && one.created < before)
        .filter(|one| {
            call.filter("label")
                .is_none_or(|labels| has_labels(&one.labels(), &labels))
        })
        .map(|one| one.id.clone())
        .collect();
    engine.containers.retain(|id, _| !gone.contains(id));
    json_of(json!({ "ContainersDeleted": gone, "SpaceReclaimed": gone.len() * 12_288 }))
}

/// The time before which things are pruned: seconds since 1970, or an age such as `24h`.
pub(super) fn until(engine: &Engine, call: &Call) -> Result<i64, Failure> {
    let Some(text) = call.filter("until").and_then(|all| all.into_iter().next()) else {
        return Ok(i64::MAX);
    };
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        _ => return Err(Failure::new(400, "invalid until filter").outside_the_contract()),
    };
    let count: i64 = digits
        .parse()
        .map_err(|_| Failure::new(400, "invalid until filter"))?;
    Ok(engine.now() - count * unit)
}
