//! Which commands only look: the policy that lets one run as a read.
//!
//! A command is a read only if it is one simple command made of harmless characters whose whole
//! argument vector fits a template of the curated list. Everything else keeps the tool's own
//! effect: nothing is guessed from a first word. What is sent then is not the text that was judged
//! but its words, quoted again one by one, so that the remote shell cannot see anything else in it.

mod inspections;
mod template;
mod value;
mod words;

/// The words of a command that only looks; `None` for any other.
pub(crate) fn inspection(command: &str) -> Option<Vec<String>> {
    let words = words::split(command)?;
    let mut templates = inspections::ALL.iter();
    templates
        .any(|template| template.fits(&words))
        .then_some(words)
}

#[cfg(test)]
mod tests;
