//! One account as the tools see it: one method for each endpoint that several of them use.

use std::collections::HashMap;
use std::sync::{Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use homelab_backend::Env;
use homelab_backend::api::Book;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;
use homelab_upstream::{Client, ClientConfig, Method};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::api::Api;
use crate::call::Call;
use crate::config::Config;
use crate::ids::{AccountId, ZoneArg};
use crate::types::{Batch, Record, Rule, Ruleset, Setting, Token, Zone};

/// The phase of custom rules.
const CUSTOM: &str = "http_request_firewall_custom";

/// How long the name of a zone is remembered with its id.
const REMEMBERED: Duration = Duration::from_mins(10);

pub(crate) const ZONE_READ: &str = "Zone: Zone, Read";
pub(crate) const DNS_READ: &str = "Zone: DNS, Read";
pub(crate) const DNS_EDIT: &str = "Zone: DNS, Edit";
const WAF_READ: &str = "Zone: Zone WAF, Read";
const WAF_EDIT: &str = "Zone: Zone WAF, Edit";
const SETTINGS_READ: &str = "Zone: Zone Settings, Read";
const SETTINGS_EDIT: &str = "Zone: Zone Settings, Edit";

const RECORDS: &str = "/zones/{}/dns_records";
const RECORD: &str = "/zones/{}/dns_records/{}";
const ENTRYPOINT: &str = "/zones/{}/rulesets/phases/{}/entrypoint";
const RULES: &str = "/zones/{}/rulesets/{}/rules";
const RULE: &str = "/zones/{}/rulesets/{}/rules/{}";
const SETTING: &str = "/zones/{}/settings/{}";

/// One instance of the server.
pub(crate) struct Cloudflare {
    pub(crate) api: Api,
    pub(crate) config: Config,
    /// Zones by what they were asked for by.
    known: PlainMutex<HashMap<String, (Micros, Zone)>>,
    /// Held while rules of a zone, or the configuration of a tunnel, are read and written back.
    pub(crate) changing: Mutex<()>,
    /// The whole API.
    pub(crate) description: Description,
}

/// The description of the whole API.
pub(crate) struct Description {
    /// Fetches it, from wherever it is: without the token.
    pub(crate) client: Client,
    /// What is known of it.
    pub(crate) book: Book,
}

/// Longest time that fetching it takes: it has many megabytes.
const DESCRIPTION_TIME: Duration = Duration::from_secs(80);

impl Cloudflare {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        let description = Description {
            client: env.client(ClientConfig {
                timeout: DESCRIPTION_TIME,
                ..ClientConfig::new(instance)
            })?,
            book: Book::new(instance, env),
        };
        Ok(Self {
            api: Api::new(instance, &config, env)?,
            config,
            known: PlainMutex::default(),
            changing: Mutex::default(),
            description,
        })
    }

    /// `GET /user/tokens/verify`, or that of the account where the token is the account's. Whose it
    /// is.
    pub(crate) async fn verify(&self) -> ToolResult<(Token, &'static str)> {
        let call = Call::new("verify", Method::GET, "/user/tokens/verify", &[], "any");
        let refused = match self.api.result(&call).await {
            Ok(token) => return Ok((token, "user")),
            Err(error) if error.code() == Code::UpstreamUnauthorized => error,
            Err(error) => return Err(error),
        };
        let Some(account) = self.config.account()? else {
            return Err(refused);
        };
        let template = "/accounts/{}/tokens/verify";
        let call = Call::new("verify", Method::GET, template, &[&account], "any");
        // What the first said is about tokens of users; the second has the last word.
        self.api.result(&call).await.map(|token| (token, "account"))
    }

    /// `GET /zones`: those that the token is for.
    pub(crate) async fn zones(&self, name: Option<&str>) -> ToolResult<Vec<Zone>> {
        let call = Call::new("zones", Method::GET, "/zones", &[], ZONE_READ);
        self.api.all(&call.query_opt("name", name), 50).await
    }

    /// The zone that a call is about: the one it names, the default, or the only one there is.
    pub(crate) async fn zone(&self, given: Option<&ZoneArg>) -> ToolResult<Zone> {
        if let Some(zone) = given {
            return self.find_zone(zone).await;
        }
        if let Some(name) = self.config.zone()? {
            return self.find_zone(&ZoneArg::from(&name)).await;
        }
        let mut zones = self.zones(None).await?;
        if zones.len() == 1
            && let Some(zone) = zones.pop()
        {
            return Ok(zone);
        }
        let names: Vec<&str> = zones.iter().take(10).map(|zone| &*zone.name).collect();
        let message = format!("the token is for {} zones, and none is named", zones.len());
        Err(ToolError::invalid("zone", message)
            .hint(format!("name one of: {}", names.join(", ")))
            .instance(self.api.who.instance.clone()))
    }

    async fn find_zone(&self, given: &ZoneArg) -> ToolResult<Zone> {
        let now = self.api.env.clock.now();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, zone)) = known().get(given.as_str())
            && now < when.later(REMEMBERED)
        {
            return Ok(zone.clone());
        }
        let found = if given.is_id() {
            let call = Call::new("zone", Method::GET, "/zones/{}", &[given], ZONE_READ);
            self.api.maybe(&call).await?
        } else {
            let mut found = None;
            for name in given.suffixes() {
                found = self.zones(Some(name)).await?.into_iter().next();
                if found.is_some() {
                    break;
                }
            }
            found
        };
        let zone: Zone = found.ok_or_else(|| {
            ToolError::not_found(format!("no zone `{given}` that the token is for"))
                .reason("zone_not_found")
                .field("zone")
                .hint("see `list_zones`; the token may not include this zone")
                .instance(self.api.who.instance.clone())
        })?;
        known().insert(given.as_str().to_owned(), (now, zone.clone()));
        Ok(zone)
    }

    /// The account: the configured one, or that of all zones.
    pub(crate) async fn account(&self) -> ToolResult<AccountId> {
        if let Some(account) = self.config.account()? {
            return Ok(account);
        }
        let zones = self.zones(None).await?;
        let mut ids: Vec<&str> = zones
            .iter()
            .filter_map(|zone| Some(zone.account.as_ref()?.id.as_str()))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        if let [only] = ids[..] {
            let wrong = |_| ToolError::internal("an account's id is not of its form");
            return only.parse().map_err(wrong);
        }
        let message = format!("{} accounts can be seen, not one alone", ids.len());
        Err(ToolError::new(Code::NotConfigured, message)
            .reason("account_unknown")
            .field(format!("{}.account_id", self.api.who.section))
            .hint("set it; it stands in the address of the dashboard: https://dash.cloudflare.com/ACCOUNT_ID")
            .instance(self.api.who.instance.clone()))
    }

    /// `GET /zones/{zone_id}/dns_records`.
    pub(crate) async fn records(
        &self,
        zone: &str,
        filters: &[(&'static str, String)],
    ) -> ToolResult<Vec<Record>> {
        let mut call = Call::new("records", Method::GET, RECORDS, &[&zone], DNS_READ);
        for (name, value) in filters {
            call = call.query(name, value);
        }
        self.api.all(&call, 1000).await
    }

    /// `GET /zones/{zone_id}/dns_records/{dns_record_id}`; nothing where there is none.
    pub(crate) async fn record(&self, zone: &str, id: &str) -> ToolResult<Option<Record>> {
        let call = Call::new("record", Method::GET, RECORD, &[&zone, &id], DNS_READ);
        self.api.maybe(&call).await
    }

    /// `POST /zones/{zone_id}/dns_records`; never twice, a name can have several records.
    pub(crate) async fn create_record(
        &self,
        zone: &str,
        body: Map<String, Value>,
    ) -> ToolResult<(Record, Vec<String>)> {
        let call = Call::new("record_create", Method::POST, RECORDS, &[&zone], DNS_EDIT);
        self.api.told(&call.body(Value::Object(body))).await
    }

    /// `PATCH /zones/{zone_id}/dns_records/{dns_record_id}`: what is not named stays.
    pub(crate) async fn patch_record(
        &self,
        zone: &str,
        id: &str,
        body: Map<String, Value>,
    ) -> ToolResult<(Record, Vec<String>)> {
        let call = Call::new(
            "record_update",
            Method::PATCH,
            RECORD,
            &[&zone, &id],
            DNS_EDIT,
        );
        let call = call.body(Value::Object(body)).idempotent();
        self.api.told(&call).await
    }

    /// `DELETE /zones/{zone_id}/dns_records/{dns_record_id}`.
    pub(crate) async fn delete_record(&self, zone: &str, id: &str) -> ToolResult<()> {
        let call = Call::new(
            "record_delete",
            Method::DELETE,
            RECORD,
            &[&zone, &id],
            DNS_EDIT,
        );
        self.api.done(&call).await
    }

    /// `POST /zones/{zone_id}/dns_records/batch`: all of it or nothing; never twice.
    pub(crate) async fn batch_records(&self, zone: &str, body: Value) -> ToolResult<Batch> {
        let template = "/zones/{}/dns_records/batch";
        let call = Call::new("records_batch", Method::POST, template, &[&zone], DNS_EDIT);
        self.api.result(&call.body(body)).await
    }

    /// `GET /zones/{zone_id}/dns_records/export`: a BIND file.
    pub(crate) async fn export(&self, zone: &str) -> ToolResult<String> {
        let template = "/zones/{}/dns_records/export";
        let call = Call::new("export", Method::GET, template, &[&zone], DNS_READ);
        self.api.text(&call).await
    }

    /// `GET …/rulesets/phases/http_request_firewall_custom/entrypoint`; nothing before there is a
    /// custom rule.
    pub(crate) async fn custom_rules(&self, zone: &str) -> ToolResult<Option<Ruleset>> {
        let call = Call::new(
            "custom_rules",
            Method::GET,
            ENTRYPOINT,
            &[&zone, &CUSTOM],
            WAF_READ,
        );
        match self.api.result(&call).await {
            Ok(ruleset) => Ok(Some(ruleset)),
            Err(error) if error.envelope().upstream_status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /zones/{zone_id}/rulesets`: the entry point with its first rule. Refused where there is
    /// one, while a `PUT` would take the place of somebody else's rules.
    pub(crate) async fn create_custom_rules(&self, zone: &str, rule: Value) -> ToolResult<Ruleset> {
        let template = "/zones/{}/rulesets";
        let call = Call::new("rules_create", Method::POST, template, &[&zone], WAF_EDIT);
        let body = json!({ "name": "default", "kind": "zone", "phase": CUSTOM, "rules": [rule] });
        self.api.result(&call.body(body)).await
    }

    /// `POST …/rulesets/{ruleset_id}/rules`: one more; the others stay.
    pub(crate) async fn add_rule(
        &self,
        zone: &str,
        ruleset: &str,
        rule: Value,
    ) -> ToolResult<Ruleset> {
        let call = Call::new(
            "rule_create",
            Method::POST,
            RULES,
            &[&zone, &ruleset],
            WAF_EDIT,
        );
        self.api.result(&call.body(rule)).await
    }

    /// `PATCH …/rulesets/{ruleset_id}/rules/{rule_id}`: all of one rule.
    pub(crate) async fn put_rule(
        &self,
        zone: &str,
        ruleset: &str,
        id: &str,
        rule: Value,
    ) -> ToolResult<Ruleset> {
        let call = Call::new(
            "rule_update",
            Method::PATCH,
            RULE,
            &[&zone, &ruleset, &id],
            WAF_EDIT,
        );
        self.api.result(&call.body(rule).idempotent()).await
    }

    /// `DELETE …/rulesets/{ruleset_id}/rules/{rule_id}`; answers the rest, or nothing.
    pub(crate) async fn delete_rule(&self, zone: &str, ruleset: &str, id: &str) -> ToolResult<()> {
        let call = Call::new(
            "rule_delete",
            Method::DELETE,
            RULE,
            &[&zone, &ruleset, &id],
            WAF_EDIT,
        );
        self.api.done(&call).await
    }

    /// `GET /zones/{zone_id}/settings/{setting_id}`.
    pub(crate) async fn setting(&self, zone: &str, setting: &str) -> ToolResult<Setting> {
        let call = Call::new(
            "setting",
            Method::GET,
            SETTING,
            &[&zone, &setting],
            SETTINGS_READ,
        );
        self.api.result(&call).await
    }

    /// `PATCH /zones/{zone_id}/settings/{setting_id}`.
    pub(crate) async fn set_setting(
        &self,
        zone: &str,
        setting: &str,
        value: &Value,
    ) -> ToolResult<Setting> {
        let call = Call::new(
            "setting_update",
            Method::PATCH,
            SETTING,
            &[&zone, &setting],
            SETTINGS_EDIT,
        );
        let call = call.body(json!({ "value": value })).idempotent();
        self.api.result(&call).await
    }

    /// `POST /zones/{zone_id}/purge_cache`: one way of it.
    pub(crate) async fn purge(&self, zone: &str, body: Value) -> ToolResult<()> {
        let template = "/zones/{}/purge_cache";
        let needs = "Zone: Cache Purge, Purge";
        let call = Call::new("purge", Method::POST, template, &[&zone], needs);
        self.api.done(&call.body(body).idempotent()).await
    }
}

impl Zone {
    /// As an object that a call touches.
    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "zone".to_owned(),
            id: self.id.clone(),
            name: Some(self.name.clone()),
            tags: Vec::new(),
        }
    }
}

impl Record {
    /// As an object that a call touches.
    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "dns_record".to_owned(),
            id: self.id.clone(),
            name: Some(self.name.clone()),
            tags: self.tags.clone().unwrap_or_default(),
        }
    }

    /// As people name it.
    pub(crate) fn described(&self) -> String {
        let content = self.content.as_deref().unwrap_or_default();
        format!("{} {} {content}", self.name, self.kind)
    }
}

impl Rule {
    /// As people name it.
    pub(crate) fn described(&self) -> String {
        if self.description.is_empty() {
            return self.id.clone();
        }
        self.description.clone()
    }
}
