//! A small made-up lab, and the rules put to it.

mod engine;
mod problems;
mod properties;
mod semantics;

use std::sync::Arc;

use homelab_core::call::{CredentialKind, Principal, Transport};
use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_core::policy::{Question, Role, Sight};
use homelab_core::schema::Schema;
use homelab_core::server::aggregated_name;
use homelab_core::tool::{Effect, Target, ToolInfo, ToolSpec};
use serde_json::{Value, json};

use crate::{Catalogue, Engine, MemoryBudgets, PolicyConfig, Problem, RuleSet};

/// A Monday, noon in UTC.
const NOON: &str = "2026-03-02T12:00:00Z";

fn schema(schema: Value) -> Schema {
    let Value::Object(schema) = schema else {
        panic!("a schema is an object")
    };
    schema.into()
}

fn tool(spec: ToolSpec, input: Value) -> ToolInfo {
    ToolInfo {
        spec,
        input_schema: schema(input),
        output_schema: schema(json!({ "type": "object" })),
    }
}

/// Tools of the kinds `proxmox` (instances `pve-1`, `pve-2`) and `homelab` (one instance).
fn proxmox() -> Vec<ToolInfo> {
    let guest = json!({
        "type": "object",
        "properties": {
            "vmid": { "type": "integer" },
            "force": { "type": "boolean", "default": false },
            "node": { "type": "string" },
        },
        "required": ["vmid"],
        "additionalProperties": false,
    });
    let create = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "disks": { "type": "array", "items": { "type": "string" } },
            "memory": { "type": "number" },
        },
        "required": ["name", "disks", "memory"],
        "additionalProperties": false,
    });
    let mut prune = ToolSpec::destructive("prune_backups", "", "", "proxmox:backup:delete");
    prune.varies = true;
    vec![
        tool(
            ToolSpec::read("list_vms", "", "", "proxmox:guest:read"),
            json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        ),
        tool(
            ToolSpec::write("start_vm", "", "", "proxmox:guest:power"),
            guest.clone(),
        ),
        tool(
            ToolSpec::destructive("restart_vm", "", "", "proxmox:guest:power"),
            guest.clone(),
        ),
        tool(
            ToolSpec::critical("delete_vm", "", "", "proxmox:guest:delete"),
            guest,
        ),
        tool(
            ToolSpec::write("create_vm", "", "", "proxmox:guest:create"),
            create.clone(),
        ),
        tool(prune, create),
    ]
}

fn homelab() -> Vec<ToolInfo> {
    let mut secret = ToolSpec::read("get_credentials", "", "", "homelab:credential:read");
    secret.secret = true;
    let input = json!({
        "type": "object",
        "properties": { "name": { "type": "string" } },
        "required": ["name"],
        "additionalProperties": false,
    });
    vec![
        tool(secret, input.clone()),
        tool(
            ToolSpec::read("homelab_get_device", "", "", "homelab:device:read"),
            input,
        ),
    ]
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    catalogue.add_kind("proxmox", &proxmox());
    catalogue.add_kind("homelab", &homelab());
    catalogue.add_instance("pve-1", "proxmox");
    catalogue.add_instance("pve-2", "proxmox");
    catalogue.add_instance("homelab", "homelab");
    catalogue
}

fn config(policy: Value) -> PolicyConfig {
    serde_json::from_value(policy).expect("a policy section")
}

fn compile(policy: Value) -> Result<RuleSet, Vec<Problem>> {
    RuleSet::compile(&config(policy), &catalogue())
}

fn rules(policy: Value) -> RuleSet {
    compile(policy).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// A call to be asked about.
#[derive(Debug)]
struct Call {
    principal: Principal,
    kind: &'static str,
    instance: &'static str,
    spec: ToolSpec,
    aggregated: String,
    arguments: Value,
    targets: Vec<Target>,
}

impl Call {
    /// By the operator `alice`.
    fn of(tool: &str, arguments: Value) -> Self {
        let of_kind = |kind: &'static str, tools: Vec<ToolInfo>| {
            let found = tools.into_iter().find(|info| info.spec.name == tool);
            found.map(|info| (kind, info.spec))
        };
        let (kind, spec) = of_kind("proxmox", proxmox())
            .or_else(|| of_kind("homelab", homelab()))
            .unwrap_or_else(|| panic!("no tool {tool}"));
        Self {
            principal: principal("alice", Role::Operator),
            kind,
            instance: if kind == "proxmox" { "pve-1" } else { kind },
            aggregated: aggregated_name(kind, &spec),
            spec,
            arguments,
            targets: Vec::new(),
        }
    }

    fn by(mut self, name: &str, role: Role) -> Self {
        self.principal = principal(name, role);
        self
    }

    fn at(mut self, instance: &'static str) -> Self {
        self.instance = instance;
        self
    }

    /// Touches a guest.
    fn on(mut self, id: &str, name: &str, tags: &[&str]) -> Self {
        self.targets.push(Target {
            kind: "guest".to_owned(),
            id: id.to_owned(),
            name: Some(name.to_owned()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        });
        self
    }

    fn sight(&self) -> Sight<'_> {
        Sight {
            principal: &self.principal,
            spec: &self.spec,
            aggregated: &self.aggregated,
            kind: self.kind,
            instance: self.instance,
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            sight: self.sight(),
            transport: Transport::Http,
            arguments: &self.arguments,
            targets: &self.targets,
        }
    }
}

fn principal(name: &str, role: Role) -> Principal {
    Principal::new(name, format!("key-{name}"), CredentialKind::Agent, role)
}

fn stop(vmid: i64) -> Call {
    Call::of("restart_vm", json!({ "vmid": vmid, "force": false }))
}

fn at(text: &str) -> Micros {
    Micros::from_rfc3339(text).expect("a time")
}

fn engine(policy: Value) -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(at(NOON)));
    let shared: Arc<dyn Clock> = clock.clone();
    let engine = Engine::new(rules(policy), Arc::new(MemoryBudgets::default()), shared);
    (engine, clock)
}

const READ: Effect = Effect::Read;
