//! What the server holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Clock;
use serde_json::Value;

use super::Release;
use super::auth::{Secrets, Session};
use super::config::Settings;
use super::gravity::GravityPlan;
use super::queries::Query;
use super::reply::Failure;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) release: Release,
    pub(super) secrets: Secrets,
    /// The seats; those that nobody sits on are `None`.
    pub(super) seats: Vec<Option<Session>>,
    pub(super) logins: usize,
    pub(super) most_seats: usize,
    pub(super) login_delay: Duration,
    /// Logins that are refused for coming too fast.
    pub(super) too_fast: usize,
    pub(super) settings: Settings,
    /// End of the timer, and what holds then.
    pub(super) timer: Option<(f64, bool)>,
    pub(super) resolver_down: bool,
    /// An upstream server with which the resolver does not start.
    pub(super) fatal_upstream: Option<String>,
    pub(super) domains: Vec<Rule>,
    pub(super) groups: Vec<Group>,
    pub(super) lists: Vec<List>,
    pub(super) clients: Vec<Client>,
    pub(super) queries: Vec<Query>,
    pub(super) messages: Vec<Message>,
    pub(super) leases: Vec<Lease>,
    pub(super) devices: Vec<NetDevice>,
    pub(super) gravity_updated: i64,
    pub(super) plan: GravityPlan,
    pub(super) gravity: Running,
    pub(super) restarts: usize,
    /// Whether it restarts once it has answered.
    pub(super) restarting: bool,
    /// How many requests a restart leaves without an answer.
    pub(super) restart_drops: usize,
    /// How many requests from now on get none.
    pub(super) drops: usize,
    /// Refusals of the next calls, by the beginning of their paths.
    pub(super) refusals: Vec<(String, Failure)>,
    pub(super) started: i64,
    serial: u64,
}

/// A rule for a domain.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) id: u64,
    pub(super) domain: String,
    pub(super) unicode: String,
    pub(super) allow: bool,
    pub(super) regex: bool,
    pub(super) comment: Option<String>,
    pub(super) groups: Vec<i64>,
    pub(super) enabled: bool,
    pub(super) added: i64,
    pub(super) modified: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) enabled: bool,
    pub(super) added: i64,
    pub(super) modified: i64,
}

/// A list to be fetched.
#[derive(Debug, Clone)]
pub(super) struct List {
    pub(super) id: u64,
    pub(super) address: String,
    pub(super) allow: bool,
    pub(super) comment: Option<String>,
    pub(super) groups: Vec<i64>,
    pub(super) enabled: bool,
    pub(super) added: i64,
    pub(super) modified: i64,
    pub(super) updated: i64,
    /// 0 never, 1 fetched, 2 unchanged, 3 the copy served, 4 there is none.
    pub(super) status: i64,
    /// Domains at the last fetch.
    pub(super) number: i64,
    /// What lies at its address.
    pub(super) content: BTreeSet<String>,
    /// How many more than those lie there.
    pub(super) more: i64,
}

/// A client with groups of its own.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: u64,
    /// Address, MAC address, range, name or interface.
    pub(super) who: String,
    pub(super) comment: Option<String>,
    pub(super) groups: Vec<i64>,
    pub(super) added: i64,
    pub(super) modified: i64,
}

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: u64,
    pub(super) time: i64,
    pub(super) kind: String,
    pub(super) text: String,
}

#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) ip: String,
    pub(super) mac: String,
    pub(super) name: String,
    pub(super) expires: i64,
}

#[derive(Debug, Clone)]
pub(super) struct NetDevice {
    pub(super) id: u64,
    pub(super) mac: String,
    pub(super) vendor: Option<String>,
    pub(super) addresses: Vec<(String, Option<String>)>,
}

/// Updates of the lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Running {
    pub(super) started: usize,
    pub(super) now: usize,
    pub(super) most: usize,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>, release: Release, password: Option<&str>) -> Self {
        let now = clock.now().0.div_euclid(1_000_000);
        Self {
            clock,
            release,
            secrets: Secrets::new(password),
            seats: Vec::new(),
            logins: 0,
            most_seats: 0,
            login_delay: Duration::ZERO,
            too_fast: 0,
            settings: Settings::new(),
            timer: None,
            resolver_down: false,
            fatal_upstream: None,
            domains: Vec::new(),
            groups: vec![Group {
                id: 0,
                name: "Default".to_owned(),
                comment: Some("The default group".to_owned()),
                enabled: true,
                added: now - 40_000_000,
                modified: now - 40_000_000,
            }],
            lists: Vec::new(),
            clients: Vec::new(),
            queries: Vec::new(),
            messages: Vec::new(),
            leases: Vec::new(),
            devices: Vec::new(),
            gravity_updated: now - 86_400,
            plan: GravityPlan::default(),
            gravity: Running::default(),
            restarts: 0,
            restarting: false,
            restart_drops: 1,
            drops: 0,
            refusals: Vec::new(),
            started: now,
            serial: 0,
        }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    /// The same with its parts.
    pub(super) fn precise_now(&self) -> f64 {
        Duration::from_micros(u64::try_from(self.clock.now().0).unwrap_or_default()).as_secs_f64()
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// What is due by now: the end of the timer.
    pub(super) fn settle(&mut self) {
        let now = self.precise_now();
        if let Some((_, then)) = self.timer.take_if(|(end, _)| *end <= now) {
            self.settings.set("dns.blocking.active", Value::Bool(then));
        }
    }

    pub(super) fn blocking(&self) -> bool {
        self.settings.flag("dns.blocking.active")
    }

    pub(super) fn has_group(&self, id: i64) -> bool {
        self.groups.iter().any(|group| group.id == id)
    }

    /// Whether a rule or list with these groups applies to anybody.
    pub(super) fn in_force(&self, enabled: bool, groups: &[i64]) -> bool {
        let on = |id: &i64| {
            self.groups
                .iter()
                .any(|group| group.id == *id && group.enabled)
        };
        enabled && groups.iter().any(on)
    }

    /// Ends the process and starts it again: the timer is lost, the sessions are not.
    pub(super) fn restart(&mut self) {
        self.restarts += 1;
        self.timer = None;
        self.started = self.now();
        self.drops = self.restart_drops;
        if let Some(fatal) = &self.fatal_upstream {
            let upstreams = self.settings.get("dns.upstreams").and_then(Value::as_array);
            self.resolver_down = upstreams.is_some_and(|all| all.iter().any(|one| one == fatal));
        }
    }

    /// Domains that are blocked, over all lists in force.
    pub(super) fn gravity_size(&self) -> i64 {
        self.lists
            .iter()
            .filter(|list| !list.allow && self.in_force(list.enabled, &list.groups))
            .map(|list| list.number)
            .sum()
    }

    pub(super) fn settings_number(&self, path: &str) -> i64 {
        self.settings
            .get(path)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }
}
