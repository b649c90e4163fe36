//! Everything the program writes to the terminal, apart from the log: data to standard output,
//! the rest to standard error; colour for people only; no known secret in either.

use std::fmt::Display;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use comfy_table::{Attribute, Color, ContentArrangement, Table, presets};
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::environment::Environment;

/// Whether people or programs read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Tables and sentences.
    Human,
    /// JSON.
    Json,
}

/// How a word is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Fine.
    Good,
    /// Needs attention.
    Warning,
    /// Wrong.
    Bad,
    /// Less important than what is around it.
    Faint,
    /// A heading.
    Strong,
}

impl Mark {
    fn style(self) -> Style {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// One cell of a table.
pub(crate) struct Cell {
    text: String,
    mark: Option<Mark>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, mark: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Cell {
    /// A cell in the mark's colour.
    pub(crate) fn marked(mark: Mark, text: &str) -> Self {
        Self {
            text: text.to_owned(),
            mark: Some(mark),
        }
    }

    fn styled(self, colour: bool) -> comfy_table::Cell {
        let cell = comfy_table::Cell::new(homelab_core::render::printable(&self.text));
        match self.mark {
            Some(mark) if colour => match mark {
                Mark::Good => cell.fg(Color::Green),
                Mark::Warning => cell.fg(Color::Yellow),
                Mark::Bad => cell.fg(Color::Red),
                Mark::Faint => cell.add_attribute(Attribute::Dim),
                Mark::Strong => cell.add_attribute(Attribute::Bold),
            },
            _ => cell,
        }
    }
}

/// One of the two standard streams.
#[derive(Debug, Clone, Copy)]
struct Stream {
    is_terminal: bool,
    colour: bool,
}

/// The terminal, or what stands in its place.
#[derive(Clone)]
pub(crate) struct Output {
    mode: Mode,
    stdout: Stream,
    stderr: Stream,
    interactive: bool,
    redactor: Redactor,
}

impl Output {
    /// Output for this environment.
    pub(crate) fn new(environment: &Environment, mode: Mode, redactor: Redactor) -> Self {
        let stream = |is_terminal| Stream {
            is_terminal,
            colour: is_terminal && !environment.refuses_colour(),
        };
        Self {
            mode,
            stdout: stream(environment.stdout_is_terminal),
            stderr: stream(environment.stderr_is_terminal),
            interactive: environment.stdin_is_terminal && environment.stderr_is_terminal,
            redactor,
        }
    }

    /// Whether programs read the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.mode == Mode::Json
    }

    /// Whether a question would be seen and can be answered.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// A line of the answer. Known secrets are taken out.
    pub(crate) fn line(&self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        self.raw(&format!("{}\n", self.redactor.text(&text)))
    }

    /// A line that shows a secret on purpose, such as a new key.
    pub(crate) fn line_with_secret(&self, text: impl Display) -> Result<()> {
        self.raw(&format!("{text}\n"))
    }

    /// The answer as JSON: indented on a terminal, on one line otherwise.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<()> {
        let text = self.json_text(value)?;
        self.line(text)
    }

    /// The answer as JSON with a secret in it on purpose.
    pub(crate) fn json_with_secret(&self, value: &impl Serialize) -> Result<()> {
        let text = self.json_text(value)?;
        self.line_with_secret(text)
    }

    fn json_text(&self, value: &impl Serialize) -> Result<String> {
        Ok(if self.stdout.is_terminal {
            serde_json::to_string_pretty(value)?
        } else {
            serde_json::to_string(value)?
        })
    }

    /// Text of the answer as it is.
    #[expect(
        clippy::unused_self,
        reason = "whoever writes must have been given the terminal"
    )]
    pub(crate) fn raw(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Rows below headings, without borders; as wide as the terminal, or as wide as needed.
    pub(crate) fn table<C: Into<Cell>>(&self, headings: &[&str], rows: Vec<Vec<C>>) -> Result<()> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        if self.stdout.is_terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        let colour = self.stdout.colour;
        let heading = |text: &&str| Cell::marked(Mark::Strong, text).styled(colour);
        table.set_header(headings.iter().map(heading));
        for row in rows {
            table.add_row(row.into_iter().map(|cell| cell.into().styled(colour)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: Vec<String> = table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        self.line(text.join("\n"))
    }

    /// The text in the mark's colour, where standard output has colours.
    pub(crate) fn mark(&self, mark: Mark, text: &str) -> String {
        painted(self.stdout.colour, mark, text)
    }

    /// A remark beside the answer.
    pub(crate) fn note(&self, text: impl Display) -> Result<()> {
        self.aside(&painted(self.stderr.colour, Mark::Faint, &text.to_string()))
    }

    /// Something that needs attention.
    pub(crate) fn warn(&self, text: impl Display) -> Result<()> {
        let label = painted(self.stderr.colour, Mark::Warning, "warning:");
        self.aside(&format!("{label} {text}"))
    }

    /// What went wrong and what to do.
    pub(crate) fn error(&self, message: &str, hint: Option<&str>) -> Result<()> {
        let label = painted(self.stderr.colour, Mark::Bad, "error:");
        self.aside(&format!("{label} {message}"))?;
        match hint {
            Some(hint) => {
                let label = painted(self.stderr.colour, Mark::Strong, "hint:");
                self.aside(&format!("{label} {hint}"))
            }
            None => Ok(()),
        }
    }

    fn aside(&self, text: &str) -> Result<()> {
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "{}", self.redactor.text(text))?;
        Ok(())
    }

    /// Asks a person; no person says no.
    pub(crate) fn confirm(&self, question: &str) -> Result<bool> {
        if !self.interactive {
            return Ok(false);
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{} [y/N] ", self.redactor.text(question))?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    /// Asks a person for a secret without showing it.
    pub(crate) fn ask_secret(&self, question: &str) -> Result<Secret> {
        if !self.interactive {
            bail!("there is no terminal to ask on");
        }
        let text = rpassword::prompt_password(format!("{question}: "))
            .context("reading from the terminal")?;
        Ok(Secret::new(text))
    }

    /// Shows that something takes its time; nothing when no person looks, or for JSON.
    pub(crate) fn progress(&self, what: &str) -> ProgressBar {
        if !self.stderr.is_terminal || self.is_json() {
            return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// Turns a spinner into a bar once the amount is known.
    pub(crate) fn measure(bar: &ProgressBar, total: u64) {
        bar.set_length(total);
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
    }
}

fn painted(colour: bool, mark: Mark, text: &str) -> String {
    if !colour {
        return text.to_owned();
    }
    let style = mark.style();
    format!("{style}{text}{style:#}")
}
