//! What a test puts into an engine, and looks at from behind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Docker;
use super::state::{Container, Engine, Image, Line, Phase, Volume, full_name};
use crate::hash::hex;

/// An image to be put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSeed {
    /// Name with tag; empty for one without.
    pub name: String,
    /// What makes it another image of the same name.
    pub build: String,
    /// Bytes.
    pub size: u64,
}

impl ImageSeed {
    /// An image of 80 MB.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            build: "1".to_owned(),
            size: 80_000_000,
        }
    }
}

/// A container to be put there.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSeed {
    /// Its name.
    pub name: String,
    /// Its image, which comes into being with it.
    pub image: String,
    /// Whether it runs; else it ended with this code.
    pub exited: Option<i64>,
    /// `healthy`, `unhealthy`, `starting`, or nothing.
    pub health: Option<String>,
    /// More of `Config`, such as `{"Env": […]}`.
    pub config: Value,
    /// More of `HostConfig`.
    pub host: Value,
    /// Volumes: source, destination; one that is not there comes into being.
    pub volumes: Vec<(String, String)>,
    /// Lines of its log: stream (1 or 2) and text.
    pub log: Vec<(u8, String)>,
}

impl ContainerSeed {
    /// A container that runs.
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            image: image.to_owned(),
            exited: None,
            health: None,
            config: json!({}),
            host: json!({}),
            volumes: Vec::new(),
            log: Vec::new(),
        }
    }
}

impl Engine {
    fn image_of(&self, seed: &ImageSeed) -> Image {
        let hash = hex(format!("{}/{}", seed.name, seed.build).as_bytes());
        let repository = seed
            .name
            .rsplit_once(':')
            .map_or(seed.name.as_str(), |(front, _)| front);
        let named = !seed.name.is_empty();
        let tags = named.then(|| full_name(&seed.name)).into_iter().collect();
        let digest = hex(hash.as_bytes());
        Image {
            id: format!("sha256:{hash}"),
            tags,
            digests: named
                .then(|| format!("{repository}@sha256:{digest}"))
                .into_iter()
                .collect(),
            size: seed.size,
            created: self.now() - 30 * 86_400,
            labels: Map::new(),
            env: vec![
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ],
            cmd: vec!["/entrypoint".to_owned()],
        }
    }

    pub(super) fn add_image(&mut self, seed: &ImageSeed) -> String {
        let image = self.image_of(seed);
        let id = image.id.clone();
        self.images.insert(id.clone(), image);
        id
    }

    pub(super) fn publish(&mut self, seed: &ImageSeed) {
        let image = self.image_of(seed);
        self.registry.insert(full_name(&seed.name), image);
    }

    pub(super) fn add_volume(&mut self, name: &str, size: u64) {
        let volume = Volume {
            name: name.to_owned(),
            driver: "local".to_owned(),
            labels: Map::new(),
            created: self.now() - 86_400,
            size,
        };
        self.volumes.insert(name.to_owned(), volume);
    }

    pub(super) fn add_container(&mut self, seed: ContainerSeed) -> String {
        let known = self.image(&seed.image).map(|image| image.id.clone());
        let image_id = known.unwrap_or_else(|| self.add_image(&ImageSeed::new(&seed.image)));
        let id = self.id("container");
        let now = self.now();
        for (source, _) in &seed.volumes {
            if !source.starts_with('/') && !self.volumes.contains_key(source) {
                self.add_volume(source, 1_000_000);
            }
        }
        let merged = |base: Value, more: Value| match (base, more) {
            (Value::Object(mut base), Value::Object(more)) => {
                base.extend(more);
                base
            }
            (Value::Object(base), _) => base,
            _ => Map::new(),
        };
        let config = json!({
            "Image": seed.image,
            "Env": ["PATH=/usr/bin:/bin"],
            "Cmd": ["/entrypoint"],
            "Labels": {},
            "Tty": false,
        });
        let host = json!({
            "NetworkMode": "bridge",
            "RestartPolicy": { "Name": "unless-stopped", "MaximumRetryCount": 0 },
            "PortBindings": {},
            "LogConfig": { "Type": "json-file", "Config": {} },
        });
        let lines = seed
            .log
            .into_iter()
            .zip(1_i64..)
            .map(|((stream, text), n)| Line {
                stream,
                time: now - 3600 + n,
                text,
            });
        let container = Container {
            id: id.clone(),
            name: seed.name,
            image: seed.image,
            image_id,
            created: now - 86_400,
            started: now - 3600,
            finished: if seed.exited.is_some() { now - 60 } else { 0 },
            phase: if seed.exited.is_some() {
                Phase::Exited
            } else {
                Phase::Running
            },
            exit_code: seed.exited.unwrap_or(0),
            restarts: 0,
            health: seed.health,
            config: merged(config, seed.config),
            host: merged(host, seed.host),
            networks: BTreeMap::from([("bridge".to_owned(), self.free_address("bridge"))]),
            mounts: seed
                .volumes
                .into_iter()
                .map(|(source, to)| (source, to, true))
                .collect(),
            log: lines.collect(),
        };
        self.containers.insert(id.clone(), container);
        id
    }
}

impl Docker {
    /// Puts an image there; its id.
    pub fn add_image(&self, image: &ImageSeed) -> String {
        self.engine.lock().add_image(image)
    }

    /// Puts an image into the registry, where a pull finds it.
    pub fn publish(&self, image: &ImageSeed) {
        self.engine.lock().publish(image);
    }

    /// The registry asks for this user and password from now on.
    pub fn require_login(&self, user: &str, password: &str) {
        self.engine.lock().login = Some((user.to_owned(), password.to_owned()));
    }

    /// The next pull or push fails with this inside its stream.
    pub fn fail_stream(&self, error: &str) {
        self.engine.lock().stream_error = Some(error.to_owned());
    }

    /// Puts a container there, with its image and volumes; its id.
    pub fn add_container(&self, container: ContainerSeed) -> String {
        self.engine.lock().add_container(container)
    }

    /// Puts a volume there.
    pub fn add_volume(&self, name: &str, size: u64) {
        self.engine.lock().add_volume(name, size);
    }

    /// Fills the build cache.
    pub fn set_build_cache(&self, bytes: u64) {
        self.engine.lock().build_cache = bytes;
    }

    /// Cuts logs into pieces of so many bytes, through frames and characters.
    pub fn cut_logs(&self, bytes: usize) {
        self.engine.lock().log_chunk = Some(bytes);
    }

    /// Names of the containers, with their states.
    pub fn containers(&self) -> BTreeMap<String, String> {
        let engine = self.engine.lock();
        let all = engine.containers.values();
        all.map(|one| (one.name.clone(), one.phase.name().to_owned()))
            .collect()
    }

    /// Tags of all images.
    pub fn images(&self) -> Vec<String> {
        let engine = self.engine.lock();
        let mut tags: Vec<String> = engine
            .images
            .values()
            .flat_map(|image| image.tags.clone())
            .collect();
        tags.sort();
        tags
    }

    /// Names of the volumes.
    pub fn volumes(&self) -> Vec<String> {
        self.engine.lock().volumes.keys().cloned().collect()
    }

    /// Names of the networks.
    pub fn networks(&self) -> Vec<String> {
        let engine = self.engine.lock();
        let mut names: Vec<String> = engine
            .networks
            .values()
            .map(|one| one.name.clone())
            .collect();
        names.sort();
        names
    }
}
