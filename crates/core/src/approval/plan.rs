//! A held call as people read it, the same in every channel.

use std::fmt::Write as _;

use super::Approval;
use crate::policy::Decision;
use crate::render::printable;

/// Longer arguments are cut; the whole of them is in the approval itself.
const LONGEST: usize = 2_000;

impl Approval {
    /// The plan in plain text, several lines. Everything that software or upstreams wrote is on lines
    /// of its own with a label, without control or bidirectional characters.
    pub fn plan(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (action, requester) = (&self.action, &self.requester);
        writeln!(
            text,
            "{} on {} ({})",
            action.tool,
            action.instance,
            action.effect.as_str()
        )?;
        writeln!(
            text,
            "asked by {} over {}",
            line(&requester.principal),
            line(&requester.transport)
        )?;
        if let Some(preview) = &self.preview {
            writeln!(text, "what it does: {}", line(&preview.summary))?;
            for change in &preview.changes {
                let (from, to) = (change.from.as_deref(), change.to.as_deref());
                writeln!(
                    text,
                    "  {}: {} → {}",
                    line(&change.field),
                    line(from.unwrap_or("nothing")),
                    line(to.unwrap_or("nothing"))
                )?;
            }
            for impact in &preview.impact {
                writeln!(text, "  also: {}", line(impact))?;
            }
        }
        writeln!(text, "arguments: {}", line(&action.arguments.to_string()))?;
        if let Some(reason) = &self.reason {
            writeln!(text, "why it is held: {}", line(reason))?;
        }
        if !self.read_before.is_empty() {
            let sources: Vec<String> = self.read_before.iter().map(|one| line(one)).collect();
            writeln!(
                text,
                "read before, from text that outsiders can write: {}",
                sources.join(", ")
            )?;
        }
        if self.needs == Decision::Approve {
            let people = self.approvers.max(1);
            let what = if people == 1 {
                "one owner".to_owned()
            } else {
                format!("{people} owners")
            };
            writeln!(text, "needs the agreement of {what}")?;
        }
        Ok(())
    }
}

/// One line that can be shown anywhere.
fn line(text: &str) -> String {
    let clean = printable(text).replace(['\n', '\r', '\t'], " ");
    if clean.chars().nth(LONGEST).is_none() {
        return clean;
    }
    clean.chars().take(LONGEST).chain(['…']).collect()
}
