//! What the server holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::{Clock, Micros};
use serde_json::{Map, Value, json};

use super::Release;
use super::auth::{Token, User};
use super::changes::Change;
use super::model::{Complaint, Type};
use super::models;
use super::net::Net;
use crate::hash;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) release: Release,
    objects: BTreeMap<(&'static str, u64), Object>,
    /// Last id by kind; ids are never given twice.
    serials: BTreeMap<&'static str, u64>,
    pub(super) changes: Vec<Change>,
    pub(super) users: Vec<User>,
    pub(super) tokens: Vec<Token>,
    /// Names of custom fields by kind.
    pub(super) custom: Vec<(String, String)>,
    pub(super) config_context: Value,
    pub(super) max_page_size: usize,
    /// Host of the URLs it makes, in place of the one it was asked by.
    pub(super) host: Option<String>,
    pub(super) maintenance: bool,
    /// Where the URLs of the answer at hand begin.
    pub(super) base: String,
    last: i64,
    requests: u64,
}

/// One object. References are ids, choices plain values.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) id: u64,
    pub(super) fields: Map<String, Value>,
    pub(super) created: Micros,
    pub(super) updated: Micros,
}

impl Object {
    /// Text of a field; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn id_of(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(Value::as_u64)
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.fields.get(name).and_then(Value::as_f64)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn net(&self, name: &str) -> Option<Net> {
        Net::read(self.text(name))
    }
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            release: Release::V4_7,
            objects: BTreeMap::new(),
            serials: BTreeMap::new(),
            changes: Vec::new(),
            users: Vec::new(),
            tokens: Vec::new(),
            custom: Vec::new(),
            config_context: json!({}),
            max_page_size: 1000,
            host: None,
            maintenance: false,
            base: String::new(),
            last: 0,
            requests: 0,
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Now, but later than anything written before, as a clock with microseconds would say.
    pub(super) fn tick(&mut self) -> Micros {
        self.last = self.clock.now().0.max(self.last + 1);
        Micros(self.last)
    }

    /// A name for the next request, as a UUID.
    pub(super) fn next_request(&mut self) -> String {
        self.requests += 1;
        let digits = hash::hex(format!("request {}", self.requests).as_bytes());
        let part = |from: usize, length: usize| -> String {
            digits.chars().skip(from).take(length).collect()
        };
        let parts = [
            part(0, 8),
            part(8, 4),
            format!("4{}", part(13, 3)),
            format!("a{}", part(17, 3)),
            part(20, 12),
        ];
        parts.join("-")
    }

    pub(super) fn get(&self, kind: &str, id: u64) -> Option<&Object> {
        let kind = models::known(kind)?.kind;
        self.objects.get(&(kind, id))
    }

    /// All objects of a kind, by id.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Object> {
        let kind = models::of(kind).kind;
        self.objects
            .range((kind, 0)..=(kind, u64::MAX))
            .map(|(_, object)| object)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// The objects of a kind that refer to this id in a field.
    pub(super) fn with<'s>(
        &'s self,
        kind: &str,
        field: &'static str,
        id: u64,
    ) -> impl Iterator<Item = &'s Object> {
        self.of(kind)
            .filter(move |object| object.id_of(field) == Some(id))
    }

    pub(super) fn next_id(&mut self, kind: &'static str) -> u64 {
        let last = self.serials.entry(kind).or_default();
        *last += 1;
        *last
    }

    pub(super) fn put(&mut self, object: Object) {
        self.objects.insert((object.kind, object.id), object);
    }

    pub(super) fn take(&mut self, kind: &'static str, id: u64) -> Option<Object> {
        self.objects.remove(&(kind, id))
    }

    /// Everything as it is, to come back to.
    pub(super) fn objects(&self) -> BTreeMap<(&'static str, u64), Object> {
        self.objects.clone()
    }

    pub(super) fn restore(&mut self, objects: BTreeMap<(&'static str, u64), Object>) {
        self.objects = objects;
    }

    pub(super) fn display(&self, object: &Object) -> String {
        (models::of(object.kind).display)(self, object)
    }

    /// The name of the object that a field refers to.
    pub(super) fn display_at(&self, object: &Object, field: &str) -> String {
        let field_of = models::of(object.kind).field(field);
        let Some(Type::Ref(kind, _)) = field_of.map(|field| field.kind) else {
            return String::new();
        };
        object
            .id_of(field)
            .and_then(|id| self.get(kind, id))
            .map(|found| self.display(found))
            .unwrap_or_default()
    }

    /// The MAC address of an interface: its primary one, or the one written to it.
    pub(super) fn mac_of(&self, port: &Object) -> Option<String> {
        let primary = port
            .id_of("primary_mac_address")
            .and_then(|id| self.get("dcim.macaddress", id));
        let mac = primary.unwrap_or(port).text("mac_address");
        (!mac.is_empty()).then(|| mac.to_owned())
    }

    pub(super) fn macs_of(&self, port: &Object) -> Vec<&Object> {
        self.of("dcim.macaddress")
            .filter(|mac| is_assigned_to(mac, port))
            .collect()
    }

    /// The addresses of an interface.
    pub(super) fn addresses_of<'s>(&'s self, port: &'s Object) -> impl Iterator<Item = &'s Object> {
        self.of("ipam.ipaddress")
            .filter(move |address| is_assigned_to(address, port))
    }

    /// A primary address is of its family, and of an interface that is right.
    pub(super) fn check_primary(
        &self,
        owner: &Object,
        right: impl Fn(&Object) -> bool,
        what: &str,
    ) -> Result<(), Complaint> {
        for (field, six) in [("primary_ip4", false), ("primary_ip6", true)] {
            let id = owner.id_of(field);
            let Some(address) = id.and_then(|id| self.get("ipam.ipaddress", id)) else {
                continue;
            };
            let text = address.text("address");
            if address.net("address").is_some_and(|net| net.six != six) {
                let family = if six { 6 } else { 4 };
                return Err((field, format!("{text} is not an IPv{family} address.")));
            }
            let port = address
                .id_of("assigned_object_id")
                .and_then(|id| self.get(address.text("assigned_object_type"), id));
            if !port.is_some_and(&right) {
                let text =
                    format!("The specified IP address ({text}) is not assigned to this {what}.");
                return Err((field, text));
            }
        }
        Ok(())
    }
}

/// Whether an object with `assigned_object_type` and `assigned_object_id` names this one.
pub(super) fn is_assigned_to(object: &Object, other: &Object) -> bool {
    object.text("assigned_object_type") == other.kind
        && object.id_of("assigned_object_id") == Some(other.id)
}

/// The primary address of a device or machine in its brief form: the one of version 6, if there is
/// one.
pub(super) fn primary_ip(state: &State, owner: &Object) -> Value {
    let id = owner
        .id_of("primary_ip6")
        .or_else(|| owner.id_of("primary_ip4"));
    id.and_then(|id| state.get("ipam.ipaddress", id))
        .map_or(Value::Null, |address| state.brief(address))
}
