//! The settings: a tree whose lists of text have a path for each element.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::defaults::{RESTARTS, defaults};
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::State;

/// What stands for a secret.
const HIDDEN: &str = "********";

const APP_HINT: &str = "The current app session is not allowed to modify Pi-hole config settings (webserver.api.app_sudo is false)";

/// All settings.
pub(super) struct Settings {
    tree: Value,
    /// Those that the environment sets.
    forced: BTreeSet<String>,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self {
            tree: defaults(),
            forced: BTreeSet::new(),
        }
    }

    /// A setting or a branch by its name, such as `dns.upstreams`.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.tree.pointer(&pointer(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        if let Some(place) = self.tree.pointer_mut(&pointer(name)) {
            *place = value;
        }
    }

    /// Has the environment set it from now on.
    pub(super) fn force(&mut self, name: &str) {
        self.forced.insert(name.to_owned());
    }
}

fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

/// The settings of a branch with their names.
fn leaves(tree: &Value, name: &str, into: &mut Vec<(String, Value)>) {
    match tree {
        Value::Object(fields) => {
            for (field, value) in fields {
                let below = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                leaves(value, &below, into);
            }
        }
        leaf => into.push((name.to_owned(), leaf.clone())),
    }
}

/// A tree with this value at this name.
fn put_at(tree: &mut Value, name: &str, value: Value) {
    let mut place = tree;
    for part in name.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value;
}

fn told(state: &State, name: &str, value: Value) -> Value {
    let set = match name {
        "webserver.api.password" | "webserver.api.pwhash" => state.secrets.password.is_some(),
        "webserver.api.totp_secret" => state.secrets.totp.is_some(),
        "webserver.api.app_pwhash" => state.secrets.app_password.is_some(),
        _ => return value,
    };
    json!(if set { HIDDEN } else { "" })
}

/// `GET /config` and below: the branch that the path leads to, with all that is above it.
pub(super) fn read(state: &mut State, call: &Call) -> Answer {
    read_branch(state, call, call.path.get("element"))
}

fn read_branch(state: &State, call: &Call, path: &str) -> Answer {
    let wanted = path.trim_matches('/').replace('/', ".");
    let mut all = Vec::new();
    leaves(&state.settings.tree, "", &mut all);
    let mut known = Vec::new();
    leaves(&defaults(), "", &mut known);
    let mut tree = json!({});
    for ((name, value), (_, usual)) in all.into_iter().zip(known) {
        let below = name.strip_prefix(wanted.as_str());
        let below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if !wanted.is_empty() && !below {
            continue;
        }
        let value = told(state, &name, value);
        let shown = if call.flag("detailed") == Some(true) {
            json!({
                "description": format!("the setting {name}"),
                "allowed": allowed(&name),
                "type": type_name(&value),
                "value": value,
                "default": usual,
                "modified": value != usual,
                "flags": {
                    "restart_dnsmasq": restarts(&name),
                    "session_reset": name.starts_with("webserver.api.") && name.contains("pwhash"),
                    "env_var": state.settings.forced.contains(&name),
                },
            })
        } else {
            value
        };
        put_at(&mut tree, &name, shown);
    }
    json_of(json!({ "config": tree }))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::Array(_) => "string array",
        _ => "string",
    }
}

/// The words that a setting may be.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "dns.listeningMode" => Some(&["LOCAL", "SINGLE", "BIND", "ALL", "NONE"]),
        "dns.blocking.mode" => Some(&["NULL", "IP_NODATA_AAAA", "IP", "NX", "NODATA"]),
        "dns.replyWhenBusy" => Some(&["BLOCK", "ALLOW", "REFUSE", "DROP"]),
        _ => None,
    }
}

fn restarts(name: &str) -> bool {
    name.starts_with("dhcp.") || RESTARTS.contains(&name)
}

fn may_change(state: &State, call: &Call) -> Result<(), Failure> {
    let app = call.who.is_ok_and(|who| who.app);
    if app && !state.settings.flag("webserver.api.app_sudo") {
        let text = "Unable to change configuration (read-only)";
        return Err(Failure::forbidden(text).hint(APP_HINT));
    }
    Ok(())
}

fn forced(name: &str) -> Failure {
    let text = "Config items set via environment variables cannot be changed via the API";
    Failure::bad(text).hint(name)
}

/// `PATCH /config`: settings that it does not know are overlooked.
pub(super) fn patch(state: &mut State, call: &Call) -> Answer {
    may_change(state, call)?;
    let body = call.json()?;
    let no_tree = || Failure::new(400, "body_error", "No \"config\" object in body data");
    let given = body.get("config").filter(|tree| tree.is_object());
    let given = given.ok_or_else(no_tree)?;
    if state.settings.flag("misc.readOnly") {
        return Err(Failure::forbidden(
            "The config is currently in read-only mode",
        ));
    }
    let mut all = Vec::new();
    leaves(&state.settings.tree, "", &mut all);
    let mut changes = Vec::new();
    for (name, old) in all {
        let Some(new) = given.pointer(&pointer(&name)) else {
            continue;
        };
        if *new == json!(HIDDEN) && secret(&name) {
            continue;
        }
        if let Some(wrong) = mistyped(&name, &old, new) {
            let text = format!("{name}: {wrong}");
            return Err(Failure::bad("Config item is invalid").hint(text));
        }
        if *new == old && !secret(&name) {
            continue;
        }
        if state.settings.forced.contains(&name) {
            return Err(forced(&name));
        }
        if let Some(wrong) = invalid(&name, new) {
            return Err(Failure::bad("Config item validation failed").hint(wrong));
        }
        changes.push((name, new.clone()));
    }
    for (name, value) in &changes {
        refused_by_dnsmasq(name, value)?;
    }
    for (name, value) in changes {
        state.change(&name, value, call.flag("restart").unwrap_or(true));
    }
    read_branch(state, call, "")
}

fn secret(name: &str) -> bool {
    matches!(
        name,
        "webserver.api.password"
            | "webserver.api.pwhash"
            | "webserver.api.totp_secret"
            | "webserver.api.app_pwhash"
    )
}

impl State {
    fn change(&mut self, name: &str, value: Value, restart: bool) {
        let text = value.as_str().unwrap_or_default().to_owned();
        let given = Some(text).filter(|text| !text.is_empty());
        match name {
            "webserver.api.password" => self.secrets.password = given,
            // A hash that is not of ours is nobody's.
            "webserver.api.pwhash" => self.secrets.password = None,
            "webserver.api.totp_secret" => self.secrets.totp = given,
            "webserver.api.app_pwhash" => {
                self.secrets.use_app_password(&given.unwrap_or_default());
            }
            _ => self.settings.set(name, value),
        }
        if secret(name) {
            self.end_sessions();
        }
        if restarts(name) && restart {
            self.restarting = true;
        }
    }
}

/// What is wrong with the type of a new value.
fn mistyped(name: &str, old: &Value, new: &Value) -> Option<String> {
    let right = match old {
        Value::Bool(_) => new.is_boolean(),
        Value::Number(number) if number.is_f64() => new.is_number(),
        Value::Number(_) => new.is_i64() || new.is_u64(),
        Value::Array(_) => new
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string)),
        _ => new.is_string(),
    };
    if !right {
        return Some(format!("not of type {}", type_name(old)));
    }
    let known = allowed(name)?;
    let given = new.as_str().unwrap_or_default();
    (!known.contains(&given)).then(|| "invalid option".to_owned())
}

/// What is wrong with the elements of the local records.
fn invalid(name: &str, value: &Value) -> Option<String> {
    let check: fn(&str) -> Option<String> = match name {
        "dns.hosts" => invalid_host,
        "dns.cnameRecords" => invalid_cname,
        _ => return None,
    };
    let elements = value.as_array().into_iter().flatten();
    elements.enumerate().find_map(|(index, element)| {
        let wrong = check(element.as_str().unwrap_or_default())?;
        Some(format!("{name}[{index}]: {wrong}"))
    })
}

fn invalid_host(element: &str) -> Option<String> {
    let mut words = element.split([' ', '\t']).filter(|word| !word.is_empty());
    let Some(ip) = words.next() else {
        return Some(format!("found no first element (\"{element}\")"));
    };
    if ip.parse::<IpAddr>().is_err() {
        return Some(format!("neither a valid IPv4 nor IPv6 address (\"{ip}\")"));
    }
    let names: Vec<&str> = words.take_while(|word| !word.starts_with('#')).collect();
    if names.is_empty() {
        let text = "entry does not have at least one hostname";
        return Some(format!("{text} (\"{element}\")"));
    }
    let wrong = names.into_iter().find(|name| !is_host_name(name))?;
    Some(format!("invalid hostname (\"{wrong}\")"))
}

fn invalid_cname(element: &str) -> Option<String> {
    let parts: Vec<&str> = element.split(',').collect();
    if let Some(position) = parts.iter().position(|part| part.is_empty()) {
        return Some(format!("contains an empty string at position {position}"));
    }
    let few = "not a valid CNAME definition (too few elements)";
    (parts.len() < 2).then(|| few.to_owned())
}

fn is_host_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(fits)
}

/// What dnsmasq would not start with.
fn refused_by_dnsmasq(name: &str, value: &Value) -> Result<(), Failure> {
    if name != "dns.upstreams" {
        return Ok(());
    }
    let elements = value.as_array().into_iter().flatten();
    for (index, element) in elements.enumerate() {
        let text = element.as_str().unwrap_or_default();
        if !is_upstream(text) {
            let line = 28 + index;
            let hint = format!(
                "Error in dnsmasq configuration: dnsmasq: bad address at line {line} of /etc/pihole/dnsmasq.conf.temp: \"server={text}\""
            );
            return Err(Failure::bad("Invalid configuration").hint(hint));
        }
    }
    Ok(())
}

/// `ip[#port]`.
fn is_upstream(text: &str) -> bool {
    let (ip, port) = text.split_once('#').unwrap_or((text, "53"));
    ip.parse::<IpAddr>().is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The list that a path names, and the element at its end.
fn element(state: &State, call: &Call) -> Result<(Option<String>, String), Failure> {
    let path = call.path.get("element");
    let Some((list, element)) = path.rsplit_once('/') else {
        return Err(Failure::bad("Invalid path depth").outside_the_contract());
    };
    let name = list.replace('/', ".");
    let is_list = state.settings.get(&name).is_some_and(Value::is_array);
    Ok((is_list.then_some(name), element.to_owned()))
}

/// `PUT /config/{element}/{value}`.
pub(super) fn add(state: &mut State, call: &Call) -> Answer {
    change_list(state, call, |list, element| {
        if list.iter().any(|one| *one == element) {
            let hint = "Uniqueness of items is enforced";
            return Err(Failure::bad("Item already present").hint(hint));
        }
        list.push(json!(element));
        Ok(Some(Reply::Json(201, json!({}))))
    })
}

/// `DELETE /config/{element}/{value}`.
pub(super) fn take_away(state: &mut State, call: &Call) -> Answer {
    change_list(state, call, |list, element| {
        let before = list.len();
        list.retain(|one| *one != element);
        Ok((list.len() < before).then_some(Reply::Nothing(204)))
    })
}

fn change_list(
    state: &mut State,
    call: &Call,
    change: impl FnOnce(&mut Vec<Value>, &str) -> Result<Option<Reply>, Failure>,
) -> Answer {
    may_change(state, call)?;
    let missing = || Reply::Json(404, json!({}));
    let (Some(name), element) = element(state, call)? else {
        return Ok(missing());
    };
    if state.settings.forced.contains(&name) {
        return Err(forced(&name));
    }
    let list = state.settings.get(&name).and_then(Value::as_array);
    let mut list = list.cloned().unwrap_or_default();
    let Some(reply) = change(&mut list, &element)? else {
        return Ok(missing());
    };
    let value = Value::Array(list);
    if let Some(wrong) = invalid(&name, &value).filter(|_| call.put) {
        return Err(Failure::bad("Invalid value").hint(wrong));
    }
    refused_by_dnsmasq(&name, &value)?;
    state.change(&name, value, call.flag("restart").unwrap_or(true));
    Ok(reply)
}
