//! What every command is given: environment, global options, terminal, time and randomness.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use homelab_core::clock::{Clock, Entropy, OsEntropy, SystemClock};
use homelab_core::redact::Redactor;

use crate::config::{self, Config, ConfigResult, Loaded, Places, Request};
use crate::data_dir::{DataDir, running_demo};
use crate::environment::Environment;
use crate::output::Output;
use crate::servers;

/// One run of the program.
pub(crate) struct Session {
    /// What the process was started with.
    pub(crate) environment: Environment,
    /// `--config`.
    pub(crate) config_file: Option<PathBuf>,
    /// `--data-dir`.
    pub(crate) data_dir: Option<PathBuf>,
    /// The terminal.
    pub(crate) output: Output,
    /// All secrets known so far.
    pub(crate) redactor: Redactor,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Randomness.
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Session {
    /// A session of the machine's clock and generator.
    pub(crate) fn new(
        environment: Environment,
        config_file: Option<PathBuf>,
        data_dir: Option<PathBuf>,
        output: Output,
        redactor: Redactor,
    ) -> Self {
        Self {
            environment,
            config_file,
            data_dir,
            output,
            redactor,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        }
    }

    /// Reads the configuration.
    pub(crate) fn load(&self, places: Places) -> ConfigResult<Loaded> {
        config::load(&Request {
            file: self.config_file.as_ref(),
            places,
            environment: &self.environment,
            kinds: &servers::kinds(),
            redactor: &self.redactor,
        })
    }

    /// Opens the data directory, making it if need be.
    pub(crate) fn open_data_dir(&self, config: &Config) -> Result<DataDir> {
        DataDir::open(self.locate_data_dir(config)?)
    }

    /// The data directory, or, where nobody has one yet, that of a running demo: whoever tries the
    /// demo looks around with the same commands. Only for commands that look.
    pub(crate) fn open_data_dir_or_demo(&self, config: &Config) -> Result<DataDir> {
        let path = self.locate_data_dir(config)?;
        let is_named = self.data_dir.is_some() || config.data_dir.is_some();
        if !is_named
            && !path.exists()
            && let Some(demo) = running_demo(&self.environment)
        {
            self.output.note("(the running demo's data)")?;
            return Ok(demo);
        }
        DataDir::open(path)
    }

    /// Where the data directory is, or would be.
    pub(crate) fn locate_data_dir(&self, config: &Config) -> Result<PathBuf> {
        DataDir::locate(self.data_dir.as_deref(), config, &self.environment)
    }
}
