//! What the engine holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::Clock;
use serde_json::{Map, Value, json};

use super::reply::Failure;
use crate::hash::hex;

/// Versions of the API that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApiVersion {
    /// Of engine 20.10: pruning volumes takes named ones too.
    V1_41,
    /// Of engine 28.
    V1_51,
    /// Disk usage in the old and the new shape.
    V1_52,
    /// Disk usage in the new shape alone.
    V1_53,
}

impl ApiVersion {
    /// Number after `1.`.
    pub(super) fn minor(self) -> u32 {
        match self {
            Self::V1_41 => 41,
            Self::V1_51 => 51,
            Self::V1_52 => 52,
            Self::V1_53 => 53,
        }
    }

    /// The oldest that its engine speaks.
    pub(super) fn least(self) -> u32 {
        match self {
            Self::V1_41 => 12,
            Self::V1_51 => 24,
            Self::V1_52 | Self::V1_53 => 40,
        }
    }

    pub(super) fn engine(self) -> &'static str {
        match self {
            Self::V1_41 => "20.10.24",
            Self::V1_51 => "28.5.1",
            Self::V1_52 => "29.0.4",
            Self::V1_53 => "29.4.0",
        }
    }
}

pub(crate) struct Engine {
    pub(super) version: ApiVersion,
    clock: Arc<dyn Clock>,
    pub(super) name: String,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) images: BTreeMap<String, Image>,
    /// Images that can be pulled, by full name.
    pub(super) registry: BTreeMap<String, Image>,
    /// What the registry asks for: user and password.
    pub(super) login: Option<(String, String)>,
    /// What the next pull or push fails with, inside its stream.
    pub(super) stream_error: Option<String>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) execs: BTreeMap<String, super::exec::Exec>,
    pub(super) events: Vec<Value>,
    /// Bytes of the build cache.
    pub(super) build_cache: u64,
    /// Bytes that a multiplexed log is cut into; whole frames otherwise.
    pub(super) log_chunk: Option<usize>,
    serial: u64,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Created,
    Running,
    Paused,
    Exited,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Exited => "exited",
        }
    }

    pub(super) fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) image_id: String,
    pub(super) created: i64,
    pub(super) started: i64,
    pub(super) finished: i64,
    pub(super) phase: Phase,
    pub(super) exit_code: i64,
    pub(super) restarts: u64,
    pub(super) health: Option<String>,
    /// `Config` of the inspection.
    pub(super) config: Map<String, Value>,
    /// `HostConfig` of the inspection.
    pub(super) host: Map<String, Value>,
    /// Names of its networks, with its address in each.
    pub(super) networks: BTreeMap<String, String>,
    /// Volumes and bind mounts: source, destination, whether writable; a volume has no slash.
    pub(super) mounts: Vec<(String, String, bool)>,
    pub(super) log: Vec<Line>,
}

/// A line of a log: stream (1 or 2), time, text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) stream: u8,
    pub(super) time: i64,
    pub(super) text: String,
}

#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) tags: Vec<String>,
    pub(super) digests: Vec<String>,
    pub(super) size: u64,
    pub(super) created: i64,
    pub(super) labels: Map<String, Value>,
    pub(super) env: Vec<String>,
    pub(super) cmd: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) driver: String,
    pub(super) internal: bool,
    pub(super) labels: Map<String, Value>,
    pub(super) options: Map<String, Value>,
    pub(super) subnet: String,
    pub(super) created: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) driver: String,
    pub(super) labels: Map<String, Value>,
    pub(super) created: i64,
    pub(super) size: u64,
}

impl Volume {
    /// Whether nobody gave it a name.
    pub(super) fn is_anonymous(&self) -> bool {
        self.name.len() == 64 && self.name.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

impl Engine {
    pub(super) fn new(version: ApiVersion, clock: Arc<dyn Clock>) -> Self {
        let mut engine = Self {
            version,
            clock,
            name: "docker-1".to_owned(),
            containers: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: BTreeMap::new(),
            login: None,
            stream_error: None,
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            execs: BTreeMap::new(),
            events: Vec::new(),
            build_cache: 0,
            log_chunk: None,
            serial: 0,
        };
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")] {
            engine.add_network(name, driver);
        }
        engine
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    /// A new id of 64 hexadecimal digits.
    pub(super) fn id(&mut self, of: &str) -> String {
        self.serial += 1;
        hex(format!("{of}/{}", self.serial).as_bytes())
    }

    pub(super) fn add_network(&mut self, name: &str, driver: &str) -> String {
        let id = self.id("network");
        let network = Network {
            id: id.clone(),
            name: name.to_owned(),
            driver: driver.to_owned(),
            internal: false,
            labels: Map::new(),
            options: Map::new(),
            subnet: format!("198.51.100.{}/28", self.networks.len() % 16 * 16),
            created: self.now(),
        };
        self.networks.insert(id.clone(), network);
        id
    }

    /// A container by name, id, or the beginning of an id.
    pub(super) fn container(&self, name: &str) -> Result<&Container, Failure> {
        let plain = name.trim_start_matches('/');
        let by_name = self.containers.values().find(|one| one.name == plain);
        let mut starts = self
            .containers
            .values()
            .filter(|one| one.id.starts_with(plain));
        match (by_name, starts.next(), starts.next()) {
            (Some(found), ..) | (None, Some(found), None) => Ok(found),
            (None, Some(_), Some(_)) => {
                let text = format!("Multiple IDs found with provided prefix: {plain}");
                Err(Failure::new(400, text))
            }
            (None, None, _) => Err(Failure::new(404, format!("No such container: {plain}"))),
        }
    }

    /// What is said of the container of a call where it would have to run.
    pub(super) fn not_running(&self, call: &super::entry::Call) -> Result<Failure, Failure> {
        let id = &self.container(call.id())?.id;
        let noun = if self.version.minor() < 44 {
            "Container"
        } else {
            "container"
        };
        Ok(Failure::new(409, format!("{noun} {id} is not running")))
    }

    pub(super) fn container_mut(&mut self, name: &str) -> Result<&mut Container, Failure> {
        let id = self.container(name)?.id.clone();
        let missing = || Failure::new(404, format!("No such container: {name}"));
        self.containers.get_mut(&id).ok_or_else(missing)
    }

    pub(super) fn network(&self, name: &str) -> Result<&Network, Failure> {
        let by_name = self.networks.values().find(|one| one.name == name);
        let by_id = self.networks.values().find(|one| one.id.starts_with(name));
        let missing = || Failure::new(404, format!("network {name} not found"));
        by_name.or(by_id).ok_or_else(missing)
    }

    pub(super) fn image(&self, name: &str) -> Option<&Image> {
        let full = full_name(name);
        let plain = name.strip_prefix("sha256:").unwrap_or(name);
        let is_id = plain.len() >= 4 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        let named = |image: &&Image| {
            image.tags.contains(&full) || image.digests.iter().any(|digest| digest == name)
        };
        let by_id = |image: &&Image| {
            is_id
                && image
                    .id
                    .strip_prefix("sha256:")
                    .is_some_and(|id| id.starts_with(plain))
        };
        self.images
            .values()
            .find(named)
            .or_else(|| self.images.values().find(by_id))
    }

    /// Containers that use a network.
    pub(super) fn on_network(&self, name: &str) -> Vec<&Container> {
        self.containers
            .values()
            .filter(|one| one.networks.contains_key(name))
            .collect()
    }

    /// Whether a container has this volume.
    pub(super) fn volume_users(&self, name: &str) -> Vec<String> {
        let uses = |one: &&Container| one.mounts.iter().any(|(source, ..)| source == name);
        self.containers
            .values()
            .filter(uses)
            .map(|one| one.id.clone())
            .collect()
    }

    pub(super) fn note(&mut self, kind: &str, action: &str, id: &str, name: &str) {
        let time = self.now();
        self.events.push(json!({
            "Type": kind,
            "Action": action,
            "Actor": { "ID": id, "Attributes": { "name": name } },
            "scope": "local",
            "time": time,
            "timeNano": time.saturating_mul(1_000_000_000),
        }));
    }
}

/// A name with its tag: the last colon counts if it comes after the last slash.
pub(super) fn full_name(name: &str) -> String {
    if name.contains('@') {
        return name.to_owned();
    }
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => name.to_owned(),
        _ => format!("{name}:latest"),
    }
}
