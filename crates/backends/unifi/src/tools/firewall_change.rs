//! Changing a rule of the firewall.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::rules::{Action, Model, RuleItem};
use crate::site::{Site, SiteName};

/// Which rule, and what it shall be. What is not given stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateFirewallRule {
    /// Its `id` in `list_firewall_rules`.
    #[schemars(length(min = 1, max = 64))]
    id: String,
    /// On or off.
    enabled: Option<bool>,
    /// A new name.
    #[schemars(length(min = 1, max = 128))]
    name: Option<String>,
    /// What becomes of what it fits.
    action: Option<Action>,
    /// Whether what it fits is logged.
    logging: Option<bool>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A rule after a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuleChanged {
    /// As read afterwards.
    rule: RuleItem,
    /// Whether anything had to be changed.
    changed: bool,
    /// The API that did it.
    api: Source,
}

/// Switch a firewall policy or rule on or off, rename it, or change its action or logging. Those that
/// the console made itself keep all but their logging.
#[tool(
    critical,
    idempotent,
    open_world,
    permission = "unifi:firewall:update",
    timeout = 90,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_firewall_rule(
    unifi: &Unifi,
    args: UpdateFirewallRule,
) -> ToolResult<RuleChanged> {
    let site = unifi.site(args.site.as_ref()).await?;
    let before = unifi.rule_of(&site, &args.id).await?;
    let changes = args.changes(&before)?;
    let api = before.api.unwrap_or(Source::Legacy);
    if changes.is_empty() {
        return Ok(RuleChanged {
            rule: before,
            changed: false,
            api,
        });
    }
    unifi.api.done(&args.call(&site, &before)).await?;
    Ok(RuleChanged {
        rule: unifi.rule_of(&site, &args.id).await?,
        changed: true,
        api,
    })
}

impl UpdateFirewallRule {
    /// What would be other than it is.
    ///
    /// # Errors
    /// `nothing_to_change` without a field, `not_user_defined` for what cannot be changed.
    fn changes(&self, rule: &RuleItem) -> ToolResult<Vec<Change>> {
        if self.enabled.is_none()
            && self.name.is_none()
            && self.action.is_none()
            && self.logging.is_none()
        {
            let message = "nothing is to be changed";
            return Err(ToolError::invalid("enabled", message)
                .reason("nothing_to_change")
                .hint("give at least one of `enabled`, `name`, `action`, `logging`"));
        }
        let mut changes = Vec::new();
        let mut add = |field: &str, from: String, to: Option<String>| {
            if let Some(to) = to.filter(|to| *to != from) {
                changes.push(Change {
                    field: field.to_owned(),
                    from: Some(from),
                    to: Some(to),
                });
            }
        };
        let action = rule.action.map_or("", Action::as_str).to_owned();
        add(
            "enabled",
            rule.enabled.to_string(),
            self.enabled.map(|on| on.to_string()),
        );
        add("name", rule.name.clone(), self.name.clone());
        add(
            "action",
            action,
            self.action.map(|action| action.as_str().to_owned()),
        );
        add(
            "logging",
            rule.logging.to_string(),
            self.logging.map(|on| on.to_string()),
        );
        let more = changes.iter().any(|change| change.field != "logging");
        if more && rule.origin != "USER_DEFINED" {
            let message = format!("`{}` was not made by a user, but by the console", rule.name);
            return Err(ToolError::new(Code::Conflict, message)
                .reason("not_user_defined")
                .field("id")
                .hint("only its `logging` can be changed; `list_firewall_rules` with `user_defined` lists those that can"));
        }
        Ok(changes)
    }

    fn call(&self, site: &Site, rule: &RuleItem) -> Call {
        match (rule.model, rule.api) {
            (Model::ZonePolicy, Some(Source::Integration)) => self.official_call(site, rule),
            (Model::ZonePolicy, _) => self.v2_call(site, rule),
            (Model::LegacyRule, _) => self.rule_call(site, rule),
        }
    }

    /// Logging alone has a call of its own; everything else replaces the whole policy.
    fn official_call(&self, site: &Site, rule: &RuleItem) -> Call {
        let template = "/integration/v1/sites/{}/firewall/policies/{}";
        let (site, rule_id) = (site.id(), &rule.id);
        if self.enabled.is_none() && self.name.is_none() && self.action.is_none() {
            let body = json!({ "loggingEnabled": self.logging });
            return Call::new("policy_patch", Method::PATCH, template, &[&site, rule_id])
                .with(body)
                .idempotent();
        }
        let mut body = rule.raw.clone();
        if let Some(fields) = body.as_object_mut() {
            for own in ["id", "index", "metadata"] {
                fields.remove(own);
            }
        }
        if let Some(enabled) = self.enabled {
            body["enabled"] = enabled.into();
        }
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        if let Some(logging) = self.logging {
            body["loggingEnabled"] = logging.into();
        }
        if let Some(action) = self.action.filter(|action| rule.action != Some(*action)) {
            body["action"] = match action {
                // Without it, answers to what is let through are dropped.
                Action::Allow => json!({ "type": "ALLOW", "allowReturnTraffic": true }),
                other => json!({ "type": other.of_policy() }),
            };
        }
        Call::put("policy_replace", template, &[&site, rule_id], body)
    }

    /// The old API wants the whole policy, and keeps nothing of one that is not as it wants it.
    fn v2_call(&self, site: &Site, rule: &RuleItem) -> Call {
        let mut body = rule.raw.clone();
        if let Some(enabled) = self.enabled {
            body["enabled"] = enabled.into();
        }
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        if let Some(logging) = self.logging {
            body["logging"] = logging.into();
        }
        if let Some(action) = self.action.filter(|action| rule.action != Some(*action)) {
            body["action"] = action.of_policy().into();
            body["create_allow_respond"] = (action == Action::Allow).into();
        }
        if body["action"] != "ALLOW" {
            body["create_allow_respond"] = false.into();
        }
        if !body["schedule"]["mode"].is_string() {
            body["schedule"] = json!({ "mode": "ALWAYS" });
        }
        let template = "/v2/api/site/{}/firewall-policies/{}";
        Call::put(
            "legacy_policy_replace",
            template,
            &[&site.name, &rule.id],
            body,
        )
    }

    /// A rule of old keeps what is not sent.
    fn rule_call(&self, site: &Site, rule: &RuleItem) -> Call {
        let mut body = json!({});
        if let Some(enabled) = self.enabled {
            body["enabled"] = enabled.into();
        }
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        if let Some(logging) = self.logging {
            body["logging"] = logging.into();
        }
        if let Some(action) = self.action {
            body["action"] = action.of_rule().into();
        }
        let template = "/api/s/{}/rest/firewallrule/{}";
        Call::put(
            "firewall_rule_update",
            template,
            &[&site.name, &rule.id],
            body,
        )
    }
}

async fn preview_update(unifi: &Unifi, args: &UpdateFirewallRule) -> ToolResult<Preview> {
    let site = unifi.site(args.site.as_ref()).await?;
    let rule = unifi.rule_of(&site, &args.id).await?;
    let changes = args.changes(&rule)?;
    let mut impact = Vec::new();
    let lets_more = args.action == Some(Action::Allow)
        || (args.enabled == Some(false) && rule.action != Some(Action::Allow));
    if lets_more && !changes.is_empty() {
        impact.push("more traffic is let through than before".to_owned());
    }
    let lets_less = args.action.is_some_and(|action| action != Action::Allow)
        || (args.enabled == Some(false) && rule.action == Some(Action::Allow));
    if lets_less && !changes.is_empty() {
        impact.push(
            "connections that it let through are refused; make sure that you keep your own way in"
                .to_owned(),
        );
    }
    Ok(Preview {
        summary: format!("change the firewall rule `{}`", rule.name),
        changes,
        impact,
    })
}

async fn update_targets(unifi: &Unifi, args: &UpdateFirewallRule) -> ToolResult<Vec<Target>> {
    let site = unifi.site(args.site.as_ref()).await?;
    Ok(vec![unifi.rule_of(&site, &args.id).await?.target()])
}

async fn undo_update(unifi: &Unifi, args: &UpdateFirewallRule) -> ToolResult<Option<Inverse>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let rule = unifi.rule_of(&site, &args.id).await?;
    let changes = args.changes(&rule)?;
    if changes.is_empty() {
        return Ok(None);
    }
    let mut arguments = json!({ "id": args.id });
    for change in changes {
        arguments[change.field.as_str()] = match change.field.as_str() {
            "enabled" => Value::Bool(rule.enabled),
            "logging" => Value::Bool(rule.logging),
            _ => change.from.into(),
        };
    }
    if let Some(site) = &args.site {
        arguments["site"] = json!(site);
    }
    Ok(Some(Inverse {
        tool: "update_firewall_rule".to_owned(),
        arguments,
    }))
}

async fn check_update(
    _unifi: &Unifi,
    args: &UpdateFirewallRule,
    done: &RuleChanged,
) -> ToolResult<Vec<Mismatch>> {
    let rule = &done.rule;
    let action = rule.action.map_or("", Action::as_str).to_owned();
    let asked = [
        (
            "enabled",
            args.enabled.map(|on| on.to_string()),
            rule.enabled.to_string(),
        ),
        ("name", args.name.clone(), rule.name.clone()),
        (
            "action",
            args.action.map(|action| action.as_str().to_owned()),
            action,
        ),
        (
            "logging",
            args.logging.map(|on| on.to_string()),
            rule.logging.to_string(),
        ),
    ];
    let mismatch = |(field, wanted, found): (&'static str, Option<String>, String)| {
        let wanted = wanted.filter(|wanted| *wanted != found)?;
        Some(Mismatch {
            field,
            wanted,
            found,
        })
    };
    Ok(asked.into_iter().filter_map(mismatch).collect())
}
