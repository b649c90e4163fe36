//! `models`: models that run in this process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use homelab_core::error::ToolResult;
use homelab_memory::embed::minilm::{Artifact, Install, MODEL};
use homelab_upstream::{
    Client, ClientConfig, HeaderName, Overflow, Request, Response, Url, header,
};
use serde_json::json;

use crate::commands::begin;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;

/// Folder of the data directory that models are installed in.
pub(crate) const FOLDER: &str = "models";
/// Bytes of one request: what is lost when a connection breaks.
const PIECE: u64 = 4 * 1024 * 1024;
/// Seconds that one of them may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the models, and which of them are installed.
    List,
    /// Fetch and install a model.
    Pull(Args),
}

/// Options of `models pull`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp models pull minilm
  homelab-mcp models pull minilm --from-file model.safetensors
  homelab-mcp models pull minilm --url http://192.0.2.10/mirror/model.safetensors

The file's size and SHA-256 are known to this program: whatever else arrives is refused. A download
that was interrupted goes on where it ended.")]
pub(crate) struct Args {
    /// Which one.
    model: Name,
    /// Take it from a file that was brought here by other means.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    from_file: Option<PathBuf>,
    /// Fetch it from another place than where it is published.
    #[arg(long)]
    url: Option<Url>,
}

/// A model that can be installed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    /// all-MiniLM-L6-v2: vectors of English text, 91 MB.
    Minilm,
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    let loaded = begin(session)?;
    let folder = session.locate_data_dir(&loaded.config)?.join(FOLDER);
    match command {
        Command::List => list(&folder, &session.output),
        Command::Pull(args) => {
            // Makes the data directory as private as it ought to be.
            session.open_data_dir(&loaded.config)?;
            pull(&args, &folder, session).await
        }
    }
}

fn list(folder: &Path, output: &Output) -> Result<Exit> {
    let state = if MODEL.is_installed(folder) {
        "installed"
    } else {
        "not installed"
    };
    if output.is_json() {
        output.json(&json!({ "models": [
            { "name": "builtin", "state": "in the program" },
            { "name": "minilm", "state": state, "bytes": MODEL.bytes, "license": MODEL.license },
        ] }))?;
        return Ok(Exit::Ok);
    }
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let rows = vec![
        row(["builtin", "in the program", ""]),
        row(["minilm", state, MODEL.license]),
    ];
    output.table(&["MODEL", "STATE", "LICENCE"], rows)?;
    Ok(Exit::Ok)
}

async fn pull(args: &Args, folder: &Path, session: &Session) -> Result<Exit> {
    let Name::Minilm = args.model;
    let output = &session.output;
    let path = match &args.from_file {
        Some(file) => {
            let file = session.environment.directory.join(file);
            let reader = File::open(&file);
            let reader = reader.with_context(|| format!("reading `{}`", file.display()))?;
            let bar = output.progress("installing minilm");
            let installed = MODEL.install(folder, reader);
            bar.finish_and_clear();
            installed.with_context(|| format!("`{}` was not installed", file.display()))?
        }
        None if MODEL.is_installed(folder) => MODEL.path(folder),
        None => {
            let url = match &args.url {
                Some(url) => url.clone(),
                None => Url::parse(MODEL.url).context("the model's address")?,
            };
            download(&MODEL, url, folder, session).await?
        }
    };
    if output.is_json() {
        output.json(&json!({ "model": "minilm", "path": path, "bytes": MODEL.bytes }))?;
    } else {
        output.line(format!("minilm is installed in {}", path.display()))?;
        output.note(
            "it is used from the next start on, unless `embedding.provider` says otherwise",
        )?;
    }
    Ok(Exit::Ok)
}

/// Fetches what is missing, piece by piece.
async fn download(
    artifact: &'static Artifact,
    url: Url,
    folder: &Path,
    session: &Session,
) -> Result<PathBuf> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let config = ClientConfig {
        settings: "models pull".to_owned(),
        timeout: PATIENCE,
        ..ClientConfig::new(host.as_str())
    };
    let client = Client::new(&config, session.redactor.clone())?;
    let mut install = Install::begin(artifact, folder).context("preparing the download")?;
    let bar = session.output.progress("fetching minilm");
    Output::measure(&bar, artifact.bytes);
    while install.written() < artifact.bytes {
        bar.set_position(install.written());
        let answer = piece(&client, &url, install.written(), artifact.bytes).await;
        let answer = answer.with_context(|| {
            format!(
                "`{host}` stopped; the next try goes on after {} bytes",
                install.written()
            )
        })?;
        if answer.status.as_u16() != 206 && install.written() > 0 {
            // It sent everything from the beginning.
            install.restart()?;
        }
        if answer.body.is_empty() {
            return Err(Failure::new(format!("`{host}` has no more of the file"))
                .hint("give the address of the whole file with `--url`")
                .into());
        }
        install.write(&answer.body)?;
    }
    bar.finish_and_clear();
    install.finish().context("the file is not the model")
}

async fn piece(client: &Client, url: &Url, from: u64, whole: u64) -> ToolResult<Response> {
    let to = (from + PIECE).min(whole) - 1;
    let most = usize::try_from(whole).unwrap_or(usize::MAX);
    let request = Request::get_url("model", url.clone())
        .header(header::RANGE, &format!("bytes={from}-{to}"))
        .header(HeaderName::from_static("accept-encoding"), "identity")
        .max_body(most, Overflow::Fail);
    Ok(client.send(request).await?.checked()?)
}
