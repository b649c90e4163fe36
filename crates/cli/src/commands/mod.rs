//! The commands, one file each: its options, and what it does.

pub(crate) mod approvals;
pub(crate) mod archives;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod client_config;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod healthcheck;
pub(crate) mod inventory;
pub(crate) mod keys;
pub(crate) mod kill_switch;
pub(crate) mod memory;
pub(crate) mod policy;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod ssh;
pub(crate) mod taint;
pub(crate) mod tools;

use anyhow::Result;

use crate::cli::Command;
use crate::config::{Loaded, Places};
use crate::data_dir::DataDir;
use crate::exit::Exit;
use crate::logging;
use crate::services::Services;
use crate::session::Session;

/// Runs one command.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::Serve(args) => serve::run(args, session).await,
        Command::Tools(command) => tools::run(command, session).await,
        Command::Inventory(command) => inventory::run(command, session).await,
        Command::Memory(command) => memory::run(command, session).await,
        Command::Credentials(command) => credentials::run(command, session).await,
        Command::Archives(command) => archives::run(command, session).await,
        Command::Keys(command) => keys::run(command, session).await,
        Command::Approvals(command) => approvals::run(command, session).await,
        Command::Ssh(command) => ssh::run(command, session).await,
        Command::Taint(command) => taint::run(command, session).await,
        Command::Policy(command) => policy::run(command, session).await,
        Command::Audit(command) => audit::run(command, session).await,
        Command::Config(command) => config::run(command, session),
        Command::Doctor(args) => doctor::run(args, session).await,
        Command::ClientConfig(args) => client_config::run(&args, session),
        Command::KillSwitch(args) => kill_switch::run(args, session).await,
        Command::Backup(args) => backup::run(args, session).await,
        Command::Restore(args) => restore::run(args, session).await,
        Command::Export(command) => export::run(&command, session),
        Command::Healthcheck(args) => healthcheck::run(args, session).await,
        Command::Completions(args) => completions::run(&args, session),
    }
}

/// Reads the configuration and starts the log: warnings only, unless the configuration asks for
/// something else, because the answer is what matters on a command line.
fn begin(session: &Session) -> Result<Loaded> {
    let loaded = session.load(Places::All)?;
    let log = &loaded.config.log;
    let level = match loaded.origin("log.level") {
        Some(_) => log.level.as_str(),
        None => "warn",
    };
    logging::start(level, log.format, &session.environment, &session.redactor)?;
    Ok(loaded)
}

/// Opens everything, does the work, and ends in order whether it worked or not.
async fn with_services(
    session: &Session,
    work: impl AsyncFnOnce(&Services, &Loaded) -> Result<Exit>,
) -> Result<Exit> {
    let loaded = begin(session)?;
    let data = session.open_data_dir(&loaded.config)?;
    with_data(session, loaded, data, work).await
}

/// The same for commands that only look, which also look at a running demo.
async fn with_services_or_demo(
    session: &Session,
    work: impl AsyncFnOnce(&Services, &Loaded) -> Result<Exit>,
) -> Result<Exit> {
    let mut loaded = begin(session)?;
    let data = session.open_data_dir_or_demo(&loaded.config)?;
    if data.is_demo() {
        serve::use_nothing_real(&mut loaded.config);
        loaded.config.servers = data.demo_servers()?;
    }
    with_data(session, loaded, data, work).await
}

async fn with_data(
    session: &Session,
    loaded: Loaded,
    data: DataDir,
    work: impl AsyncFnOnce(&Services, &Loaded) -> Result<Exit>,
) -> Result<Exit> {
    let services = Services::open_in(session, &loaded.config, data).await?;
    let worked = work(&services, &loaded).await;
    let closed = services.close().await;
    let exit = worked?;
    closed?;
    Ok(exit)
}
