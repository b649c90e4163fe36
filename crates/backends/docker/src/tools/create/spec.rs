//! The container that is asked for: its arguments, the engine's request, and what is dangerous about it.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Effect;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::{self, Bind, Publish};
use crate::reference::{Reference, is_id};
use crate::tools::change::{nano, policy_value};
use crate::types::Texts;

/// A container to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateContainer {
    /// Image: name with tag or digest, or id.
    #[schemars(length(min = 1, max = 512))]
    pub(super) image: String,
    /// Name; the engine makes one up if left out.
    #[schemars(
        length(min = 2, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]+$")
    )]
    pub(super) name: Option<String>,
    /// Arguments, or program and arguments, instead of the image's own; one each, no shell reads them.
    #[schemars(length(max = 64), inner(length(max = 8192)))]
    pub(super) command: Option<Vec<String>>,
    /// Program that gets the command, instead of the image's own.
    #[schemars(length(max = 64), inner(length(max = 8192)))]
    entrypoint: Option<Vec<String>>,
    /// Environment.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 200, "additionalProperties" = { "type": "string", "maxLength": 32768 }))]
    pub(super) env: Texts,
    /// Ports to publish: `127.0.0.1:8080:80/tcp`, `8080:80`, `80`. Without an address, everybody reaches them.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    ports: Vec<String>,
    /// Mounts: `volume:/path`, `/host/path:/path`, with `:ro` behind where nothing is to be written.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    volumes: Vec<String>,
    /// Network: a name, `bridge`, `none` or `host`; the engine's common one if left out.
    #[schemars(length(min = 1, max = 128))]
    network: Option<String>,
    /// `no`, `always`, `unless-stopped` or `on-failure` with or without a number; default `no`.
    #[schemars(
        length(max = 20),
        regex(pattern = r"^(no|always|unless-stopped|on-failure(:[0-9]{1,3})?)$")
    )]
    restart_policy: Option<String>,
    /// Labels.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100, "additionalProperties" = { "type": "string", "maxLength": 4096 }))]
    pub(super) labels: Texts,
    /// Bytes of memory it may use.
    #[schemars(range(min = 6_291_456, max = 1_125_899_906_842_624_i64))]
    memory_bytes: Option<i64>,
    /// Processors it may use, such as 1.5.
    #[schemars(range(min = 0.01, max = 4096.0))]
    cpus: Option<f64>,
    /// User it runs as, such as `1000:1000`.
    #[schemars(length(min = 1, max = 64))]
    user: Option<String>,
    /// Directory it runs in.
    #[schemars(length(min = 1, max = 1024))]
    workdir: Option<String>,
    /// Command whose success shows that it is well, run by its shell.
    healthcheck: Option<HealthCheck>,
    /// For which machines, such as `linux/arm64`; the host's own if left out.
    #[schemars(length(max = 64), regex(pattern = r"^[a-z0-9]+(/[a-z0-9]+){0,2}$"))]
    pub(super) platform: Option<String>,
    /// Give it all rights of the host's root.
    #[serde(default)]
    privileged: bool,
    /// More rights, such as `NET_ADMIN`.
    #[serde(default)]
    #[schemars(length(max = 40), inner(length(min = 1, max = 40)))]
    cap_add: Vec<String>,
    /// Devices of the host, such as `/dev/dri`.
    #[serde(default)]
    #[schemars(length(max = 32), inner(length(min = 1, max = 256)))]
    devices: Vec<String>,
    /// Whether to fetch the image: `missing` (default), `always` or `never`.
    #[serde(default)]
    pub(super) pull: Pull,
    /// Start it; default true.
    pub(super) start: Option<bool>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    pub(super) host: Option<String>,
}

/// Whether to fetch an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pull {
    /// If it is not here.
    #[default]
    Missing,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// A health check.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthCheck {
    /// Command line.
    #[schemars(length(min = 1, max = 4096))]
    command: String,
    /// Seconds between runs; default 30.
    #[schemars(range(min = 1, max = 86_400))]
    interval_s: Option<u32>,
    /// Seconds that a run may take; default 30.
    #[schemars(range(min = 1, max = 3600))]
    timeout_s: Option<u32>,
    /// Failures in a row that make it unhealthy; default 3.
    #[schemars(range(min = 1, max = 100))]
    retries: Option<u32>,
    /// Seconds after the start in which failures do not count.
    #[schemars(range(min = 0, max = 86_400))]
    start_period_s: Option<u32>,
}

impl CreateContainer {
    pub(super) fn reference(&self) -> ToolResult<Reference> {
        Reference::parse(&self.image).map_err(|problem| ToolError::invalid("image", problem))
    }

    /// What the engine takes.
    pub(super) fn body(&self) -> ToolResult<Value> {
        if !is_id(&self.image) {
            self.reference()?;
        }
        let ports = ports::each("ports", &self.ports, Publish::parse)?;
        let binds = ports::each("volumes", &self.volumes, Bind::parse)?;
        let devices = ports::each("devices", &self.devices, device)?;
        if let Some(name) = self
            .env
            .keys()
            .find(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            return Err(ToolError::invalid(
                "env",
                format!("`{}` is no name of a variable", name.escape_debug()),
            ));
        }
        if !ports.is_empty() && self.network.as_deref() == Some("host") {
            return Err(ToolError::invalid(
                "ports",
                "in the host's network, ports are not published: they are open as they are",
            ));
        }
        let (exposed, bound) = ports::bindings(&ports);
        let env: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let binds: Vec<String> = binds.iter().map(Bind::text).collect();
        let mut body = json!({
            "Image": self.image,
            "Env": env,
            "Labels": self.labels,
            "ExposedPorts": exposed,
            "HostConfig": {
                "PortBindings": bound,
                "Binds": binds,
                "RestartPolicy": policy_value(self.restart_policy.as_deref().unwrap_or("no")),
                "Privileged": self.privileged,
                "CapAdd": self.cap_add,
                "Devices": devices,
                "NetworkMode": self.network.as_deref().unwrap_or("default"),
            },
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[name] = value;
            }
        };
        set("Cmd", self.command.as_ref().map(|words| json!(words)));
        set(
            "Entrypoint",
            self.entrypoint.as_ref().map(|words| json!(words)),
        );
        set("User", self.user.as_ref().map(|user| json!(user)));
        set(
            "WorkingDir",
            self.workdir.as_ref().map(|directory| json!(directory)),
        );
        set(
            "Healthcheck",
            self.healthcheck.as_ref().map(HealthCheck::body),
        );
        if let Some(memory) = self.memory_bytes {
            body["HostConfig"]["Memory"] = memory.into();
        }
        if let Some(cpus) = self.cpus {
            body["HostConfig"]["NanoCpus"] = nano(cpus).into();
        }
        Ok(body)
    }

    /// Milder than critical where nothing gives it power over the host.
    pub(super) fn effect(&self) -> Effect {
        match self.dangers() {
            (critical, _) if !critical.is_empty() => Effect::Critical,
            (_, notable) if !notable.is_empty() => Effect::Destructive,
            _ => Effect::Write,
        }
    }

    /// What gives it power over the host, and what opens it to others.
    pub(super) fn dangers(&self) -> (Vec<String>, Vec<String>) {
        let mut critical = Vec::new();
        let mut notable = Vec::new();
        if self.privileged {
            critical.push("privileged: root in it is root on the host".to_owned());
        }
        critical.extend(
            self.cap_add
                .iter()
                .map(|capability| format!("capability {capability}")),
        );
        critical.extend(self.devices.iter().map(|device| format!("device {device}")));
        if let Some(network) = self
            .network
            .as_deref()
            .filter(|name| *name == "host" || name.contains(':'))
        {
            critical.push(format!("network `{network}`"));
        }
        for text in &self.volumes {
            // What cannot be read is refused later; until then it is the worst.
            match Bind::parse(text) {
                Ok(bind) if bind.is_critical() => {
                    critical.push(format!("`{}` of the host", bind.source));
                }
                Ok(bind) if bind.is_path() => {
                    notable.push(format!("`{}` of the host", bind.source));
                }
                Ok(_) => {}
                Err(problem) => critical.push(problem),
            }
        }
        for text in &self.ports {
            match Publish::parse(text) {
                Ok(port) if port.is_local() => {}
                Ok(port) => notable.push(format!(
                    "port {} open to everybody who reaches the host",
                    port.key()
                )),
                Err(problem) => critical.push(problem),
            }
        }
        (critical, notable)
    }
}

impl HealthCheck {
    fn body(&self) -> Value {
        let nanoseconds = |seconds: u32| u64::from(seconds) * 1_000_000_000;
        json!({
            "Test": ["CMD-SHELL", self.command],
            "Interval": nanoseconds(self.interval_s.unwrap_or(30)),
            "Timeout": nanoseconds(self.timeout_s.unwrap_or(30)),
            "Retries": self.retries.unwrap_or(3),
            "StartPeriod": nanoseconds(self.start_period_s.unwrap_or(0)),
        })
    }
}

/// `/dev/x`, `/dev/x:/dev/y`, `/dev/x:/dev/y:rw`.
fn device(text: &str) -> Result<Value, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (host, inside, rights) = match parts[..] {
        [host] => (host, host, "rwm"),
        [host, inside] => (host, inside, "rwm"),
        [host, inside, rights] => (host, inside, rights),
        _ => return Err(format!("`{}` is no device", text.escape_debug())),
    };
    if !host.starts_with("/dev/") || !inside.starts_with('/') || host.contains("..") {
        return Err(format!(
            "`{}` is no device: write `/dev/dri`",
            text.escape_debug()
        ));
    }
    if rights.is_empty() || !rights.chars().all(|letter| "rwm".contains(letter)) {
        return Err(format!(
            "`{}` does not end in some of `rwm`",
            text.escape_debug()
        ));
    }
    Ok(json!({ "PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": rights }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "shorter where it is called")]
    fn args(value: Value) -> CreateContainer {
        let mut all = json!({ "image": "nginx:1" });
        for (name, member) in value.as_object().unwrap() {
            all[name] = member.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[rstest]
    #[case(json!({}), Effect::Write)]
    #[case(json!({ "ports": ["127.0.0.1:8080:80"], "volumes": ["data:/data"] }), Effect::Write)]
    #[case(json!({ "ports": ["8080:80"] }), Effect::Destructive)]
    #[case(json!({ "volumes": ["/srv/media:/media:ro"] }), Effect::Destructive)]
    #[case(json!({ "privileged": true }), Effect::Critical)]
    #[case(json!({ "cap_add": ["SYS_ADMIN"] }), Effect::Critical)]
    #[case(json!({ "network": "host" }), Effect::Critical)]
    #[case(json!({ "network": "container:x" }), Effect::Critical)]
    #[case(json!({ "devices": ["/dev/sda"] }), Effect::Critical)]
    #[case(json!({ "volumes": ["/var/run/docker.sock:/s:ro"] }), Effect::Critical)]
    #[case(json!({ "volumes": ["/srv/../etc:/e"] }), Effect::Critical)]
    fn what_gives_power_over_the_host_is_decided_as_critical(
        #[case] value: Value,
        #[case] expected: Effect,
    ) {
        assert_eq!(args(value).effect(), expected);
    }

    #[test]
    fn a_container_is_asked_for_as_engines_want_it() {
        let body = args(json!({
            "command": ["serve"], "env": { "A": "1" }, "ports": ["127.0.0.1:8080:80", "53:53/udp"],
            "volumes": ["data:/data:ro"], "restart_policy": "on-failure:3", "cpus": 1.5, "memory_bytes": 67_108_864,
            "healthcheck": { "command": "true", "interval_s": 5 }, "labels": { "lab": "yes" },
        }))
        .body()
        .unwrap();

        assert_eq!(body["Cmd"], json!(["serve"]));
        assert_eq!(body["Env"], json!(["A=1"]));
        assert_eq!(body["ExposedPorts"], json!({ "80/tcp": {}, "53/udp": {} }));
        let host = &body["HostConfig"];
        assert_eq!(
            host["PortBindings"]["80/tcp"],
            json!([{ "HostIp": "127.0.0.1", "HostPort": "8080" }])
        );
        assert_eq!(host["Binds"], json!(["data:/data:ro"]));
        assert_eq!(
            host["RestartPolicy"],
            json!({ "Name": "on-failure", "MaximumRetryCount": 3 })
        );
        assert_eq!(
            (&host["NanoCpus"], &host["Memory"]),
            (&json!(1_500_000_000), &json!(67_108_864))
        );
        assert_eq!(body["Healthcheck"]["Interval"], json!(5_000_000_000_u64));
        assert_eq!(body.get("Entrypoint"), None);
    }

    #[rstest]
    #[case(json!({ "ports": ["80", "x"] }), "ports[1]")]
    #[case(json!({ "volumes": ["x"] }), "volumes[0]")]
    #[case(json!({ "devices": ["/etc"] }), "devices[0]")]
    #[case(json!({ "env": { "A=B": "1" } }), "env")]
    #[case(json!({ "image": "Not An Image" }), "image")]
    #[case(json!({ "network": "host", "ports": ["80"] }), "ports")]
    fn arguments_that_cannot_be_used_are_named(#[case] value: Value, #[case] field: &str) {
        let error = args(value).body().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
