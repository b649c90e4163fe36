//! `client-config`: how to connect a client.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::begin;
use crate::clients::{Access, Client, snippet};
use crate::config::Config;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output::Mark;
use crate::session::Session;

/// Options of `client-config`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp client-config claude-code
  homelab-mcp client-config cursor --server homelab
  homelab-mcp client-config vs-code --stdio

The key is a placeholder, or what HOMELAB_MCP_TOKEN holds. Make a key for each client with
`homelab-mcp keys create`; never put an owner key into a client.")]
pub(crate) struct Args {
    /// Which client; all of them without this.
    client: Option<Client>,
    /// Connect to this server alone.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Let the client start this program itself instead of connecting to a running one.
    #[arg(long)]
    stdio: bool,
    /// URL under which the client reaches the server (otherwise `server.public_url`, or the first
    /// address of `server.listen`).
    #[arg(long)]
    url: Option<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args, session: &Session) -> Result<Exit> {
    let loaded = begin(session)?;
    let mut access = access(&loaded.config, session, args.server.as_deref());
    if let Some(url) = &args.url {
        access.url = endpoint(url, args.server.as_deref());
    }
    access.key = session
        .environment
        .get("HOMELAB_MCP_TOKEN")
        .map(str::to_owned);
    let clients = match args.client {
        Some(client) => vec![client],
        None => Client::value_variants().to_vec(),
    };
    let output = &session.output;
    if output.is_json() {
        let mut all = Map::new();
        for client in clients {
            let snippet = snippet(client, &access, args.stdio);
            let config = snippet.value.unwrap_or_else(|| snippet.text.into());
            let entry = json!({ "place": snippet.place, "config": config, "note": snippet.note });
            all.insert(name(client), entry);
        }
        output.json_with_secret(&Value::Object(all))?;
        return Ok(Exit::Ok);
    }
    for (index, client) in clients.into_iter().enumerate() {
        let snippet = snippet(client, &access, args.stdio);
        if index > 0 {
            output.line("")?;
        }
        let heading = format!("{}: {}", name(client), snippet.place);
        output.line(output.mark(Mark::Strong, &heading))?;
        output.line_with_secret(&snippet.text)?;
        if let Some(note) = snippet.note {
            output.line(output.mark(Mark::Faint, &format!("({note})")))?;
        }
    }
    Ok(Exit::Ok)
}

fn name(client: Client) -> String {
    client
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// How clients reach this server, without a key.
pub(crate) fn access(config: &Config, session: &Session, server: Option<&str>) -> Access {
    let mut arguments = Vec::new();
    let environment = &session.environment;
    for (option, path) in [
        ("--config", &session.config_file),
        ("--data-dir", &session.data_dir),
    ] {
        if let Some(path) = path {
            arguments.push(option.to_owned());
            arguments.push(absolute(path, environment));
        }
    }
    arguments.extend(["serve".to_owned(), "--stdio".to_owned()]);
    if let Some(server) = server {
        arguments.extend(["--server".to_owned(), server.to_owned()]);
    }
    let program = std::env::current_exe().map_or_else(
        |_| "homelab-mcp".to_owned(),
        |path| path.display().to_string(),
    );
    Access {
        name: server.unwrap_or("homelab").to_owned(),
        url: endpoint(&base_url(config), server),
        key: None,
        program,
        arguments,
    }
}

/// Where this server is, as clients see it, without a slash at the end.
pub(crate) fn base_url(config: &Config) -> String {
    let server = &config.server;
    if let Some(url) = &server.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if server.tls.cert_file.is_some() {
        "https"
    } else {
        "http"
    };
    let host = match server.listen.first() {
        // Everywhere is nowhere in particular; this machine is the best guess.
        Some(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        Some(address) => address.to_string(),
        None => "127.0.0.1:8080".to_owned(),
    };
    format!("{scheme}://{host}{}", server.base_path)
}

fn endpoint(base: &str, server: Option<&str>) -> String {
    let base = base.trim_end_matches('/').trim_end_matches("/mcp");
    match server {
        Some(server) => format!("{base}/servers/{server}/mcp"),
        None => format!("{base}/mcp"),
    }
}

fn absolute(path: &Path, environment: &Environment) -> String {
    environment.directory.join(path).display().to_string()
}
