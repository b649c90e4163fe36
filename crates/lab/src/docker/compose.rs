//! Containers of a compose project, as Portainer makes them.

use serde_json::{Value, json};

use super::seed::ContainerSeed;
use super::state::{Container, Engine, Phase};

const PROJECT: &str = "com.docker.compose.project";

fn is_of(one: &Container, project: &str) -> bool {
    one.labels()[PROJECT] == project
}

impl Engine {
    /// Replaces a project's containers by one for each service: name and image.
    pub(crate) fn compose_up(&mut self, project: &str, services: &[(String, String)]) {
        self.compose_down(project);
        for (service, image) in services {
            self.add_container(ContainerSeed {
                config: json!({ "Labels": {
                    PROJECT: project,
                    "com.docker.compose.service": service,
                } }),
                ..ContainerSeed::new(&format!("{project}-{service}-1"), image)
            });
        }
    }

    pub(crate) fn compose_down(&mut self, project: &str) {
        self.containers.retain(|_, one| !is_of(one, project));
    }

    /// Starts or stops a project's containers.
    pub(crate) fn compose_run(&mut self, project: &str, runs: bool) {
        let now = self.now();
        for one in self
            .containers
            .values_mut()
            .filter(|one| is_of(one, project))
        {
            if runs {
                one.run(now);
            } else {
                one.phase = Phase::Exited;
                one.finished = now;
            }
        }
    }

    /// Counts for a dashboard: containers by state, images, volumes, networks.
    pub(crate) fn counts(&self) -> Value {
        let up = self
            .containers
            .values()
            .filter(|one| one.phase.is_up())
            .count();
        let health = |state: &str| {
            let all = self.containers.values();
            all.filter(|one| one.health.as_deref() == Some(state))
                .count()
        };
        json!({
            "containers": self.containers.len(),
            "running": up,
            "stopped": self.containers.len() - up,
            "healthy": health("healthy"),
            "unhealthy": health("unhealthy"),
            "images": self.images.len(),
            "imageBytes": self.images.values().map(|one| one.size).sum::<u64>(),
            "volumes": self.volumes.len(),
            "networks": self.networks.len(),
            "version": self.version.engine(),
        })
    }
}
