//! The MCP Inspector's command line, the TypeScript SDK's own client, against the program.

use std::process::Command;

use homelab_testkit::{Peer, command};
use serde_json::Value;

use crate::clients_support::{Gateway, Home, program, succeeded};

/// The inspector with options that all runs share; it keeps its own files in the home's folder.
fn inspector(home: &Home) -> Option<Command> {
    let mut inspector = command(Peer::Inspector.require()?);
    inspector
        .args(["--cli", "--quiet", "--format", "json"])
        .envs(home.environment());
    Some(inspector)
}

fn over(home: &Home, server: &Gateway, path: &str, transport: &str) -> Option<Command> {
    let mut client = inspector(home)?;
    client.args(["--transport", transport, "--server-url", &server.url(path)]);
    client.args(["--header", &format!("Authorization: Bearer {}", server.key)]);
    Some(client)
}

fn over_stdio(home: &Home, arguments: &[&str]) -> Option<Command> {
    let mut client = inspector(home)?;
    for (name, value) in home.environment() {
        client.args(["-e", &format!("{name}={value}")]);
    }
    client.arg(program()).args(home.arguments(arguments));
    Some(client)
}

/// Lists the tools, which must have schemas that every model API takes, and returns their names.
fn list(client: Option<Command>) -> Option<Vec<String>> {
    let mut client = client?;
    client.args(["--method", "tools/list", "--strict"]);
    let printed: Value = serde_json::from_str(&succeeded(client)).expect("JSON");
    let tools = printed["tools"]
        .as_array()
        .or_else(|| printed["result"]["tools"].as_array())
        .unwrap_or_else(|| panic!("a list of tools: {printed}"));
    Some(
        tools
            .iter()
            .map(|tool| tool["name"].as_str().expect("a name").to_owned())
            .collect(),
    )
}

/// Calls a tool and returns what the inspector prints.
fn call(client: Option<Command>, tool: &str, arguments: &str) -> Option<String> {
    let mut client = client?;
    client.args(["--method", "tools/call", "--tool-name", tool]);
    client.args(["--tool-args-json", arguments]);
    Some(succeeded(client))
}

#[test]
fn the_inspector_lists_portable_schemas_and_calls_tools_on_every_transport() {
    let home = Home::empty();
    let server = home.serve(&["--demo"]);
    let doors: [&dyn Fn() -> Option<Command>; 4] = [
        &|| over(&home, &server, "/mcp", "http"),
        &|| {
            let mut client = over(&home, &server, "/servers/homelab/mcp", "http")?;
            client.args(["--protocol-era", "modern"]);
            Some(client)
        },
        &|| over(&home, &server, "/sse", "sse"),
        &|| over_stdio(&home, &["serve", "--stdio", "--demo"]),
    ];

    for door in doors {
        let Some(names) = list(door()) else { return };
        assert!(
            names.iter().any(|name| name == "homelab_get_device"),
            "{names:?}"
        );
        let answer = call(door(), "homelab_list_devices", r#"{"limit":1}"#).expect("as before");
        assert!(answer.contains("next_cursor"), "{answer}");
    }
    server.stop();
}
