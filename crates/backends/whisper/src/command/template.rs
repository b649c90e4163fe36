//! The form of a command that is known to look only.

use super::value::Value;

/// What the words of a command must be, to the last one.
///
/// An option that is not listed is refused, so an option that a later version of the program adds
/// cannot slip in. Abbreviated long options are refused for the same reason.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// The program, by bare name.
    pub(super) program: &'static str,
    /// Options that may stand before the subcommand, besides `flags`.
    pub(super) global: &'static [&'static str],
    /// Words that must follow: the subcommand.
    pub(super) subcommand: &'static [&'static str],
    /// Single-letter options without a value, which may be combined.
    pub(super) letters: &'static str,
    /// Options without a value.
    pub(super) flags: &'static [&'static str],
    /// Options with a value: as the next word, or behind `=` where the option starts with `--`.
    pub(super) valued: &'static [(&'static str, Value)],
    /// Options that must be there, or the command would do something else.
    pub(super) required: &'static [&'static str],
    /// How many operands at least and at most.
    pub(super) operands: (usize, usize),
    /// What each operand must be.
    pub(super) operand: Value,
}

impl Template {
    /// A program without any options and operands.
    pub(super) const fn new(program: &'static str) -> Self {
        Self {
            program,
            global: &[],
            subcommand: &[],
            letters: "",
            flags: &[],
            valued: &[],
            required: &[],
            operands: (0, 0),
            operand: Value::Name,
        }
    }

    /// A program's subcommand without any options and operands.
    pub(super) const fn sub(program: &'static str, subcommand: &'static [&'static str]) -> Self {
        let mut template = Self::new(program);
        template.subcommand = subcommand;
        template
    }

    pub(super) const fn global(mut self, global: &'static [&'static str]) -> Self {
        self.global = global;
        self
    }

    pub(super) const fn letters(mut self, letters: &'static str) -> Self {
        self.letters = letters;
        self
    }

    pub(super) const fn flags(mut self, flags: &'static [&'static str]) -> Self {
        self.flags = flags;
        self
    }

    pub(super) const fn valued(mut self, valued: &'static [(&'static str, Value)]) -> Self {
        self.valued = valued;
        self
    }

    pub(super) const fn required(mut self, required: &'static [&'static str]) -> Self {
        self.required = required;
        self
    }

    pub(super) const fn operands(mut self, least: usize, most: usize, operand: Value) -> Self {
        self.operands = (least, most);
        self.operand = operand;
        self
    }

    /// Whether the words are a command of this form.
    pub(super) fn fits(&self, words: &[String]) -> bool {
        let Some((program, rest)) = words.split_first() else {
            return false;
        };
        let globals = rest
            .iter()
            .take_while(|word| self.global.contains(&word.as_str()))
            .count();
        let (_, rest) = rest.split_at(globals);
        let Some((subcommand, rest)) = rest.split_at_checked(self.subcommand.len()) else {
            return false;
        };
        program == self.program && subcommand == self.subcommand && self.arguments_fit(rest)
    }

    fn arguments_fit(&self, arguments: &[String]) -> bool {
        let mut found = Vec::new();
        let mut operands = 0;
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if let Some(flag) = self.flags.iter().find(|flag| **flag == word) {
                found.push(*flag);
            } else if let Some((option, value)) = self.option(word) {
                let given = match word.split_once('=') {
                    Some((_, given)) => Some(given),
                    None => words.next(),
                };
                if !given.is_some_and(|given| value.fits(given)) {
                    return false;
                }
                found.push(option);
            } else if let Some(letters) = word.strip_prefix('-') {
                let known = |letter| self.letters.contains(letter);
                if letters.is_empty() || !letters.chars().all(known) {
                    return false;
                }
            } else if self.operand.fits(word) {
                operands += 1;
            } else {
                return false;
            }
        }
        let (least, most) = self.operands;
        (least..=most).contains(&operands)
            && self.required.iter().all(|option| found.contains(option))
    }

    /// The valued option that a word is, or is the beginning of.
    fn option(&self, word: &str) -> Option<(&'static str, &'static Value)> {
        let name = match word.split_once('=') {
            Some((name, _)) if name.starts_with("--") => name,
            Some(_) => return None,
            None => word,
        };
        let mut known = self.valued.iter();
        known
            .find(|(option, _)| *option == name)
            .map(|(option, value)| (*option, value))
    }
}
