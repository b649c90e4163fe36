//! The log: to standard error, always, and without any known secret.

use std::io::{self, Write};

use anyhow::Result;
use homelab_core::redact::Redactor;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::sections::LogFormat;
use crate::environment::Environment;

/// Changes the level while the program runs.
pub(crate) type LevelHandle = reload::Handle<EnvFilter, Registry>;

/// Reads a level or a list of filters.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(level)
}

/// Starts logging; the program does so once.
pub(crate) fn start(
    level: &str,
    format: LogFormat,
    environment: &Environment,
    redactor: &Redactor,
) -> Result<LevelHandle> {
    let (level, handle) = reload::Layer::new(filter(level)?);
    let writer = Redacted(redactor.clone());
    let human = match format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => environment.stderr_is_terminal,
    };
    let colour = environment.stderr_is_terminal && !environment.refuses_colour();
    let lines: Box<dyn tracing_subscriber::Layer<_> + Send + Sync> = if human {
        Box::new(fmt::layer().with_writer(writer).with_ansi(colour))
    } else {
        Box::new(
            fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_writer(writer),
        )
    };
    tracing_subscriber::registry()
        .with(level)
        .with(lines)
        .try_init()?;
    report_panics();
    Ok(handle)
}

/// A panic goes through the log, where its text is redacted, and not to standard error as it is.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.place = place, "a fault in the program: {message}");
    }));
}

/// Standard error without known secrets. The formatter hands over one whole line at a time, so no
/// secret is cut in two.
struct Redacted(Redactor);

impl<'a> MakeWriter<'a> for Redacted {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

struct Line<'a>(&'a Redactor);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        io::stderr().write_all(self.0.text(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
