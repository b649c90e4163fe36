//! Cloudflare's API v4: zones, DNS records, tunnels, cache, custom rules, analytics.
//!
//! Contract: the vendor's list of endpoints as of May 2026 and its documentation of April 2026; the
//! deprecated calls (Firewall Rules, Filters, all settings at once, REST analytics) are not in it, nor
//! is the global key. Error numbers that the documentation does not give are from memory of the
//! product: clients should show them, not depend on them.
//!
//! # Use
//! - **Start:** [`Cloudflare::start`] has [`ACCOUNT`], no zones, and knows [`TOKEN`], which may do
//!   everything. [`Cloudflare::with`] takes a clock (rates, times, analytics) and a certificate.
//!   [`Cloudflare::demo`] is the demo lab's account. The API is below [`Cloudflare::base_url`], its
//!   description at [`Cloudflare::description_url`].
//! - **State:** [`Cloudflare::add_zone`], [`Cloudflare::add_record`], [`Cloudflare::add_tunnel`],
//!   [`Cloudflare::connect`], [`Cloudflare::add_rule`], [`Cloudflare::add_traffic`]; what came of calls is in
//!   [`Cloudflare::records`], [`Cloudflare::rules`], [`Cloudflare::purges`], [`Cloudflare::tunnel_config`] and
//!   [`Cloudflare::setting`].
//! - **Rights:** [`Cloudflare::add_token`] with a [`TokenSeed`]: permissions, zones, whether the account
//!   owns it, whether it is disabled or expired. What is lacking is answered 403 with code 10000, a
//!   zone outside the token's with 9109.
//! - **Faults:** [`Cloudflare::faults`] with the common ones (paths begin with `/client/v4`);
//!   [`Cloudflare::refuse_next`] for an error in the envelope, with any status, 200 included;
//!   [`Cloudflare::set_rate`] for a small allowance; [`Cloudflare::fail_analytics`] for errors of GraphQL;
//!   [`Cloudflare::leave_out_paging`] and [`Cloudflare::answer_204_to_deletes`] for answers that differ between
//!   parts of the product.
//! - **Log:** [`Cloudflare::log`]; a test ends by asserting that `log().unexpected()` is empty.

mod access;
mod account;
mod auth;
mod cache;
mod contract;
mod demo;
mod dns;
mod entry;
mod expression;
mod graphql;
mod paging;
mod reply;
mod rulesets;
mod settings;
mod state;
mod tunnels;
mod zones;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use homelab_core::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
pub use auth::{Permission, TokenSeed};
pub use graphql::Traffic;
use reply::Failure;
use state::{Account, State};
pub use state::{Plan, RecordSeed};

/// A token of a user that may do everything.
pub const TOKEN: &str = "lab-cloudflare-token-of-forty-characters";

/// Id of the account that is there from the beginning.
pub const ACCOUNT: &str = "0da42c8d2132a9ddaf714f9e7c920711";

/// The API; it ends when this is dropped.
pub struct Cloudflare {
    upstream: Upstream,
    state: Shared<State>,
}

impl Cloudflare {
    /// An account without zones, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Arc::new(SystemClock), None).await
    }

    /// The same with another clock, and over TLS if there is a certificate.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not used.
    pub async fn with(clock: Arc<dyn Clock>, identity: Option<&Identity>) -> io::Result<Self> {
        let mut state = State::new(clock);
        state.accounts.push(Account {
            id: ACCOUNT.to_owned(),
            name: "Home lab".to_owned(),
        });
        state.tokens.push(TokenSeed::new(TOKEN).all());
        let state = Shared::new(state);
        let routes = entry::router(state.clone());
        let upstream = Upstream::start(routes, identity, Frame::default()).await?;
        Ok(Self { upstream, state })
    }

    /// The account of the demo lab.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let api = Self::start().await?;
        demo::fill(&api);
        Ok(api)
    }

    /// Gives out a token.
    pub fn add_token(&self, token: TokenSeed) {
        let mut state = self.state.lock();
        state.tokens.retain(|known| known.secret != token.secret);
        state.tokens.push(token);
    }

    /// A zone of [`ACCOUNT`] on this plan; its id.
    pub fn add_zone(&self, name: &str, plan: Plan) -> String {
        self.state.lock().add_zone(name, plan)
    }

    /// Whether a zone is `active`, which it is at first, or something else, such as `pending`.
    pub fn set_zone_status(&self, zone: &str, status: &str) {
        if let Some(zone) = self
            .state
            .lock()
            .zones
            .iter_mut()
            .find(|one| one.id == zone)
        {
            status.clone_into(&mut zone.status);
        }
    }

    /// A record of a zone, without any check; its id.
    pub fn add_record(&self, zone: &str, record: &RecordSeed) -> String {
        self.state.lock().add_record(zone, record)
    }

    /// The records of a zone as the API shows them, in the order they were made.
    pub fn records(&self, zone: &str) -> Vec<Value> {
        let state = self.state.lock();
        let zone = state.zones.iter().find(|one| one.id == zone);
        zone.map(|zone| zone.records.iter().cloned().map(Value::Object).collect())
            .unwrap_or_default()
    }

    /// The value of a setting of a zone.
    pub fn setting(&self, zone: &str, setting: &str) -> Option<Value> {
        let state = self.state.lock();
        let zone = state.zones.iter().find(|one| one.id == zone)?;
        zone.settings
            .get(setting)
            .map(|setting| setting.value.clone())
    }

    /// A tunnel that its account configures, and that never ran; its id.
    pub fn add_tunnel(&self, name: &str) -> String {
        self.state.lock().add_tunnel(ACCOUNT, name, "cloudflare")
    }

    /// A tunnel that is configured by a file beside its connector; its id.
    pub fn add_local_tunnel(&self, name: &str) -> String {
        self.state.lock().add_tunnel(ACCOUNT, name, "local")
    }

    /// A connector of a tunnel comes, from this address, with four connections; its id.
    pub fn connect(&self, tunnel: &str, origin: &str) -> String {
        self.state.lock().connect(tunnel, origin)
    }

    /// All connectors of a tunnel go: it is `down` from now on.
    pub fn disconnect(&self, tunnel: &str) {
        self.state.lock().disconnect(tunnel);
    }

    /// Deletes a tunnel, which stays in lists that do not leave it out.
    pub fn delete_tunnel(&self, tunnel: &str) {
        let mut state = self.state.lock();
        let now = state.now();
        if let Some(one) = state.tunnels.iter_mut().find(|one| one.id == tunnel) {
            one.deleted = Some(now);
        }
    }

    /// Version and configuration of a tunnel.
    pub fn tunnel_config(&self, tunnel: &str) -> Option<(u64, Value)> {
        let state = self.state.lock();
        let one = state.tunnels.iter().find(|one| one.id == tunnel)?;
        Some((one.version, one.config.clone()))
    }

    /// A private network behind a tunnel; the route's id.
    pub fn add_route(&self, tunnel: &str, network: &str, comment: &str) -> String {
        self.state
            .lock()
            .add_route(ACCOUNT, tunnel, network, comment)
    }

    /// A custom rule of a zone, in the entry point of `http_request_firewall_custom`, which is made if
    /// there is none; its id.
    ///
    /// # Errors
    /// What the API would say about the rule.
    pub fn add_rule(&self, zone: &str, rule: Value) -> Result<String, String> {
        self.state.lock().seed_rule(zone, rule)
    }

    /// The custom rules of a zone in their order; `None` before there is an entry point.
    pub fn rules(&self, zone: &str) -> Option<Vec<Value>> {
        let state = self.state.lock();
        let zone = state.zones.iter().find(|one| one.id == zone)?;
        let ruleset = zone.entrypoint(rulesets::CUSTOM)?;
        Some(ruleset.rules.iter().cloned().map(Value::Object).collect())
    }

    /// What was purged so far: id of the zone and body of the call.
    pub fn purges(&self) -> Vec<(String, Value)> {
        self.state.lock().purges.clone()
    }

    /// Traffic that the analytics of a zone tell of.
    pub fn add_traffic(&self, zone: &str, traffic: Traffic) {
        if let Some(zone) = self
            .state
            .lock()
            .zones
            .iter_mut()
            .find(|one| one.id == zone)
        {
            zone.traffic.push(traffic);
        }
    }

    /// Refuses the next call whose path below `/client/v4` begins with this, with this error in the
    /// envelope. Status 200 with `success: false` is one of the product's ways.
    pub fn refuse_next(&self, path: &str, status: u16, code: i64, message: &str) {
        let refusal = (path.to_owned(), Failure::new(status, code, message));
        self.state.lock().refusals.push(refusal);
    }

    /// The next question to the analytics is answered with this error, in a 200 as always.
    pub fn fail_analytics(&self, message: &str) {
        let error = json!({
            "message": message,
            "path": ["viewer"],
            "extensions": { "timestamp": "2026-11-20T02:00:00Z" },
        });
        self.state.lock().analytics_errors.push(error);
    }

    /// How many calls each token has in so many seconds; 1,200 in 300 at first. What is above is
    /// answered 429 with `Retry-After`.
    pub fn set_rate(&self, calls: u32, seconds: i64) {
        let mut state = self.state.lock();
        state.rate = (calls, seconds);
        state.windows.clear();
    }

    /// Leaves `result_info` out of all lists from now on.
    pub fn leave_out_paging(&self) {
        self.state.lock().without_paging = true;
    }

    /// Answers the deletion of a custom rule with 204 from now on, instead of the ruleset.
    pub fn answer_204_to_deletes(&self) {
        self.state.lock().empty_deletes = true;
    }

    /// The API's base URL, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.upstream.url(), entry::BASE)
    }

    /// Where the description of the API is, as OpenAPI.
    pub fn description_url(&self) -> String {
        format!("{}{}", self.upstream.url(), entry::DESCRIPTION)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail. Paths begin with `/client/v4`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}
