//! Firewall rules in three forms: policies of the official API, the same policies of the old API, and
//! the rules from before there were zones.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::Unifi;
use crate::explain::is_absent;
use crate::site::Site;
use crate::types::ZoneRow;

/// What a firewall is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Model {
    /// Policies between zones.
    ZonePolicy,
    /// Rules in rulesets, as before zones.
    LegacyRule,
}

/// What a rule does with what it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// Lets it through.
    Allow,
    /// Drops it without a word.
    Block,
    /// Refuses it.
    Reject,
}

impl Action {
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "allow" | "accept" => Some(Self::Allow),
            "block" | "drop" => Some(Self::Block),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }

    /// In the words of policies.
    pub(crate) fn of_policy(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Block => "BLOCK",
            Self::Reject => "REJECT",
        }
    }

    /// In the words of rules.
    pub(crate) fn of_rule(self) -> &'static str {
        match self {
            Self::Allow => "accept",
            Self::Block => "drop",
            Self::Reject => "reject",
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Reject => "reject",
        }
    }
}

/// A firewall rule or policy.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RuleItem {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) model: Model,
    /// `USER_DEFINED`, `SYSTEM_DEFINED` or `DERIVED`. Only the first can be changed.
    pub(crate) origin: String,
    pub(crate) enabled: bool,
    pub(crate) action: Option<Action>,
    /// Zone, and what of it; or the address of an old rule.
    source: String,
    destination: String,
    /// Ruleset of an old rule, such as `WAN_IN`.
    ruleset: Option<String>,
    protocol: Option<String>,
    pub(crate) logging: bool,
    /// Lower ones come first.
    index: i64,
    #[serde(skip)]
    pub(crate) api: Option<Source>,
    /// The whole of it, as it came: a change sends it back.
    #[serde(skip)]
    pub(crate) raw: Value,
}

impl RuleItem {
    /// Sorts as the firewall does; different for each rule.
    pub(crate) fn key(&self) -> String {
        let ruleset = self.ruleset.as_deref().unwrap_or_default();
        format!("{ruleset}\u{1}{:012}\u{1}{}", self.index.max(0), self.id)
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        [&self.name, &self.source, &self.destination]
            .into_iter()
            .chain(&self.ruleset)
            .any(|part| part.to_lowercase().contains(&text))
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "firewall_rule".to_owned(),
            id: self.id.clone(),
            name: Some(self.name.clone()),
            tags: vec![self.origin.to_lowercase()],
        }
    }
}

/// The rules of a site.
pub(crate) struct Rules {
    pub(crate) rows: Vec<RuleItem>,
    pub(crate) api: Source,
    pub(crate) model: Model,
}

impl Unifi {
    /// The rules that are in force: the policies where the site has zones, else the rules of old.
    pub(crate) async fn rules(&self, site: &Site) -> ToolResult<Rules> {
        match self.policies(site).await? {
            Some(rules) => Ok(rules),
            None => self.legacy_rules(site).await,
        }
    }

    /// The policies; `None` where the site has no zones.
    pub(crate) async fn policies(&self, site: &Site) -> ToolResult<Option<Rules>> {
        if self.api.has(Feature::Policies).await? {
            let zones = self.zone_names(site).await?;
            if zones.is_empty() {
                return Ok(None);
            }
            let template = "/integration/v1/sites/{}/firewall/policies";
            let rows: Vec<Value> = self.api.all("policies", template, &[&site.id()]).await?;
            return Ok(Some(Rules {
                rows: rows
                    .into_iter()
                    .filter_map(|row| official(row, &zones))
                    .collect(),
                api: Source::Integration,
                model: Model::ZonePolicy,
            }));
        }
        // 10.0 tells of zones, and not yet of policies.
        if self.api.has(Feature::Networks).await? && self.zone_names(site).await?.is_empty() {
            return Ok(None);
        }
        let zones = Call::get(
            "legacy_zones",
            "/v2/api/site/{}/firewall/zone",
            &[&site.name],
        );
        let zones: Vec<ZoneRow> = match self.api.json(&zones).await {
            Ok(zones) => zones,
            // Older than zones.
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if zones.is_empty() {
            return Ok(None);
        }
        let zones = names(zones);
        let template = "/v2/api/site/{}/firewall-policies";
        let call = Call::get("legacy_policies", template, &[&site.name]);
        let rows: Vec<Value> = self.api.json(&call).await?;
        Ok(Some(Rules {
            rows: rows.into_iter().filter_map(|row| v2(row, &zones)).collect(),
            api: Source::Legacy,
            model: Model::ZonePolicy,
        }))
    }

    /// `rest/firewallrule`.
    pub(crate) async fn legacy_rules(&self, site: &Site) -> ToolResult<Rules> {
        let template = "/api/s/{}/rest/firewallrule";
        let rows: Vec<Value> = self
            .api
            .rows(&Call::get("firewall_rules", template, &[&site.name]))
            .await?;
        Ok(Rules {
            rows: rows.into_iter().filter_map(rule).collect(),
            api: Source::Legacy,
            model: Model::LegacyRule,
        })
    }

    /// The names of the zones by their ids in the official API.
    pub(crate) async fn zone_names(&self, site: &Site) -> ToolResult<BTreeMap<String, String>> {
        let template = "/integration/v1/sites/{}/firewall/zones";
        let rows: Vec<ZoneRow> = self.api.all("zones", template, &[&site.id()]).await?;
        Ok(names(rows))
    }

    /// The rule of this id: the one in force, or one of the old ones.
    pub(crate) async fn rule_of(&self, site: &Site, id: &str) -> ToolResult<RuleItem> {
        let rules = self.rules(site).await?;
        let (api, model) = (rules.api, rules.model);
        let found = rules.rows.into_iter().find(|row| row.id == id);
        if let Some(mut rule) = found {
            rule.api = Some(api);
            return Ok(rule);
        }
        let what = match model {
            Model::ZonePolicy => "policy",
            Model::LegacyRule => "rule",
        };
        Err(ToolError::not_found(format!("no firewall {what} `{id}`"))
            .reason("rule_not_found")
            .field("id")
            .hint("call `list_firewall_rules`; the two APIs give one policy different ids"))
    }
}

fn names(rows: Vec<ZoneRow>) -> BTreeMap<String, String> {
    rows.into_iter().map(|row| (row.id, row.name)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A policy of the official API.
fn official(raw: Value, zones: &BTreeMap<String, String>) -> Option<RuleItem> {
    let end = |end: &Value| {
        let id = end["zoneId"].as_str().unwrap_or_default();
        let zone = zones.get(id).map_or(id, String::as_str).to_owned();
        match end["trafficFilter"]["type"].as_str() {
            Some(filter) => format!("{zone} ({})", filter.to_lowercase().replace('_', " ")),
            None => zone,
        }
    };
    let scope = &raw["ipProtocolScope"];
    let protocol = [
        scope["protocolFilter"]["protocol"]["name"].as_str(),
        scope["protocolFilter"]["preset"]["name"].as_str(),
        scope["ipVersion"].as_str(),
    ];
    let protocol = protocol.into_iter().flatten().next().map(str::to_owned);
    Some(RuleItem {
        id: raw["id"].as_str()?.to_owned(),
        name: text(&raw["name"]),
        model: Model::ZonePolicy,
        origin: text(&raw["metadata"]["origin"]),
        enabled: raw["enabled"] == true,
        action: Action::read(raw["action"]["type"].as_str().unwrap_or_default()),
        source: end(&raw["source"]),
        destination: end(&raw["destination"]),
        ruleset: None,
        protocol,
        logging: raw["loggingEnabled"] == true,
        index: raw["index"].as_i64().unwrap_or_default(),
        api: None,
        raw,
    })
}

/// The same policy in the old API.
fn v2(raw: Value, zones: &BTreeMap<String, String>) -> Option<RuleItem> {
    let end = |end: &Value| {
        let id = end["zone_id"].as_str().unwrap_or_default();
        let zone = zones.get(id).map_or(id, String::as_str).to_owned();
        match end["matching_target"].as_str() {
            Some(filter) if filter != "ANY" => format!("{zone} ({})", filter.to_lowercase()),
            _ => zone,
        }
    };
    let origin = if raw["predefined"] == true {
        "SYSTEM_DEFINED"
    } else {
        "USER_DEFINED"
    };
    Some(RuleItem {
        id: raw["_id"].as_str()?.to_owned(),
        name: text(&raw["name"]),
        model: Model::ZonePolicy,
        origin: origin.to_owned(),
        enabled: raw["enabled"] == true,
        action: Action::read(raw["action"].as_str().unwrap_or_default()),
        source: end(&raw["source"]),
        destination: end(&raw["destination"]),
        ruleset: None,
        protocol: raw["protocol"].as_str().map(str::to_owned),
        logging: raw["logging"] == true,
        index: raw["index"].as_i64().unwrap_or_default(),
        api: None,
        raw,
    })
}

/// A rule from before zones.
fn rule(raw: Value) -> Option<RuleItem> {
    let end = |side: &str| {
        let address = text(&raw[format!("{side}_address")]);
        let port = text(&raw[format!("{side}_port")]);
        match (address.as_str(), port.as_str()) {
            ("", "") => "any".to_owned(),
            (address, "") => address.to_owned(),
            ("", port) => format!("any:{port}"),
            (address, port) => format!("{address}:{port}"),
        }
    };
    Some(RuleItem {
        id: raw["_id"].as_str()?.to_owned(),
        name: text(&raw["name"]),
        model: Model::LegacyRule,
        origin: "USER_DEFINED".to_owned(),
        enabled: raw["enabled"] == true,
        action: Action::read(raw["action"].as_str().unwrap_or_default()),
        source: end("src"),
        destination: end("dst"),
        ruleset: raw["ruleset"].as_str().map(str::to_owned),
        protocol: raw["protocol"].as_str().map(str::to_owned),
        logging: raw["logging"] == true,
        index: raw["rule_index"].as_i64().unwrap_or_default(),
        api: None,
        raw,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_is_read_in_both_its_forms() {
        let zones = BTreeMap::from([("z1".to_owned(), "Internal".to_owned())]);
        let one = official(
            json!({
                "id": "p1", "name": "x", "enabled": true, "index": 7, "action": { "type": "BLOCK" },
                "source": { "zoneId": "z1", "trafficFilter": { "type": "MAC_ADDRESS" } },
                "destination": { "zoneId": "z9" }, "ipProtocolScope": { "ipVersion": "IPV4" },
                "loggingEnabled": true, "metadata": { "origin": "USER_DEFINED" },
            }),
            &zones,
        )
        .unwrap();
        let other = v2(
            json!({
                "_id": "p2", "name": "x", "enabled": true, "index": 7, "action": "BLOCK",
                "predefined": true, "source": { "zone_id": "z1", "matching_target": "CLIENT" },
                "destination": { "zone_id": "z9", "matching_target": "ANY" }, "logging": false,
            }),
            &zones,
        )
        .unwrap();

        assert_eq!(
            (one.source.as_str(), one.destination.as_str()),
            ("Internal (mac address)", "z9")
        );
        assert_eq!((one.action, one.logging), (Some(Action::Block), true));
        assert_eq!(
            (other.source.as_str(), other.origin.as_str()),
            ("Internal (client)", "SYSTEM_DEFINED")
        );
    }

    #[test]
    fn an_old_rule_says_what_it_fits() {
        let read = rule(json!({
            "_id": "r1", "name": "x", "enabled": false, "action": "drop", "ruleset": "WAN_IN",
            "rule_index": 2000, "src_address": "192.0.2.0/24", "dst_port": "443", "protocol": "tcp",
        }))
        .unwrap();

        assert_eq!(
            (read.source.as_str(), read.destination.as_str()),
            ("192.0.2.0/24", "any:443")
        );
        assert_eq!((read.action, read.enabled), (Some(Action::Block), false));
    }
}
