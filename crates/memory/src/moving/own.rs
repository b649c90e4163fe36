//! Our own form: one JSON object a line, after a line that says what it is.
//!
//! It holds what a memory says and since when, not what our database counts (versions, how often it was
//! told), so that what is read back and written again is the same file.

use homelab_core::clock::Micros;
use homelab_core::memory::{About, Memory};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{At, Moved, Read, fields, not_json, numbered};

/// The member of the first line that names the form.
pub(super) const MARK: &str = "homelab_mcp_memories";
/// The form's version.
const VERSION: u64 = 1;
/// The first line.
pub const HEADER: &str = "{\"homelab_mcp_memories\":1}";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    content: String,
    category: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    importance: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    about: Vec<About>,
    created_at: Micros,
    valid_from: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Micros>,
}

/// The line of a memory, without a line break.
pub fn write(memory: &Memory) -> String {
    let line = Line {
        id: memory.id.clone(),
        owner: Some(memory.scope.owner.clone()),
        user_id: memory.scope.user_id.clone(),
        agent_id: memory.scope.agent_id.clone(),
        run_id: memory.scope.run_id.clone(),
        content: memory.content.clone(),
        category: memory.category.clone(),
        metadata: memory.metadata.clone(),
        source: memory.source.clone(),
        importance: memory.importance,
        about: memory.about.clone(),
        created_at: memory.created_at,
        valid_from: memory.valid_from,
        expires_at: memory.expires_at,
    };
    json!(line).to_string()
}

pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    let mut lines = numbered(text);
    let version = lines.next().and_then(|(_, line)| {
        let header: Value = serde_json::from_str(line).ok()?;
        header.get(MARK)?.as_u64()
    });
    if version != Some(VERSION) {
        read.problem(
            At::File,
            format!("it is no export of this form's version {VERSION}"),
        );
        return read;
    }
    for (at, line) in lines {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => match fields::uuid(&line.id) {
                Some(id) => read.push(moved(at, id, line)),
                None => read.problem(at, "its `id` is no UUID"),
            },
            Err(error) if error.is_data() => read.problem(at, wrong_member(&error)),
            Err(error) => read.problem(at, not_json(&error)),
        }
    }
    read
}

fn moved(at: At, id: String, line: Line) -> Moved {
    Moved {
        at,
        id: Some(id),
        owner: line.owner,
        user_id: Some(line.user_id),
        agent_id: line.agent_id,
        run_id: line.run_id,
        content: line.content,
        category: Some(line.category),
        metadata: line.metadata,
        source: line.source,
        importance: Some(line.importance),
        about: line.about,
        created_at: Some(line.created_at),
        valid_from: Some(line.valid_from),
        expires_at: line.expires_at,
    }
}

/// What serde says of a member, without the value it found.
fn wrong_member(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    if text.starts_with("missing field") || text.starts_with("unknown field") {
        return text.to_owned();
    }
    format!("a value of another kind before column {}", error.column())
}

#[cfg(test)]
mod tests {
    use homelab_core::memory::Scope;
    use rstest::rstest;

    use super::*;

    fn memory() -> Memory {
        let time = |text| Micros::from_rfc3339(text).unwrap();
        Memory {
            id: "019a0000-0000-7000-8000-000000000001".to_owned(),
            scope: Scope {
                owner: "local".to_owned(),
                user_id: "alice".to_owned(),
                agent_id: Some("claude".to_owned()),
                run_id: None,
            },
            content: "The NAS »nas01« is 192.0.2.5.\nIt has two disks.".to_owned(),
            category: "fact".to_owned(),
            metadata: serde_json::from_value(json!({ "n": [1, 2.5, null], "z": { "a": true } }))
                .unwrap(),
            source: Some("proxmox".to_owned()),
            importance: 0.7,
            about: vec![About {
                kind: "devices".to_owned(),
                name: "nas01".to_owned(),
            }],
            version: 3,
            seen_count: 2,
            created_at: time("2026-01-02T03:04:05.000006Z"),
            updated_at: time("2026-02-02T03:04:05Z"),
            valid_from: time("2026-02-02T03:04:05Z"),
            valid_to: None,
            superseded_by: None,
            expires_at: Some(time("2027-01-01T00:00:00Z")),
            deleted_at: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let memory = memory();
        let file = format!("{HEADER}\n{}\n", write(&memory));

        let read = read(&file);

        assert_eq!(read.problems, []);
        let [moved] = &read.memories[..] else {
            panic!("{read:?}");
        };
        assert_eq!(moved.at, At::Line(2));
        assert_eq!(moved.content, memory.content);
        assert_eq!(moved.metadata, memory.metadata);
        assert_eq!(moved.about, memory.about);
        assert_eq!(moved.created_at, Some(memory.created_at));
        assert_eq!(moved.valid_from, Some(memory.valid_from));
        assert_eq!(moved.expires_at, memory.expires_at);
        assert_eq!(moved.owner.as_deref(), Some("local"));
    }

    #[rstest]
    #[case("{", "no JSON")]
    #[case(r#"{"id":"x"}"#, "missing field")]
    #[case(r#"{"id":1}"#, "another kind")]
    fn a_bad_line_is_reported_with_its_number(#[case] bad: &str, #[case] says: &str) {
        let good = write(&memory());

        let read = read(&format!("{HEADER}\n{good}\n\n{bad}\n{good}\n"));

        assert_eq!(read.memories.len(), 2);
        let [problem] = &read.problems[..] else {
            panic!("{read:?}");
        };
        assert_eq!(problem.at, At::Line(4));
        assert!(problem.message.contains(says), "{problem}");
    }

    #[test]
    fn another_version_is_refused_as_a_whole() {
        let read = read("{\"homelab_mcp_memories\":2}\n{}");

        assert_eq!(read.problems[0].at, At::File);
        assert_eq!(read.memories, []);
    }
}
