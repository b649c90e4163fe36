//! Groups, which rules, lists and clients are in.

use serde_json::{Value, json};

use super::entry::Call;
use super::items::{Processed, enabled, items, rows, text};
use super::reply::{Answer, deleted, json_of};
use super::state::{Group, State};

/// What SQLite says of a group that is there already.
const TWICE: &str = "UNIQUE constraint failed: group.name";

impl Group {
    fn row(&self) -> Value {
        json!({
            "name": self.name,
            "comment": self.comment,
            "enabled": self.enabled,
            "id": self.id,
            "date_added": self.added,
            "date_modified": self.modified,
        })
    }
}

impl State {
    /// A new group; its number.
    pub(super) fn add_group(&mut self, name: &str) -> i64 {
        let id = self.groups.iter().map(|group| group.id).max();
        let (id, now) = (id.map_or(0, |last| last + 1), self.now());
        self.groups.push(Group {
            id,
            name: name.to_owned(),
            comment: None,
            enabled: true,
            added: now,
            modified: now,
        });
        id
    }

    /// Deletes groups with all links to them. The first comes back at once.
    fn remove_groups(&mut self, names: &[&str]) -> bool {
        let doomed = |group: &&Group| names.contains(&group.name.as_str());
        let ids: Vec<i64> = self
            .groups
            .iter()
            .filter(doomed)
            .map(|one| one.id)
            .collect();
        self.groups.retain(|group| !ids.contains(&group.id));
        let links = self.domains.iter_mut().map(|rule| &mut rule.groups);
        let links = links.chain(self.lists.iter_mut().map(|list| &mut list.groups));
        let links = links.chain(self.clients.iter_mut().map(|client| &mut client.groups));
        for groups in links {
            groups.retain(|id| !ids.contains(id));
        }
        if ids.contains(&0) {
            let now = self.now();
            let again = Group {
                id: 0,
                name: "Default".to_owned(),
                comment: None,
                enabled: true,
                added: now,
                modified: now,
            };
            self.groups.insert(0, again);
        }
        !ids.is_empty()
    }
}

fn rows_of(state: &State, name: &str) -> Vec<Value> {
    let groups = state.groups.iter();
    let groups = groups.filter(|group| name.is_empty() || group.name == name);
    groups.map(Group::row).collect()
}

/// `GET /groups` and `/groups/{name}`.
pub(super) fn read(state: &mut State, call: &Call) -> Answer {
    json_of(json!({ "groups": rows_of(state, call.path.get("name")) }))
}

/// `POST /groups` and `PUT /groups/{name}`. After a new name the answer has no row: it looks for the
/// old one.
pub(super) fn write(state: &mut State, call: &Call) -> Answer {
    let body = call.json()?;
    let names = if call.put {
        vec![call.path.get("name").to_owned()]
    } else {
        items(body, "name")?
    };
    let mut processed = Processed::default();
    for name in &names {
        let done = write_one(state, call.put, body, name);
        processed.note(name, done);
    }
    let last = names.last().map(String::as_str).unwrap_or_default();
    let rows = rows_of(state, last);
    processed.answer(call.put, "groups", &rows)
}

fn write_one(state: &mut State, put: bool, body: &Value, name: &str) -> Result<(), String> {
    let known = state.groups.iter().position(|group| group.name == name);
    if known.is_some() && !put {
        return Err(TWICE.to_owned());
    }
    let new_name = text(body, "name").filter(|new| put && new != name);
    if let Some(new) = &new_name {
        if state.groups.iter().any(|group| group.name == *new) {
            return Err(TWICE.to_owned());
        }
        if known.is_none() {
            // Nothing is changed, and that counts as done.
            return Ok(());
        }
    }
    let index = known.unwrap_or_else(|| {
        state.add_group(name);
        state.groups.len() - 1
    });
    let now = state.now();
    let group = &mut state.groups[index];
    if let Some(new) = new_name {
        group.name = new;
    }
    group.comment = text(body, "comment");
    group.enabled = enabled(body);
    group.modified = now;
    Ok(())
}

/// `DELETE /groups/{name}`.
pub(super) fn remove(state: &mut State, call: &Call) -> Answer {
    deleted(state.remove_groups(&[call.path.get("name")]))
}

/// `POST /groups:batchDelete`.
pub(super) fn remove_all(state: &mut State, call: &Call) -> Answer {
    let rows = rows(call.json()?)?;
    let names: Vec<&str> = rows.iter().filter_map(|row| row["item"].as_str()).collect();
    deleted(state.remove_groups(&names))
}
