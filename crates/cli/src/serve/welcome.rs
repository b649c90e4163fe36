//! What a person sees when the server starts: where it is, and how to connect.

use anyhow::Result;
use homelab_core::server::Registry;
use serde_json::{Map, Value, json};

use super::Running;
use super::demo::Demo;
use crate::clients::{Client, snippet};
use crate::commands::client_config::{access, base_url};
use crate::commands::keys::{FirstKeys, show_first};
use crate::output::Mark;

/// Shows the endpoints; on the first run also the keys, once, and a client configuration.
pub(super) fn show(
    running: &Running<'_>,
    first: Option<&FirstKeys>,
    demo: Option<&Demo>,
) -> Result<()> {
    let config = &running.loaded.config;
    let output = &running.session.output;
    let base = base_url(config);
    let registry = running.services.registry.load();
    if output.is_json() {
        return output.json_with_secret(&as_json(&base, &registry, config.server.sse, first));
    }
    let version = env!("CARGO_PKG_VERSION");
    let heading = format!("homelab-mcp {version} is ready");
    output.line(output.mark(Mark::Good, &heading))?;
    if let Some(demo) = demo {
        output.line(format!(
            "This is a demo: everything in it is made up. Its data is in {}",
            demo.path().display()
        ))?;
    }
    output.line("")?;
    output.line(format!("  all servers    {base}/mcp"))?;
    for server in registry.servers() {
        let (name, tools) = (server.instance(), server.tools().len());
        output.line(format!(
            "  {name:<14} {base}/servers/{name}/mcp  ({tools} tools)"
        ))?;
    }
    if config.server.sse {
        output.line(format!("  older clients  {base}/sse"))?;
    }
    output.line("")?;
    if !config.auth.enabled {
        let role = config.local.http_role;
        output.line(format!(
            "Authentication is off: every caller has the role {role}."
        ))?;
        return Ok(());
    }
    let Some(first) = first else {
        output.line("Connect a client: homelab-mcp client-config")?;
        output.line("Make a key for it: homelab-mcp keys create --name NAME")?;
        return Ok(());
    };
    show_first(first, output)?;
    let mut access = access(config, running.session, None);
    access.key = Some(first.agent.1.expose().to_owned());
    output.line("\nConnect Claude Code:")?;
    output.line_with_secret(indented(&snippet(Client::ClaudeCode, &access, false).text))?;
    output.line("\nConnect any client that takes `mcpServers`:")?;
    output.line_with_secret(indented(&snippet(Client::Generic, &access, false).text))?;
    output.line(
        "\nOthers: homelab-mcp client-config (Claude Desktop, VS Code, Cursor, Open WebUI, n8n, …)",
    )?;
    if let Some(demo) = demo {
        output.line(format!(
            "Look around: homelab-mcp {}tools call homelab_infrastructure_summary",
            demo.option()
        ))?;
    }
    Ok(())
}

fn as_json(base: &str, registry: &Registry, sse: bool, first: Option<&FirstKeys>) -> Value {
    let servers: Map<String, Value> = registry
        .servers()
        .map(|server| {
            let name = server.instance().to_owned();
            let url = format!("{base}/servers/{name}/mcp").into();
            (name, url)
        })
        .collect();
    let mut shown = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "endpoint": format!("{base}/mcp"),
        "servers": servers,
    });
    if sse {
        shown["sse"] = format!("{base}/sse").into();
    }
    if let Some(first) = first {
        let part = |(key, text): &(homelab_core::store::ApiKey, homelab_core::secret::Secret)| json!({ "id": key.id, "key": text.expose() });
        shown["keys"] = json!({ "agent": part(&first.agent), "owner": part(&first.owner) });
    }
    shown
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}
