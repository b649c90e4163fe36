//! The demo lab's Docker hosts. On the first, one container ends over and over, one image is old, and
//! there is something to prune.

use serde_json::json;

use super::seed::{ContainerSeed, ImageSeed};
use super::state::Engine;

pub(super) fn fill(engine: &mut Engine) {
    let labels = |service: &str| {
        json!({ "Labels": {
            "com.docker.compose.project": "documents",
            "com.docker.compose.service": service,
        } })
    };
    engine.add_container(ContainerSeed {
        health: Some("healthy".to_owned()),
        config: labels("paperless"),
        host: json!({ "PortBindings": { "8000/tcp": [{ "HostIp": "", "HostPort": "8000" }] } }),
        volumes: vec![("documents_data".to_owned(), "/data".to_owned())],
        log: vec![
            (1, "starting worker".to_owned()),
            (2, "WARNING: the consumer directory is empty".to_owned()),
        ],
        ..ContainerSeed::new("paperless", "ghcr.example/paperless:2.19")
    });
    engine.add_container(ContainerSeed {
        config: labels("broker"),
        ..ContainerSeed::new("broker", "redis:8")
    });
    engine.add_container(ContainerSeed {
        host: json!({ "PortBindings": { "9443/tcp": [{ "HostIp": "", "HostPort": "9443" }] } }),
        volumes: vec![
            (
                "/var/run/docker.sock".to_owned(),
                "/var/run/docker.sock".to_owned(),
            ),
            ("portainer_data".to_owned(), "/data".to_owned()),
        ],
        ..ContainerSeed::new("portainer", "portainer/portainer-ce:2.33.3")
    });
    let backup = engine.add_container(ContainerSeed {
        exited: Some(1),
        log: vec![(2, "fatal: repository does not answer".to_owned())],
        ..ContainerSeed::new("backup", "restic/restic:0.18.0")
    });
    if let Some(one) = engine.containers.get_mut(&backup) {
        one.restarts = 17;
    }
    engine.add_image(&ImageSeed {
        name: String::new(),
        build: "left over".to_owned(),
        size: 412_000_000,
    });
    engine.add_volume("old_wiki_data", 2_400_000_000);
    engine.build_cache = 1_700_000_000;
    engine.publish(&ImageSeed {
        build: "2".to_owned(),
        ..ImageSeed::new("redis:8")
    });
}

/// The second host.
pub(super) fn fill_second(engine: &mut Engine) {
    for (name, image, inside, outside) in [
        ("uptime", "louislam/uptime-kuma:2.0", "3001", "3001"),
        ("mirror", "nginx:1.29", "80", "8080"),
    ] {
        let port = format!("{inside}/tcp");
        let bound = json!([{ "HostIp": "", "HostPort": outside }]);
        engine.add_container(ContainerSeed {
            host: json!({ "PortBindings": { (port): bound } }),
            ..ContainerSeed::new(name, image)
        });
    }
}
