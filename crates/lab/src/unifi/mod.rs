//! UniFi Network: sites with clients, devices, vouchers, firewall, behind two APIs.
//!
//! Contract: the names and types of the integration API's specification of release 10.5, and for the
//! old API what its maintained clients send and users report. What neither says was decided here:
//! the codes of the integration API other than `api.authentication.missing-credentials`, the form of
//! refusals by the console itself, and the statuses of the old API (400 with `meta.rc = "error"`;
//! 401 for `api.err.NoSiteContext`). A client had better not depend on them.
//!
//! # Starting it
//! [`Unifi::start`] is a UniFi OS console with release 10.5 and a firewall by zones;
//! [`Unifi::with`] takes [`Options`] for others, such as an old self-hosted application
//! ([`Flavour::Classic`]: no prefix, no keys, another cookie). The integration API is below
//! `{url}/proxy/network/integration/v1`.
//!
//! [`API_KEY`] and [`ACCOUNT`] are valid from the start; [`Unifi::add_key`], [`Unifi::add_account`]
//! and [`Unifi::add_account_with_2fa`] make more, [`Unifi::revoke_key`] ends one.
//! [`Options::tls`] gives it a self-signed certificate ([`Unifi::identity`]).
//!
//! # What a flavour and a release have
//! | | [`Flavour::UnifiOs`] | [`Flavour::Classic`] |
//! |---|---|---|
//! | `GET /` | 200 | 302 to `/manage` |
//! | login | `POST /api/auth/login` | `POST /api/login` |
//! | session | cookie `TOKEN`, and `X-CSRF-Token` on all but GET | cookie `unifises` |
//! | logout | `POST /api/auth/logout` | `POST /api/logout` or `/logout` |
//! | old API | below `/proxy/network` | without prefix |
//! | integration API | `/proxy/network/integration/v1`, by `X-API-KEY` | none |
//!
//! [`Release`] says since when parts are there: the integration API since 9.0, its vouchers and
//! filters since 9.1, networks, zones and ACL rules since 10.0, policies, DNS and adoption since 10.1
//! (here: 10.5). `stat/event` and `stat/alarm` went in 10.0; `v2/…/system-log` has been there since 9.0.
//! A path of another release or flavour is answered 404 and is **not** noted as unexpected: a
//! client may look what there is. A path that no release has, is.
//!
//! # Making state
//! [`Unifi::add_client`], [`Unifi::add_device`], [`Unifi::add_network`], [`Unifi::add_wlan`],
//! [`Unifi::add_policy`], [`Unifi::add_rule`], [`Unifi::add_port_forward`],
//! [`Unifi::add_traffic_rule`], [`Unifi::add_dns_record`], [`Unifi::add_alarm`] put things onto the site `default`;
//! [`Unifi::add_site`] makes another, which starts empty. [`Unifi::demo`] is the demo lab.
//! Tests look at [`Unifi::is_blocked`], [`Unifi::done`], [`Unifi::vouchers`], [`Unifi::policies`],
//! [`Unifi::records`] and [`Unifi::site_id`].
//!
//! # Faults
//! [`Unifi::faults`] makes requests fail by the beginning of their path **with prefix**:
//! `server.faults().next(1, "/proxy/network/api/s/default/stat/sta", Fault::Status(502))`. Beyond
//! that: [`Unifi::refuse_next`] (HTTP 200 with `rc = "error"` and the code you name),
//! [`Unifi::swallow_next_write`] (answered as done, not kept), [`Unifi::expire_sessions`],
//! [`Unifi::expire_sessions_after`], [`Unifi::rotate_csrf`], [`Unifi::set_key_reach`],
//! [`Unifi::set_restart_looks`]. Five wrong logins lock the console for 60 s by its clock, and each
//! further try prolongs that.
//!
//! # The log
//! [`Unifi::log`] holds every request; end a test with
//! `assert_eq!(server.log().unexpected(), Vec::<String>::new())`. Unexpected is: an unknown path or
//! method, an unknown, missing or mistyped parameter or field, a body without
//! `Content-Type: application/json`, a filter that is wrong, a change without CSRF token.

mod access;
mod contract;
mod demo;
mod dns;
mod entry;
mod filter;
mod inspect;
mod integration;
mod legacy;
mod reply;
mod seed;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use homelab_core::clock::{Clock, SystemClock};
use serde_json::{Map, Value};

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
pub use access::KeyReach;
use access::{Account, Key};
pub use seed::{ClientKind, ClientSeed, DeviceKind, DeviceSeed};
use state::{Event, Policy, Record, Records, State, object_id, uuid};

/// Where the application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// On a console or gateway, or UniFi OS Server.
    UnifiOs,
    /// By itself, on a computer.
    Classic,
}

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// The old API alone.
    V8_6,
    /// The integration API lists sites, devices and clients; zone-based firewall.
    V9_0,
    /// Vouchers, actions on clients.
    V9_1,
    /// Networks, zones, ACL rules; no `stat/event`.
    V10_0,
    /// Policies, DNS, adoption.
    V10_5,
}

impl Release {
    fn version(self) -> &'static str {
        match self {
            Self::V8_6 => "8.6.9",
            Self::V9_0 => "9.0.114",
            Self::V9_1 => "9.1.120",
            Self::V10_0 => "10.0.162",
            Self::V10_5 => "10.5.66",
        }
    }
}

/// What a console is started with.
pub struct Options {
    /// Where the application runs.
    pub flavour: Flavour,
    /// Its release.
    pub release: Release,
    /// Whether its firewall has zones; otherwise it has the rules of old.
    pub zone_based: bool,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flavour: Flavour::UnifiOs,
            release: Release::V10_5,
            zone_based: true,
            tls: false,
            clock: Arc::new(SystemClock),
        }
    }
}

/// A key of the integration API that may do everything.
pub const API_KEY: &str = "lab-unifi-key";

/// Name and password of a local administrator.
pub const ACCOUNT: (&str, &str) = ("homelab", "lab-unifi");

const DEFAULT: &str = "default";

/// A console; it ends when this is dropped.
pub struct Unifi {
    upstream: Upstream,
    identity: Identity,
    state: Shared<State>,
}

impl Unifi {
    /// A UniFi OS console of release 10.5 with the empty site `default`, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Options::default()).await
    }

    /// A console with the empty site `default`.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not made.
    pub async fn with(options: Options) -> io::Result<Self> {
        let identity = Identity::self_signed(&["127.0.0.1", "localhost", "unifi"])?;
        let state = Shared::new(State::new(&options));
        let routes = entry::router(state.clone());
        let tls = options.tls.then_some(&identity);
        let upstream = Upstream::start(routes, tls, Frame::default()).await?;
        let console = Self {
            upstream,
            identity,
            state,
        };
        console.add_key(API_KEY, false);
        console.add_account(ACCOUNT.0, ACCOUNT.1, false);
        Ok(console)
    }

    /// The console of the demo lab.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let console = Self::start().await?;
        demo::fill(&mut console.state.lock());
        Ok(console)
    }

    /// Its base URL without a slash at the end, and without `/proxy/network`.
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

    /// How it is to fail. Paths begin as they are sent, with `/proxy/network` on UniFi OS.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// A key of the integration API.
    pub fn add_key(&self, key: &str, read_only: bool) {
        let key_of = Key { read_only };
        self.state.lock().access.keys.insert(key.to_owned(), key_of);
    }

    /// Ends a key.
    pub fn revoke_key(&self, key: &str) {
        self.state.lock().access.keys.remove(key);
    }

    /// How far keys reach into the old API; they may read there by default.
    pub fn set_key_reach(&self, reach: KeyReach) {
        self.state.lock().access.reach = Some(reach);
    }

    /// A local administrator.
    pub fn add_account(&self, name: &str, password: &str, read_only: bool) {
        self.insert_account(name, password, read_only, None);
    }

    /// An administrator whose login needs this second factor. A local one is refused with
    /// `api.err.Ubic2faTokenRequired` and sends it as `ubic_2fa_token`; the cloud's is refused with
    /// status 499 and sends it as `token`, with the cookie of the refusal.
    pub fn add_account_with_2fa(&self, name: &str, password: &str, factor: &str, cloud: bool) {
        self.insert_account(name, password, false, Some((factor.to_owned(), cloud)));
    }

    fn insert_account(
        &self,
        name: &str,
        password: &str,
        read_only: bool,
        second: Option<(String, bool)>,
    ) {
        let account = Account {
            password: password.to_owned(),
            read_only,
            second,
        };
        let mut state = self.state.lock();
        state.access.accounts.insert(name.to_owned(), account);
    }

    /// Number of sessions that are open.
    pub fn sessions(&self) -> usize {
        self.state.lock().access.sessions.len()
    }

    /// Number of tries to log in so far.
    pub fn logins(&self) -> usize {
        self.state.lock().access.logins
    }

    /// Ends all sessions.
    pub fn expire_sessions(&self) {
        self.state.lock().access.sessions.clear();
    }

    /// Ends the sessions there are after so many requests more.
    pub fn expire_sessions_after(&self, requests: usize) {
        for session in &mut self.state.lock().access.sessions {
            session.left = Some(requests);
        }
    }

    /// Gives every session a new CSRF token, which its next answer carries as
    /// `X-Updated-CSRF-Token`; from then on the old one is refused.
    pub fn rotate_csrf(&self) {
        self.state.lock().access.rotate();
    }

    /// Refuses the next call whose path without `/proxy/network` begins with this, in the old API
    /// with HTTP status 200 and `rc = "error"`, elsewhere with 400.
    pub fn refuse_next(&self, path: &str, code: &str) {
        let refusal = (path.to_owned(), code.to_owned());
        self.state.lock().refusals.push(refusal);
    }

    /// Answers the next change whose path without `/proxy/network` begins with this as if it were
    /// done, and keeps nothing of it.
    pub fn swallow_next_write(&self, path: &str) {
        self.state.lock().swallow.push(path.to_owned());
    }

    /// Looks that see a device off line after its restart: one by default. With `u32::MAX` it does
    /// not come back.
    pub fn set_restart_looks(&self, looks: u32) {
        for site in self.state.lock().sites.values_mut() {
            site.restart_looks = looks;
        }
    }

    /// Another site, empty, with the firewall of this kind.
    pub fn add_site(&self, name: &str, title: &str, zone_based: bool) {
        self.state.lock().add_site(name, title, zone_based);
    }

    /// A client of the site `default`.
    pub fn add_client(&self, client: ClientSeed) {
        self.state.lock().add_client(DEFAULT, client);
    }

    /// A device of the site `default`.
    pub fn add_device(&self, device: DeviceSeed) {
        self.state.lock().add_device(DEFAULT, device);
    }

    /// A network of the site `default`; one named `guests` is in the zone `Hotspot`, the others are
    /// in `Internal`.
    pub fn add_network(&self, name: &str, vlan: i64, subnet: &str) {
        self.state.lock().add_network(DEFAULT, name, vlan, subnet);
    }

    /// A WLAN of the site `default`; without a passphrase it is open.
    pub fn add_wlan(&self, name: &str, network: &str, passphrase: &str) {
        let mut state = self.state.lock();
        state.add_wlan(DEFAULT, name, network, passphrase);
    }

    /// A policy of the site `default`, in the words of the integration API without `id`, `index` and
    /// `metadata`; its UUID. `origin` is `USER_DEFINED`, `SYSTEM_DEFINED` or `DERIVED`.
    pub fn add_policy(&self, origin: &'static str, body: &Value) -> String {
        let mut state = self.state.lock();
        let key = state.next().to_string();
        let id = uuid("policy", &key);
        if let Ok(site) = state.site(DEFAULT) {
            let index = site.next_index();
            site.policies.push(Policy {
                key,
                origin,
                index: if origin == "USER_DEFINED" {
                    index
                } else {
                    30_000
                },
                body: object(body),
                more: Map::new(),
            });
        }
        id
    }

    /// A rule of the old firewall of the site `default`, in the words of `rest/firewallrule`; its id.
    pub fn add_rule(&self, body: &Value) -> String {
        self.add_record(Records::FirewallRules, body)
    }

    /// A forwarded port of the site `default`, in the words of `rest/portforward`; its id.
    pub fn add_port_forward(&self, body: &Value) -> String {
        self.add_record(Records::PortForwards, body)
    }

    /// A traffic rule of the site `default`, in the words of `v2/…/trafficrules`; its id.
    pub fn add_traffic_rule(&self, body: &Value) -> String {
        self.add_record(Records::TrafficRules, body)
    }

    /// A DNS record of the site `default`, in the words of the integration API's `dns/policies`; its id
    /// in the old API. With `metadata` it may be one that the console made.
    pub fn add_dns_record(&self, body: &Value) -> String {
        self.add_record(Records::DnsPolicies, body)
    }

    fn add_record(&self, kind: Records, body: &Value) -> String {
        let mut state = self.state.lock();
        let key = state.next().to_string();
        let record = Record {
            id: object_id("record", &key),
            uuid: uuid("record", &key),
            fields: object(body),
        };
        let id = record.id.clone();
        if let Ok(site) = state.site(DEFAULT) {
            site.records(kind).push(record);
        }
        id
    }

    /// Something that happened now and that somebody should look at.
    pub fn add_alarm(&self, key: &str, message: &str) {
        let mut state = self.state.lock();
        let time = state.now();
        if let Ok(site) = state.site(DEFAULT) {
            site.events.push(Event {
                time,
                category: "UNIFI_DEVICES",
                key: key.to_owned(),
                severity: "HIGH",
                message: message.to_owned(),
                alarm: true,
            });
        }
    }

    /// The UUID of a site, by its short name.
    pub fn site_id(name: &str) -> String {
        uuid("site", name)
    }

    /// The UUID of a zone, by its name.
    pub fn zone_id(name: &str) -> String {
        uuid("zone", name)
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
