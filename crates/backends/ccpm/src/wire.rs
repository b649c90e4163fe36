//! Reading what another service sends. It may be older than the contract or not know it: ids may be
//! numbers, names of members differ, lists come bare or under any of several names, and what is not
//! there has an obvious value. Writing is done strictly by the contract.

use homelab_core::ccpm::{CcpmCode, CcpmError, CcpmResult, Listing, PageInfo};
use homelab_core::clock::Micros;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// Members under which a list may be.
const LISTS: [&str; 9] = [
    "data", "items", "results", "agents", "messages", "tasks", "sprints", "contexts", "reports",
];
/// Members under which a single record may be.
const SINGLES: [&str; 9] = [
    "data", "agent", "message", "task", "sprint", "report", "session", "context", "result",
];

/// A kind of record: how its members are also called, and what they are if they are not there.
pub(crate) struct Shape {
    aliases: &'static [(&'static str, &'static str)],
    defaults: fn() -> Value,
}

pub(crate) const AGENT: Shape = Shape {
    aliases: &[
        ("agent_id", "id"),
        ("agent_name", "name"),
        ("agent_type", "type"),
        ("agent_tag", "tag"),
        ("unread", "unread_count"),
        ("last_seen", "last_seen_at"),
    ],
    defaults: || json!({ "type": "other", "status": "active" }),
};
pub(crate) const MESSAGE: Shape = Shape {
    aliases: &[
        ("message_id", "id"),
        ("msg_id", "id"),
        ("from_id", "from_agent_id"),
        ("sender_id", "from_agent_id"),
        ("from", "from_agent_name"),
        ("sender", "from_agent_name"),
        ("to_id", "to_agent_id"),
        ("recipient_id", "to_agent_id"),
        ("to", "to_agent_name"),
        ("recipient", "to_agent_name"),
        ("content", "body"),
        ("message_type", "type"),
        ("sent_at", "created_at"),
    ],
    defaults: || {
        json!({
            "subject": "", "body": "", "type": "message", "priority": "normal",
            "status": "unread", "from_agent_id": "", "to_agent_id": "",
        })
    },
};
pub(crate) const TASK: Shape = Shape {
    aliases: &[
        ("task_id", "id"),
        ("task_key", "key"),
        ("name", "title"),
        ("assigned_to_id", "assignee_id"),
        ("assigned_to", "assignee_name"),
        ("assignee", "assignee_name"),
        ("task_type", "type"),
        ("dependencies", "depends_on"),
    ],
    defaults: || json!({ "title": "", "status": "todo", "priority": "medium" }),
};
pub(crate) const SPRINT: Shape = Shape {
    aliases: &[
        ("sprint_id", "id"),
        ("title", "name"),
        ("start_date", "starts_on"),
        ("end_date", "ends_on"),
        ("progress", "progress_percent"),
    ],
    defaults: || json!({ "name": "", "status": "planned" }),
};
pub(crate) const REPORT: Shape = Shape {
    aliases: &[
        ("report_id", "id"),
        ("submitted_by", "submitted_by_id"),
        ("completion_report", "report"),
        ("submitted_at", "created_at"),
    ],
    defaults: || {
        json!({
            "task_id": "", "submitted_by_id": "", "review_status": "pending", "report": "",
            "created_at": "1970-01-01T00:00:00Z",
        })
    },
};
pub(crate) const SESSION: Shape = Shape {
    aliases: &[
        ("report_id", "id"),
        ("session_id", "id"),
        ("ended_at", "completed_at"),
    ],
    defaults: || json!({ "agent_id": "", "status": "active", "trigger_type": "manual" }),
};
pub(crate) const CONTEXT: Shape = Shape {
    aliases: &[
        ("context_id", "id"),
        ("session_id", "report_id"),
        ("type", "context_type"),
        ("key", "context_key"),
    ],
    defaults: || {
        json!({
            "id": "", "report_id": "", "context_type": "note", "context_key": "", "value": "",
        })
    },
};
pub(crate) const EVENT: Shape = Shape {
    aliases: &[("event_id", "id"), ("created_at", "at"), ("type", "kind")],
    defaults: || json!({ "id": "", "task_id": "", "kind": "edited" }),
};

/// One record, bare or under a name.
pub(crate) fn one<T: DeserializeOwned>(body: Value, shape: &Shape) -> CcpmResult<T> {
    let body = match body {
        Value::Object(members) => single(members, shape).unwrap_or_else(Value::Object),
        body => body,
    };
    read(body, shape)
}

/// The record itself, or the one under a name; the members as they were if there is neither.
fn single(mut members: Map<String, Value>, shape: &Shape) -> Result<Value, Map<String, Value>> {
    if has_id(&members, shape) {
        return Ok(Value::Object(members));
    }
    let found = SINGLES
        .iter()
        .find(|name| members.get(**name).is_some_and(Value::is_object));
    match found.and_then(|name| members.remove(*name)) {
        Some(inner) => Ok(inner),
        None => Err(members),
    }
}

/// A list, bare or under a name; it may also be a single record.
pub(crate) fn list<T: DeserializeOwned>(body: Value, shape: &Shape) -> CcpmResult<Listing<T>> {
    let (rows, page) = match body {
        Value::Array(rows) => (rows, Map::new()),
        Value::Object(mut members) => {
            let found = LISTS
                .iter()
                .find(|name| members.get(**name).is_some_and(Value::is_array));
            match found.and_then(|name| members.remove(*name)) {
                Some(Value::Array(rows)) => (rows, members),
                _ => match single(members, shape) {
                    Ok(row) => (vec![row], Map::new()),
                    Err(_) => return Err(unreadable("it holds no list")),
                },
            }
        }
        _ => return Err(unreadable("it is neither a list nor an object")),
    };
    let data = rows
        .into_iter()
        .map(|row| read(row, shape))
        .collect::<CcpmResult<Vec<T>>>()?;
    Ok(Listing {
        page: page_of(page, data.len()),
        data,
    })
}

/// What it says about its pages, under `page` or beside the list.
fn page_of(mut members: Map<String, Value>, rows: usize) -> PageInfo {
    if let Some(Value::Object(inner)) = members.remove("page") {
        members.extend(inner);
    }
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let number = |name: &str| members.get(name).and_then(Value::as_u64);
    let next_cursor = text("next_cursor").or_else(|| text("cursor"));
    PageInfo {
        limit: number("limit")
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or_else(|| u32::try_from(rows).unwrap_or(u32::MAX)),
        has_more: next_cursor.is_some(),
        next_cursor,
        total: number("total").or_else(|| number("count")),
    }
}

fn has_id(members: &Map<String, Value>, shape: &Shape) -> bool {
    let aliases = shape.aliases.iter().filter(|(_, name)| *name == "id");
    members.contains_key("id")
        || aliases
            .into_iter()
            .any(|(alias, _)| members.contains_key(*alias))
}

/// One record in the contract's form.
pub(crate) fn read<T: DeserializeOwned>(record: Value, shape: &Shape) -> CcpmResult<T> {
    let Value::Object(mut members) = record else {
        return Err(unreadable("a record is no object"));
    };
    for (alias, name) in shape.aliases {
        let is_absent = members.get(*name).is_none_or(Value::is_null);
        if is_absent
            && let Some(value) = members.remove(*alias)
            && !value.is_null()
        {
            members.insert((*name).to_owned(), value);
        }
    }
    members.retain(|name, value| !value.is_null() || name == "value");
    for (name, value) in &mut members {
        normalise(name, value);
    }
    // A time that cannot be read says nothing.
    members.retain(|name, value| !name.ends_with("_at") || value.as_str().is_some_and(is_time));
    if let Value::Object(defaults) = (shape.defaults)() {
        for (name, value) in defaults {
            members.entry(name).or_insert(value);
        }
    }
    if let Some(Value::String(text)) = members.get("report") {
        let summary = json!({ "summary": text });
        members.insert("report".to_owned(), summary);
    }
    serde_json::from_value(Value::Object(members)).map_err(|error| {
        tracing::debug!(%error, "a record of another service could not be read");
        unreadable("a record lacks what it needs")
    })
}

fn normalise(name: &str, value: &mut Value) {
    let is_id = name == "id" || name.ends_with("_id") || name == "key";
    let are_ids = matches!(name, "depends_on" | "task_ids" | "blocked_by_open");
    if is_id && value.is_number() {
        *value = value.to_string().into();
    } else if are_ids && let Value::Array(ids) = value {
        for id in ids.iter_mut().filter(|id| id.is_number()) {
            *id = id.to_string().into();
        }
    } else if (name.ends_with("_at") || name == "at")
        && let Some(time) = time(value)
    {
        *value = time.into();
    } else if name.ends_with("_on")
        && let Value::String(text) = value
        && text.len() > 10
        && text.is_char_boundary(10)
    {
        text.truncate(10);
    }
}

/// A time as RFC 3339: also one without a zone, which is UTC, or seconds since 1970.
fn time(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if is_time(text) => None,
        Value::String(text) => {
            let text = format!("{}Z", text.trim().replacen(' ', "T", 1));
            is_time(&text).then_some(text)
        }
        Value::Number(number) => {
            let micros = (number.as_f64()? * 1e6).round();
            #[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
            let micros = Micros(micros as i64);
            Some(micros.to_rfc3339())
        }
        _ => None,
    }
}

fn is_time(text: &str) -> bool {
    Micros::from_rfc3339(text).is_some()
}

/// The answer is none that can be used; the text holds nothing of it.
pub(crate) fn unreadable(what: &str) -> CcpmError {
    CcpmError::new(
        CcpmCode::Unavailable,
        format!("the other service sent something unexpected: {what}"),
    )
    .hint("check that `task_api` and `messaging_api` lead to a CCPM service")
    .retryable(false)
    .detail("tool_code", "upstream_rejected")
}

#[cfg(test)]
mod tests {
    use homelab_core::ccpm::{Agent, Choice as _, CompletionReport, Message, Sprint, Task};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bare(json!([{ "id": 7, "name": "scout" }]))]
    #[case::contract(json!({ "data": [{ "id": "7", "name": "scout" }], "page": {} }))]
    #[case::items(json!({ "items": [{ "agent_id": 7, "agent_name": "scout" }] }))]
    #[case::named(json!({ "agents": [{ "id": "7", "name": "scout", "type": null }], "total": 1 }))]
    #[case::single(json!({ "id": "7", "name": "scout" }))]
    #[case::named_single(json!({ "agent": { "id": "7", "name": "scout" } }))]
    fn a_list_is_read_in_many_forms(#[case] body: Value) {
        let agents: Listing<Agent> = list(body, &AGENT).unwrap();

        assert_eq!(agents.data[0].id.as_str(), "7");
        assert_eq!(agents.data[0].name, "scout");
    }

    #[test]
    fn foreign_names_values_and_times_are_understood() {
        let task: Task = one(
            json!({ "task": {
                "task_id": 12, "name": "Fix it", "status": "parked", "assigned_to": "scout",
                "dependencies": [1, "2"], "created_at": "2026-01-02 03:04:05",
                "due_at": 1_767_225_600, "updated_at": "yesterday", "description": null,
            } }),
            &TASK,
        )
        .unwrap();
        let message: Message = one(
            json!({ "msg_id": 1, "sender": "a", "recipient": "b", "content": "hello" }),
            &MESSAGE,
        )
        .unwrap();
        let sprint: Sprint = one(
            json!({ "id": 3, "title": "June", "start_date": "2026-06-01T00:00:00" }),
            &SPRINT,
        )
        .unwrap();
        let report: CompletionReport =
            one(json!({ "report_id": 4, "report": "done" }), &REPORT).unwrap();

        assert_eq!((task.id.as_str(), task.status.as_str()), ("12", "parked"));
        assert_eq!(task.created_at.to_rfc3339(), "2026-01-02T03:04:05Z");
        assert_eq!(task.due_at.unwrap().to_rfc3339(), "2026-01-01T00:00:00Z");
        assert_eq!(task.depends_on[0].as_str(), "1");
        assert_eq!(
            (message.from_agent_name.as_str(), message.body.as_str()),
            ("a", "hello")
        );
        assert_eq!(sprint.starts_on.unwrap().to_string(), "2026-06-01");
        assert_eq!(report.report.summary, "done");
    }

    #[test]
    fn what_is_no_record_is_an_error_without_its_values() {
        for body in [
            json!("hunter2"),
            json!({ "secret": "hunter2" }),
            json!(["hunter2"]),
        ] {
            let error = list::<Task>(body, &TASK).unwrap_err();

            assert!(!error.text().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_page_tells_where_the_next_begins() {
        let rows = json!([{ "id": "1", "name": "a" }]);
        let contract: Listing<Agent> = list(
            json!({ "data": rows, "page": { "limit": 1, "has_more": true, "next_cursor": "x" } }),
            &AGENT,
        )
        .unwrap();
        let foreign: Listing<Agent> = list(
            json!({ "results": rows, "next_cursor": 2, "count": 9 }),
            &AGENT,
        )
        .unwrap();

        assert_eq!(contract.page.next_cursor.as_deref(), Some("x"));
        assert_eq!(foreign.page.next_cursor.as_deref(), Some("2"));
        assert_eq!(foreign.page.total, Some(9));
    }
}
