//! One container in full.

use std::collections::BTreeMap;

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Docker;
use crate::secrets::{self, Variable, masked};
use crate::types::{HostConfig, Inspect, Mount, Top, filled, positive, shown};
use crate::{ports, resolve, times};

/// Which container, and what of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InspectContainer {
    /// Name, id, or the beginning of an id.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Also show values of the environment; those of secrets stay hidden.
    #[serde(default)]
    show_env: bool,
    /// Also list its processes.
    #[serde(default)]
    processes: bool,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A container in full.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContainerDetails {
    /// Name.
    name: String,
    /// Id.
    id: String,
    /// Name of the image it was made from.
    image: String,
    /// Id of that image.
    image_id: String,
    /// When it was made.
    #[schemars(with = "Option<String>")]
    created: Option<Micros>,
    /// How it is.
    state: StateDetails,
    /// Command line, entry point included; values of secrets are hidden.
    command: Vec<String>,
    /// User it runs as, unless that is root or what the image says.
    user: Option<String>,
    /// Directory it runs in.
    working_dir: Option<String>,
    /// Environment.
    env: Vec<Variable>,
    /// Labels; values of secrets are hidden.
    labels: BTreeMap<String, String>,
    /// Ports, such as `0.0.0.0:8080->80/tcp`.
    ports: Vec<String>,
    /// What is mounted.
    mounts: Vec<MountRow>,
    /// Networks it is in.
    networks: Vec<NetworkDetails>,
    /// What of the host it may use.
    limits: Limits,
    /// What makes it dangerous for the host: `privileged`, `capability NET_ADMIN`, `host network`, the engine's socket, …
    risks: Vec<String>,
    /// Processes, with `processes`.
    processes: Option<Vec<BTreeMap<String, String>>>,
}

/// How a container is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StateDetails {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    status: String,
    /// When it was started last.
    #[schemars(with = "Option<String>")]
    started: Option<Micros>,
    /// When it ended last.
    #[schemars(with = "Option<String>")]
    finished: Option<Micros>,
    /// Exit code, once it has ended.
    exit_code: Option<i64>,
    /// Whether it was ended for lack of memory.
    out_of_memory: bool,
    /// Why it could not be started.
    error: Option<String>,
    /// How often the engine has restarted it.
    restarts: i64,
    /// What its health check says.
    health: Option<HealthDetails>,
}

/// What a health check says.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HealthDetails {
    /// `starting`, `healthy` or `unhealthy`.
    status: String,
    /// Failures in a row.
    failing_streak: i64,
    /// What the last run printed.
    last_output: Option<String>,
}

/// Something mounted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MountRow {
    /// `bind`, `volume` or `tmpfs`.
    kind: String,
    /// Path of the host, or name of the volume.
    source: String,
    /// Path in the container.
    destination: String,
    /// Whether it cannot be written.
    read_only: bool,
}

impl From<Mount> for MountRow {
    fn from(mount: Mount) -> Self {
        Self {
            kind: mount.kind,
            source: mount
                .name
                .filter(|name| !name.is_empty())
                .unwrap_or(mount.source),
            destination: mount.destination,
            read_only: !mount.rw,
        }
    }
}

/// A network it is in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NetworkDetails {
    /// Name.
    name: String,
    /// Address.
    ip: Option<String>,
    /// Address of version 6.
    ipv6: Option<String>,
    /// Hardware address.
    mac: Option<String>,
    /// Names under which others in the network find it.
    aliases: Vec<String>,
}

/// What of the host a container may use; what is absent has no limit.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Limits {
    /// `no`, `always`, `unless-stopped` or `on-failure:n`.
    pub(super) restart_policy: String,
    /// Bytes of memory.
    pub(super) memory_bytes: Option<u64>,
    /// Processors.
    pub(super) cpus: Option<f64>,
    /// Processes.
    pub(super) pids: Option<u64>,
    /// Where its output goes.
    pub(super) log_driver: Option<String>,
    /// Whether it removes itself when it ends.
    pub(super) auto_remove: bool,
}

impl Limits {
    pub(super) fn of(host: &HostConfig) -> Self {
        Self {
            restart_policy: restart_policy(host),
            memory_bytes: positive(host.memory),
            cpus: positive(host.nano_cpus).map(cpus),
            pids: host.pids_limit.and_then(positive),
            log_driver: filled(&host.log_config.kind),
            auto_remove: host.auto_remove,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "billionths of processors, of a few thousand at most"
)]
fn cpus(nano: u64) -> f64 {
    nano as f64 / 1e9
}

/// As people write it.
pub(super) fn restart_policy(host: &HostConfig) -> String {
    let policy = &host.restart_policy;
    match (policy.name.as_str(), policy.maximum_retry_count) {
        ("", _) => "no".to_owned(),
        ("on-failure", 1..) => format!("on-failure:{}", policy.maximum_retry_count),
        (name, _) => name.to_owned(),
    }
}

/// Show one container in full: state and exit, health, command, environment (values hidden), mounts, ports, networks, limits, and what makes it dangerous.
#[tool(
    read,
    open_world,
    permission = "docker:container:inspect",
    untrusted(
        "name",
        "image",
        "command",
        "env.name",
        "env.value",
        "labels",
        "state.error",
        "state.health.last_output",
        "networks.name",
        "networks.aliases",
        "processes"
    )
)]
pub(crate) async fn inspect_container(
    docker: &Docker,
    args: InspectContainer,
) -> ToolResult<ContainerDetails> {
    let engine = docker.engine(args.host.as_deref())?;
    let container = resolve::container(engine, &args.container).await?;
    let details = engine.inspect(&container.id).await?;
    let processes = if args.processes && details.state.running {
        Some(processes(engine.top(&container.id).await?))
    } else {
        None
    };
    let clean = |text: &str| filled(text).map(|text| engine.clean(&text));
    let state = state(&details, clean);
    Ok(describe(details, state, args.show_env, processes))
}

fn state(details: &Inspect, clean: impl Fn(&str) -> Option<String>) -> StateDetails {
    let state = &details.state;
    StateDetails {
        status: state.status.clone(),
        started: times::engine_time(&state.started_at),
        finished: times::engine_time(&state.finished_at),
        exit_code: (!state.running && !state.paused && state.status != "created")
            .then_some(state.exit_code),
        out_of_memory: state.oom_killed,
        error: clean(&state.error),
        restarts: details.restart_count,
        health: state
            .health
            .as_ref()
            .filter(|health| health.status != "none")
            .map(|health| HealthDetails {
                status: health.status.clone(),
                failing_streak: health.failing_streak,
                last_output: health.log.last().and_then(|probe| clean(&probe.output)),
            }),
    }
}

fn describe(
    details: Inspect,
    state: StateDetails,
    show_env: bool,
    processes: Option<Vec<BTreeMap<String, String>>>,
) -> ContainerDetails {
    let risks = risks(&details);
    let config = details.config;
    let words: Vec<String> = config.entrypoint.into_iter().chain(config.cmd).collect();
    let ports = ports::inspected(&details.network_settings);
    let networks = details
        .network_settings
        .networks
        .into_iter()
        .map(|(name, attached)| NetworkDetails {
            name,
            ip: filled(&attached.ip_address),
            ipv6: filled(&attached.ipv6_address),
            mac: filled(&attached.mac_address),
            aliases: attached.aliases,
        });
    let labels = config.labels.into_iter().map(|(name, value)| {
        let value = masked(&name, &value);
        (name, value)
    });
    ContainerDetails {
        name: details.name.trim_start_matches('/').to_owned(),
        id: details.id,
        image: config.image,
        image_id: details.image,
        created: times::engine_time(&details.created),
        state,
        command: secrets::command(&words),
        user: filled(&config.user),
        working_dir: filled(&config.working_dir),
        env: secrets::environment(&config.env, show_env),
        labels: labels.collect(),
        ports,
        mounts: details.mounts.into_iter().map(MountRow::from).collect(),
        networks: networks.collect(),
        limits: Limits::of(&details.host_config),
        risks,
        processes,
    }
}

/// What lets a container out of its box.
pub(super) fn risks(details: &Inspect) -> Vec<String> {
    let host = &details.host_config;
    let mut risks = Vec::new();
    if host.privileged {
        risks.push("privileged: root in it is root on the host".to_owned());
    }
    risks.extend(
        host.cap_add
            .iter()
            .map(|capability| format!("capability {capability}")),
    );
    if host.network_mode == "host" {
        risks.push("host network".to_owned());
    }
    if host.pid_mode == "host" {
        risks.push("sees all processes of the host".to_owned());
    }
    for device in &host.devices {
        risks.push(format!(
            "device {}",
            device.get("PathOnHost").map(shown).unwrap_or_default()
        ));
    }
    for mount in details.mounts.iter().filter(|mount| mount.kind == "bind") {
        let bind = ports::Bind {
            source: mount.source.clone(),
            destination: mount.destination.clone(),
            read_only: !mount.rw,
        };
        if bind.is_critical() {
            let mode = if bind.read_only { "reads" } else { "writes" };
            risks.push(format!("{mode} `{}` of the host", bind.source));
        }
    }
    risks
}

fn processes(top: Top) -> Vec<BTreeMap<String, String>> {
    let row = |process: Vec<String>| {
        let named = top.titles.iter().zip(process).map(|(title, value)| {
            let value = match title.as_str() {
                "CMD" | "COMMAND" => {
                    let words: Vec<String> = value.split_whitespace().map(str::to_owned).collect();
                    secrets::command(&words).join(" ")
                }
                _ => value,
            };
            (title.to_lowercase(), value)
        });
        named.collect()
    };
    top.processes.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// source: recorded (dockerd 20.10.24), trimmed.
    fn recorded() -> Inspect {
        let file: Value =
            serde_json::from_str(include_str!("../../fixtures/inspect_1_41.json")).unwrap();
        serde_json::from_value(file["response"].clone()).unwrap()
    }

    #[test]
    fn a_recorded_container_is_described_without_its_secrets() {
        let details = recorded();
        let state = state(&details, filled);
        let described = serde_json::to_value(describe(details, state, true, None)).unwrap();

        assert_eq!(described["name"], "web");
        assert_eq!(described["ports"][0], "0.0.0.0:18080->80/tcp");
        assert_eq!(described["mounts"][0]["source"], "vol1");
        assert_eq!(described["networks"][0]["ip"], "172.17.0.2");
        assert_eq!(described["limits"]["restart_policy"], "no");
        assert_eq!(described["env"][1]["value"], "/bin");
        assert!(!described.to_string().contains("hunter22"), "{described}");
    }

    #[test]
    fn what_lets_a_container_out_is_named() {
        let mut details = recorded();
        details.host_config.privileged = true;
        details.host_config.cap_add = vec!["NET_ADMIN".to_owned()];
        details.mounts.push(Mount {
            kind: "bind".to_owned(),
            source: "/var/run/docker.sock".to_owned(),
            destination: "/s".to_owned(),
            rw: true,
            name: None,
        });

        let risks = risks(&details);

        assert_eq!(risks.len(), 3, "{risks:?}");
        assert!(risks[2].contains("writes `/var/run/docker.sock`"));
    }
}
