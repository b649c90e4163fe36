//! A tool's arguments: brought into canonical form, checked against the schema, read by the type.
#![no_main]

use homelab_core::call::{
    CallContext, Caller as _, Confirmer, Format, Progress, ToolCall, Transport,
};
use homelab_core::id::RequestId;
use homelab_core::server::Endpoint;
use homelab_fuzz::{Fixture, TOOL, blame_the_caller, principal, run};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

fuzz_target!(|text: &str| {
    let Ok(Value::Object(arguments)) = serde_json::from_str(text) else {
        return;
    };
    let fixture = Fixture::new();
    run(async {
        let reply = match fixture.dispatcher.call(call(arguments)).await {
            Ok(reply) => reply,
            Err(error) => return blame_the_caller(&error),
        };
        // What was understood means the same again. A text answer shows no arguments.
        let Some(Value::Object(understood)) = reply.structured.get("arguments").cloned() else {
            return;
        };
        let again = fixture.dispatcher.call(call(understood)).await;
        let again = again.expect("canonical arguments are accepted");
        assert_eq!(again.structured, reply.structured);
    });
});

fn call(arguments: Map<String, Value>) -> ToolCall {
    ToolCall {
        endpoint: Endpoint::All,
        name: TOOL.to_owned(),
        arguments,
        format: Format::Json,
        context: CallContext {
            principal: principal(),
            request_id: RequestId::new("fuzz"),
            transport: Transport::Cli,
            session: None,
            peer: None,
            deadline: None,
            cancel: CancellationToken::new(),
            progress: Progress::default(),
            confirm: Confirmer::default(),
        },
    }
}
