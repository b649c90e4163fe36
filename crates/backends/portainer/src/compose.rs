//! What a compose file says, as far as it matters before it is deployed.
//!
//! Source: the Compose Specification, services.

use serde_json::Value;

/// Directories of the host that are more than data.
const SENSITIVE: [&str; 12] = [
    "/", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var",
];
/// Docker's socket gives the whole host away.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];
/// Capabilities that lead out of a container.
const CAPABILITIES: [&str; 6] = [
    "ALL",
    "SYS_ADMIN",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "DAC_READ_SEARCH",
];

/// A compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compose {
    /// Names of its services.
    pub(crate) services: Vec<String>,
    /// Where a container reaches out of itself.
    pub(crate) reaches_out: Vec<String>,
}

/// Reads a compose file.
///
/// # Errors
/// Why it is none.
pub(crate) fn read(text: &str) -> Result<Compose, String> {
    let document: Value = serde_saphyr::from_str(text).map_err(|error| {
        let error = error.to_string();
        format!(
            "it is not YAML: {}",
            error.lines().next().unwrap_or_default()
        )
    })?;
    let Some(services) = document.get("services").and_then(Value::as_object) else {
        return Err("it has no `services`".to_owned());
    };
    if services.is_empty() {
        return Err("its `services` are empty".to_owned());
    }
    let mut reaches_out = Vec::new();
    for (name, service) in services {
        if !service.is_object() {
            return Err(format!("the service `{name}` has no settings"));
        }
        out_of(name, service, &mut reaches_out);
    }
    Ok(Compose {
        services: services.keys().cloned().collect(),
        reaches_out,
    })
}

/// Reads Kubernetes manifests: one or more documents, each with a kind.
///
/// # Errors
/// Why they are none.
pub(crate) fn read_manifests(text: &str) -> Result<Vec<String>, String> {
    let mut kinds = Vec::new();
    for part in format!("\n{text}").split("\n---") {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if part.lines().all(blank) {
            continue;
        }
        let document: Value = serde_saphyr::from_str(part).map_err(|error| {
            let error = error.to_string();
            format!(
                "it is not YAML: {}",
                error.lines().next().unwrap_or_default()
            )
        })?;
        match document.get("kind").and_then(Value::as_str) {
            Some(kind) => kinds.push(kind.to_owned()),
            None => return Err("a document of it has no `kind`".to_owned()),
        }
    }
    if kinds.is_empty() {
        return Err("it has no documents".to_owned());
    }
    Ok(kinds)
}

fn out_of(name: &str, service: &Value, found: &mut Vec<String>) {
    if service.get("privileged").is_some_and(is_on) {
        found.push(format!(
            "`{name}` is privileged: it can do all that the host can"
        ));
    }
    for (key, what) in [
        ("network_mode", "network"),
        ("pid", "processes"),
        ("ipc", "shared memory"),
        ("userns_mode", "users"),
    ] {
        if service.get(key).and_then(Value::as_str) == Some("host") {
            found.push(format!("`{name}` shares the host's {what} (`{key}: host`)"));
        }
    }
    for capability in texts(service.get("cap_add")) {
        let bare = capability.to_ascii_uppercase();
        let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
        if CAPABILITIES.contains(&bare) {
            found.push(format!("`{name}` has the capability `{capability}`"));
        }
    }
    for device in texts(service.get("devices")) {
        found.push(format!("`{name}` uses the host's device `{device}`"));
    }
    for volume in service
        .get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let source = match volume {
            Value::String(text) => text.split(':').next(),
            other => other.get("source").and_then(Value::as_str),
        };
        let source = source.unwrap_or_default();
        let clean = match source.trim_end_matches('/') {
            "" if source.starts_with('/') => "/",
            clean => clean,
        };
        if SOCKETS.contains(&clean) {
            found.push(format!(
                "`{name}` mounts Docker's socket: it can do all that the host can"
            ));
        } else if SENSITIVE.contains(&clean)
            || clean.starts_with("/etc/")
            || clean.starts_with("/proc/")
            || clean.starts_with("/sys/")
        {
            found.push(format!("`{name}` mounts `{clean}` of the host"));
        }
    }
}

fn is_on(value: &Value) -> bool {
    match value {
        Value::Bool(on) => *on,
        Value::String(text) => text != "false",
        _ => true,
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn services_are_named() {
        let found = read("services:\n  web: {image: 'nginx:1'}\n  db: {image: 'postgres:17', volumes: ['data:/var/lib']}\n").unwrap();

        assert_eq!(found.services, ["web", "db"]);
        assert_eq!(found.reaches_out, [""; 0]);
    }

    #[rstest]
    #[case("", "no `services`")]
    #[case("services: [", "not YAML")]
    #[case("services: {}", "empty")]
    #[case("services: {a: null}", "`a` has no settings")]
    #[case("version: '3'", "no `services`")]
    fn what_is_no_compose_file_says_why(#[case] text: &str, #[case] why: &str) {
        let error = read(text).unwrap_err();

        assert!(error.contains(why), "{error}");
    }

    #[rstest]
    #[case("privileged: true", "privileged")]
    #[case("network_mode: host", "network")]
    #[case("pid: host", "processes")]
    #[case("cap_add: [CAP_SYS_ADMIN]", "CAP_SYS_ADMIN")]
    #[case("devices: ['/dev/kvm:/dev/kvm']", "/dev/kvm")]
    #[case("volumes: ['/var/run/docker.sock:/x:ro']", "socket")]
    #[case("volumes: ['/:/host']", "`/`")]
    #[case("volumes: [{type: bind, source: /etc/ssl/, target: /x}]", "/etc/ssl")]
    fn what_reaches_out_of_its_container_is_said(#[case] line: &str, #[case] said: &str) {
        let found = read(&format!("services:\n  a:\n    image: x\n    {line}\n")).unwrap();

        assert_eq!(found.reaches_out.len(), 1);
        assert!(
            found.reaches_out[0].contains(said),
            "{:?}",
            found.reaches_out
        );
    }

    #[rstest]
    #[case("volumes: ['/srv/data:/data', './x:/y', 'named:/z']")]
    #[case("privileged: false")]
    #[case("cap_add: [NET_BIND_SERVICE]")]
    fn what_does_not_is_not(#[case] line: &str) {
        let found = read(&format!("services:\n  a:\n    image: x\n    {line}\n")).unwrap();

        assert_eq!(found.reaches_out, [""; 0]);
    }

    #[test]
    fn manifests_have_kinds() {
        let text = "# x\n---\napiVersion: v1\nkind: Service\n---\nkind: Deployment\n";

        assert_eq!(read_manifests(text).unwrap(), ["Service", "Deployment"]);
        assert!(read_manifests("a: 1").is_err() && read_manifests("").is_err());
    }
}
