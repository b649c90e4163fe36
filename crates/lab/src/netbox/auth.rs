//! Who asks, and what they may do.

use axum::http::{HeaderMap, header};
use homelab_core::clock::Micros;
use serde_json::{Map, Value, json};

use super::Release;
use super::reply::{Answer, Reply, refused};
use super::state::{Object, State};
use crate::hash;

pub(super) struct User {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) password: String,
    /// `ipam.view_prefix` and the like; `None` may do everything.
    pub(super) rights: Option<Vec<String>>,
}

pub(super) struct Token {
    /// As it stands in the header, behind the keyword.
    pub(super) text: String,
    pub(super) user: u64,
    pub(super) write_enabled: bool,
    pub(super) enabled: bool,
    pub(super) expires: Option<Micros>,
}

/// Who makes a change, and with which request.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    pub(super) user: u64,
    pub(super) request: String,
}

/// What a request wants to do with a kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    View,
    Add,
    Change,
    Delete,
}

impl State {
    /// A user; its id.
    pub(super) fn add_user(&mut self, name: &str, password: &str, rights: Option<&[&str]>) -> u64 {
        let id = self.next_id("users.user");
        let now = self.tick();
        let mut fields = Map::new();
        fields.insert("username".to_owned(), json!(name));
        self.put(Object {
            kind: "users.user",
            id,
            fields,
            created: now,
            updated: now,
        });
        self.users.push(User {
            id,
            name: name.to_owned(),
            password: password.to_owned(),
            rights: rights.map(|rights| rights.iter().map(|&right| right.to_owned()).collect()),
        });
        id
    }

    pub(super) fn add_token(&mut self, text: &str, user: u64) {
        self.tokens.push(Token {
            text: text.to_owned(),
            user,
            write_enabled: true,
            enabled: true,
            expires: None,
        });
    }

    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// The user of a request.
    pub(super) fn authenticate(&self, headers: &HeaderMap, writes: bool) -> Result<u64, Reply> {
        let missing = || refused(403, "Authentication credentials were not provided.");
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|given| given.to_str().ok());
        let Some((keyword, text)) = given.and_then(|given| given.split_once(' ')) else {
            return Err(missing());
        };
        let bearer = keyword.eq_ignore_ascii_case("bearer");
        if !bearer && !keyword.eq_ignore_ascii_case("token") {
            return Err(missing());
        }
        if bearer && self.release < Release::V4_5 {
            return Err(missing());
        }
        let version = if text.starts_with("nbt_") { 2 } else { 1 };
        let found = self.tokens.iter().find(|token| token.text == text);
        let known = found.filter(|_| version == 1 || self.release >= Release::V4_5);
        let Some(token) = known else {
            return Err(refused(403, &format!("Invalid v{version} token")));
        };
        if !token.enabled {
            return Err(refused(403, "Token disabled"));
        }
        if token.expires.is_some_and(|end| end <= self.now()) {
            return Err(refused(403, "Token expired"));
        }
        if writes && !token.write_enabled {
            return Err(forbidden());
        }
        Ok(token.user)
    }

    /// Refuses what a user may not do with a kind of object.
    pub(super) fn permit(&self, user: u64, act: Act, kind: &str) -> Result<(), Reply> {
        let (app, model) = kind.split_once('.').unwrap_or((kind, ""));
        let act = match act {
            Act::View => "view",
            Act::Add => "add",
            Act::Change => "change",
            Act::Delete => "delete",
        };
        let wanted = format!("{app}.{act}_{model}");
        let rights = self.user(user).map(|user| &user.rights);
        match rights {
            Some(None) => Ok(()),
            Some(Some(rights)) if rights.contains(&wanted) => Ok(()),
            _ => Err(forbidden()),
        }
    }
}

fn forbidden() -> Reply {
    refused(403, "You do not have permission to perform this action.")
}

/// `POST /api/users/tokens/provision/`.
pub(super) fn provision(state: &mut State, body: Option<&Value>) -> Answer {
    let text = |name: &str| body.and_then(|body| body.get(name)?.as_str());
    let mut errors = Map::new();
    for name in ["username", "password"] {
        if text(name).is_none() {
            errors.insert(name.to_owned(), json!(["This field is required."]));
        }
    }
    if !errors.is_empty() {
        return Err(Reply::of(400, Value::Object(errors)).strange());
    }
    let user = state.users.iter().find(|user| {
        Some(&*user.name) == text("username") && Some(&*user.password) == text("password")
    });
    let Some(user) = user.map(|user| user.id) else {
        // Unlike everywhere else, this is a 403 too.
        return Err(refused(403, "Invalid username/password"));
    };
    let id = state.next_id("users.token");
    let digits = hash::hex(format!("token {id}").as_bytes());
    let key: String = digits.chars().take(12).collect();
    let secret: String = digits.chars().skip(12).take(40).collect();
    let version = if state.release >= Release::V4_5 { 2 } else { 1 };
    let header = match version {
        1 => secret.clone(),
        _ => format!("nbt_{key}.{secret}"),
    };
    state.add_token(&header, user);
    let created = state.now().to_rfc3339();
    let told = state
        .get("users.user", user)
        .map_or(Value::Null, |user| state.brief(user));
    let mut body = json!({
        "id": id,
        "url": format!("{}/api/users/tokens/{id}/", state.base),
        "display_url": format!("{}/users/tokens/{id}/", state.base),
        "display": key,
        "version": version,
        "user": told,
        "key": key,
        "created": created,
        "expires": null,
        "last_used": null,
        "enabled": true,
        "write_enabled": true,
        "description": "",
        "token": secret,
    });
    if version == 1 {
        body["key"] = json!(secret);
    }
    Ok(Reply::of(201, body))
}
