//! What the account holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::Clock;
use serde_json::{Map, Value, json};

use super::auth::TokenSeed;
use super::graphql::Traffic;
use super::reply::Failure;
use super::rulesets::Ruleset;
use super::settings::{self, Setting};
use super::tunnels::{Route, Tunnel};
use crate::calendar::rfc3339;
use crate::hash::short_hex;

/// What a zone is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    /// Five custom rules, no tags, comments of 100 characters.
    Free,
    /// Twenty custom rules.
    Pro,
    /// A hundred custom rules.
    Business,
    /// A thousand custom rules, time to live from 30 s, action `log`.
    Enterprise,
}

/// A record as it is put there.
#[derive(Debug, Clone)]
pub struct RecordSeed {
    kind: String,
    name: String,
    content: String,
    proxied: bool,
    comment: Option<String>,
    tags: Vec<String>,
}

impl RecordSeed {
    /// A record of this type, full name and content; neither proxied nor commented on.
    pub fn new(kind: &str, name: &str, content: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            content: content.to_owned(),
            proxied: false,
            comment: None,
            tags: Vec::new(),
        }
    }

    /// Proxied.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// With a comment.
    #[must_use]
    pub fn comment(mut self, comment: &str) -> Self {
        self.comment = Some(comment.to_owned());
        self
    }

    /// With these tags.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self
    }
}

pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: String,
}

pub(super) struct Zone {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) account: String,
    pub(super) status: String,
    pub(super) created: i64,
    pub(super) records: Vec<Map<String, Value>>,
    pub(super) settings: BTreeMap<&'static str, Setting>,
    pub(super) rulesets: Vec<Ruleset>,
    pub(super) access_rules: Vec<Value>,
    pub(super) traffic: Vec<Traffic>,
    /// Purges left, and since when.
    pub(super) bucket: Option<(f64, i64)>,
}

impl Zone {
    pub(super) fn entrypoint(&self, phase: &str) -> Option<&Ruleset> {
        self.rulesets
            .iter()
            .find(|one| one.phase == phase && one.kind == "zone")
    }
}

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) accounts: Vec<Account>,
    pub(super) tokens: Vec<TokenSeed>,
    pub(super) zones: Vec<Zone>,
    pub(super) tunnels: Vec<Tunnel>,
    pub(super) routes: Vec<Route>,
    pub(super) purges: Vec<(String, Value)>,
    pub(super) refusals: Vec<(String, Failure)>,
    pub(super) analytics_errors: Vec<Value>,
    /// Calls in so many seconds.
    pub(super) rate: (u32, i64),
    /// By token: calls, and since when.
    pub(super) windows: BTreeMap<String, (u32, i64)>,
    pub(super) without_paging: bool,
    pub(super) empty_deletes: bool,
    serial: u64,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            accounts: Vec::new(),
            tokens: Vec::new(),
            zones: Vec::new(),
            tunnels: Vec::new(),
            routes: Vec::new(),
            purges: Vec::new(),
            refusals: Vec::new(),
            analytics_errors: Vec::new(),
            rate: (1200, 300),
            windows: BTreeMap::new(),
            without_paging: false,
            empty_deletes: false,
            serial: 0,
        }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    pub(super) fn now_text(&self) -> String {
        rfc3339(self.now())
    }

    /// A new identifier of 32 hexadecimal digits.
    pub(super) fn next_id(&mut self) -> String {
        self.serial += 1;
        short_hex(format!("cloudflare/{}", self.serial).as_bytes(), 32)
    }

    /// A new UUID.
    pub(super) fn next_uuid(&mut self) -> String {
        let id: Vec<char> = self.next_id().chars().collect();
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
        let parts: Vec<String> = parts.map(|part| id[part].iter().collect()).into();
        parts.join("-")
    }

    pub(super) fn add_zone(&mut self, name: &str, plan: Plan) -> String {
        let id = self.next_id();
        let account = self.accounts.first().map(|one| one.id.clone());
        self.zones.push(Zone {
            id: id.clone(),
            name: name.to_owned(),
            plan,
            account: account.unwrap_or_default(),
            status: "active".to_owned(),
            created: self.now(),
            records: Vec::new(),
            settings: settings::initial(plan),
            rulesets: Vec::new(),
            access_rules: Vec::new(),
            traffic: Vec::new(),
            bucket: None,
        });
        id
    }

    pub(super) fn add_record(&mut self, zone: &str, seed: &RecordSeed) -> String {
        let (id, now) = (self.next_id(), self.now_text());
        let proxiable = super::dns::PROXIABLE.contains(&seed.kind.as_str());
        let row = json!({
            "id": id,
            "name": seed.name,
            "type": seed.kind,
            "content": seed.content,
            "proxiable": proxiable,
            "proxied": seed.proxied,
            "ttl": 1,
            "settings": {},
            "meta": {},
            "comment": seed.comment,
            "tags": seed.tags,
            "created_on": now,
            "modified_on": now,
        });
        let zone = self.zones.iter_mut().find(|one| one.id == zone);
        if let (Some(zone), Value::Object(row)) = (zone, row) {
            zone.records.push(row);
        }
        id
    }

    /// The zone in the path of a call, which was found to be there.
    pub(super) fn zone(&mut self, id: &str) -> Result<&mut Zone, Failure> {
        self.zones
            .iter_mut()
            .find(|zone| zone.id == id)
            .ok_or_else(|| Failure::new(404, 1001, "Invalid zone identifier"))
    }
}
