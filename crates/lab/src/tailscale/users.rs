//! People, the tailnet's settings, and the log of what was changed.

use homelab_core::clock::Micros;
use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::State;

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let asked = |name: &str, usual: &'static str| {
        let given = call.query.get(name).and_then(Value::as_str);
        given.unwrap_or(usual).to_owned()
    };
    let (kind, role) = (asked("type", "member"), asked("role", "all"));
    let users: Vec<Value> = state
        .users
        .iter()
        .map(|user| counted(state, user))
        .filter(|user| kind == "all" || user["type"] == kind)
        .filter(|user| role == "all" || user["role"] == role)
        .collect();
    json_of(json!({ "users": users }))
}

fn counted(state: &State, user: &Value) -> Value {
    let login = user["loginName"].as_str().unwrap_or_default();
    let own = state
        .devices
        .iter()
        .filter(|device| device.text("user") == login);
    let mut user = user.clone();
    user["deviceCount"] = json!(own.count());
    user
}

fn known<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Value, Failure> {
    let id = call.path.get("user");
    let mut users = state.users.iter_mut();
    users
        .find(|user| user["id"] == id)
        .ok_or_else(Failure::not_found)
}

pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let user = known(state, call)?.clone();
    json_of(counted(state, &user))
}

pub(super) fn set_role(state: &mut State, call: &Call) -> Answer {
    let user = known(state, call)?;
    if user["role"] == "owner" || call.text("role") == "owner" {
        return Err(Failure::new(
            400,
            "the owner cannot be changed by this call",
        ));
    }
    user["role"] = json!(call.text("role"));
    Ok(Reply::Nothing)
}

/// Moves a user from one of these states to another.
fn shift(state: &mut State, call: &Call, from: &[&str], to: &str, action: &str) -> Answer {
    let user = known(state, call)?;
    let status = user["status"].as_str().unwrap_or_default().to_owned();
    if !from.contains(&status.as_str()) {
        return Err(Failure::new(400, format!("user is {status}")));
    }
    if to == "suspended" && user["role"] == "owner" {
        return Err(Failure::new(400, "the owner cannot be suspended"));
    }
    user["status"] = json!(to);
    let target = json!({ "id": user["id"], "name": user["loginName"], "type": "USER" });
    state.note(&call.caller, action, &target, [json!(status), json!(to)]);
    Ok(Reply::Nothing)
}

pub(super) fn approve(state: &mut State, call: &Call) -> Answer {
    shift(state, call, &["needs-approval"], "active", "APPROVE")
}

pub(super) fn suspend(state: &mut State, call: &Call) -> Answer {
    shift(state, call, &["active", "idle"], "suspended", "SUSPEND")
}

pub(super) fn restore(state: &mut State, call: &Call) -> Answer {
    shift(state, call, &["suspended"], "active", "RESTORE")
}

pub(super) fn settings(state: &mut State, _: &Call) -> Answer {
    json_of(state.settings.clone().into())
}

pub(super) fn set_settings(state: &mut State, call: &Call) -> Answer {
    for (name, value) in call.body.as_object().into_iter().flatten() {
        let old = state.settings.insert(name.clone(), value.clone());
        let target = json!({ "id": super::TAILNET, "name": name, "type": "TAILNET" });
        let change = [old.unwrap_or_default(), value.clone()];
        state.note(&call.caller, "UPDATE", &target, change);
    }
    settings(state, call)
}

/// What was changed between two times; each filter holds for one of its values.
pub(super) fn audit(state: &mut State, call: &Call) -> Answer {
    let time = |name: &str| {
        let text = call
            .query
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        Micros::from_rfc3339(text)
            .ok_or_else(|| Failure::new(400, format!("{name}: not a time")).outside_the_contract())
    };
    let (start, end) = (time("start")?, time("end")?);
    if end < start {
        return Err(Failure::new(400, "end is before start"));
    }
    let any = |name: &str, fits: &dyn Fn(&str) -> bool| {
        let wanted = call.query.get(name).and_then(Value::as_array);
        wanted.is_none_or(|list| {
            list.iter()
                .any(|one| fits(one.as_str().unwrap_or_default()))
        })
    };
    // `~` looks for a part of it.
    let is = |wanted: &str, values: [&Value; 2]| {
        let mut texts = values.into_iter().filter_map(Value::as_str);
        match wanted.strip_prefix('~') {
            Some(part) => texts.any(|text| text.contains(part)),
            None => texts.any(|text| text == wanted),
        }
    };
    let logs: Vec<&Value> = state
        .audit
        .iter()
        .filter(|row| {
            let at = row["eventTime"].as_str().and_then(Micros::from_rfc3339);
            at.is_some_and(|at| start <= at && at <= end)
        })
        .filter(|row| {
            let (actor, target) = (&row["actor"], &row["target"]);
            let mut event = format!("{}.{}", target["type"], row["action"]);
            if let Some(property) = target["property"].as_str() {
                event = format!("{event}.{property}");
            }
            let event = event.replace('"', "");
            any("actor", &|wanted| {
                is(wanted, [&actor["id"], &actor["loginName"]])
            }) && any("target", &|wanted| {
                is(wanted, [&target["id"], &target["name"]])
            }) && any("event", &|wanted| event == wanted)
        })
        .collect();
    json_of(json!({ "version": "1.1", "tailnet": super::TAILNET, "logs": logs }))
}
