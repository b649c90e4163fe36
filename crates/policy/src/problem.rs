//! What is wrong with a set of rules, each with its place and the nearest thing that is right.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `policy.rules[2].when`.
    pub path: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to write instead, where that can be told.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n    hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Gathers problems.
#[derive(Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// Notes one; the message begins with its path.
    pub(crate) fn add(&mut self, path: &str, what: impl fmt::Display, hint: Option<String>) {
        self.0.push(Problem {
            path: path.to_owned(),
            message: format!("`{path}`: {what}"),
            hint,
        });
    }
}

/// `did you mean …?` with the name most like `wrong`, else the list of known names if it is short.
pub(crate) fn did_you_mean<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(wrong, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (1..=12)
        .contains(&list.len())
        .then(|| format!("there is {}", list.join(", ")))
}

/// The name most like `wrong`, unless none is alike at all.
fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wrong.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| {
            let other = name.to_ascii_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&folded, &other), name)
        })
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3 || name.starts_with(wrong))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
