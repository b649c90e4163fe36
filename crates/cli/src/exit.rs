//! How the program ends.

use std::fmt;
use std::process::ExitCode;

use anyhow::Error;
use homelab_core::error::ToolError;

/// Exit codes, as `--help` documents them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// Failed, or found something wrong.
    Failed,
    /// The command line or the configuration makes no sense.
    Usage,
    /// The call waits for somebody's agreement, or was not agreed to.
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
        })
    }
}

/// A failure with a next step, and possibly with an exit code of its own.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(message)
        }
    }

    /// Adds the next step.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// What is shown of an error: the chain of causes in one line, and the first hint found.
pub(crate) struct Report {
    /// What went wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// How the program ends.
    pub(crate) exit: Exit,
}

impl Report {
    /// Reads an error.
    pub(crate) fn of(error: &Error) -> Self {
        let mut report = Self {
            message: String::new(),
            hint: None,
            exit: Exit::Failed,
        };
        let mut parts: Vec<String> = Vec::new();
        for cause in error.chain() {
            let (text, hint) = if let Some(error) = cause.downcast_ref::<ToolError>() {
                let envelope = error.envelope();
                (envelope.message.clone(), envelope.hint.clone())
            } else if let Some(failure) = cause.downcast_ref::<Failure>() {
                report.exit = failure.exit;
                (failure.message.clone(), failure.hint.clone())
            } else {
                if cause.is::<crate::config::ConfigError>() {
                    report.exit = Exit::Usage;
                }
                (cause.to_string(), None)
            };
            // Some errors repeat their source in their own text.
            if !parts.iter().any(|part| part.contains(&text)) {
                parts.push(text);
            }
            report.hint = report.hint.or(hint);
        }
        report.message = parts.join(": ");
        report
    }
}
