//! DNS records.

mod batch;
mod check;
mod filter;

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::paging::{page, sort};
use super::reply::{Answer, Failure, Reply, result};
use super::state::{State, Zone};
pub(super) use batch::batch;
pub(super) use check::{PROXIABLE, TYPES};
use check::{against, build};

fn missing() -> Failure {
    Failure::new(404, 81_044, "Record does not exist.")
}

/// Position of a record of a zone.
fn position(zone: &Zone, id: &str) -> Result<usize, Failure> {
    let at = zone.records.iter().position(|record| record["id"] == id);
    at.ok_or_else(missing)
}

/// `GET /zones/{zone_id}/dns_records`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let zone = state.zone(call.zone())?;
    let wanted = zone
        .records
        .iter()
        .filter(|record| filter::fits(record, call));
    let mut rows: Vec<Value> = wanted.cloned().map(Value::Object).collect();
    sort(
        &mut rows,
        call.asked("order").unwrap_or("type"),
        call.asked("direction"),
    );
    page(state, call, rows, 100)
}

/// `GET /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let zone = state.zone(call.zone())?;
    let at = position(zone, call.path.get("dns_record_id"))?;
    result(Value::Object(zone.records[at].clone()))
}

/// What the product says about text that is not quoted.
fn remarks(record: &Map<String, Value>) -> Vec<Value> {
    let content = record["content"].as_str().unwrap_or_default();
    if record["type"] != "TXT" || (content.starts_with('"') && content.ends_with('"')) {
        return Vec::new();
    }
    let message = "The content of a TXT record should be wrapped in double quotes; they were added \
                   when it was served.";
    vec![json!({ "code": 3303, "message": message })]
}

/// Puts a record there; what is said to it.
fn add(
    zone: &mut Zone,
    id: &str,
    now: &str,
    body: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let mut record = build(zone, body)?;
    against(zone, &record, None)?;
    record.insert("id".to_owned(), json!(id));
    record.insert("created_on".to_owned(), json!(now));
    touch(&mut record, now, None);
    zone.records.push(record.clone());
    Ok(record)
}

/// Times of a change.
fn touch(record: &mut Map<String, Value>, now: &str, before: Option<&Map<String, Value>>) {
    record.insert("modified_on".to_owned(), json!(now));
    for (field, time) in [
        ("comment", "comment_modified_on"),
        ("tags", "tags_modified_on"),
    ] {
        let same = before.is_some_and(|before| before.get(field) == record.get(field));
        let kept = before.and_then(|before| before.get(time)).cloned();
        let empty = matches!(&record[field], Value::Null) || record[field] == json!([]);
        match kept {
            Some(kept) if same => record.insert(time.to_owned(), kept),
            _ if empty => record.remove(time),
            _ => record.insert(time.to_owned(), json!(now)),
        };
    }
}

/// How a record is changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// What is not given stays.
    Merge,
    /// What is not given is erased.
    Replace,
}

fn change(
    zone: &mut Zone,
    id: &str,
    now: &str,
    body: &Map<String, Value>,
    how: Change,
) -> Result<Map<String, Value>, Failure> {
    let at = position(zone, id)?;
    let before = zone.records[at].clone();
    let mut wanted = body.clone();
    if how == Change::Merge {
        for name in [
            "type", "name", "content", "data", "ttl", "proxied", "priority", "comment", "tags",
            "settings",
        ] {
            // The content of a structured record is made of its data.
            let made = name == "content" && before.contains_key("data");
            let other_type =
                name == "data" && body.get("type").is_some_and(|one| *one != before["type"]);
            if let Some(old) = before
                .get(name)
                .filter(|old| !old.is_null() && !made && !other_type)
            {
                wanted.entry(name).or_insert_with(|| old.clone());
            }
        }
    }
    let mut record = build(zone, &wanted)?;
    against(zone, &record, Some(id))?;
    record.insert("id".to_owned(), json!(id));
    record.insert("created_on".to_owned(), before["created_on"].clone());
    touch(&mut record, now, Some(&before));
    zone.records[at].clone_from(&record);
    Ok(record)
}

#[expect(clippy::unnecessary_wraps, reason = "the answer of a handler")]
fn changed(record: Map<String, Value>) -> Answer {
    let remarks = remarks(&record);
    Ok(Reply::Remarked(Value::Object(record), remarks))
}

/// `POST /zones/{zone_id}/dns_records`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let (id, now) = (state.next_id(), state.now_text());
    changed(add(state.zone(call.zone())?, &id, &now, &call.body)?)
}

/// `PATCH /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(super) fn patch(state: &mut State, call: &Call) -> Answer {
    changed(one_change(state, call, Change::Merge)?)
}

/// `PUT /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(super) fn put(state: &mut State, call: &Call) -> Answer {
    changed(one_change(state, call, Change::Replace)?)
}

fn one_change(state: &mut State, call: &Call, how: Change) -> Result<Map<String, Value>, Failure> {
    let now = state.now_text();
    let id = call.path.get("dns_record_id");
    change(state.zone(call.zone())?, id, &now, &call.body, how)
}

/// `DELETE /zones/{zone_id}/dns_records/{dns_record_id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = call.path.get("dns_record_id");
    let zone = state.zone(call.zone())?;
    let at = position(zone, id)?;
    zone.records.remove(at);
    result(json!({ "id": id }))
}

/// `GET /zones/{zone_id}/dns_records/export`: a BIND file.
pub(super) fn export(state: &mut State, call: &Call) -> Answer {
    let now = state.now_text();
    let zone = state.zone(call.zone())?;
    let mut lines = vec![
        ";;".to_owned(),
        format!(";; Domain:     {}.", zone.name),
        format!(";; Exported:   {now}"),
        ";;".to_owned(),
    ];
    for record in &zone.records {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let dot = if matches!(text("type"), "CNAME" | "MX" | "NS" | "PTR") {
            "."
        } else {
            ""
        };
        let priority = match &record.get("priority") {
            Some(priority) => format!("{priority} "),
            None => String::new(),
        };
        let proxied = record.get("proxied") == Some(&json!(true));
        let tags = if proxied {
            " ; cf_tags=cf-proxied:true"
        } else {
            ""
        };
        lines.push(format!(
            "{}.\t{}\tIN\t{}\t{priority}{}{dot}{tags}",
            text("name"),
            record["ttl"],
            text("type"),
            text("content"),
        ));
    }
    Ok(Reply::Text(lines.join("\n") + "\n"))
}
