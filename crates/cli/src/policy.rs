//! The rules of the configuration, against the tools that are compiled in.

use homelab_gateway::approval::{Control, KIND as CONTROL};
use homelab_policy::{Catalogue, PolicyConfig, Problem, RuleSet};
use serde_json::Value;

use crate::config::Config;
use crate::servers;

/// Compiles the rules.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn compile(config: &Config) -> Result<RuleSet, Vec<Problem>> {
    let policy = &config.policy;
    // Most configurations have none, and the schemas of all tools take a while to make.
    let plain = PolicyConfig {
        read_only: policy.read_only,
        time_zone: policy.time_zone.clone(),
        ..PolicyConfig::default()
    };
    if *policy == plain {
        return RuleSet::compile(policy, &Catalogue::default());
    }
    RuleSet::compile(policy, &catalogue(config))
}

/// Every tool that is compiled in, and every server of the configuration, also those that are
/// switched off: a rule about one of them is no mistake.
fn catalogue(config: &Config) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for kind in servers::kinds() {
        catalogue.add_kind(kind.name, &kind.catalogue());
    }
    catalogue.add_kind(CONTROL, &Control::catalogue());
    catalogue.add_instance(CONTROL, CONTROL);
    for instance in servers::instances(config) {
        catalogue.add_instance(&instance.name, instance.kind.name);
    }
    for (name, section) in &config.servers {
        if section.get("enabled") == Some(&Value::Bool(false)) {
            let kind = section.get("kind").and_then(Value::as_str).unwrap_or(name);
            catalogue.add_instance(name, kind);
        }
    }
    catalogue
}
