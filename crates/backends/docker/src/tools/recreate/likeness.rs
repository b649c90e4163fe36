//! What to ask an engine for, to get a container like one that is there, from another image.

use serde_json::{Map, Value, json};

use crate::resolve::short;

/// Settings that a container takes from its image unless it has its own. Those that it has from the
/// old image must come from the new one.
const INHERITED: [&str; 7] = [
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "StopSignal",
    "Healthcheck",
    "Shell",
];

/// A container like another.
#[derive(Debug)]
pub(super) struct Likeness {
    /// The request to make it.
    pub(super) body: Value,
    /// Networks to put it into afterwards, and how: engines before API 1.44 take one at first.
    pub(super) further: Vec<(String, Value)>,
    /// Volumes that it takes over.
    pub(super) kept_volumes: Vec<String>,
}

impl Likeness {
    /// From the inspected container, its image's settings, and the image to make the new one from.
    pub(super) fn of(container: &Value, image_config: &Value, image: &str) -> Self {
        let mut body = container["Config"].clone();
        let id = container["Id"].as_str().unwrap_or_default();
        if let Value::Object(config) = &mut body {
            own_settings(config, image_config);
            // The engine made it up from the id.
            if config.get("Hostname").and_then(Value::as_str) == Some(&short(id)) {
                config.shift_remove("Hostname");
            }
            for gone in ["OnBuild", "Image", "ArgsEscaped"] {
                config.shift_remove(gone);
            }
        } else {
            body = json!({});
        }
        body["Image"] = image.into();
        let mut host = container["HostConfig"].clone();
        let kept_volumes = keep_volumes(container, &mut host);
        // It belongs to the old one.
        if let Value::Object(host) = &mut host {
            host.shift_remove("ContainerIDFile");
        }
        let mode = host["NetworkMode"].as_str().unwrap_or_default().to_owned();
        body["HostConfig"] = host;
        let further = networks(container, &mode, id, &mut body);
        Self {
            body,
            further,
            kept_volumes,
        }
    }
}

/// Leaves only what the container has beyond its image.
fn own_settings(config: &mut Map<String, Value>, image: &Value) {
    // Command and entry point go together: a command of its own stays with the image's entry point.
    let own_entry = config
        .get("Entrypoint")
        .is_some_and(|value| !value.is_null() && *value != image["Entrypoint"]);
    for name in INHERITED {
        // With an entry point of its own, a container gets no command from its image.
        if name == "Cmd" && own_entry {
            continue;
        }
        if config.get(name).is_some_and(|value| *value == image[name]) {
            config.shift_remove(name);
        }
    }
    let inherited: Vec<Value> = image["Env"].as_array().cloned().unwrap_or_default();
    if let Some(Value::Array(env)) = config.get_mut("Env") {
        env.retain(|entry| !inherited.contains(entry));
    }
    for name in ["Labels", "ExposedPorts", "Volumes"] {
        if let (Some(Value::Object(own)), Value::Object(inherited)) =
            (config.get_mut(name), &image[name])
        {
            own.retain(|key, value| inherited.get(key) != Some(value));
        }
    }
}

/// Volumes that the engine named would be made anew, empty: the new container takes the old ones.
fn keep_volumes(container: &Value, host: &mut Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let empty = Vec::new();
    let mounts = container["Mounts"].as_array().unwrap_or(&empty);
    let mut binds: Vec<Value> = host["Binds"].as_array().cloned().unwrap_or_default();
    let described: Vec<String> = {
        // One without a source is made anew, too.
        let has_source = |mount: &&Value| {
            mount["Type"] != "volume"
                || mount["Source"]
                    .as_str()
                    .is_some_and(|name| !name.is_empty())
        };
        let mounts = host["Mounts"].as_array().unwrap_or(&empty).iter();
        let by_mount = mounts
            .filter(has_source)
            .map(|mount| text(&mount["Target"]));
        let by_bind = binds.iter().filter_map(|bind| {
            let mut parts = bind.as_str()?.split(':');
            // `/path` alone is a volume without a name.
            parts
                .next()
                .zip(parts.next())
                .map(|(_, destination)| destination.to_owned())
        });
        by_mount.chain(by_bind).collect()
    };
    let mut kept = Vec::new();
    for mount in mounts.iter().filter(|mount| mount["Type"] == "volume") {
        let (name, destination) = (text(&mount["Name"]), text(&mount["Destination"]));
        if name.is_empty() {
            continue;
        }
        if !described.contains(&destination) {
            let mode = if mount["RW"] == false { ":ro" } else { "" };
            binds.push(format!("{name}:{destination}{mode}").into());
            // Described once: engines refuse two mounts at one place.
            if let Some(Value::Array(mounts)) = host.get_mut("Mounts") {
                mounts.retain(|other| text(&other["Target"]) != destination);
            }
        }
        kept.push(name);
    }
    if !binds.is_empty() {
        host["Binds"] = binds.into();
    }
    kept
}

/// Puts the first network into the request; returns the others.
fn networks(container: &Value, mode: &str, id: &str, body: &mut Value) -> Vec<(String, Value)> {
    // These have no settings of their own, and no other network goes with them.
    if matches!(mode, "host" | "none") || mode.starts_with("container:") {
        // They share what these name.
        for shared in ["Hostname", "ExposedPorts"] {
            if let Value::Object(body) = body
                && mode.starts_with("container:")
            {
                body.shift_remove(shared);
            }
        }
        return Vec::new();
    }
    let mut further = Vec::new();
    let mut first = Map::new();
    for (name, attached) in container["NetworkSettings"]["Networks"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let endpoint = endpoint(attached, id);
        let is_first =
            name == mode || attached["NetworkID"] == mode || mode == "default" && name == "bridge";
        if is_first {
            // The common bridge takes no aliases.
            if name != "bridge" {
                first.insert(name.clone(), endpoint);
            }
        } else {
            further.push((name.clone(), endpoint));
        }
    }
    if !first.is_empty() {
        body["NetworkingConfig"] = json!({ "EndpointsConfig": first });
    }
    further
}

/// How it is attached, without what the engine chose.
fn endpoint(attached: &Value, id: &str) -> Value {
    let own = short(id);
    let aliases = attached["Aliases"].as_array().into_iter().flatten();
    let aliases: Vec<&Value> = aliases.filter(|alias| **alias != own.as_str()).collect();
    json!({
        "Aliases": aliases,
        "IPAMConfig": attached["IPAMConfig"],
        "Links": attached["Links"],
        "DriverOpts": attached["DriverOpts"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container() -> Value {
        json!({
            "Id": "e6effcf822c293c12785c3f6938104008feae191cae674aa0c55cabb3557ee03",
            "Config": {
                "Hostname": "e6effcf822c2", "Image": "app:1", "Env": ["PATH=/bin", "A=1"],
                "Cmd": ["serve"], "Entrypoint": ["/app"], "WorkingDir": "/srv", "User": "app",
                "Labels": { "from": "image", "mine": "yes" }, "ExposedPorts": { "80/tcp": {}, "81/tcp": {} },
                "Volumes": { "/anon": {} },
            },
            "HostConfig": { "Binds": ["data:/data"], "NetworkMode": "lab", "ContainerIDFile": "", "Memory": 7 },
            "Mounts": [
                { "Type": "volume", "Name": "data", "Destination": "/data", "RW": true },
                { "Type": "volume", "Name": "23b93f08c88f", "Destination": "/anon", "RW": true },
                { "Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": true },
            ],
            "NetworkSettings": { "Networks": {
                "lab": { "Aliases": ["web", "e6effcf822c2"], "IPAMConfig": { "IPv4Address": "172.30.0.9" },
                         "IPAddress": "172.30.0.9", "NetworkID": "n" },
                "back": { "Aliases": null, "IPAMConfig": null, "IPAddress": "172.31.0.2" },
            } },
        })
    }

    fn image() -> Value {
        json!({
            "Env": ["PATH=/bin"], "Cmd": ["old"], "Entrypoint": ["/app"], "WorkingDir": "/srv", "User": "",
            "Labels": { "from": "image" }, "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/anon": {} },
        })
    }

    #[test]
    fn what_came_from_the_old_image_comes_from_the_new_one() {
        let Likeness { body, .. } = Likeness::of(&container(), &image(), "app:2");

        assert_eq!(body["Image"], "app:2");
        assert_eq!(body["Env"], json!(["A=1"]));
        assert_eq!(body["Cmd"], json!(["serve"]));
        assert_eq!(body["User"], "app");
        assert_eq!(body["Labels"], json!({ "mine": "yes" }));
        assert_eq!(body["ExposedPorts"], json!({ "81/tcp": {} }));
        for gone in ["Hostname", "Entrypoint", "WorkingDir"] {
            assert_eq!(body.get(gone), None, "{gone}");
        }
    }

    #[test]
    fn volumes_without_a_name_are_taken_over_and_named_ones_stay() {
        let likeness = Likeness::of(&container(), &image(), "app:2");

        assert_eq!(
            likeness.body["HostConfig"]["Binds"],
            json!(["data:/data", "23b93f08c88f:/anon"])
        );
        assert_eq!(likeness.body["HostConfig"]["Memory"], 7);
        assert_eq!(likeness.kept_volumes, ["data", "23b93f08c88f"]);
    }

    #[test]
    fn the_own_network_is_in_the_request_and_others_come_afterwards() {
        let likeness = Likeness::of(&container(), &image(), "app:2");

        let endpoints = &likeness.body["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(endpoints["lab"]["Aliases"], json!(["web"]));
        assert_eq!(endpoints["lab"]["IPAMConfig"]["IPv4Address"], "172.30.0.9");
        assert_eq!(likeness.further.len(), 1);
        assert_eq!(likeness.further[0].0, "back");
    }

    #[test]
    fn a_container_in_the_network_of_another_names_neither_host_nor_ports() {
        let mut container = container();
        container["HostConfig"]["NetworkMode"] = "container:abc".into();

        let likeness = Likeness::of(&container, &Value::Null, "app:2");

        assert_eq!(likeness.body.get("ExposedPorts"), None);
        assert_eq!(likeness.body.get("NetworkingConfig"), None);
        assert!(likeness.further.is_empty());
    }
}
