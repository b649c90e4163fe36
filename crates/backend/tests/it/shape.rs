//! The rules that tools keep.
#![expect(clippy::unused_async, reason = "a tool is an async function")]

use homelab_backend::shape::faults;
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::ToolResult;
use homelab_core::server::Health;
use homelab_core::tool::{ToolDef, tool};
use homelab_core::tools;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing to configure.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NoSettings {}

struct Untidy;

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Loose {
    text: String,
    /// How many.
    count: u32,
    /// Which.
    names: Vec<String>,
}

/// Well described.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tight {
    /// How many.
    #[schemars(range(min = 1, max = 9))]
    #[expect(dead_code, reason = "only its schema is looked at")]
    count: u32,
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    done: bool,
}

/// Does something.
#[tool(read, permission = "other:thing", secret, sensitive_output("password"))]
async fn untidy_tool(_backend: &Untidy, _args: Loose) -> ToolResult<Answer> {
    Ok(Answer { done: true })
}

/// Does it well.
#[tool(read, permission = "untidy:thing:read")]
async fn tidy_tool(_backend: &Untidy, _args: Tight) -> ToolResult<Answer> {
    Ok(Answer { done: true })
}

impl Backend for Untidy {
    const KIND: &'static str = "untidy";
    const TITLE: &'static str = "Untidy";
    type Config = NoSettings;

    fn connect(_instance: &str, _config: NoSettings, _env: &Env) -> ToolResult<Self> {
        Ok(Self)
    }

    async fn health(&self) -> Health {
        Health::ok("")
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![untidy_tool, tidy_tool]
    }
}

#[test]
fn every_broken_rule_is_reported_with_its_tool() {
    let faults = faults(&Kind::of::<Untidy>());

    assert_eq!(
        faults,
        [
            "untidy_tool: the permission `other:thing` is not `untidy:<resource>:<verb>`",
            "untidy_tool: `sensitive_output` names `password`, which its schema lacks",
            "untidy_tool: the argument `text` is not described",
            "untidy_tool: the text `text` has no greatest length and no choices",
            "untidy_tool: the integer `count` has no bounds",
            "untidy_tool: the list `names` has no greatest length",
            "untidy_tool: the text `names[]` has no greatest length and no choices",
            "untidy_tool: unknown arguments are not refused (`deny_unknown_fields`)",
        ]
    );
}
