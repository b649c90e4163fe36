//! The log: to standard error, always, and without any known secret.

use std::io::{self, Write};

use anyhow::{Result, bail};
use homelab_core::redact::Redactor;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::sections::LogFormat;
use crate::environment::Environment;

/// Changes the level while the program runs.
pub(crate) type LevelHandle = reload::Handle<EnvFilter, Registry>;

/// Logs the arguments and results of calls below `warn`, which may hold secrets that nobody
/// registered; so it is kept at `error`, whatever else is asked for.
const PROTOCOL_SDK: &str = "rmcp";

/// Reads a level or a list of filters.
///
/// # Errors
/// If a part is neither, or names the protocol SDK. A bare word would otherwise be taken for a
/// module, and hide all others.
pub(crate) fn filter(level: &str) -> Result<EnvFilter> {
    for part in level.split(',').map(str::trim) {
        let (target, severity) = part.rsplit_once('=').unwrap_or(("", part));
        if severity.is_empty() || severity.parse::<LevelFilter>().is_err() {
            bail!("`{severity}` is not a severity");
        }
        if target.starts_with(PROTOCOL_SDK) {
            bail!("`{PROTOCOL_SDK}` logs what calls carry, so it stays at `error`");
        }
    }
    let cap = format!("{PROTOCOL_SDK}=error").parse()?;
    Ok(EnvFilter::builder().parse(level)?.add_directive(cap))
}

/// Starts logging; the program does so once.
pub(crate) fn start(
    level: &str,
    format: LogFormat,
    environment: &Environment,
    redactor: &Redactor,
) -> Result<LevelHandle> {
    let (level, handle) = reload::Layer::new(filter(level)?);
    let writer = Redacted {
        redactor: redactor.clone(),
        sink: io::stderr,
    };
    let human = match format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => environment.stderr_is_terminal,
    };
    let colour = environment.stderr_is_terminal && !environment.refuses_colour();
    tracing_subscriber::registry()
        .with(level)
        .with(lines(human, colour, writer))
        .try_init()?;
    report_panics();
    Ok(handle)
}

/// Lines for people, or one JSON object on each.
fn lines<S, W>(human: bool, colour: bool, writer: Redacted<W>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
{
    if human {
        return Box::new(fmt::layer().with_writer(writer).with_ansi(colour));
    }
    Box::new(
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer),
    )
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

/// Standard error, or what stands in its place, without known secrets. The formatter hands over one
/// whole line at a time, so no secret is cut in two.
struct Redacted<W> {
    redactor: Redactor,
    sink: fn() -> W,
}

impl<'a, W: Write> MakeWriter<'a> for Redacted<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            redactor: &self.redactor,
            sink: (self.sink)(),
        }
    }
}

struct Line<'a, W> {
    redactor: &'a Redactor,
    sink: W,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.sink.write_all(self.redactor.text(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::sync::{Mutex, PoisonError};

    use homelab_core::secret::Secret;

    use super::*;

    static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    /// Stands in the place of standard error.
    struct Kept;

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
            written.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_protocol_sdk_never_logs_what_calls_carry() {
        let capped = filter("trace").unwrap().to_string();

        assert!(capped.contains("rmcp=error"), "{capped}");
        assert!(filter("info,rmcp::service=trace").is_err());
    }

    #[test]
    fn neither_a_line_nor_a_panic_holds_a_known_secret() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("say \"friend\" and enter"));
        let sink = || Kept;
        let subscriber = tracing_subscriber::registry()
            .with(lines(
                false,
                false,
                Redacted {
                    redactor: redactor.clone(),
                    sink,
                },
            ))
            .with(lines(true, false, Redacted { redactor, sink }));
        let before = std::panic::take_hook();
        report_panics();

        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(
                password = "say \"friend\" and enter",
                "it is {:?}",
                "say \"friend\" and enter"
            );
            let panicked = catch_unwind(|| panic!("cannot open with say \"friend\" and enter"));
            assert!(panicked.is_err());
        });

        std::panic::set_hook(before);
        let written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&written);
        assert_eq!(text.matches("a fault in the program").count(), 2, "{text}");
        assert!(!text.contains("friend"), "{text}");
        assert!(text.contains("logging.rs"), "{text}");
    }

    #[test]
    fn a_level_may_be_a_list_of_filters() {
        assert!(filter("info,homelab_upstream=debug").is_ok());
        for wrong in [
            "loud",
            "info,loud",
            "homelab_store=",
            "homelab_store=loud",
            "",
        ] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
