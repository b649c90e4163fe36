//! Pi-hole: what it blocks, whom it asks, what it was asked.
//!
//! Contract: the API of FTL 6.4.1 as documented and as seen on a real one. Where these differ the
//! real one counts, and most of what it does is not what one expects: "done" is said before it is
//! known whether it was ([`GravityPlan`], `processed.errors`), unknown settings and mistyped
//! parameters are overlooked, seats are few, and it is gone for a moment after many a change.
//!
//! # Starting it
//! [`Pihole::start`] is one without lists and rules, whose password is [`PASSWORD`], over plain HTTP;
//! [`Pihole::with`] takes another password or none, a clock, TLS, or [`Release::V5`], which has only
//! `/admin/api.php` (the token is the SHA-256 of the SHA-256 of the password, in hexadecimal).
//! [`Pihole::demo`] and [`Pihole::demo_second`] are those of the demo lab, not quite in step.
//!
//! # State
//! `add_…` puts rules, groups, lists, clients, queries, messages, devices and leases there;
//! [`Pihole::set_config`] a setting. What came of a client's calls is seen by [`Pihole::config`],
//! [`Pihole::rules`], [`Pihole::blocking`], [`Pihole::restarts`], [`Pihole::gravity_runs`], or through the
//! API. Figures are counted from the queries that were added.
//!
//! # Seats
//! [`Pihole::seats`] counts the sessions that hold now, [`Pihole::most_seats`] the most there were at
//! once, [`Pihole::logins`] all logins that went well. [`Pihole::set_max_sessions`],
//! [`Pihole::expire_sessions`] and [`Pihole::end_sessions`] make them scarce or end them. An
//! application password is set by [`Pihole::set_app_password`], a second factor by
//! [`Pihole::require_totp`].
//!
//! # Faults
//! [`Pihole::faults`] has those of every upstream; paths begin with `/api`. In FTL's own dialect:
//! [`Pihole::refuse_next`], [`Pihole::rate_limit_logins`], [`Pihole::set_resolver_down`],
//! [`Pihole::set_fatal_upstream`],
//! [`Pihole::force_by_environment`], `allow_destructive` and `app_sudo` by [`Pihole::set_config`].
//! [`Pihole::drop_next`] breaks connections without an answer; so does each restart, once
//! ([`Pihole::set_restart_drops`]): whatever changes a setting such as `dns.upstreams` or
//! `dns.cnameRecords` (not `dns.hosts`), unless `restart=false`, `action/restartdns`, and an import.
//! A request that got no answer is in the log with status 503.
//!
//! # Log
//! [`Pihole::log`] has every request; `log().unexpected()` names those that the contract table does
//! not know, with their unknown or mistyped parameters, and bodies that are not JSON in name too:
//! FTL answers most of them all the same.

mod actions;
mod auth;
mod clients;
mod config;
mod contract;
mod defaults;
mod demo;
mod docs;
mod domains;
mod entry;
mod gravity;
mod groups;
mod info;
mod items;
mod legacy;
mod lists;
mod network;
mod pattern;
mod queries;
mod reply;
mod search;
mod seed;
mod state;
mod stats;
mod teleporter;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
pub use gravity::GravityPlan;
pub use seed::QuerySeed;
use state::State;

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// PHP, and no longer supported by anybody.
    V5,
    /// REST.
    V6,
}

/// What a server is started with.
pub struct Options {
    /// Its release.
    pub release: Release,
    /// Its password; without one everybody may do everything.
    pub password: Option<String>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: Release::V6,
            password: Some(PASSWORD.to_owned()),
            tls: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The password.
pub const PASSWORD: &str = "lab-pihole";

/// A server; it ends when this is dropped.
pub struct Pihole {
    upstream: Upstream,
    identity: Identity,
    state: Shared<State>,
}

impl Pihole {
    /// A server of release 6 without lists and rules, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Options::default()).await
    }

    /// A server without lists and rules.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not made.
    pub async fn with(options: Options) -> io::Result<Self> {
        let identity = Identity::self_signed(&["127.0.0.1", "localhost", "pi.hole"])?;
        let password = options.password.as_deref();
        let state = State::new(options.clock, options.release, password);
        let state = Shared::new(state);
        let routes = entry::router(state.clone());
        let with = options.tls.then_some(&identity);
        let upstream = Upstream::start(routes, with, Frame::default()).await?;
        Ok(Self {
            upstream,
            identity,
            state,
        })
    }

    /// The first server of the demo lab, `pihole-1` on `pi-dns-1`.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let server = Self::start().await?;
        demo::fill(&mut server.state.lock(), false);
        Ok(server)
    }

    /// The second server of the demo lab, `pihole-2` on `pi-dns-2`: it lacks a rule of the first.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo_second() -> io::Result<Self> {
        let server = Self::start().await?;
        demo::fill(&mut server.state.lock(), true);
        Ok(server)
    }

    /// Base URL without a path; the API is below `/api`.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Its certificate.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail. Paths begin with `/api`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// Sessions that hold now.
    pub fn seats(&self) -> usize {
        self.state.lock().seats_taken()
    }

    /// The most sessions there were at once.
    pub fn most_seats(&self) -> usize {
        self.state.lock().most_seats
    }

    /// Logins that went well.
    pub fn logins(&self) -> usize {
        self.state.lock().logins
    }

    /// How many sessions there can be; 16 unless said otherwise.
    pub fn set_max_sessions(&self, most: usize) {
        self.set_config("webserver.api.max_sessions", json!(most));
    }

    /// Lets all sessions run out, as if nobody had called for half an hour.
    pub fn expire_sessions(&self) {
        self.state.lock().expire_sessions();
    }

    /// Ends all sessions, as a change of the password does.
    pub fn end_sessions(&self) {
        self.state.lock().end_sessions();
    }

    /// Sets an application password, which ends all sessions. It may not change settings unless
    /// `webserver.api.app_sudo` is on.
    pub fn set_app_password(&self, password: &str) {
        let mut state = self.state.lock();
        state.secrets.app_password = Some(password.to_owned());
        state.end_sessions();
    }

    /// Asks for a code with the password from now on; the secret of the codes, in base 32.
    pub fn require_totp(&self) -> String {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned();
        self.state.lock().secrets.totp = Some(secret.clone());
        secret
    }

    /// The code that holds now.
    pub fn totp_code(&self) -> Option<i64> {
        let state = self.state.lock();
        let secret = state.secrets.totp.clone()?;
        Some(state.totp_code(&secret))
    }

    /// How long it thinks about a login; not at all by default, seconds in the product.
    pub fn set_login_delay(&self, delay: Duration) {
        self.state.lock().login_delay = delay;
    }

    /// Refuses so many logins from now on for coming too fast.
    pub fn rate_limit_logins(&self, times: usize) {
        self.state.lock().too_fast = times;
    }

    /// Refuses the next call whose path begins with this, such as `/api/info/version`, with an error
    /// of this status, key and message.
    pub fn refuse_next(&self, path: &str, status: u16, key: &str, message: &str) {
        let refusal = reply::Failure::new(status, key, message);
        let refusal = (path.to_owned(), refusal);
        self.state.lock().refusals.push(refusal);
    }

    /// Breaks the connections of so many requests from now on, without an answer.
    pub fn drop_next(&self, requests: usize) {
        self.state.lock().drops = requests;
    }

    /// How many requests get no answer after a restart; one by default.
    pub fn set_restart_drops(&self, requests: usize) {
        self.state.lock().restart_drops = requests;
    }

    /// How often it restarted.
    pub fn restarts(&self) -> usize {
        self.state.lock().restarts
    }

    /// Whether its resolver is down.
    pub fn set_resolver_down(&self, down: bool) {
        self.state.lock().resolver_down = down;
    }

    /// Has its resolver not start, from the next restart on, while this is one of its upstream servers.
    pub fn set_fatal_upstream(&self, server: &str) {
        self.state.lock().fatal_upstream = Some(server.to_owned());
    }

    /// Whether it blocks, and for how many seconds that stays so.
    pub fn blocking(&self) -> (bool, Option<f64>) {
        let mut state = self.state.lock();
        state.settle();
        let now = state.precise_now();
        (state.blocking(), state.timer.map(|(end, _)| end - now))
    }

    /// A setting by its name, such as `dns.upstreams`.
    pub fn config(&self, name: &str) -> Option<Value> {
        self.state.lock().settings.get(name).cloned()
    }

    /// Puts a setting there, past the API; one that there is.
    pub fn set_config(&self, name: &str, value: Value) {
        self.state.lock().settings.set(name, value);
    }

    /// Has the environment set a setting from now on, so that the API cannot.
    pub fn force_by_environment(&self, name: &str) {
        self.state.lock().settings.force(name);
    }

    /// Puts a rule there; `kind` is `allow/exact`, `allow/regex`, `deny/exact` or `deny/regex`.
    pub fn add_rule(&self, kind: &str, domain: &str) {
        let (allow, regex) = (kind.starts_with("allow"), kind.ends_with("regex"));
        self.state.lock().add_rule(allow, regex, domain, "");
    }

    /// The rules, each as `allow/exact example.org`, in their order.
    pub fn rules(&self) -> Vec<String> {
        let state = self.state.lock();
        let rules = state.domains.iter();
        rules
            .map(|rule| format!("{}/{} {}", rule.type_name(), rule.kind_name(), rule.domain))
            .collect()
    }

    /// Puts a group there; its number.
    pub fn add_group(&self, name: &str) -> i64 {
        self.state.lock().add_group(name)
    }

    /// Puts a list of blocked domains there that was fetched before, with these domains and 1,000
    /// that nobody asks for.
    pub fn add_blocklist(&self, address: &str, domains: &[&str]) {
        self.state.lock().add_fetched_list(address, false, domains);
    }

    /// Puts these domains where the list of this address is fetched from, for the next update.
    pub fn publish(&self, address: &str, domains: &[&str]) {
        let mut state = self.state.lock();
        let lists = state.lists.iter_mut();
        for list in lists.filter(|list| list.address == address) {
            list.content = domains.iter().map(|&domain| domain.to_owned()).collect();
        }
    }

    /// Puts a client there, in the first group.
    pub fn add_client(&self, client: &str) {
        self.state.lock().add_client(client);
    }

    /// Puts a query there; its number.
    pub fn add_query(&self, query: QuerySeed) -> u64 {
        self.state.lock().add_query(query)
    }

    /// Puts a message of its diagnosis there; its number.
    pub fn add_message(&self, kind: &str, text: &str) -> u64 {
        self.state.lock().add_message(kind, text)
    }

    /// Puts a device of the network there.
    pub fn add_device(&self, mac: &str, ip: &str, name: &str) {
        self.state.lock().add_device(mac, None, ip, name);
    }

    /// Puts a lease there.
    pub fn add_lease(&self, ip: &str, mac: &str, name: &str) {
        self.state.lock().add_lease(ip, mac, name);
    }

    /// How the updates of the lists go from now on.
    pub fn set_gravity(&self, plan: GravityPlan) {
        self.state.lock().plan = plan;
    }

    /// Updates of the lists so far, and the most that ran at once.
    pub fn gravity_runs(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.gravity.started, state.gravity.most)
    }
}
