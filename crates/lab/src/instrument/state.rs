//! What an instrument knows: its settings, its error queue, its answers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::header::matches;

/// Most entries of the error queue; SCPI-99 asks for at least two.
const MAX_ERRORS: usize = 16;
/// Event status bit "command error" (IEEE 488.2, 11.5.1).
const COMMAND_ERROR: u8 = 1 << 5;
/// Event status bit "operation complete".
const OPERATION_COMPLETE: u8 = 1;

/// What an instrument is, before it is started.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name in the inventory.
    pub name: String,
    /// Its answer to `*IDN?`.
    pub idn: String,
    /// What it does on which header; headers are patterns such as `MEASure:VOLTage[:DC]?`.
    pub table: Vec<(String, Action)>,
}

/// What happens on a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// This text is the answer.
    Say(String),
    /// This text is the answer, late.
    SayAfter(Duration, String),
    /// These bytes are the answer, as an IEEE 488.2 block of definite length.
    Block(Vec<u8>),
    /// These bytes are the answer, exactly so, without a terminator of ours.
    Raw(Vec<u8>),
    /// The setting of this name is the answer.
    Get(&'static str),
    /// The parameter becomes the setting of this name.
    Set(&'static str),
    /// Nothing at all, and no error either.
    Silence,
}

/// A running instrument's memory.
pub(crate) struct State {
    profile: Profile,
    settings: BTreeMap<&'static str, String>,
    errors: VecDeque<&'static str>,
    events: u8,
}

impl State {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            settings: BTreeMap::new(),
            errors: VecDeque::new(),
            events: 0,
        }
    }

    pub(crate) fn set(&mut self, header: &str, action: Action) {
        // The first entry that fits wins.
        self.profile.table.insert(0, (header.to_owned(), action));
    }

    /// Runs a message of one or more commands; the answers of its queries are joined by `;`.
    /// The delay is how long the instrument thinks.
    pub(crate) fn run(&mut self, message: &str) -> (Duration, Vec<u8>) {
        let mut delay = Duration::ZERO;
        let mut answer = Vec::new();
        let mut terminated = false;
        for command in split(message) {
            let (header, parameter) = match command.split_once(char::is_whitespace) {
                Some((header, parameter)) => (header, parameter.trim()),
                None => (command, ""),
            };
            let Some(action) = self.action(header) else {
                self.error(r#"-113,"Undefined header""#);
                continue;
            };
            let said = match action {
                Action::Say(text) => text.into_bytes(),
                Action::SayAfter(time, text) => {
                    delay += time;
                    text.into_bytes()
                }
                Action::Block(bytes) => block(&bytes),
                Action::Raw(bytes) => {
                    terminated = true;
                    bytes
                }
                Action::Get(name) => self.setting(name).into_bytes(),
                Action::Set(name) => {
                    if parameter.is_empty() {
                        self.error(r#"-109,"Missing parameter""#);
                    } else {
                        self.settings.insert(name, parameter.to_ascii_uppercase());
                    }
                    continue;
                }
                Action::Silence => continue,
            };
            if !answer.is_empty() {
                answer.push(b';');
            }
            answer.extend(said);
        }
        if !answer.is_empty() && !terminated {
            answer.push(b'\n');
        }
        (delay, answer)
    }

    fn action(&mut self, header: &str) -> Option<Action> {
        let own = self
            .profile
            .table
            .iter()
            .find(|(pattern, _)| matches(pattern, header))
            .map(|(_, action)| action.clone());
        own.or_else(|| self.common(header))
    }

    /// What every instrument understands.
    fn common(&mut self, header: &str) -> Option<Action> {
        let say = |text: &str| Some(Action::Say(text.to_owned()));
        match header.to_ascii_uppercase().as_str() {
            "*IDN?" => say(&self.profile.idn),
            "*OPC?" => say("1"),
            "*TST?" | "*OPT?" => say("0"),
            "*ESR?" => {
                let events = std::mem::take(&mut self.events);
                say(&events.to_string())
            }
            // Bit 2: the error queue is not empty.
            "*STB?" => say(if self.errors.is_empty() { "0" } else { "4" }),
            "*OPC" => {
                self.events |= OPERATION_COMPLETE;
                Some(Action::Silence)
            }
            "*RST" => {
                self.settings.clear();
                Some(Action::Silence)
            }
            "*CLS" => {
                self.errors.clear();
                self.events = 0;
                Some(Action::Silence)
            }
            header if matches("SYSTem:ERRor[:NEXT]?", header) => {
                let error = self.errors.pop_front().unwrap_or(r#"0,"No error""#);
                say(error)
            }
            header if matches("SYSTem:VERSion?", header) => say("1999.0"),
            _ => None,
        }
    }

    fn setting(&self, name: &str) -> String {
        self.settings
            .get(name)
            .cloned()
            .unwrap_or_else(|| "0".to_owned())
    }

    fn error(&mut self, error: &'static str) {
        self.events |= COMMAND_ERROR;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push_back(error);
        }
    }
}

/// The commands of a message; a `;` between quotes does not part them.
fn split(message: &str) -> Vec<&str> {
    let mut quote = None;
    message
        .split(|letter: char| {
            match (quote, letter) {
                (None, '"' | '\'') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                _ => {}
            }
            quote.is_none() && letter == ';'
        })
        .map(str::trim)
        .filter(|command| !command.is_empty())
        .collect()
}

/// `#<digits of the length><length><bytes>` (IEEE 488.2, 8.7.9).
fn block(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len().to_string();
    let mut block = format!("#{}{length}", length.len()).into_bytes();
    block.extend_from_slice(bytes);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply() -> State {
        State::new(Profile {
            name: "psu".into(),
            idn: "Maker,Model,1,2".into(),
            table: vec![
                ("[SOURce:]VOLTage".into(), Action::Set("volt")),
                ("[SOURce:]VOLTage?".into(), Action::Get("volt")),
                ("CURVe?".into(), Action::Block(b"a;b\nc".to_vec())),
            ],
        })
    }

    #[test]
    fn a_setting_is_kept_until_reset() {
        let mut supply = supply();

        assert_eq!(supply.run("VOLT 3.3").1, b"");
        assert_eq!(supply.run("SOUR:VOLT?;*OPC?").1, b"3.3;1\n");
        assert_eq!(supply.run("*RST;VOLT?").1, b"0\n");
    }

    #[test]
    fn an_unknown_header_is_silent_and_queued() {
        let mut supply = supply();

        assert_eq!(supply.run("BOGUS?").1, b"");
        assert_eq!(supply.run("*STB?;*ESR?").1, b"4;32\n");
        assert_eq!(supply.run("SYST:ERR?").1, b"-113,\"Undefined header\"\n");
        assert_eq!(supply.run("SYST:ERR?").1, b"0,\"No error\"\n");
    }

    #[test]
    fn a_block_says_its_length() {
        assert_eq!(supply().run("CURV?").1, b"#15a;b\nc\n");
    }
}
