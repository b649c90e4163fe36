//! How each AI client is told of this server. Pure: where it goes, and what is written there.
//!
//! Sources: the clients' own documentation and behaviour, as of November 2026.

use clap::ValueEnum;
use serde_json::{Value, json};

/// A client that we know the configuration of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code.
    ClaudeCode,
    /// Claude Desktop (starts this program itself).
    ClaudeDesktop,
    /// Visual Studio Code.
    #[value(alias = "vscode")]
    VsCode,
    /// Cursor.
    Cursor,
    /// Windsurf.
    Windsurf,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// Zed.
    Zed,
    /// Open WebUI.
    OpenWebui,
    /// LibreChat.
    Librechat,
    /// n8n.
    N8n,
    /// MCP Inspector.
    Inspector,
    /// Any client that takes `mcpServers`.
    Generic,
}

/// How a client reaches this server.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Name of the entry.
    pub(crate) name: String,
    /// URL of the endpoint.
    pub(crate) url: String,
    /// Agent key; a placeholder is written without one.
    pub(crate) key: Option<String>,
    /// Absolute path of this program.
    pub(crate) program: String,
    /// Arguments that make it serve stdio.
    pub(crate) arguments: Vec<String>,
}

/// What to write, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snippet {
    /// File, menu or command.
    pub(crate) place: &'static str,
    /// Text to paste.
    pub(crate) text: String,
    /// The text as JSON, where it is.
    pub(crate) value: Option<Value>,
    /// What else to know.
    pub(crate) note: Option<&'static str>,
}

/// The variable that placeholders refer to.
const VARIABLE: &str = "HOMELAB_MCP_TOKEN";

const SET_VARIABLE: &str = "set HOMELAB_MCP_TOKEN to an agent key where the client runs";

impl Access {
    fn header(&self, placeholder: &str) -> String {
        format!("Bearer {}", self.key.as_deref().unwrap_or(placeholder))
    }

    fn note(&self, without_key: &'static str) -> Option<&'static str> {
        self.key.is_none().then_some(without_key)
    }
}

/// What to write for this client; `stdio` lets the client start this program itself.
pub(crate) fn snippet(client: Client, access: &Access, stdio: bool) -> Snippet {
    if stdio || client == Client::ClaudeDesktop {
        return over_stdio(client, access);
    }
    match client {
        Client::ClaudeCode => {
            let (name, url) = (&access.name, &access.url);
            let add = format!("claude mcp add --transport http {name} {url}");
            command(access, &add)
        }
        Client::Inspector => {
            let call = "npx @modelcontextprotocol/inspector --cli";
            let call = format!("{call} {} --transport http --method tools/list", access.url);
            command(access, &call)
        }
        Client::VsCode => vs_code(access),
        Client::Codex => codex(access),
        Client::OpenWebui => menu(
            "Admin Panel > Settings > External Tools > Add connection",
            [
                "Type  MCP (Streamable HTTP)",
                "URL   ",
                "Auth  Bearer",
                "Key   ",
            ],
            access,
        ),
        Client::N8n => menu(
            "node \"MCP Client Tool\"",
            [
                "Server Transport  HTTP Streamable",
                "Endpoint          ",
                "Authentication    Bearer Auth",
                "Bearer Token      ",
            ],
            access,
        ),
        Client::Librechat => librechat(access),
        Client::Cursor => file(
            access,
            "~/.cursor/mcp.json",
            "url",
            "${env:HOMELAB_MCP_TOKEN}",
        ),
        Client::Windsurf => file(
            access,
            "~/.codeium/windsurf/mcp_config.json",
            "serverUrl",
            "${env:HOMELAB_MCP_TOKEN}",
        ),
        Client::Gemini => file(
            access,
            "~/.gemini/settings.json",
            "httpUrl",
            "$HOMELAB_MCP_TOKEN",
        ),
        Client::Zed => zed(access),
        Client::ClaudeDesktop | Client::Generic => generic(access),
    }
}

/// A command line with the key in a header.
fn command(access: &Access, command: &str) -> Snippet {
    let header = format!("Authorization: {}", access.header("${HOMELAB_MCP_TOKEN}"));
    let line = format!("{command} --header {}", quoted(&header));
    text("run", line, access.note(SET_VARIABLE))
}

/// A file with `mcpServers`, where only the name of the URL and of variables differ.
fn file(access: &Access, place: &'static str, url: &str, placeholder: &str) -> Snippet {
    let entry = json!({
        url: access.url,
        "headers": { "Authorization": access.header(placeholder) },
    });
    let value = json!({ "mcpServers": { &access.name: entry } });
    json_text(place, value, access.note(SET_VARIABLE))
}

/// Fields of a form: the first and third as they are, the second with the URL, the fourth with the key.
fn menu(place: &'static str, fields: [&str; 4], access: &Access) -> Snippet {
    let [kind, url, auth, key] = fields;
    let shown = access.key.as_deref().unwrap_or("an agent key");
    let lines = format!("{kind}\n{url}{}\n{auth}\n{key}{shown}", access.url);
    let note = "it must reach this address: in a container, 127.0.0.1 is the container itself";
    text(place, lines, Some(note))
}

fn vs_code(access: &Access) -> Snippet {
    let mut value = json!({
        "servers": { &access.name: {
            "type": "http",
            "url": access.url,
            "headers": { "Authorization": access.header("${input:homelab-token}") },
        } },
    });
    if access.key.is_none() {
        value["inputs"] = json!([{
            "type": "promptString", "id": "homelab-token",
            "description": "Agent key of homelab-mcp", "password": true,
        }]);
    }
    let note = "VS Code asks for an agent key and keeps it";
    json_text(".vscode/mcp.json", value, access.note(note))
}

/// Codex refuses keys that are written out.
fn codex(access: &Access) -> Snippet {
    let (name, url) = (&access.name, &access.url);
    let table = format!("[mcp_servers.{name}]\nurl = {url:?}\nbearer_token_env_var = {VARIABLE:?}");
    text("~/.codex/config.toml", table, Some(SET_VARIABLE))
}

fn librechat(access: &Access) -> Snippet {
    let lines = [
        "mcpServers:".to_owned(),
        format!("  {}:", access.name),
        "    type: streamable-http".to_owned(),
        format!("    url: {}", access.url),
        "    headers:".to_owned(),
        format!(
            "      Authorization: \"{}\"",
            access.header("${HOMELAB_MCP_TOKEN}")
        ),
        "    requiresOAuth: false".to_owned(),
    ];
    let note = "set HOMELAB_MCP_TOKEN in LibreChat's .env; a private address must be listed under mcpSettings.allowedDomains";
    text("librechat.yaml", lines.join("\n"), access.note(note))
}

fn zed(access: &Access) -> Snippet {
    let value = json!({ "context_servers": { &access.name: {
        "url": access.url,
        "headers": { "Authorization": access.header("AGENT_KEY") },
    } } });
    let note = "put an agent key in the place of the placeholder";
    json_text("settings.json", value, access.note(note))
}

fn generic(access: &Access) -> Snippet {
    let value = json!({ "mcpServers": { &access.name: {
        "type": "http",
        "url": access.url,
        "headers": { "Authorization": access.header("${HOMELAB_MCP_TOKEN}") },
    } } });
    json_text("mcp.json", value, access.note(SET_VARIABLE))
}

fn over_stdio(client: Client, access: &Access) -> Snippet {
    let name = &access.name;
    let entry = json!({ "command": access.program, "args": access.arguments });
    let note = "the client starts this program itself; no key is needed";
    match client {
        Client::ClaudeCode => {
            let words: Vec<String> = std::iter::once(&access.program)
                .chain(&access.arguments)
                .map(|word| quoted(word))
                .collect();
            text(
                "run",
                format!("claude mcp add {name} -- {}", words.join(" ")),
                Some(note),
            )
        }
        Client::ClaudeDesktop => json_text(
            "claude_desktop_config.json (Settings > Developer > Edit Config)",
            json!({ "mcpServers": { name: entry } }),
            Some("Claude Desktop starts this program itself; no key is needed"),
        ),
        Client::VsCode => {
            let mut entry = entry;
            entry["type"] = json!("stdio");
            json_text(
                ".vscode/mcp.json",
                json!({ "servers": { name: entry } }),
                Some(note),
            )
        }
        Client::Zed => json_text(
            "settings.json",
            json!({ "context_servers": { name: entry } }),
            Some(note),
        ),
        Client::Codex => text(
            "~/.codex/config.toml",
            format!(
                "[mcp_servers.{name}]\ncommand = {:?}\nargs = {:?}",
                access.program, access.arguments
            ),
            Some(note),
        ),
        _ => json_text(
            "mcp.json",
            json!({ "mcpServers": { name: entry } }),
            Some(note),
        ),
    }
}

fn text(place: &'static str, text: String, note: Option<&'static str>) -> Snippet {
    Snippet {
        place,
        text,
        value: None,
        note,
    }
}

fn json_text(place: &'static str, value: Value, note: Option<&'static str>) -> Snippet {
    Snippet {
        place,
        text: format!("{value:#}"),
        value: Some(value),
        note,
    }
}

/// A word for a POSIX shell; variables in double quotes are still expanded.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!(
            "\"{}\"",
            word.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('`', "\\`")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(key: Option<&str>) -> Access {
        Access {
            name: "homelab".into(),
            url: "http://127.0.0.1:8080/mcp".into(),
            key: key.map(str::to_owned),
            program: "/opt/my tools/homelab-mcp".into(),
            arguments: vec!["serve".into(), "--stdio".into()],
        }
    }

    #[test]
    fn a_known_key_is_written_out_and_an_unknown_one_is_a_placeholder() {
        for client in Client::value_variants() {
            if matches!(client, Client::ClaudeDesktop | Client::Codex) {
                continue;
            }
            let with = snippet(*client, &access(Some("hlab_key")), false);
            let without = snippet(*client, &access(None), false);
            assert!(with.text.contains("hlab_key"), "{client:?}");
            assert!(
                with.text.contains("http://127.0.0.1:8080/mcp"),
                "{client:?}"
            );
            assert_ne!(with.text, without.text, "{client:?}");
        }
    }

    #[test]
    fn a_client_that_starts_the_program_needs_no_key() {
        for client in Client::value_variants() {
            let text = snippet(*client, &access(Some("hlab_key")), true).text;
            assert!(!text.contains("hlab_key"), "{client:?}");
            assert!(text.contains("/opt/my tools/homelab-mcp"), "{client:?}");
        }
    }

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        assert_eq!(
            snippet(Client::ClaudeCode, &access(None), true).text,
            "claude mcp add homelab -- \"/opt/my tools/homelab-mcp\" serve --stdio"
        );
        assert_eq!(
            snippet(Client::ClaudeCode, &access(Some("k")), false).text,
            "claude mcp add --transport http homelab http://127.0.0.1:8080/mcp --header \"Authorization: Bearer k\""
        );
    }
}
