//! What calls touch, for rules about protected objects.

use homelab_core::tool::Target;
use homelab_ssh::Host;

/// A host.
pub(super) fn host(host: &Host) -> Target {
    target("host", host.name().to_owned(), host.destination())
}

/// A file on a host.
pub(super) fn file(host: &Host, path: &str) -> Target {
    target("file", format!("{}:{path}", host.name()), path.to_owned())
}

/// A unit of a host.
pub(super) fn unit(host: &Host, unit: &str) -> Target {
    target("unit", format!("{}:{unit}", host.name()), unit.to_owned())
}

/// A model of Ollama.
pub(super) fn model(name: &str) -> Target {
    target("model", name.to_owned(), name.to_owned())
}

fn target(kind: &str, id: String, name: String) -> Target {
    Target {
        kind: kind.to_owned(),
        id,
        name: Some(name),
        tags: Vec::new(),
    }
}
