//! A caller with a handful of tools that do what transports have to cope with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::BoxFuture;
use homelab_core::call::{
    CallContext, Caller, Format, Principal, ToolCall, ToolReply, UNKNOWN_TOOL,
};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::schema::Schema;
use homelab_core::server::{Endpoint, Health, ListedTool, Server};
use homelab_core::tool::{Inverse, Preview, Ran, Target, ToolInfo, ToolSpec};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

/// The kind, and only instance, of the registry.
pub(crate) const SERVER: &str = "lab";

/// What a test sees of the calls that ran.
pub(crate) struct Lab {
    /// Notified when `wait` has begun.
    pub(crate) begun: Notify,
    /// Lets one `wait` end.
    pub(crate) release: Notify,
    /// One permit for each `wait` that was cancelled.
    pub(crate) cancelled: Semaphore,
}

fn object(value: Value) -> Schema {
    match value {
        Value::Object(map) => map.into(),
        other => panic!("{other} is no object"),
    }
}

fn listed(spec: ToolSpec, properties: &Value) -> ListedTool {
    let schema = object(json!({ "type": "object", "properties": properties }));
    ListedTool {
        kind: SERVER,
        name: spec.name.to_owned(),
        info: ToolInfo {
            spec,
            input_schema: schema.clone(),
            output_schema: object(json!({ "type": "object" })),
        },
        input_schema: schema,
    }
}

/// The tools, in their order.
pub(crate) fn tools() -> Vec<ListedTool> {
    let echo = ToolSpec::read("echo", "Echo", "Returns its arguments.", "lab:text:read");
    let mut erase = ToolSpec::destructive("erase", "Erase", "Always fails.", "lab:text:erase");
    erase.idempotent = true;
    let wait = ToolSpec::read("wait", "Wait", "Waits until released.", "lab:time:read");
    let steps = ToolSpec::read("steps", "Steps", "Reports progress.", "lab:time:read");
    vec![
        listed(echo, &json!({ "text": { "type": "string" } })),
        listed(erase, &json!({})),
        listed(wait, &json!({})),
        listed(steps, &json!({ "count": { "type": "integer" } })),
    ]
}

#[async_trait]
impl Caller for Lab {
    async fn call(&self, call: ToolCall) -> Result<ToolReply, ToolError> {
        let context = &call.context;
        let result =
            match call.name.as_str() {
                "echo" => Ok(json!({
                    "arguments": call.arguments,
                    "principal": context.principal.name,
                    "session": context.session.as_deref(),
                    "transport": context.transport.as_str(),
                })),
                "erase" => Err(ToolError::invalid("what", "nothing named `it` exists")
                    .hint("name something else")
                    .instance(SERVER)),
                "wait" => self.wait(context).await,
                "steps" => {
                    let count = call.arguments.get("count").and_then(Value::as_u64);
                    for step in 1..=count.unwrap_or(3) {
                        let step = u32::try_from(step).unwrap();
                        context.progress.report(
                            f64::from(step),
                            Some(3.0),
                            Some(format!("step {step}")),
                        );
                        tokio::time::sleep(Duration::from_millis(120)).await;
                    }
                    Ok(json!({ "done": true }))
                }
                other => Err(ToolError::not_found(format!("there is no tool `{other}`"))
                    .reason(UNKNOWN_TOOL)),
            };
        result
            .map(|structured| ToolReply {
                text: structured.to_string(),
                structured,
                format: Format::Json,
            })
            .map_err(|error: ToolError| error.request_id(context.request_id.as_str()))
    }

    fn list(&self, _: &Endpoint, _: &Principal) -> Result<Vec<ListedTool>, ToolError> {
        Ok(tools())
    }
}

impl Lab {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Notify::new(),
            release: Notify::new(),
            cancelled: Semaphore::new(0),
        })
    }

    async fn wait(&self, context: &CallContext) -> ToolResult<Value> {
        self.begun.notify_one();
        tokio::select! {
            () = self.release.notified() => Ok(json!({ "waited": true })),
            () = context.cancel.cancelled() => {
                self.cancelled.add_permits(1);
                Err(ToolError::internal("the caller went away"))
            }
        }
    }
}

/// A server that makes the registry have one; calls never get to it.
pub(crate) struct Listed;

impl Server for Listed {
    fn kind(&self) -> &'static str {
        SERVER
    }

    fn instance(&self) -> &str {
        SERVER
    }

    fn title(&self) -> &'static str {
        "Lab"
    }

    fn tools(&self) -> &[ToolInfo] {
        &[]
    }

    fn run<'a>(
        &'a self,
        _: usize,
        _: Value,
        _: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>> {
        Box::pin(async { Err(ToolError::internal("not a real server")) })
    }

    fn preview(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        None
    }

    fn targets(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        None
    }

    fn inverse(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        None
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async { Health::ok("it is there") })
    }
}
