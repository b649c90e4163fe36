//! Markdown notes: each bullet of a section is a memory, and so is the rest of its text.
//!
//! A memory begins with the headings above it, so that it is understood alone. The front matter applies to all
//! of a note; a bullet such as `- [decision] …` has a category of its own.

use serde_json::{Map, Value, json};

use super::fields::{about, text, text_of, time_of};
use super::{At, Moved, Read};

/// Where such memories come from.
const SOURCE: &str = "markdown";

pub(super) fn read(text: &str, name: &str) -> Read {
    let mut read = Read::default();
    let lines: Vec<&str> = text.lines().collect();
    let (front, body) = match front_matter(&lines) {
        Ok(found) => found,
        Err(message) => {
            read.problem(At::Line(1), message);
            return read;
        }
    };
    let template = template(front, name);
    let mut note = Note {
        headings: Vec::new(),
        paragraphs: Block::default(),
        bullet: None,
        fence: None,
        was_blank: false,
        found: Vec::new(),
    };
    for (index, line) in lines.iter().enumerate().skip(body) {
        note.line(index + 1, line);
    }
    note.end_section();
    note.found.sort_by_key(|(line, _, _)| *line);
    for (line, headings, said) in note.found {
        read.push(moved(&template, At::Line(line), &headings, &said));
    }
    read
}

/// The members between two lines of dashes, and where the note's body begins.
fn front_matter(lines: &[&str]) -> Result<(Map<String, Value>, usize), String> {
    if lines.first().map(|line| line.trim_end()) != Some("---") {
        return Ok((Map::new(), 0));
    }
    let ends = |line: &&str| matches!(line.trim_end(), "---" | "...");
    let Some(end) = lines.iter().skip(1).position(ends) else {
        // A rule at the very top, not front matter.
        return Ok((Map::new(), 1));
    };
    let yaml = lines.get(1..=end).unwrap_or_default().join("\n");
    if yaml.trim().is_empty() {
        return Ok((Map::new(), end + 2));
    }
    match serde_saphyr::from_str::<Value>(&yaml) {
        Ok(Value::Object(members)) => Ok((members, end + 2)),
        Ok(_) => Err("its front matter is no list of names and values".to_owned()),
        Err(_) => Err("its front matter is no YAML".to_owned()),
    }
}

/// What all memories of a note have in common.
fn template(mut front: Map<String, Value>, name: &str) -> Moved {
    let created_at = time_of(&mut front, &["created_at", "created", "date"]);
    let updated_at = time_of(&mut front, &["updated_at", "updated", "modified"]);
    let expires_at = time_of(&mut front, &["expires_at", "expires"]);
    let importance = front.get("importance").and_then(Value::as_f64);
    if importance.is_some() {
        front.remove("importance");
    }
    let category = text(&mut front, "category");
    let [user_id, agent_id, run_id] =
        ["user_id", "agent_id", "run_id"].map(|name| text(&mut front, name));
    let about = about(&mut front, "about");
    let source = text_of(&mut front, &["source"]).unwrap_or_else(|| SOURCE.to_owned());
    let mut metadata = Map::new();
    if name != "-" {
        metadata.insert("file".to_owned(), json!(name));
    }
    metadata.extend(front);
    Moved {
        user_id,
        agent_id,
        run_id,
        category,
        metadata,
        source: Some(source),
        importance,
        about,
        created_at,
        valid_from: updated_at.or(created_at),
        expires_at,
        ..Moved::default()
    }
}

fn moved(template: &Moved, at: At, headings: &str, said: &str) -> Moved {
    let mut moved = template.clone();
    moved.at = at;
    let (category, said) = own_category(said);
    if category.is_some() {
        moved.category = category.map(str::to_owned);
    }
    moved.content = match (headings.is_empty(), said.contains('\n')) {
        (true, _) => said.to_owned(),
        (false, false) => format!("{headings}: {said}"),
        (false, true) => format!("{headings}\n{said}"),
    };
    if !headings.is_empty() {
        moved.metadata.insert("heading".to_owned(), json!(headings));
    }
    moved
}

/// `[decision] text`, but not the box of a task.
fn own_category(said: &str) -> (Option<&str>, &str) {
    let found = said.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match found {
        Some((category, rest))
            if category.len() > 1
                && rest.starts_with(' ')
                && category
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_ ".contains(c)) =>
        {
            (Some(category.trim()), rest.trim_start())
        }
        _ => (None, said),
    }
}

/// Lines that belong together, and where they begin.
#[derive(Default)]
struct Block {
    first: usize,
    lines: Vec<String>,
}

impl Block {
    fn push(&mut self, number: usize, line: &str) {
        if self.lines.is_empty() {
            self.first = number;
        }
        self.lines.push(line.to_owned());
    }

    fn text(&self) -> String {
        self.lines.join("\n").trim().to_owned()
    }
}

/// A note while it is read.
struct Note {
    /// Depth and text of the headings above.
    headings: Vec<(usize, String)>,
    /// The section's text that is in no bullet.
    paragraphs: Block,
    /// The bullet that is being read.
    bullet: Option<Block>,
    /// What ends the code block that is being read.
    fence: Option<String>,
    was_blank: bool,
    /// Line, headings, text.
    found: Vec<(usize, String, String)>,
}

impl Note {
    fn line(&mut self, number: usize, line: &str) {
        if self.fence.is_none() {
            if let Some((depth, title)) = heading(line) {
                self.end_section();
                self.headings.retain(|(other, _)| *other < depth);
                self.headings.push((depth, title.to_owned()));
                return;
            }
            if let Some(said) = bullet(line) {
                self.end_bullet();
                let mut block = Block::default();
                block.push(number, said);
                self.bullet = Some(block);
                self.was_blank = false;
                self.follow_fence(said);
                return;
            }
        }
        let is_blank = line.trim().is_empty();
        let is_inside = line.starts_with([' ', '\t']) || self.fence.is_some();
        if self.bullet.is_some() && !is_blank && !is_inside && self.was_blank {
            self.end_bullet();
        }
        match &mut self.bullet {
            Some(block) => block.push(number, dedented(line)),
            None if is_blank && self.paragraphs.lines.is_empty() => {}
            None => self.paragraphs.push(number, line),
        }
        self.was_blank = is_blank;
        self.follow_fence(line);
    }

    fn follow_fence(&mut self, line: &str) {
        let line = line.trim();
        match &self.fence {
            Some(end) if line.starts_with(end.as_str()) => self.fence = None,
            Some(_) => {}
            None => {
                let opened = ["```", "~~~"].iter().find(|one| line.starts_with(**one));
                self.fence = opened.map(|one| (*one).to_owned());
            }
        }
    }

    fn end_bullet(&mut self) {
        if let Some(block) = self.bullet.take() {
            self.found(&block);
        }
    }

    fn end_section(&mut self) {
        self.end_bullet();
        let block = std::mem::take(&mut self.paragraphs);
        self.found(&block);
        self.fence = None;
        self.was_blank = false;
    }

    fn found(&mut self, block: &Block) {
        let said = block.text();
        // Rules and bullets without a text say nothing.
        if said.chars().any(char::is_alphanumeric) {
            let titles: Vec<&str> = self.headings.iter().map(|(_, title)| &**title).collect();
            self.found.push((block.first, titles.join(" › "), said));
        }
    }
}

/// Depth and text of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let depth = line.len() - title.len();
    if !(1..=6).contains(&depth) || !(title.is_empty() || title.starts_with([' ', '\t'])) {
        return None;
    }
    Some((depth, title.trim().trim_end_matches('#').trim()))
}

/// The text of a bullet or numbered item that is in no other.
fn bullet(line: &str) -> Option<&str> {
    let line = line.strip_prefix(' ').unwrap_or(line);
    let marked = line.strip_prefix(['-', '*', '+']);
    let numbered = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < line.len()).then(|| rest.strip_prefix(['.', ')']))?
    };
    let said = marked.or_else(numbered)?;
    said.starts_with([' ', '\t']).then(|| said.trim())
}

/// A line within a bullet, without the indentation that puts it there.
fn dedented(line: &str) -> &str {
    let line = line.strip_prefix('\t').unwrap_or(line);
    line.strip_prefix("  ").unwrap_or(line).trim_end()
}

#[cfg(test)]
mod tests {
    use homelab_core::clock::Micros;
    use rstest::rstest;

    use super::*;

    fn said(text: &str) -> Vec<(usize, String)> {
        let read = read(text, "note.md");
        assert_eq!(read.problems, []);
        let place = |at| match at {
            At::Line(line) => line,
            other => panic!("{other}"),
        };
        read.memories
            .into_iter()
            .map(|one| (place(one.at), one.content))
            .collect()
    }

    #[test]
    fn sections_and_bullets_are_memories_under_their_headings() {
        let note = "\
Before any heading.

# NAS
It stands in the cellar.
It has four disks.

## Backup
- every night at 03:00
- goes to pbs01
  over VLAN 20
  - not on Sundays

1. check it
2) prune it

After the list.
# Router
* is an OPNsense
";

        let wanted = [
            (1, "Before any heading."),
            (4, "NAS\nIt stands in the cellar.\nIt has four disks."),
            (8, "NAS › Backup: every night at 03:00"),
            (
                9,
                "NAS › Backup\ngoes to pbs01\nover VLAN 20\n- not on Sundays",
            ),
            (13, "NAS › Backup: check it"),
            (14, "NAS › Backup: prune it"),
            (16, "NAS › Backup: After the list."),
            (18, "Router: is an OPNsense"),
        ];
        let wanted = wanted.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(said(note), wanted);
    }

    #[test]
    fn a_code_block_is_not_taken_apart() {
        let note = "# Restart\nRun:\n```sh\n# not a heading\n- not a bullet\n\n```\nDone.\n";

        let text = "Restart\nRun:\n```sh\n# not a heading\n- not a bullet\n\n```\nDone.";
        assert_eq!(said(note), [(2, text.to_owned())]);
    }

    #[test]
    fn the_front_matter_applies_to_all_of_a_note() {
        let note = "---\ncategory: runbook\ncreated: 2026-01-02\ntags: [nas, disks]\n\
            user_id: alice\nimportance: 0.9\nabout: [devices/nas01]\n---\n# A\n- one\n- [decision] two\n";

        let read = read(note, "nas.md");

        assert_eq!(read.problems, []);
        let [one, two] = &read.memories[..] else {
            panic!("{read:?}");
        };
        assert_eq!(one.category.as_deref(), Some("runbook"));
        assert_eq!(one.user_id.as_deref(), Some("alice"));
        assert_eq!(one.importance, Some(0.9));
        assert_eq!(one.created_at, Micros::from_rfc3339("2026-01-02T00:00:00Z"));
        assert_eq!(one.about[0].name, "nas01");
        let metadata = json!({ "file": "nas.md", "tags": ["nas", "disks"], "heading": "A" });
        assert_eq!(json!(one.metadata), metadata);
        assert_eq!(two.category.as_deref(), Some("decision"));
        assert_eq!(two.content, "A: two");
    }

    #[rstest]
    #[case("[ ] buy a disk", None)]
    #[case("[x] bought a disk", None)]
    #[case("[link](there) says so", None)]
    #[case("[fact] it is so", Some("fact"))]
    fn a_task_or_a_link_is_no_category(#[case] text: &str, #[case] category: Option<&str>) {
        assert_eq!(own_category(text).0, category);
    }

    #[test]
    fn broken_front_matter_is_reported() {
        let read = read("---\n: [\n---\ntext\n", "x.md");

        assert_eq!(read.problems[0].at, At::Line(1));
        assert_eq!(read.memories, []);
    }

    #[test]
    fn a_rule_at_the_top_is_no_front_matter() {
        assert_eq!(said("---\ntext\n"), [(2, "text".to_owned())]);
    }
}
