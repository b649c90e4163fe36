//! The one column that free-text search reads: every searchable value of a record on a line of its
//! own, marked with the field it came from.

use crate::text::{contains, escape, flat};

/// A field that search looks at, in the order in which a match is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// The natural key.
    Name,
    /// DNS name.
    Hostname,
    /// Address.
    Ip,
    /// MAC address.
    Mac,
    /// One label.
    Tag,
    /// Free text.
    Notes,
}

impl Field {
    const ALL: [Self; 6] = [
        Self::Name,
        Self::Hostname,
        Self::Ip,
        Self::Mac,
        Self::Tag,
        Self::Notes,
    ];

    /// The name as answers give it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Hostname => "hostname",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Tag => "tag",
            Self::Notes => "notes",
        }
    }

    /// First character of its lines: a control character, which [`flat`] takes out of values and
    /// questions, so that no question can match it.
    const fn mark(self) -> char {
        match self {
            Self::Name => '\u{1}',
            Self::Hostname => '\u{2}',
            Self::Ip => '\u{3}',
            Self::Mac => '\u{4}',
            Self::Tag => '\u{5}',
            Self::Notes => '\u{6}',
        }
    }
}

/// Builds the column.
pub(crate) struct Terms(String);

impl Terms {
    /// Begins with the natural key.
    pub(crate) fn named(name: &str) -> Self {
        Self("\n".into()).with(Field::Name, Some(name))
    }

    /// Adds a value if there is one.
    pub(crate) fn with(mut self, field: Field, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.0.push(field.mark());
            self.0.push_str(&flat(value));
            self.0.push('\n');
        }
        self
    }

    /// Adds anything that prints.
    pub(crate) fn printed<T: ToString>(self, field: Field, value: Option<&T>) -> Self {
        let text = value.map(ToString::to_string);
        self.with(field, text.as_deref())
    }

    /// Adds the labels.
    pub(crate) fn tags(self, tags: &[String]) -> Self {
        tags.iter()
            .fold(self, |terms, tag| terms.with(Field::Tag, Some(tag)))
    }

    /// The column's value.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// A question, ready for SQL and for telling afterwards which field answered it.
pub(crate) struct Question {
    /// As asked, folded.
    text: String,
    /// The same with colons for the hyphens of a MAC address; else as asked.
    alternative: String,
}

impl Question {
    /// Reads a question; nothing is asked by an empty one.
    pub(crate) fn parse(question: &str) -> Option<Self> {
        let text = flat(question).trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let like_mac = text.contains('-')
            && text
                .chars()
                .all(|letter| letter == '-' || letter.is_ascii_hexdigit());
        let alternative = if like_mac {
            text.replace('-', ":")
        } else {
            text.clone()
        };
        Some(Self { text, alternative })
    }

    /// Patterns for `LIKE`: the two spellings anywhere, then both as a whole value, then both at
    /// the beginning of one.
    pub(crate) fn patterns(&self) -> [String; 6] {
        let both = [&self.text, &self.alternative];
        let [anywhere, anywhere_too] = both.map(|text| contains(text));
        let [whole, whole_too] = both.map(|text| format!("%\n_{}\n%", escape(text)));
        let [begins, begins_too] = both.map(|text| format!("%\n_{}%", escape(text)));
        [anywhere, anywhere_too, whole, whole_too, begins, begins_too]
    }

    /// The field that answers the question: one that is it, else one that begins with it, else one
    /// that contains it.
    pub(crate) fn answered_by(&self, terms: &str) -> Option<Field> {
        let lines = || {
            terms.lines().filter_map(|line| {
                let mut letters = line.chars();
                let mark = letters.next()?;
                let field = Field::ALL.into_iter().find(|field| field.mark() == mark)?;
                Some((field, letters.as_str()))
            })
        };
        let either = |test: &dyn Fn(&str, &str) -> bool| {
            lines()
                .find(|(_, value)| test(value, &self.text) || test(value, &self.alternative))
                .map(|(field, _)| field)
        };
        either(&|value, text| value == text)
            .or_else(|| either(&|value, text| value.starts_with(text)))
            .or_else(|| either(&|value, text| value.contains(text)))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn terms() -> String {
        Terms::named("NAS")
            .with(Field::Hostname, Some("nas.example"))
            .with(Field::Mac, Some("00:1b:44:11:3a:b7"))
            .tags(&["Backup".into(), "nasty".into()])
            .with(Field::Notes, Some("second line\nof two"))
            .finish()
    }

    #[rstest]
    #[case("nas", Some(Field::Name))]
    #[case("NAS.", Some(Field::Hostname))]
    #[case("backup", Some(Field::Tag))]
    #[case("44-11", Some(Field::Mac))]
    #[case("line of", Some(Field::Notes))]
    #[case("nothing", None)]
    fn the_best_field_answers(#[case] question: &str, #[case] expected: Option<Field>) {
        let question = Question::parse(question).unwrap();

        assert_eq!(question.answered_by(&terms()), expected);
    }

    #[test]
    fn a_question_of_blanks_asks_nothing() {
        assert!(Question::parse(" \u{1}\n ").is_none());
    }
}
