//! NetBox: sites, devices, cables, prefixes, addresses, VLANs, virtual machines, and the record of
//! every change.
//!
//! Contract: the REST API of releases 4.2, 4.5, 4.6 and 4.7, from its documentation and from answers
//! of a running 4.7.3. The kinds of objects with their fields are the table in `models`; whatever is
//! not in it is answered as the product answers it and noted as unexpected.
//!
//! # Starting one
//! [`NetBox::start`] is a server of release 4.7 with nothing in it, over plain HTTP;
//! [`NetBox::with`] takes another release ([`NetBox::set_release`] too), a clock, and a certificate
//! for TLS; [`NetBox::demo`] is the demo lab: site `homelab`, its devices, cables, networks, guests.
//! The API is below [`NetBox::url`] + `/api/`. [`TOKEN`] (`Authorization: Bearer nbt_…`, from 4.5 on)
//! and [`TOKEN_V1`] (`Authorization: Token …`) are the superuser's; [`ADMIN`] is its name and
//! password for `POST /api/users/tokens/provision/`. [`NetBox::add_user`] makes a user with
//! permissions such as `ipam.view_prefix` and a token; [`NetBox::set_token`] makes a token read-only,
//! disabled or expired.
//!
//! # Making and reading state
//! [`NetBox::add`] makes an object from the JSON that a POST would have, with the checks that it
//! would have, and gives its id: `netbox.add("dcim/sites", json!({"name": "Lab", "slug": "lab"}))`.
//! [`NetBox::object`] and [`NetBox::objects`] read objects as the API tells them, [`NetBox::count`]
//! counts. [`NetBox::set_custom_field`] defines a custom field (text), [`NetBox::set_page_size`] is
//! `MAX_PAGE_SIZE`, [`NetBox::set_host`] makes `next` and `url` point elsewhere, as behind a proxy,
//! [`NetBox::set_maintenance`] refuses writes with 503, [`NetBox::set_config_context`] makes answers
//! about devices large.
//!
//! Kinds: `extras/{tags,journal-entries}`, `tenancy/tenants`, `users/users`,
//! `dcim/{sites,locations,racks,manufacturers,device-types,device-roles,platforms,devices,
//! mac-addresses,interfaces,front-ports,rear-ports,console-ports,console-server-ports,power-ports,
//! power-outlets,cables}`, `ipam/{vrfs,roles,prefixes,ip-ranges,ip-addresses,vlan-groups,vlans}`,
//! `virtualization/{cluster-types,clusters,virtual-machines,interfaces}`, and for reading alone
//! `core/object-changes`, `status`, `schema`, `authentication-check`. Below single objects:
//! `available-ips` (prefixes, ranges), `available-prefixes`, `available-vlans`, and `trace` of ports.
//!
//! # What it does as the product does
//! - Missing and wrong tokens are 403; a path without its last slash is 301 for a GET and 404 for a
//!   POST.
//! - Unknown filters are left out, so that the whole table comes with 200; unknown fields of a body
//!   are left out too. Both are noted as unexpected. A wrong value of a filter for a choice or a
//!   reference is 400.
//! - Lists have `count`, `next`, `previous`, `results`; `limit` (0 is the most there is), `offset`,
//!   from 4.6 on `start`; `brief`, `fields`, `omit`, `ordering`, `q`, lookups such as `name__ic`.
//! - Choices are read as `{value, label}` and written as values; references are read in brief and
//!   written as ids or as attributes that fit one object.
//! - Allocation is atomic; what does not fit is 409 with nothing made. So is a delete of something
//!   that others hold on to.
//! - Complaints are by field, about the object under `__all__`; those of a list of objects in the
//!   shape of the release. A list is done whole or not at all.
//! - `ETag` and `If-Match` (412) and `add_tags`/`remove_tags` from 4.6 on, `changelog_message` from
//!   4.5 on, `API-Version` and `X-Request-ID` on every answer.
//!
//! # Faults and log
//! [`NetBox::faults`] fails the next requests, or all, whose path begins with a text, on purpose:
//! `netbox.faults().next(1, "/api/ipam/prefixes/", Fault::Status(502))`; see [`crate::Fault`] for
//! the kinds. [`crate::Fault::CutBody`] does what was asked and loses half of the answer: what a
//! client sees when an answer is lost on its way. [`NetBox::log`] has every request;
//! `netbox.log().lines()` is what was asked, and a test ends with
//! `assert_eq!(netbox.log().unexpected(), [""; 0])`.

mod addresses;
mod allocate;
mod auth;
mod bulk;
mod cables;
mod changes;
mod choices;
mod demo;
mod entry;
mod filter;
mod model;
mod models;
mod net;
mod parse;
mod read;
mod render;
mod reply;
mod schema;
mod state;
mod vlans;
mod write;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use homelab_core::clock::{Clock, Micros, SystemClock};
use serde_json::Value;

use crate::log::RequestLog;
use crate::shared::Shared;
use crate::upstream::{Frame, Upstream};
use crate::{Faults, Identity};
use auth::Actor;
use model::Model;
use state::State;

/// Releases that differ in what matters to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// Tokens of version 1 alone, `next` by `offset` alone.
    V4_2,
    /// Tokens of version 2, `authentication-check`, `changelog_message`, cable profiles.
    V4_5,
    /// `ETag`, `start`, `add_tags`.
    V4_6,
    /// Complaints about lists of objects have an index.
    V4_7,
}

impl Release {
    fn version(self) -> &'static str {
        match self {
            Self::V4_2 => "4.2.9",
            Self::V4_5 => "4.5.8",
            Self::V4_6 => "4.6.5",
            Self::V4_7 => "4.7.3",
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::V4_2 => "4.2",
            Self::V4_5 => "4.5",
            Self::V4_6 => "4.6",
            Self::V4_7 => "4.7",
        }
    }
}

/// The superuser's token of version 2: what stands behind `Bearer`.
pub const TOKEN: &str = "nbt_lab0admin000.6666666677778888999900000000000000000001";

/// The superuser's token of version 1: what stands behind `Token`.
pub const TOKEN_V1: &str = "6666666677778888999900000000000000000002";

/// The superuser's name and password.
pub const ADMIN: (&str, &str) = ("admin", "lab-netbox");

/// The condition of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It may read and write.
    Well,
    /// It may only read.
    ReadOnly,
    /// It was disabled.
    Disabled,
    /// It has expired.
    Expired,
}

/// A server; it ends when this is dropped.
pub struct NetBox {
    upstream: Upstream,
    state: Shared<State>,
}

impl NetBox {
    /// A server of release 4.7 with nothing but its superuser, over plain HTTP.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start() -> io::Result<Self> {
        Self::with(Release::V4_7, Arc::new(SystemClock), None).await
    }

    /// The same of another release, with another clock, and over TLS if there is a certificate.
    ///
    /// # Errors
    /// When the port cannot be opened, or the certificate not used.
    pub async fn with(
        release: Release,
        clock: Arc<dyn Clock>,
        identity: Option<&Identity>,
    ) -> io::Result<Self> {
        let mut state = State::new(clock);
        state.release = release;
        let admin = state.add_user(ADMIN.0, ADMIN.1, None);
        state.add_token(TOKEN, admin);
        state.add_token(TOKEN_V1, admin);
        let state = Shared::new(state);
        let routes = entry::router(state.clone());
        let upstream = Upstream::start(routes, identity, Frame::default()).await?;
        state.lock().base = upstream.url();
        Ok(Self { upstream, state })
    }

    /// The server of the demo lab.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn demo() -> io::Result<Self> {
        let server = Self::start().await?;
        demo::fill(&server);
        Ok(server)
    }

    /// Says it is of this release from now on.
    pub fn set_release(&self, release: Release) {
        self.state.lock().release = release;
    }

    /// Makes an object of the kind at this path (`ipam/prefixes`) from what a POST would have; its
    /// id. It is in the record of changes as the superuser's.
    ///
    /// # Panics
    /// If there is no such kind, or a POST of this would be refused.
    pub fn add(&self, path: &str, object: Value) -> u64 {
        let model = model_at(path);
        let mut state = self.state.lock();
        let request = state.next_request();
        let actor = Actor { user: 1, request };
        let Value::Object(fields) = object else {
            panic!("{path}: {object} is not an object");
        };
        assert!(
            !write::has_unknown(&state, model, &fields, &[]),
            "{path}: {fields:?} has a field that there is not"
        );
        write::create(&mut state, &actor, model, &fields)
            .unwrap_or_else(|errors| panic!("{path}: {fields:?}: {errors:?}"))
    }

    /// Makes an address the primary one of its device or machine.
    fn set_primary(&self, kind: &str, owner: u64, field: &str, address: u64) {
        let mut state = self.state.lock();
        let found = state.get(kind, owner).cloned();
        if let Some(mut owner) = found {
            owner.fields.insert(field.to_owned(), address.into());
            state.put(owner);
        }
    }

    /// An object as the API tells it; `None` where there is none.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn object(&self, path: &str, id: u64) -> Option<Value> {
        let state = self.state.lock();
        let object = state.get(model_at(path).kind, id)?;
        Some(state.full(object))
    }

    /// All objects of a kind as the API tells them, by id.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn objects(&self, path: &str) -> Vec<Value> {
        let state = self.state.lock();
        let all = state.of(model_at(path).kind);
        all.map(|object| state.full(object)).collect()
    }

    /// How many objects of a kind there are.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn count(&self, path: &str) -> usize {
        self.state.lock().of(model_at(path).kind).count()
    }

    /// A user who may do these things alone (`ipam.view_prefix`, `ipam.add_ipaddress`), with a token.
    pub fn add_user(&self, name: &str, token: &str, permissions: &[&str]) {
        let mut state = self.state.lock();
        let user = state.add_user(name, token, Some(permissions));
        state.add_token(token, user);
    }

    /// Changes the condition of a token.
    pub fn set_token(&self, token: &str, condition: TokenState) {
        let mut state = self.state.lock();
        for known in state.tokens.iter_mut().filter(|known| known.text == token) {
            known.write_enabled = condition != TokenState::ReadOnly;
            known.enabled = condition != TokenState::Disabled;
            known.expires = (condition == TokenState::Expired).then_some(Micros(0));
        }
    }

    /// Defines a custom field of text for the kind at this path.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn set_custom_field(&self, path: &str, name: &str) {
        let kind = model_at(path).kind.to_owned();
        self.state.lock().custom.push((kind, name.to_owned()));
    }

    /// The most rows that a page has; 1000 unless said otherwise.
    pub fn set_page_size(&self, most: usize) {
        self.state.lock().max_page_size = most;
    }

    /// The host in the URLs of its answers, in place of the one that it is asked by.
    pub fn set_host(&self, host: &str) {
        self.state.lock().host = Some(host.to_owned());
    }

    /// Whether it is in maintenance, and writes nothing.
    pub fn set_maintenance(&self, maintenance: bool) {
        self.state.lock().maintenance = maintenance;
    }

    /// What every device and virtual machine has under `config_context`.
    pub fn set_config_context(&self, context: Value) {
        self.state.lock().config_context = context;
    }

    /// Its base URL without a slash at the end; the API is below `/api/`.
    pub fn url(&self) -> String {
        self.upstream.url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How it is to fail. Paths begin with `/api/`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }
}

/// # Panics
/// If there is no such kind.
fn model_at(path: &str) -> &'static Model {
    models::at(path).unwrap_or_else(|| panic!("there is no kind at `{path}`"))
}
