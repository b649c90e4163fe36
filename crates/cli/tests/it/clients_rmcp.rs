//! rmcp's own client against the program, as a child process and over Streamable HTTP.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ErrorCode, ProgressNotificationParam, ProtocolVersion,
};
use rmcp::service::{NotificationContext, RunningService, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};

use crate::clients_support::{Gateway, Home};

/// Keeps every progress report.
#[derive(Clone, Default)]
struct Listener {
    progress: Arc<Mutex<Vec<f64>>>,
}

impl ClientHandler for Listener {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress
            .lock()
            .expect("no panic while it is held")
            .push(params.progress);
    }
}

type Client = RunningService<RoleClient, Listener>;

fn modern() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

async fn over_http(server: &Gateway, lifecycle: ClientLifecycleMode) -> Client {
    let config = StreamableHttpClientTransportConfig::with_uri(server.url("/mcp"))
        .auth_header(server.key.clone());
    Listener::default()
        .serve_with_lifecycle(
            StreamableHttpClientTransport::from_config(config),
            lifecycle,
        )
        .await
        .expect("the client connects")
}

async fn as_child(home: &Home, lifecycle: ClientLifecycleMode) -> Client {
    let command = home.command(&["serve", "--stdio", "--demo"]);
    let transport =
        TokioChildProcess::new(tokio::process::Command::from(command)).expect("a child process");
    Listener::default()
        .serve_with_lifecycle(transport, lifecycle)
        .await
        .expect("the client connects")
}

async fn call(client: &Client, tool: &'static str, arguments: Value) -> CallToolResult {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    client
        .call_tool(CallToolRequestParams::new(tool).with_arguments(arguments))
        .await
        .expect("an answer")
}

/// Lists, reads, follows progress, and makes the two kinds of mistakes.
async fn tour(client: Client) {
    let tools = client.list_all_tools().await.expect("a listing");
    assert!(
        tools.iter().any(|tool| tool.name == "homelab_list_devices"),
        "{tools:?}"
    );

    let devices = call(&client, "homelab_list_devices", json!({"limit": 3})).await;
    let content = devices.structured_content.expect("structured content");
    assert_eq!(
        content["items"].as_array().map(Vec::len),
        Some(3),
        "{content}"
    );

    let checked = call(&client, "homelab_check_all_services", json!({})).await;
    assert_ne!(checked.is_error, Some(true), "{checked:?}");
    let progress = client.service().progress.lock().expect("not held").clone();
    assert!(progress.len() >= 2, "{progress:?}");
    assert!(progress.is_sorted_by(|a, b| a < b), "{progress:?}");

    let refused = call(&client, "homelab_list_devices", json!({"colour": "red"})).await;
    assert_eq!(refused.is_error, Some(true), "{refused:?}");
    let unknown = client
        .call_tool(CallToolRequestParams::new("homelab_make_coffee"))
        .await;
    let Err(ServiceError::McpError(error)) = unknown else {
        panic!("a protocol error, not {unknown:?}");
    };
    assert_eq!(error.code, ErrorCode::INVALID_PARAMS);

    client.cancel().await.expect("the client says goodbye");
}

#[tokio::test]
async fn tours_streamable_http_in_both_eras() {
    let home = Home::empty();
    let server = home.serve(&["--demo"]);

    tour(over_http(&server, modern()).await).await;
    tour(over_http(&server, ClientLifecycleMode::Initialize).await).await;
    server.stop();
}

#[tokio::test]
async fn tours_stdio_in_both_eras() {
    let home = Home::empty();

    tour(as_child(&home, modern()).await).await;
    tour(as_child(&home, ClientLifecycleMode::Initialize).await).await;
}

/// rmcp opens a new session by itself when the old one is answered 404, and only then.
#[tokio::test]
async fn a_session_survives_a_restart_of_the_server() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    let client = over_http(&server, ClientLifecycleMode::Initialize).await;
    call(&client, "homelab_list_networks", json!({})).await;

    server.kill();
    let again = home.serve_on(server.port, &[]);
    let answer = tokio::time::timeout(
        Duration::from_secs(20),
        call(&client, "homelab_list_networks", json!({})),
    )
    .await
    .expect("an answer in time");

    assert_ne!(answer.is_error, Some(true), "{answer:?}");
    client.cancel().await.expect("the client says goodbye");
    again.stop();
}
