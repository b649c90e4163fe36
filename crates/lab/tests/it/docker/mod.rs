//! The Docker stand-in against the Engine API's documentation.

mod containers;
mod images;
mod space;
mod wire_level;

use std::sync::Arc;

use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_lab::docker::{ApiVersion, ContainerSeed, Docker};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A running `web` with a volume and a log, and an ended `job`.
async fn engine() -> Docker {
    engine_of(ApiVersion::V1_51).await
}

async fn engine_of(version: ApiVersion) -> Docker {
    let time = Micros::from_rfc3339("2026-11-20T08:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(time)) as Arc<dyn Clock>;
    let docker = Docker::with(version, clock).await.unwrap();
    docker.add_container(ContainerSeed {
        config: json!({"Env": ["TOKEN=word"], "Labels": {"com.docker.compose.project": "site"}}),
        host: json!({"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}),
        volumes: vec![("site".to_owned(), "/data".to_owned())],
        log: vec![
            (1, "eins".to_owned()),
            (2, "zwei: größer".to_owned()),
            (1, "drei".to_owned()),
        ],
        ..ContainerSeed::new("web", "nginx:1.29")
    });
    docker.add_container(ContainerSeed {
        exited: Some(3),
        ..ContainerSeed::new("job", "restic/restic:0.18.0")
    });
    docker
}

async fn ask(docker: &Docker, method: &str, path: &str, body: &str) -> Answer {
    let headers = if body.is_empty() {
        &[][..]
    } else {
        &[JSON][..]
    };
    call(docker.address(), method, path, headers, body).await
}

async fn get(docker: &Docker, path: &str) -> Value {
    let answer = ask(docker, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()
}

fn names(rows: &Value) -> Vec<String> {
    let name = |row: &Value| row["Names"][0].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(name).collect()
}
