//! The update of the lists. Pi-hole answers 200 whether it goes well or not, so it is judged by what
//! it prints, and by what the lists say afterwards.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Pihole;
use crate::each::{OnHosts, all_took, on_each, targets_of};
use crate::host::Host;
use crate::times::time;
use crate::types::ListRow;

/// Lines kept of what it prints.
const KEPT: usize = 30;
/// Characters kept of a line.
const LONGEST: usize = 200;

/// Where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateGravity {
    /// Only on this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// The lists after an update.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GravityUpdated {
    domains_before: i64,
    domains_after: i64,
    /// RFC 3339.
    updated_at: Option<String>,
    /// Lists that could not be fetched, with what is used instead.
    failed_lists: Vec<FailedList>,
    /// The end of what it printed.
    log_tail: Vec<String>,
}

/// A list that could not be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct FailedList {
    address: String,
    /// `old copy used` or `nothing used`.
    outcome: String,
}

/// Fetch all lists anew on all Pi-holes of the instance, with its lines as progress; takes minutes.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pihole:gravity:update",
    title = "Update the lists (gravity)",
    timeout = 1800,
    untrusted("hosts.result.log_tail"),
    preview = preview_update,
    targets = update_targets,
    read_back = all_took
)]
pub(crate) async fn update_pihole_gravity(
    pihole: &Pihole,
    args: UpdateGravity,
    ctx: &CallContext,
) -> ToolResult<OnHosts<GravityUpdated>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    let several = hosts.len() > 1;
    let count = std::sync::atomic::AtomicU32::new(0);
    let report = |host: &str, line: &str| {
        let before = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let text = if several {
            format!("{host}: {line}")
        } else {
            line.to_owned()
        };
        ctx.progress.report(f64::from(before) + 1.0, None, text);
    };
    let report = &report;
    on_each(hosts, |host| update(host, report)).await
}

async fn update(host: &Host, report: &(impl Fn(&str, &str) + Sync)) -> ToolResult<GravityUpdated> {
    let _updating = host.updating()?;
    let before = host.summary().await?.gravity;
    let mut stream = host.gravity().await?;
    let mut lines = Lines::default();
    while let Some(chunk) = stream.chunk().await? {
        for line in lines.take(&chunk) {
            let line = stream.clean(&line);
            report(&host.name, &line);
            lines.keep(line);
        }
    }
    if let Some(line) = lines.rest() {
        let line = stream.clean(&line);
        lines.keep(line);
    }
    let after = host.summary().await?.gravity;
    let lists = host.lists().await?;
    let printed_a_failure = lines.crosses > 0;
    // Its time is set at the end alone, in whole seconds: an update within one second looks the
    // same, and has printed no failure then.
    if after.last_update <= before.last_update && (printed_a_failure || lines.kept.is_empty()) {
        let last = lines.kept.last().cloned().unwrap_or_default();
        let message = format!("the update of the lists on `{}` failed: {last}", host.name);
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("gravity_failed")
            .hint("the lists are as they were; see `get_diagnosis_messages`, and its disk and its way to the internet"));
    }
    Ok(GravityUpdated {
        domains_before: before.domains_being_blocked,
        domains_after: after.domains_being_blocked,
        updated_at: time(after.last_update),
        failed_lists: lists.iter().filter_map(failed).collect(),
        log_tail: lines.kept,
    })
}

/// Statuses 3 and 4 are lists that could not be fetched.
fn failed(list: &ListRow) -> Option<FailedList> {
    let outcome = match list.status {
        3 => "old copy used",
        4 => "nothing used",
        _ => return None,
    };
    list.enabled.then(|| FailedList {
        address: list.address.clone(),
        outcome: outcome.to_owned(),
    })
}

/// Lines out of pieces that may end within a character.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    kept: Vec<String>,
    /// Lines marked as failed.
    crosses: usize,
}

impl Lines {
    /// The lines that are complete with this piece. A carriage return ends a line too: it paints
    /// over what it said before.
    fn take(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in piece {
            if matches!(byte, b'\n' | b'\r') {
                lines.extend(self.rest());
            } else if self.begun.len() < 4 * LONGEST {
                self.begun.push(*byte);
            }
        }
        lines
    }

    /// What has come of a line that has not ended.
    fn rest(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.begun);
        let text = without_colour(&String::from_utf8_lossy(&bytes));
        let text: String = text.trim().chars().take(LONGEST).collect();
        self.crosses += usize::from(text.contains('✗'));
        (!text.is_empty()).then_some(text)
    }

    fn keep(&mut self, line: String) {
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push(line);
    }
}

/// The text without the control sequences of a terminal.
fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\u{1b}' {
            plain.push(letter);
            continue;
        }
        if letters.next() == Some('[') {
            // A sequence ends with a letter.
            for of_sequence in letters.by_ref() {
                if of_sequence.is_ascii_alphabetic() {
                    break;
                }
            }
        }
    }
    plain
}

async fn preview_update(pihole: &Pihole, args: &UpdateGravity) -> ToolResult<Preview> {
    let mut impact = Vec::new();
    for host in pihole.chosen(args.host.as_deref())? {
        let lists = host.lists().await?;
        let enabled = lists.iter().filter(|list| list.enabled).count();
        impact.push(format!("{} fetches {enabled} lists", host.name));
    }
    Ok(Preview {
        summary: "fetch all lists anew".to_owned(),
        changes: Vec::new(),
        impact,
    })
}

async fn update_targets(pihole: &Pihole, args: &UpdateGravity) -> ToolResult<Vec<Target>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    Ok(targets_of(&hosts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_come_in_pieces() {
        let text = "  \u{1b}[32m[✓]\u{1b}[0m one\r\n  [✗] two\n  three";
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for byte in text.as_bytes() {
            found.extend(lines.take(&[*byte]));
        }
        found.extend(lines.rest());

        assert_eq!(found, ["[✓] one", "[✗] two", "three"]);
        assert_eq!(lines.crosses, 1);
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut lines = Lines::default();
        for n in 0..100 {
            lines.keep(n.to_string());
        }

        assert_eq!(lines.kept.len(), KEPT);
        assert_eq!(lines.kept.last().unwrap(), "99");
    }
}
