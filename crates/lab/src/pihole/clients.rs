//! Clients with groups of their own.

use serde_json::{Value, json};

use super::entry::Call;
use super::items::{Processed, items, put_into_groups, rows, text, without_spaces};
use super::reply::{Answer, deleted, json_of};
use super::state::{Client, State};

/// What SQLite says of a client that is there already.
const TWICE: &str = "UNIQUE constraint failed: client.ip";

impl State {
    fn client_row(&self, client: &Client) -> Value {
        let by_address = |(ip, _): &&(String, Option<String>)| *ip == client.who;
        let addresses = || self.devices.iter().flat_map(|device| &device.addresses);
        let by_mac = self
            .devices
            .iter()
            .find(|device| device.mac.eq_ignore_ascii_case(&client.who))
            .and_then(|device| device.addresses.first());
        let named = addresses().find(by_address).or(by_mac);
        json!({
            "client": client.who,
            "name": named.and_then(|(_, name)| name.clone()).unwrap_or_default(),
            "comment": client.comment,
            "groups": client.groups,
            "id": client.id,
            "date_added": client.added,
            "date_modified": client.modified,
        })
    }

    fn client_rows(&self, wanted: &str) -> Vec<Value> {
        let clients = self.clients.iter();
        let clients = clients.filter(|client| wanted.is_empty() || client.who == wanted);
        clients.map(|client| self.client_row(client)).collect()
    }

    /// A new client in the first group; where it stands.
    pub(super) fn add_client(&mut self, client: &str) -> usize {
        let (id, now) = (self.next_id(), self.now());
        self.clients.push(Client {
            id,
            who: client.to_owned(),
            comment: None,
            groups: vec![0],
            added: now,
            modified: now,
        });
        self.clients.len() - 1
    }
}

/// `GET /clients` and `/clients/{client}`.
pub(super) fn read(state: &mut State, call: &Call) -> Answer {
    json_of(json!({ "clients": state.client_rows(call.path.get("client")) }))
}

/// `POST /clients` and `PUT /clients/{client}`.
pub(super) fn write(state: &mut State, call: &Call) -> Answer {
    let body = call.json()?;
    let given = if call.put {
        vec![call.path.get("client").to_owned()]
    } else {
        items(body, "client")?
    };
    without_spaces(&given)?;
    let mut processed = Processed::default();
    for client in &given {
        let done = write_one(state, call.put, body, client);
        processed.note(client, done);
    }
    let last = given.last().map(String::as_str).unwrap_or_default();
    let rows = state.client_rows(last);
    processed.answer(call.put, "clients", &rows)
}

fn write_one(state: &mut State, put: bool, body: &Value, client: &str) -> Result<(), String> {
    let known = state.clients.iter().position(|one| one.who == client);
    if known.is_some() && !put {
        return Err(TWICE.to_owned());
    }
    let index = known.unwrap_or_else(|| state.add_client(client));
    let mut changed = state.clients[index].clone();
    changed.comment = text(body, "comment");
    changed.modified = state.now();
    let done = put_into_groups(state, body, &mut changed.groups);
    state.clients[index] = changed;
    done
}

/// `DELETE /clients/{client}`.
pub(super) fn remove(state: &mut State, call: &Call) -> Answer {
    let before = state.clients.len();
    let doomed = call.path.get("client");
    state.clients.retain(|client| client.who != doomed);
    deleted(state.clients.len() < before)
}

/// `POST /clients:batchDelete`.
pub(super) fn remove_all(state: &mut State, call: &Call) -> Answer {
    let rows = rows(call.json()?)?;
    let doomed = |client: &Client| rows.iter().any(|row| row["item"] == client.who.as_str());
    let before = state.clients.len();
    state.clients.retain(|client| !doomed(client));
    deleted(state.clients.len() < before)
}

/// `GET /clients/_suggestions`: devices that were seen and are not configured.
pub(super) fn suggestions(state: &mut State, _: &Call) -> Answer {
    let now = state.now();
    let configured = |name: &str| state.clients.iter().any(|client| client.who == name);
    let rows: Vec<Value> = state
        .devices
        .iter()
        .filter(|device| !configured(&device.mac))
        .map(|device| {
            let addresses: Vec<&str> = device.addresses.iter().map(|(ip, _)| &**ip).collect();
            let names = device.addresses.iter();
            let names: Vec<&str> = names.filter_map(|(_, name)| name.as_deref()).collect();
            json!({
                "hwaddr": device.mac,
                "macVendor": device.vendor,
                "lastQuery": now - 60,
                "addresses": addresses.join(","),
                "names": names.join(","),
            })
        })
        .collect();
    json_of(json!({ "clients": rows }))
}
