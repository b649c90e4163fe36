//! What the control server holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use homelab_core::clock::Clock;
use serde_json::{Map, Value, json};

use super::access::{Caller, Token};
use super::reply::Failure;
use super::services::Service;
use super::{Flavor, Nothing, hujson};
use crate::calendar::rfc3339;
use crate::hash;

/// The policy of a tailnet that nobody has touched.
const UNTOUCHED: &str = r#"// The policy of a new tailnet.
{
	// Tags, and who may give them.
	"tagOwners": {
		"tag:server": ["autogroup:admin"],
		"tag:router": ["autogroup:admin"],
	},

	// Everybody may reach everything.
	"grants": [
		{"src": ["*"], "dst": ["*"], "ip": ["*"]},
	],

	"ssh": [
		{
			"action": "check",
			"src":    ["autogroup:member"],
			"dst":    ["autogroup:self"],
			"users":  ["autogroup:nonroot", "root"],
		},
	],
}
"#;

/// How long an access token of an OAuth client holds in the product.
const TOKEN_S: i64 = 3600;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) flavor: Flavor,
    pub(super) devices: Vec<Device>,
    pub(super) users: Vec<Value>,
    pub(super) policy: Policy,
    /// What somebody else writes just before the next change of the policy.
    pub(super) planned_policy: Option<String>,
    pub(super) dns: Dns,
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) tokens_issued: usize,
    pub(super) token_lifetime_s: i64,
    pub(super) settings: Map<String, Value>,
    pub(super) services: Vec<Service>,
    pub(super) audit: Vec<Value>,
    pub(super) refusals: Vec<(String, Failure)>,
    pub(super) nothing: Option<Nothing>,
    pub(super) brief_keys: bool,
    serial: u64,
}

/// A machine of the tailnet.
pub(super) struct Device {
    /// Everything that is told of it.
    pub(super) fields: Map<String, Value>,
    /// Posture attributes with the ends of those that end.
    pub(super) attributes: BTreeMap<String, (Value, Option<String>)>,
}

/// The policy file.
pub(super) struct Policy {
    pub(super) text: String,
    /// Whether nobody has written it yet.
    pub(super) untouched: bool,
}

/// Any key: to join, to call the API, to get tokens.
pub(super) struct Key {
    /// What is told of it, without the secret.
    pub(super) fields: Map<String, Value>,
    pub(super) secret: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Dns {
    pub(super) nameservers: Vec<Resolver>,
    pub(super) split: BTreeMap<String, Vec<Resolver>>,
    pub(super) search_paths: Vec<String>,
    pub(super) override_local: bool,
    pub(super) magic: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolver {
    pub(super) address: String,
    pub(super) with_exit_node: bool,
}

impl Device {
    pub(super) fn text(&self, field: &str) -> &str {
        self.fields
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn flag(&self, field: &str) -> bool {
        self.fields.get(field) == Some(&Value::Bool(true))
    }

    pub(super) fn texts(&self, field: &str) -> Vec<String> {
        let list = self.fields.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        self.fields.insert(field.to_owned(), value);
    }
}

impl Key {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.fields.get("keyType").is_some_and(|is| is == kind)
    }

    pub(super) fn texts(&self, field: &str) -> Vec<String> {
        let list = self.fields.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// Whether it was neither deleted nor has ended.
    pub(super) fn is_valid(&self, now: &str) -> bool {
        let ends = self.fields.get("expires").and_then(Value::as_str);
        !self.fields.contains_key("revoked") && ends.is_none_or(|ends| ends > now)
    }
}

impl Policy {
    /// The quoted tag.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", hash::hex(self.text.as_bytes()))
    }

    pub(super) fn value(&self) -> Value {
        hujson::parse(&self.text).unwrap_or_default()
    }
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>, flavor: Flavor) -> Self {
        let settings = json!({
            "aclsExternallyManagedOn": false,
            "aclsExternalLink": "",
            "devicesApprovalOn": true,
            "devicesAutoUpdatesOn": false,
            "devicesKeyDurationDays": 180,
            "usersApprovalOn": false,
            "usersRoleAllowedToJoinExternalTailnets": "admin",
            "networkFlowLoggingOn": false,
            "regionalRoutingOn": false,
            "postureIdentityCollectionOn": false,
            "httpsEnabled": true,
        });
        Self {
            clock,
            flavor,
            devices: Vec::new(),
            users: Vec::new(),
            policy: Policy {
                text: UNTOUCHED.to_owned(),
                untouched: true,
            },
            planned_policy: None,
            dns: Dns::default(),
            keys: BTreeMap::new(),
            tokens: BTreeMap::new(),
            tokens_issued: 0,
            token_lifetime_s: TOKEN_S,
            settings: settings.as_object().cloned().unwrap_or_default(),
            services: Vec::new(),
            audit: Vec::new(),
            refusals: Vec::new(),
            nothing: None,
            brief_keys: false,
            serial: 0,
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    /// The time so many seconds from now, as it is written.
    pub(super) fn time_in(&self, seconds: i64) -> String {
        rfc3339(self.now().saturating_add(seconds))
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The device of this `nodeId` or `id`.
    pub(super) fn device(&mut self, id: &str) -> Result<&mut Device, Failure> {
        self.devices
            .iter_mut()
            .find(|device| device.text("nodeId") == id || device.text("id") == id)
            .ok_or_else(Failure::not_found)
    }

    pub(super) fn add_user(&mut self, login: &str, role: &str) {
        let (serial, created) = (self.next_serial(), self.time_in(-400 * 86_400));
        let name = login.split('@').next().unwrap_or_default();
        self.users.push(json!({
            "id": format!("u{serial:06}CNTRL"),
            "displayName": name,
            "loginName": login,
            "profilePicUrl": "",
            "tailnetId": super::TAILNET,
            "created": created,
            "type": "member",
            "role": role,
            "status": "active",
            "deviceCount": 0,
            "lastSeen": self.time_in(-60),
            "currentlyConnected": true,
        }));
    }

    /// Puts a key there that is known from outside.
    pub(super) fn add_key(&mut self, id: &str, secret: &str, mut fields: Value) {
        fields["id"] = json!(id);
        fields["created"] = json!(self.time_in(-30 * 86_400));
        let key = Key {
            fields: fields.as_object().cloned().unwrap_or_default(),
            secret: secret.to_owned(),
        };
        self.keys.insert(id.to_owned(), key);
    }

    /// Notes a change for the log of the configuration.
    pub(super) fn note(
        &mut self,
        caller: &Caller,
        action: &str,
        target: &Value,
        change: [Value; 2],
    ) {
        let serial = self.next_serial();
        let [old, new] = change;
        self.audit.push(json!({
            "eventTime": self.time_in(0),
            "type": "CONFIG",
            "eventGroupID": hash::short_hex(&serial.to_be_bytes(), 16),
            "origin": "CONFIG_API",
            "actor": caller.actor(),
            "target": target,
            "action": action,
            "old": old,
            "new": new,
        }));
    }
}
