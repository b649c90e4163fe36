//! Our binary with authentication, validation, redaction and audit on, beside bare handlers with the
//! same reads, over our store and over an ordinary pool, and a FastMCP server with the same tool.

use std::path::Path;

use homelab_testkit::{Proc, command, free_port};
use serde_json::json;

use super::lab::{DEVICES, Lab, device_name, resident_bytes, start};
use super::load::{Figures, Question, measure};
use crate::say;

/// Connections at a time.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Least part of the bare handler's answers per second.
const LEAST_OF_BARE: f64 = 0.85;
/// Least multiple of FastMCP's answers per second.
const LEAST_OF_FASTMCP: f64 = 15.0;
/// The tool that is called.
pub(crate) const TOOL: &str = "homelab_get_device";

/// What the program is compared with.
pub(crate) struct Others {
    /// A Python with FastMCP.
    pub(crate) python: String,
    /// The FastMCP server's script.
    pub(crate) fastmcp: String,
}

/// Devices spread over the whole table.
fn asked_for() -> impl Iterator<Item = String> {
    (0..1_000).map(|number| device_name(number * (DEVICES / 1_000)))
}

/// Modern `tools/call` requests.
pub(crate) fn calls(key: Option<&str>) -> Vec<Question> {
    let bearer = key.map(|key| format!("Bearer {key}"));
    asked_for()
        .map(|name| {
            let body = json!({
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": TOOL,
                    "arguments": {"name": name},
                    "_meta": {
                        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                        "io.modelcontextprotocol/clientCapabilities": {},
                        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                    },
                },
            });
            let mut headers = vec![
                ("MCP-Protocol-Version", "2026-07-28"),
                ("Mcp-Method", "tools/call"),
                ("Mcp-Name", TOOL),
            ];
            headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
            Question::post("/mcp", &headers, &body.to_string(), &name)
        })
        .collect()
}

/// The same reads without a protocol.
fn reads() -> Vec<Question> {
    asked_for()
        .map(|name| {
            let body = json!({"name": name}).to_string();
            Question::post("/device", &[], &body, &name)
        })
        .collect()
}

/// Measures all three, one after the other at each number of connections, and prints the table.
pub(crate) fn report(lab: &Lab, others: &Others, seconds: u64) -> anyhow::Result<()> {
    let database = lab.database();
    let (ours, our_port) = lab.serve_alike(None)?;
    let (_bare, bare_port) = handler("bare", &database)?;
    let (_ordinary, ordinary_port) = handler("ordinary", &database)?;
    let fastmcp_port = free_port()?;
    let mut fastmcp = command(&others.python);
    fastmcp
        .arg(&others.fastmcp)
        .arg(&database)
        .arg(fastmcp_port.to_string());
    let (_fastmcp, _) = start(&mut fastmcp, fastmcp_port)?;

    say("\nA read of one device, answers per second (p50 / p99):\n")?;
    say(
        "| connections | homelab-mcp | bare axum handler over our store | axum handler over an \
         sqlx pool | FastMCP | of bare | of sqlx | of FastMCP |",
    )?;
    say("|---|---|---|---|---|---|---|---|")?;
    for connections in CONNECTIONS {
        let bare = measure(bare_port, reads(), connections, seconds)?;
        let mine = measure(our_port, calls(Some(&lab.key)), connections, seconds)?;
        let ordinary = measure(ordinary_port, reads(), connections, seconds)?;
        let fastmcp = measure(fastmcp_port, calls(None), connections, seconds)?;
        let of = |other: &Figures| mine.per_second / other.per_second;
        let (of_bare, of_ordinary, of_fastmcp) = (of(&bare), of(&ordinary), of(&fastmcp));
        say(&format!(
            "| {connections} | {} | {} | {} | {} | {of_bare:.2} {} | {of_ordinary:.2} | \
             {of_fastmcp:.1} {} |",
            shown(&mine),
            shown(&bare),
            shown(&ordinary),
            shown(&fastmcp),
            verdict(of_bare >= LEAST_OF_BARE),
            verdict(of_fastmcp >= LEAST_OF_FASTMCP),
        ))?;
    }
    say(&format!(
        "\nbudgets: at least {LEAST_OF_BARE} of bare and {LEAST_OF_FASTMCP} times FastMCP; resident \
         after the load: {} MiB",
        resident_bytes(&ours)? >> 20
    ))
}

/// Starts one of this program's own servers; its port comes with it.
fn handler(name: &str, database: &Path) -> anyhow::Result<(Proc, u16)> {
    let port = free_port()?;
    let mut command = command(std::env::current_exe()?);
    command
        .args([name, "--port", &port.to_string(), "--database"])
        .arg(database);
    start(&mut command, port)
}

/// Measures one server that runs already, which is handy beside a profiler: ours with a key, a bare
/// handler without.
pub(crate) fn load(
    port: u16,
    key: Option<&str>,
    connections: usize,
    seconds: u64,
) -> anyhow::Result<()> {
    let questions = key.map_or_else(reads, |key| calls(Some(key)));
    say(&shown(&measure(port, questions, connections, seconds)?))
}

fn shown(figures: &Figures) -> String {
    let Figures {
        per_second,
        p50,
        p99,
    } = figures;
    format!("{per_second:.0} ({p50:.2?} / {p99:.2?})")
}

/// How a figure stands to its budget.
pub(crate) fn verdict(kept: bool) -> &'static str {
    if kept { "✅" } else { "❌" }
}
