//! Servers, the instances of kinds, and the registry that holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::BoxFuture;
use crate::call::CallContext;
use crate::error::ToolResult;
use crate::facts::{Facts, FactsQuery};
use crate::schema::Schema;
use crate::tool::{Effect, Inverse, Preview, Ran, Target, ToolInfo, ToolSpec};

/// One instance of a kind of server, with its types erased.
///
/// Making one does no I/O, so an upstream that is down never delays the start; a server whose
/// settings are wrong still lists its tools and answers `not_configured`.
pub trait Server: Send + Sync {
    /// The kind, such as `proxmox`.
    fn kind(&self) -> &'static str;

    /// The instance's name from the configuration; equals the kind unless there are several.
    fn instance(&self) -> &str;

    /// A title for people.
    fn title(&self) -> &'static str;

    /// Its tools, in the order of the backend's list.
    fn tools(&self) -> &[ToolInfo];

    /// Runs a tool on normalised arguments; `tool` is an index into [`Server::tools`].
    fn run<'a>(
        &'a self,
        tool: usize,
        args: Value,
        ctx: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>>;

    /// What a call with these arguments does; `None` where that does not depend on them. No I/O.
    fn effect(&self, _tool: usize, _args: Value) -> Option<Effect> {
        None
    }

    /// The tool (an index into [`Server::tools`]) whose work a call with these arguments does by
    /// another way, such as a call of the upstream's raw API. Whoever decides asks about both, and
    /// the stricter answer holds. No I/O.
    fn stands_for(&self, _tool: usize, _args: Value) -> Option<usize> {
        None
    }

    /// Whether the upstream's version, as far as it is known, lacks what the tool needs. Such a tool
    /// is not listed; a call of it is made all the same, and says what is lacking. No I/O: `false`
    /// while the version is not known or was asked too long ago.
    fn lacks(&self, _tool: usize) -> bool {
        false
    }

    /// What the call would do; `None` where the tool has no preview.
    fn preview(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>>;

    /// The objects it will touch; `None` where the tool names none.
    fn targets(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>>;

    /// The call that would undo it; `None` where the tool has none.
    fn inverse(
        &self,
        tool: usize,
        args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>>;

    /// Whether its upstream answers.
    fn health(&self) -> BoxFuture<'_, Health>;

    /// What it knows of the lab's things; `None` where it tells nothing.
    fn facts<'a>(&'a self, _query: &'a FactsQuery) -> Option<BoxFuture<'a, ToolResult<Facts>>> {
        None
    }

    /// Bare names of its tools that show the same as [`Server::facts`]: a caller who may not call all
    /// of them is not shown the facts.
    fn facts_tools(&self) -> &'static [&'static str] {
        &[]
    }

    /// Ends what its upstream keeps for us, such as a session; called once, when the program ends.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Longest answer time of [`Server::health`] is 5 s; the caller enforces it.
    fn concurrency(&self) -> usize {
        16
    }
}

/// Whether an upstream answers, and what to do if not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`, `degraded` or `down`.
    pub status: HealthStatus,
    /// One line: version found, or what is wrong.
    pub message: String,
    /// Which setting or action fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Health {
    /// The upstream answers.
    pub fn ok(message: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Ok,
            message: message.into(),
            hint: None,
        }
    }

    /// It answers, but something is missing.
    pub fn degraded(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Degraded,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// It does not answer.
    pub fn down(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status: HealthStatus::Down,
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

/// The three states of [`Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Answers.
    Ok,
    /// Answers, but something is missing.
    Degraded,
    /// Does not answer.
    Down,
}

/// Where a call is addressed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Everything, with aggregated names.
    All,
    /// One instance (or, where no instance bears the name, one kind) with bare names.
    Server(Arc<str>),
}

/// A tool as one endpoint lists it.
#[derive(Debug, Clone)]
pub struct ListedTool {
    /// The kind it belongs to.
    pub kind: &'static str,
    /// Its name at this endpoint.
    pub name: String,
    /// Specification and the schemas as the backend states them.
    pub info: ToolInfo,
    /// Input schema with what the pipeline adds at this endpoint (`instance`, `format`).
    pub input_schema: Schema,
}

/// Longest aggregated name; clients add prefixes of their own to it.
pub const MAX_NAME: usize = 40;

/// A tool's name at `/mcp`: its fixed one, its bare one where that contains the kind as a word,
/// else `<kind>_<tool>`.
pub fn aggregated_name(kind: &str, spec: &ToolSpec) -> String {
    if let Some(fixed) = spec.aggregated {
        return fixed.to_owned();
    }
    if spec.name.split('_').any(|word| word == kind) {
        return spec.name.to_owned();
    }
    format!("{kind}_{}", spec.name)
}

/// The instances by name; rebuilt as a whole when the configuration changes.
#[derive(Default, Clone)]
pub struct Registry {
    by_instance: BTreeMap<String, Arc<dyn Server>>,
}

impl Registry {
    /// Adds an instance; the last one of a name wins.
    pub fn insert(&mut self, server: Arc<dyn Server>) {
        self.by_instance
            .insert(server.instance().to_owned(), server);
    }

    /// All instances, by name.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<dyn Server>> {
        self.by_instance.values()
    }

    /// The instance of that name.
    pub fn instance(&self, name: &str) -> Option<&Arc<dyn Server>> {
        self.by_instance.get(name)
    }

    /// The instances of a kind, by name.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<dyn Server>> {
        self.by_instance
            .values()
            .filter(move |server| server.kind() == kind)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("proxmox", "list_vms", "proxmox_list_vms")]
    #[case("pihole", "get_pihole_summary", "get_pihole_summary")]
    #[case("homelab", "homelab_list_devices", "homelab_list_devices")]
    #[case("pihole", "list_pihole2_things", "pihole_list_pihole2_things")]
    fn a_name_is_prefixed_unless_it_contains_the_kind_as_a_word(
        #[case] kind: &str,
        #[case] tool: &'static str,
        #[case] expected: &str,
    ) {
        let spec = ToolSpec::read(tool, "", "", "");

        assert_eq!(aggregated_name(kind, &spec), expected);
    }
}
