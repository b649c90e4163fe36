//! Keys: to join the tailnet, to call the API, to get access tokens.

use serde_json::{Map, Value, json};

use super::devices::check_tags;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Key, State};
use super::{Flavor, access};
use crate::hash;

/// 90 days, how long a key may hold, and does where nobody says otherwise.
pub(super) const LONGEST_S: i64 = 90 * 86_400;

/// What a key may allow for the machines that join with it.
const CAPABILITIES: [&str; 4] = ["reusable", "ephemeral", "preauthorized", "tags"];

/// At most 50 letters, digits, hyphens and spaces.
pub(super) fn is_description(text: &str) -> bool {
    text.chars().count() <= 50
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | ' '))
}

/// The scope for keys of a kind.
fn scope(kind: &str) -> &'static str {
    match kind {
        "client" => "oauth_keys",
        "federated" => "federated_keys",
        "api" => "api_access_tokens",
        _ => "auth_keys",
    }
}

fn kind_of(fields: &Map<String, Value>) -> &str {
    fields
        .get("keyType")
        .and_then(Value::as_str)
        .unwrap_or("auth")
}

/// What is told of a key that was made before.
fn told(key: &Key, now: &str) -> Value {
    let mut fields = key.fields.clone();
    if !key.is_valid(now) {
        fields.insert("invalid".to_owned(), json!(true));
    }
    fields.into()
}

pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let all = call.query.get("all") == Some(&Value::Bool(true));
    let now = state.time_in(0);
    let seen = |key: &&Key| {
        let readable = call
            .caller
            .may(&format!("{}:read", scope(kind_of(&key.fields))));
        // Whoever comes with a token of his own sees his own.
        let user = key.fields.get("userId").and_then(Value::as_str);
        let own = call.caller.user.is_none() || user == call.caller.user.as_deref();
        readable && (all || own) && key.is_valid(&now)
    };
    let keys: Vec<Value> = state
        .keys
        .values()
        .filter(seen)
        .map(|key| {
            if state.brief_keys {
                json!({ "id": key.fields.get("id") })
            } else {
                told(key, &now)
            }
        })
        .collect();
    json_of(json!({ "keys": keys }))
}

/// The key of this id that the caller may read or change.
fn known<'a>(state: &'a mut State, call: &Call, ending: &str) -> Result<&'a mut Key, Failure> {
    let id = call.path.get("key");
    let key = state.keys.get_mut(id).ok_or_else(Failure::not_found)?;
    if call
        .caller
        .may(&format!("{}{ending}", scope(kind_of(&key.fields))))
    {
        Ok(key)
    } else {
        Err(Failure::forbidden())
    }
}

pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let now = state.time_in(0);
    let key = known(state, call, ":read")?;
    json_of(told(key, &now))
}

pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let now = state.time_in(0);
    let key = known(state, call, "")?;
    if key.fields.contains_key("revoked") {
        return Err(Failure::not_found());
    }
    key.fields.insert("revoked".to_owned(), json!(now));
    let target = json!({ "id": call.path.get("key"), "type": "API_KEY" });
    state.note(&call.caller, "REVOKE", &target, [Value::Null, Value::Null]);
    Ok(Reply::Nothing)
}

pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let kind = call.body["keyType"].as_str().unwrap_or("auth").to_owned();
    if !call.caller.may(scope(&kind)) {
        return Err(Failure::forbidden());
    }
    let now = state.time_in(0);
    let mut fields = Map::new();
    fields.insert("keyType".to_owned(), json!(kind));
    fields.insert("created".to_owned(), json!(now));
    fields.insert("description".to_owned(), json!(call.text("description")));
    fields.insert(
        "userId".to_owned(),
        json!(call.caller.user.clone().unwrap_or_default()),
    );
    if kind == "auth" {
        fields.extend(for_joining(state, call)?);
    } else {
        fields.extend(for_calling(state, call, &kind)?);
    }
    let serial = state.next_serial();
    let id = format!("k{}CNTRL", hash::short_hex(&serial.to_le_bytes(), 10));
    let secret = match (state.flavor, kind.as_str()) {
        (_, "federated") => String::new(),
        (Flavor::Headscale, kind) => format!("hskey-{kind}-{id}-lab{serial}"),
        (Flavor::Tailscale, kind) => format!("tskey-{kind}-{id}-lab{serial}"),
    };
    fields.insert("id".to_owned(), json!(id));
    let mut answer = Value::Object(fields.clone());
    if !secret.is_empty() {
        // Shown this once.
        answer["key"] = json!(secret);
    }
    state.keys.insert(id.clone(), Key { fields, secret });
    let target = json!({ "id": id, "type": "API_KEY" });
    state.note(&call.caller, "CREATE", &target, [Value::Null, Value::Null]);
    json_of(answer)
}

/// What is special about a key with which machines join.
fn for_joining(state: &State, call: &Call) -> Result<Map<String, Value>, Failure> {
    let create = &call.body["capabilities"]["devices"]["create"];
    let Some(asked) = create.as_object() else {
        return Err(
            Failure::new(400, "capabilities.devices.create is required").outside_the_contract()
        );
    };
    if let Some(other) = asked
        .keys()
        .find(|name| !CAPABILITIES.contains(&name.as_str()))
    {
        let text = format!("unknown capability {other:?}");
        return Err(Failure::new(400, text).outside_the_contract());
    }
    let tags = create["tags"].as_array().into_iter().flatten();
    let tags: Vec<String> = tags.filter_map(Value::as_str).map(str::to_owned).collect();
    if call.caller.user.is_none() {
        // A client has no user who would own the machine.
        if tags.is_empty() {
            return Err(Failure::new(
                400,
                "auth keys created by OAuth clients must have tags",
            ));
        }
        if let Some(other) = tags.iter().find(|tag| !gives(state, &call.caller, tag)) {
            let text = format!("requested tags [{other}] are invalid or not permitted");
            return Err(Failure::new(400, text));
        }
    }
    check_tags(state, &tags)?;
    let seconds = call.body["expirySeconds"].as_i64().unwrap_or(LONGEST_S);
    let told = json!({
        "expires": state.time_in(seconds),
        "expirySeconds": seconds,
        "capabilities": { "devices": { "create": {
            "reusable": create["reusable"] == true,
            "ephemeral": create["ephemeral"] == true,
            "preauthorized": create["preauthorized"] == true,
            "tags": tags,
        } } },
    });
    Ok(told.as_object().cloned().unwrap_or_default())
}

/// Whether the client has the tag, or one that owns it.
fn gives(state: &State, caller: &access::Caller, tag: &str) -> bool {
    let policy = state.policy.value();
    let owners = policy["tagOwners"][tag].as_array().into_iter().flatten();
    let mut owners = owners.filter_map(Value::as_str);
    caller.tags.iter().any(|own| own == tag)
        || owners.any(|owner| caller.tags.iter().any(|own| own == owner))
}

/// What is special about a key with which programs call the API.
fn for_calling(state: &State, call: &Call, kind: &str) -> Result<Map<String, Value>, Failure> {
    let (scopes, tags) = (call.texts("scopes"), call.texts("tags"));
    if scopes.is_empty() {
        return Err(Failure::new(400, "scopes are required"));
    }
    let tagged = ["devices:core", "auth_keys", "all"];
    if tags.is_empty() && scopes.iter().any(|scope| tagged.contains(&scope.as_str())) {
        return Err(Failure::new(400, "these scopes need tags"));
    }
    check_tags(state, &tags)?;
    let mut told = json!({ "scopes": scopes, "tags": tags });
    if kind == "federated" {
        for name in ["issuer", "subject", "audience", "customClaimRules"] {
            if let Some(value) = call.body.get(name) {
                told[name] = value.clone();
            }
        }
    }
    Ok(told.as_object().cloned().unwrap_or_default())
}

/// Sets description, scopes and tags of a client anew.
pub(super) fn replace(state: &mut State, call: &Call) -> Answer {
    let kind = {
        let key = known(state, call, "")?;
        kind_of(&key.fields).to_owned()
    };
    if kind != "client" && kind != "federated" {
        return Err(Failure::new(400, "this key cannot be changed"));
    }
    let mut fields = for_calling(state, call, &kind)?;
    fields.insert("description".to_owned(), json!(call.text("description")));
    let now = state.time_in(0);
    fields.insert("updated".to_owned(), json!(now));
    let key = known(state, call, "")?;
    key.fields.extend(fields);
    json_of(told(key, &now))
}
