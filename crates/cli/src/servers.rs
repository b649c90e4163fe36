//! The list of all kinds of server that are compiled in, and the instances that a configuration
//! makes of them.

use homelab_backend::{Env, Kind};
use homelab_core::server::Registry;
use serde_json::{Map, Value};

use crate::config::Config;

/// Every kind, in the order in which they are documented.
const ALL: &[fn() -> Kind] = &[
    homelab_backend_homelab::kind,
    homelab_backend_ccpm::kind,
    homelab_backend_memory::kind,
    homelab_backend_whisper::kind,
    homelab_backend_proxmox::kind,
    homelab_backend_pbs::kind,
    homelab_backend_docker::kind,
    homelab_backend_portainer::kind,
    homelab_backend_traefik::kind,
    homelab_backend_tailscale::kind,
    homelab_backend_cloudflare::kind,
    homelab_backend_unifi::kind,
    homelab_backend_pihole::kind,
    homelab_backend_netbox::kind,
];

/// Kinds that are there without a table in the configuration, because they need no settings.
const ALWAYS: &[&str] = &["ccpm", "homelab", "memory"];

/// Every kind that is compiled in.
pub(crate) fn kinds() -> Vec<Kind> {
    ALL.iter().map(|kind| kind()).collect()
}

/// A server as the configuration asks for it.
pub(crate) struct Instance {
    /// Its name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: Kind,
    /// The kind's own settings.
    pub(crate) settings: Value,
}

/// The servers that the configuration asks for, by name.
pub(crate) fn instances(config: &Config) -> Vec<Instance> {
    let kinds = kinds();
    let kind_of = |name: &str, section: &Map<String, Value>| {
        let kind = section.get("kind").and_then(Value::as_str).unwrap_or(name);
        kinds.iter().find(|known| known.name == kind).copied()
    };
    let mut instances: Vec<Instance> = config
        .servers
        .iter()
        .filter(|(_, section)| section.get("enabled") != Some(&Value::Bool(false)))
        .filter_map(|(name, section)| {
            Some(Instance {
                name: name.clone(),
                kind: kind_of(name, section)?,
                settings: own_settings(section),
            })
        })
        .collect();
    for kind in kinds.iter().filter(|kind| ALWAYS.contains(&kind.name)) {
        let mentioned = config
            .servers
            .iter()
            .any(|(name, section)| kind_of(name, section).is_some_and(|one| one.name == kind.name));
        if !mentioned {
            instances.push(Instance {
                name: kind.name.to_owned(),
                kind: *kind,
                settings: Value::Object(Map::new()),
            });
        }
    }
    instances.sort_by(|one, other| one.name.cmp(&other.name));
    instances
}

/// A table of the configuration without the keys that belong to the program.
pub(crate) fn own_settings(section: &Map<String, Value>) -> Value {
    let own = section
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "kind" | "enabled"))
        .map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(own.collect())
}

/// Opens all of them; does no network I/O.
pub(crate) fn registry(config: &Config, env: &Env) -> Registry {
    let mut registry = Registry::default();
    for instance in instances(config) {
        registry.insert(instance.kind.open(&instance.name, instance.settings, env));
    }
    registry
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(servers: &Value) -> Vec<(String, &'static str)> {
        let config: Config = serde_json::from_value(json!({ "servers": servers })).unwrap();
        instances(&config)
            .into_iter()
            .map(|instance| (instance.name, instance.kind.name))
            .collect()
    }

    #[test]
    fn a_kind_without_settings_is_there_unless_it_is_switched_off() {
        let named = |name: &str, kind| (name.to_owned(), kind);
        let [ccpm, homelab, memory] = ["ccpm", "homelab", "memory"].map(|kind| named(kind, kind));

        assert_eq!(names(&json!({})), [ccpm.clone(), homelab, memory.clone()]);
        let off = json!({
            "ccpm": { "enabled": false },
            "homelab": { "enabled": false },
            "memory": { "enabled": false },
        });
        assert_eq!(names(&off), []);
        assert_eq!(
            names(&json!({ "cellar": { "kind": "homelab" } })),
            [ccpm, named("cellar", "homelab"), memory]
        );
    }
}
