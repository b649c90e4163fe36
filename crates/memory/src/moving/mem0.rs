//! mem0: answers of `get_all` and exports (`{"results": […]}`, a list, or one object a line), points of its
//! vector store, whose payload holds the text under `data`, and the rows of its history table.
//!
//! Source: mem0's Python package, `memory/main.py` and the payloads of its vector stores.

use serde_json::{Map, Value, json};

use super::fields::{about, text, text_of, time_of, uuid};
use super::{At, Moved, Read, not_json, numbered};

/// Names under which a document keeps its list.
const LISTS: [&str; 4] = ["results", "memories", "points", "data"];
/// Names of the text, the newest first.
const TEXTS: [&str; 4] = ["memory", "data", "text", "content"];
/// Seconds of a day: an expiration date is the last day on which a memory is told.
const DAY: i64 = 24 * 60 * 60;

pub(super) fn read(text: &str) -> Read {
    let mut read = Read::default();
    match serde_json::from_str::<Value>(text) {
        Ok(document) => match list(document) {
            Some(items) => {
                let items = items.into_iter().enumerate();
                let items: Vec<(At, Value)> = items
                    .map(|(index, item)| (At::Item(index + 1), item))
                    .collect();
                for (at, item) in newest(items) {
                    take(&mut read, at, item);
                }
            }
            None => read.problem(At::File, "it holds no list of memories"),
        },
        // Several documents, one a line.
        Err(error) if error.line() > 1 && numbered(text).count() > 1 && is_lines(text) => {
            let mut items = Vec::new();
            for (at, line) in numbered(text) {
                match serde_json::from_str(line) {
                    Ok(item) => items.push((at, item)),
                    Err(error) => read.problem(at, not_json(&error)),
                }
            }
            for (at, item) in newest(items) {
                take(&mut read, at, item);
            }
        }
        Err(error) => read.problem(At::Line(error.line()), not_json(&error)),
    }
    read
}

/// Whether the first line is a whole document.
fn is_lines(text: &str) -> bool {
    numbered(text)
        .next()
        .is_some_and(|(_, line)| serde_json::from_str::<Value>(line).is_ok())
}

fn list(document: Value) -> Option<Vec<Value>> {
    match document {
        Value::Array(items) => Some(items),
        Value::Object(mut members) => {
            if TEXTS
                .iter()
                .any(|name| members.get(*name).is_some_and(Value::is_string))
            {
                return Some(vec![Value::Object(members)]);
            }
            for name in LISTS {
                if let Some(Value::Array(items)) = members.remove(name) {
                    return Some(items);
                }
            }
            // Qdrant wraps what it scrolled through.
            list(members.remove("result")?)
        }
        _ => None,
    }
}

/// Of rows of the history, what each memory says in the end; other items as they are.
fn newest(items: Vec<(At, Value)>) -> Vec<(At, Value)> {
    let is_row = |item: &Value| item.get("memory_id").is_some() && item.get("event").is_some();
    if items.is_empty() || !items.iter().all(|(_, item)| is_row(item)) {
        return items;
    }
    let mut kept: Vec<(At, Value)> = Vec::new();
    for (at, mut row) in items {
        let id = row["memory_id"].take();
        let before = kept.iter().position(|(_, one)| one["id"] == id);
        let before = before.map(|place| kept.remove(place).1);
        if row["event"] == "DELETE" {
            continue;
        }
        let now = row["updated_at"].take();
        let first = before.map_or_else(
            || row["created_at"].take(),
            |mut one| one["created_at"].take(),
        );
        kept.push((
            at,
            json!({
                "id": id,
                "memory": row["new_memory"].take(),
                "created_at": first,
                "updated_at": now,
            }),
        ));
    }
    kept
}

fn take(read: &mut Read, at: At, item: Value) {
    let Value::Object(mut members) = item else {
        read.problem(at, "it is no object");
        return;
    };
    let id = members.remove("id");
    let id = id.as_ref().and_then(Value::as_str).and_then(uuid);
    // A point of a vector store: its payload is the memory, its vector is of no use to us.
    if let Some(Value::Object(payload)) = members.remove("payload") {
        members = payload;
    }
    let Some(content) = text_of(&mut members, &TEXTS) else {
        read.problem(
            at,
            "it holds no text: none of `memory`, `data`, `text`, `content`",
        );
        return;
    };
    read.push(moved(at, id, content, members));
}

fn moved(at: At, id: Option<String>, content: String, mut members: Map<String, Value>) -> Moved {
    // Made anew here, or of use to mem0 alone.
    for name in [
        "hash",
        "score",
        "vector",
        "text_lemmatized",
        "structured_attributes",
        "owner",
    ] {
        members.remove(name);
    }
    let created_at = time_of(&mut members, &["created_at"]);
    let updated_at = time_of(&mut members, &["updated_at"]);
    let labels = ["user_id", "agent_id", "run_id"].map(|name| text(&mut members, name));
    let [user_id, agent_id, run_id] = labels;
    // What is left of a payload is its metadata; an answer of `get_all` keeps them apart.
    let mut metadata = match members.remove("metadata") {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    for (name, value) in members {
        if !value.is_null() {
            metadata.entry(name).or_insert(value);
        }
    }
    let expires_at = time_of(&mut metadata, &["expiration_date"]).map(|day| day.plus_seconds(DAY));
    let category = text(&mut metadata, "category").or_else(|| {
        let list = metadata.get("categories")?.as_array()?;
        let [Value::String(only)] = &list[..] else {
            return None;
        };
        let only = only.clone();
        metadata.remove("categories");
        Some(only)
    });
    Moved {
        at,
        id,
        owner: None,
        user_id,
        agent_id,
        run_id,
        content,
        category,
        source: text(&mut metadata, "source").or_else(|| Some("mem0".to_owned())),
        importance: None,
        about: about(&mut metadata, "about"),
        created_at,
        valid_from: updated_at.or(created_at),
        expires_at,
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::clock::Micros;
    use rstest::rstest;

    use super::*;

    const ID: &str = "892db2ae-06d9-49e5-8b3e-585ef9b85b8e";

    #[test]
    fn an_answer_of_get_all_is_taken_over_whole() {
        let document = json!({ "results": [{
            "id": ID, "memory": "nas01 is 192.0.2.5", "hash": "x", "metadata": {
                "category": "network", "source": "proxmox", "rack": 2 },
            "created_at": "2026-01-02T03:04:05.123456-07:00", "updated_at": null,
            "user_id": "alice", "agent_id": null, "role": "user", "expiration_date": "2027-01-01",
        }], "relations": [] });

        let read = read(&document.to_string());

        assert_eq!(read.problems, []);
        let created = Micros::from_rfc3339("2026-01-02T10:04:05.123456Z");
        let wanted = Moved {
            at: At::Item(1),
            id: Some(ID.to_owned()),
            user_id: Some("alice".to_owned()),
            content: "nas01 is 192.0.2.5".to_owned(),
            category: Some("network".to_owned()),
            source: Some("proxmox".to_owned()),
            metadata: json!({ "rack": 2, "role": "user" })
                .as_object()
                .unwrap()
                .clone(),
            created_at: created,
            valid_from: created,
            expires_at: Micros::from_rfc3339("2027-01-02T00:00:00Z"),
            ..Moved::default()
        };
        assert_eq!(read.memories, [wanted]);
    }

    #[rstest]
    #[case::points(json!({ "result": { "points": [
        { "id": ID, "payload": { "data": "x", "user_id": "alice", "rack": 2 }, "vector": [0.1] }
    ] } }).to_string())]
    #[case::list(json!([{ "id": ID, "text": "x", "user_id": "alice", "metadata": { "rack": 2 } }]).to_string())]
    #[case::one(json!({ "id": ID, "data": "x", "user_id": "alice", "rack": 2 }).to_string())]
    #[case::lines(format!("{line}\n{line}", line = json!({ "memory": "x", "user_id": "alice", "rack": 2 })))]
    fn payloads_lists_and_lines_are_read_too(#[case] text: String) {
        let read = read(&text);

        assert_eq!(read.problems, []);
        let first = &read.memories[0];
        assert_eq!(
            (first.content.as_str(), first.user_id.as_deref()),
            ("x", Some("alice"))
        );
        assert_eq!(first.metadata, *json!({ "rack": 2 }).as_object().unwrap());
    }

    #[test]
    fn of_a_history_each_memory_is_taken_as_it_ended() {
        let row = |id: &str, event: &str, text: Option<&str>, at: &str| {
            json!({
                "id": "x", "memory_id": id, "event": event, "old_memory": null, "new_memory": text,
                "created_at": "2026-01-01T00:00:00Z", "updated_at": at, "is_deleted": 0,
            })
        };
        let gone = "892db2ae-06d9-49e5-8b3e-000000000000";
        let rows = json!([
            row(
                ID,
                "ADD",
                Some("nas01 is 192.0.2.5"),
                "2026-01-01T00:00:00Z"
            ),
            row(gone, "ADD", Some("never mind"), "2026-01-01T00:00:00Z"),
            row(
                ID,
                "UPDATE",
                Some("nas01 is 192.0.2.6"),
                "2026-02-01T00:00:00Z"
            ),
            row(gone, "DELETE", None, "2026-02-01T00:00:00Z"),
        ]);

        let read = read(&rows.to_string());

        assert_eq!(read.problems, []);
        let [one] = &read.memories[..] else {
            panic!("{read:?}");
        };
        assert_eq!(one.content, "nas01 is 192.0.2.6");
        assert_eq!(one.created_at, Micros::from_rfc3339("2026-01-01T00:00:00Z"));
        assert_eq!(one.valid_from, Micros::from_rfc3339("2026-02-01T00:00:00Z"));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_place() {
        let document = json!([{ "memory": "x" }, { "id": 1 }, "y", { "memory": "  " }]);

        let read = read(&document.to_string());

        let places: Vec<At> = read.problems.iter().map(|one| one.at).collect();
        assert_eq!(places, [At::Item(2), At::Item(3), At::Item(4)]);
        assert_eq!(read.memories.len(), 1);
    }

    #[test]
    fn a_broken_document_is_reported_with_its_line() {
        assert_eq!(
            read("[\n {\"memory\": \"x\"},\n {]").problems[0].at,
            At::Line(3)
        );
        assert_eq!(read("{\"total\": 3}").problems[0].at, At::File);
        let lines = read("{\"memory\": \"x\"}\n{\"memory\": \"y\"");
        assert_eq!(lines.problems[0].at, At::Line(2));
        assert_eq!(lines.memories.len(), 1);
    }
}
