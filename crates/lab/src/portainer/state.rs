//! What the server holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::Clock;
use serde_json::{Map, Value};

use super::Release;
use super::reply::Failure;
use crate::docker::Engine;
use crate::shared::Shared;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) release: Release,
    pub(super) users: BTreeMap<u64, User>,
    /// Users by access token.
    pub(super) keys: BTreeMap<String, u64>,
    /// User and end by session.
    pub(super) sessions: BTreeMap<String, (u64, i64)>,
    pub(super) environments: BTreeMap<u64, Environment>,
    pub(super) stacks: BTreeMap<u64, Stack>,
    pub(super) deploy: Deploy,
    pub(super) empty_is_204: bool,
    serial: u64,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) admin: bool,
    /// Environments that it may use; an administrator may use all.
    pub(super) environments: Vec<u64>,
}

pub(super) struct Environment {
    pub(super) name: String,
    pub(super) kind: i64,
    pub(super) url: String,
    pub(super) up: bool,
    pub(super) settings: Map<String, Value>,
    pub(super) engine: Option<Shared<Engine>>,
    pub(super) snapshot: i64,
}

pub(super) struct Stack {
    pub(super) name: String,
    pub(super) environment: u64,
    pub(super) kind: i64,
    pub(super) swarm: String,
    pub(super) status: Status,
    pub(super) file: String,
    pub(super) env: Value,
    pub(super) git: Option<Value>,
    pub(super) webhook: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) created_by: String,
    pub(super) updated_by: String,
    pub(super) version: u64,
}

/// What a stack is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Inactive,
    /// It is being deployed, for so many more looks.
    Deploying(u32, Option<String>),
    Failed(String),
}

/// How the next deployments go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deploy {
    /// Looks at the stack until it is over; none in releases before 2.44, which answer at the end.
    pub looks: u32,
    /// What it fails with.
    pub error: Option<String>,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            release: Release::V2_44,
            users: BTreeMap::new(),
            keys: BTreeMap::new(),
            sessions: BTreeMap::new(),
            environments: BTreeMap::new(),
            stacks: BTreeMap::new(),
            deploy: Deploy::default(),
            empty_is_204: false,
            serial: 0,
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn add_environment(&mut self, name: &str, kind: i64, url: &str) -> u64 {
        let id = self.next_id();
        let snapshot = self.now();
        let environment = Environment {
            name: name.to_owned(),
            kind,
            url: url.to_owned(),
            up: true,
            settings: Map::new(),
            engine: None,
            snapshot,
        };
        self.environments.insert(id, environment);
        id
    }

    /// An environment that the user may use.
    pub(super) fn environment(&self, user: u64, id: u64) -> Result<&Environment, Failure> {
        let missing = || {
            let details = "object not found inside the database";
            Failure::new(
                404,
                "Unable to find an environment with the specified identifier inside the database",
                details,
            )
        };
        let found = self.environments.get(&id).ok_or_else(missing)?;
        self.may_use(user, id)?;
        Ok(found)
    }

    pub(super) fn may_use(&self, user: u64, id: u64) -> Result<(), Failure> {
        let user = self.users.get(&user);
        if user.is_some_and(|user| user.admin || user.environments.contains(&id)) {
            Ok(())
        } else {
            let details = "access denied to resource";
            Err(Failure::new(
                403,
                "Permission denied to access environment",
                details,
            ))
        }
    }

    pub(super) fn must_be_admin(&self, user: u64) -> Result<(), Failure> {
        if self.users.get(&user).is_some_and(|user| user.admin) {
            Ok(())
        } else {
            let details = "Access denied to resource";
            Err(Failure::new(403, "Access denied", details))
        }
    }

    pub(super) fn name_of(&self, user: u64) -> String {
        self.users
            .get(&user)
            .map(|user| user.name.clone())
            .unwrap_or_default()
    }
}
