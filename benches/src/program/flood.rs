//! One client that is refused as fast as it can call, and what the others notice of it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::compare::{calls, verdict};
use super::lab::{Lab, resident_bytes};
use super::load::{Question, measure};
use crate::say;

/// Most of the others' median latency beside the flood, as a multiple of that without it.
const MOST: f64 = 2.0;
/// Most growth of resident memory, bytes.
const MEMORY: u64 = 16 * 1024 * 1024;
/// Most new audit rows for each minute of flood, beyond those of the others' calls.
const ROWS: f64 = 500.0;

/// Measures each kind of refusal and prints a table.
pub(crate) fn report(lab: &Lab, seconds: u64) -> anyhow::Result<()> {
    let (server, port) = lab.serve()?;
    let viewer = lab.create_key("flood-viewer", "viewer")?;
    let alone = measure(port, calls(Some(&lab.key)), 1, seconds.min(10))?;
    let before = resident_bytes(&server)?;
    say(&format!(
        "\nOne client refused for {seconds} s as fast as it can call (others alone: p50 {:.2?}):\n",
        alone.p50
    ))?;
    say("| refusal | refused per second | others' p50 | multiple | new audit rows |")?;
    say("|---|---|---|---|---|")?;
    let floods = [
        (
            "wrong key",
            401,
            call("homelab_get_device", "hlab_000000000000_nonsense"),
        ),
        ("unknown tool", 200, call("homelab_nonsense", &lab.key)),
        (
            "forbidden tool",
            200,
            call("homelab_upsert_device", &viewer),
        ),
        ("held call", 200, call("homelab_delete_device", &lab.key)),
    ];
    for (name, status, question) in floods {
        let rows = lab.audit_rows()?;
        let (refused, others) = std::thread::scope(|scope| {
            let flood = scope.spawn(|| super::load::refusals(port, &question, status, seconds));
            let others = measure(port, calls(Some(&lab.key)), 1, seconds);
            (flood.join(), others)
        });
        let refused = refused.ok().context("the flood ends")??;
        let others = others?;
        let asked = others.per_second * f64::from(u32::try_from(seconds)?);
        // Queued rows are on disk by then.
        std::thread::sleep(Duration::from_secs(1));
        let all = u32::try_from(lab.audit_rows()?.saturating_sub(rows))?;
        let new = f64::from(all) - asked;
        let times = others.p50.as_secs_f64() / alone.p50.as_secs_f64();
        let minutes = f64::from(u32::try_from(seconds)?) / 60.0;
        let few = new < ROWS * minutes.max(1.0);
        say(&format!(
            "| {name} | {refused:.0} | {:.2?} | {times:.2} {} | {new:.0} {} |",
            others.p50,
            verdict(times <= MOST),
            verdict(few),
        ))?;
    }
    let grown = resident_bytes(&server)?.saturating_sub(before);
    say(&format!(
        "\nmemory grew by {} KiB {} (budget {} MiB)",
        grown >> 10,
        verdict(grown < MEMORY),
        MEMORY >> 20
    ))
}

fn call(tool: &str, key: &str) -> Question {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": {"name": "bench-000000"},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            },
        },
    });
    let bearer = format!("Bearer {key}");
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", tool),
        ("Authorization", bearer.as_str()),
    ];
    Question::post("/mcp", &headers, &body.to_string(), "")
}
