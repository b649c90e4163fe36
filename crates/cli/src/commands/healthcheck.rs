//! `healthcheck`: for containers, which have no other client inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use homelab_upstream::{Client, ClientConfig, Request, TlsConfig};
use serde_json::json;

use super::begin;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::session::Session;

/// Options of `healthcheck`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: HEALTHCHECK CMD [\"/homelab-mcp\", \"healthcheck\"]")]
pub(crate) struct Args {
    /// Ask this server instead of the first address of `server.listen`.
    #[arg(long)]
    url: Option<String>,
    /// Seconds to wait.
    #[arg(long, default_value_t = 3)]
    timeout: u64,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let loaded = begin(session)?;
    let timeout = Duration::from_secs(args.timeout);
    let tls = &loaded.config.server.tls;
    if args.url.is_none() && tls.client_ca_file.is_some() {
        // Without a certificate of the clients' authority there is no more to see than this.
        let address = reachable(&loaded.config)?;
        let connected =
            tokio::time::timeout(timeout, tokio::net::TcpStream::connect(address)).await;
        connected
            .context("no answer in time")?
            .context("connecting")?;
        return well(session, &address.to_string());
    }
    let url = match &args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => local_url(&loaded.config)?,
    };
    let mut config = ClientConfig::new("healthcheck");
    config.timeout = timeout;
    config.retries = 0;
    // The certificate is made for the public name, and this asks by address on the same machine.
    config.tls = TlsConfig {
        insecure: args.url.is_none(),
        ..TlsConfig::default()
    };
    let client = Client::new(&config, session.redactor.clone())?;
    let ready = format!("{url}/readyz");
    let address = ready
        .parse()
        .map_err(|_| Failure::usage(format!("`{url}` is not a URL")))?;
    let answer = client.send(Request::get_url("readyz", address)).await?;
    if !answer.status.is_success() {
        let failure = Failure::new(format!(
            "not ready ({}): {}",
            answer.status,
            answer.text().trim()
        ));
        return Err(failure.hint("the server's log says more").into());
    }
    well(session, &url)
}

fn well(session: &Session, asked: &str) -> Result<Exit> {
    if session.output.is_json() {
        session
            .output
            .json(&json!({ "status": "ready", "asked": asked }))?;
    } else {
        session.output.line(format!("{asked} is ready"))?;
    }
    Ok(Exit::Ok)
}

fn local_url(config: &Config) -> Result<String> {
    let scheme = if config.server.tls.cert_file.is_some() {
        "https"
    } else {
        "http"
    };
    let address = reachable(config)?;
    Ok(format!("{scheme}://{address}{}", config.server.base_path))
}

/// The first listener as this machine reaches it.
fn reachable(config: &Config) -> Result<SocketAddr> {
    let first = config
        .server
        .listen
        .first()
        .context("`server.listen` is empty")?;
    let ip = match first.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, first.port()))
}
