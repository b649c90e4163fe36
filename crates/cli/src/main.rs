//! homelab-mcp: the control plane between AI agents and a home lab, in one binary.
//!
//! Read [`cli`] for what it can do, [`config`] for how it is set up, [`services`] for how it is put
//! together, and [`serve`] for how it serves.

mod cli;
mod clients;
mod commands;
mod config;
mod data_dir;
mod environment;
mod exit;
mod key_files;
mod logging;
mod output;
mod owner;
mod pin;
mod policy;
mod serve;
mod servers;
mod services;
mod session;
mod target;
mod teamwork;
mod transfer;

use std::io;
use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::Parser as _;
use homelab_core::redact::Redactor;

use cli::{Cli, Command};
use environment::Environment;
use exit::{Exit, Report};
use output::{Mode, Output};
use session::Session;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::of_process();
    let redactor = Redactor::default();
    let mode = if cli.json { Mode::Json } else { Mode::Human };
    let output = Output::new(&environment, mode, redactor.clone());
    let session = Session::new(environment, cli.config, cli.data_dir, output, redactor);
    let exit = run(cli.command, &session).unwrap_or_else(|error| report(&session.output, &error));
    exit.into()
}

fn run(command: Command, session: &Session) -> Result<Exit> {
    // TLS is used by the listeners and by outbound requests; both mean this provider.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| Error::msg("another TLS provider was installed first"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(commands::run(command, session));
    // A thread that waits for standard input cannot be stopped; it must not hold up the end.
    runtime.shutdown_background();
    exit
}

/// Says what went wrong. A reader that went away (`| head`) is no failure.
fn report(output: &Output, error: &Error) -> Exit {
    let broken_pipe = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
    if broken_pipe {
        return Exit::Ok;
    }
    let report = Report::of(error);
    // Nowhere left to say that standard error cannot be written.
    drop(output.error(&report.message, report.hint.as_deref()));
    report.exit
}
