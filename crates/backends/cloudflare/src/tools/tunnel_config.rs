//! Changes of a tunnel's configuration: which host names lead to which services.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::tunnels::{IngressItem, ingress_of};
use crate::client::Cloudflare;
use crate::ids::{AccountId, RecordName, TunnelArg};
use crate::types::{Tunnel, TunnelConfig};

/// What takes the requests that no host name is for.
const NOTHING_ELSE: &str = "http_status:404";

/// A host name and its service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ingress {
    /// The whole host name, such as `git.example.com`.
    hostname: RecordName,
    /// Only paths that fit this regular expression; default all.
    #[schemars(length(max = 500))]
    path: Option<String>,
    /// Where requests go, such as `http://192.0.2.80:3000`, `ssh://192.0.2.80:22` or `http_status:403`.
    #[schemars(length(min = 3, max = 500))]
    service: String,
    /// Options towards the service, such as `{"noTLSVerify": true}`; those that are there stay where none
    /// are given.
    #[serde(rename = "originRequest")]
    #[schemars(extend("maxProperties" = 30))]
    origin_request: Option<Map<String, Value>>,
}

/// A host name to be taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gone {
    /// The whole host name.
    hostname: RecordName,
    /// The path that stands beside it, if one does.
    #[schemars(length(max = 500))]
    path: Option<String>,
}

/// What changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTunnelConfig {
    /// The tunnel, by name or id.
    tunnel: TunnelArg,
    /// Host names to be added, or changed where they are there.
    #[serde(default)]
    #[schemars(length(max = 50))]
    set: Vec<Ingress>,
    /// Host names to be taken away.
    #[serde(default)]
    #[schemars(length(max = 50))]
    remove: Vec<Gone>,
}

/// A configuration after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ConfigChanged {
    tunnel: String,
    /// Number of the configuration.
    version: Option<u64>,
    /// Its rules, in the order in which they are tried.
    ingress: Vec<IngressItem>,
    /// What else its owner should know.
    remarks: Vec<String>,
}

fn is_for(rule: &Value, hostname: &str, path: Option<&str>) -> bool {
    rule["hostname"].as_str().map(str::to_lowercase).as_deref() == Some(hostname)
        && rule["path"].as_str().filter(|path| !path.is_empty()) == path
}

impl UpdateTunnelConfig {
    fn check(&self) -> ToolResult<()> {
        if self.set.is_empty() && self.remove.is_empty() {
            return Err(ToolError::invalid("set", "nothing is to be changed")
                .hint("give host names in `set` or `remove`"));
        }
        for (index, ingress) in self.set.iter().enumerate() {
            let service = &ingress.service;
            if !service.contains(':')
                && !["hello_world", "bastion", "socks-proxy"].contains(&&**service)
            {
                let text = format!("`{service}` is not a service such as `http://192.0.2.80:3000`");
                return Err(ToolError::invalid(format!("set[{index}].service"), text));
            }
        }
        Ok(())
    }

    /// The rules with the changes; what is not named, and options of rules, stay as they are.
    fn applied(&self, before: &[Value]) -> ToolResult<Vec<Value>> {
        let mut rules = before.to_vec();
        for (index, gone) in self.remove.iter().enumerate() {
            let count = rules.len();
            rules.retain(|rule| !is_for(rule, gone.hostname.as_str(), gone.path.as_deref()));
            if rules.len() == count {
                let text = format!("the tunnel has no host name `{}`", gone.hostname);
                return Err(ToolError::invalid(format!("remove[{index}]"), text)
                    .hint("see `get_cloudflare_tunnel`"));
            }
        }
        let catch_all = |rule: &Value| {
            rule["hostname"].as_str().is_none_or(str::is_empty)
                && rule["path"].as_str().is_none_or(str::is_empty)
        };
        if !rules.last().is_some_and(catch_all) {
            rules.push(json!({ "service": NOTHING_ELSE }));
        }
        for ingress in &self.set {
            let (hostname, path) = (ingress.hostname.as_str(), ingress.path.as_deref());
            let known = rules.iter().position(|rule| is_for(rule, hostname, path));
            let mut rule = known
                .and_then(|at| rules.get(at).cloned())
                .unwrap_or_else(|| json!({ "hostname": hostname }));
            if let Some(path) = path {
                rule["path"] = json!(path);
            }
            rule["service"] = json!(ingress.service);
            if let Some(options) = &ingress.origin_request {
                rule["originRequest"] = json!(options);
            }
            match known.and_then(|at| rules.get_mut(at)) {
                Some(place) => *place = rule,
                // Before the last, which takes everything.
                None => rules.insert(rules.len() - 1, rule),
            }
        }
        Ok(rules)
    }

    async fn resolved(&self, cloudflare: &Cloudflare) -> ToolResult<Resolved> {
        self.check()?;
        let account = cloudflare.account().await?;
        let tunnel = cloudflare.tunnel(&account, &self.tunnel).await?;
        remote(cloudflare, &tunnel)?;
        let config = cloudflare.tunnel_config(&account, &tunnel.id).await?;
        let before = rules_of(&config);
        let after = self.applied(&before)?;
        Ok(Resolved {
            account,
            tunnel,
            config,
            before,
            after,
        })
    }
}

/// Refuses a tunnel that is configured beside its connector.
fn remote(cloudflare: &Cloudflare, tunnel: &Tunnel) -> ToolResult<()> {
    if tunnel.config_src.as_deref() != Some("local") {
        return Ok(());
    }
    let message = format!(
        "the tunnel `{}` is configured by a file beside its connector",
        tunnel.name
    );
    Err(ToolError::new(Code::Conflict, message)
        .reason("tunnel_local")
        .field("tunnel")
        .hint("change `config.yml` where its `cloudflared` runs, or move it to Cloudflare in the dashboard")
        .instance(cloudflare.api.who.instance.clone()))
}

fn rules_of(config: &TunnelConfig) -> Vec<Value> {
    let rules = config
        .config
        .as_ref()
        .and_then(|config| config.get("ingress"));
    rules.and_then(Value::as_array).cloned().unwrap_or_default()
}

struct Resolved {
    account: AccountId,
    tunnel: Tunnel,
    config: TunnelConfig,
    before: Vec<Value>,
    after: Vec<Value>,
}

/// Change which services a tunnel's public host names lead to: add, change or remove host names; all
/// others stay. DNS records are made with `create_dns_record` (CNAME to `<tunnel id>.cfargotunnel.com`).
#[tool(
    write,
    idempotent,
    open_world,
    permission = "cloudflare:tunnel:update",
    title = "Change a tunnel's host names",
    timeout = 60,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_tunnel_config(
    cloudflare: &Cloudflare,
    args: UpdateTunnelConfig,
) -> ToolResult<ConfigChanged> {
    let _one_at_a_time = cloudflare.changing.lock().await;
    let resolved = args.resolved(cloudflare).await?;
    let mut remarks = Vec::new();
    let config = if resolved.before == resolved.after {
        resolved.config
    } else {
        let mut config = resolved.config.config.clone().unwrap_or_default();
        config.insert("ingress".to_owned(), json!(resolved.after));
        let (account, id) = (&resolved.account, &resolved.tunnel.id);
        let after = cloudflare.put_tunnel_config(account, id, &config).await?;
        // The API has no way to ask for "only if it is still as I read it".
        let expected = resolved.config.version.map(|version| version + 1);
        if after.version != expected && expected.is_some() {
            remarks.push("somebody else changed the configuration at the same moment, and that change may be lost: compare it".to_owned());
        }
        after
    };
    Ok(ConfigChanged {
        tunnel: resolved.tunnel.name,
        version: config.version,
        ingress: ingress_of(&config),
        remarks,
    })
}

async fn preview_update(cloudflare: &Cloudflare, args: &UpdateTunnelConfig) -> ToolResult<Preview> {
    let resolved = args.resolved(cloudflare).await?;
    let named = |rules: &[Value], hostname: &str, path: Option<&str>| {
        let rule = rules.iter().find(|rule| is_for(rule, hostname, path))?;
        rule["service"].as_str().map(str::to_owned)
    };
    let set = args.set.iter().map(|one| (&one.hostname, &one.path));
    let gone = args.remove.iter().map(|one| (&one.hostname, &one.path));
    let changes = set.chain(gone).map(|(hostname, path)| Change {
        field: format!("{hostname}{}", path.as_deref().unwrap_or_default()),
        from: named(&resolved.before, hostname.as_str(), path.as_deref()),
        to: named(&resolved.after, hostname.as_str(), path.as_deref()),
    });
    Ok(Preview {
        summary: format!(
            "change the host names of the tunnel `{}`",
            resolved.tunnel.name
        ),
        changes: changes.filter(|change| change.from != change.to).collect(),
        impact: Vec::new(),
    })
}

async fn update_targets(
    cloudflare: &Cloudflare,
    args: &UpdateTunnelConfig,
) -> ToolResult<Vec<Target>> {
    let resolved = args.resolved(cloudflare).await?;
    Ok(vec![resolved.tunnel.target()])
}

impl Tunnel {
    /// As an object that a call touches.
    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "tunnel".to_owned(),
            id: self.id.clone(),
            name: Some(self.name.clone()),
            tags: Vec::new(),
        }
    }
}

async fn undo_update(
    cloudflare: &Cloudflare,
    args: &UpdateTunnelConfig,
) -> ToolResult<Option<Inverse>> {
    let resolved = args.resolved(cloudflare).await?;
    if resolved.before == resolved.after {
        return Ok(None);
    }
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    let named = args.set.iter().map(|one| (&one.hostname, &one.path));
    let named = named.chain(args.remove.iter().map(|one| (&one.hostname, &one.path)));
    for (hostname, path) in named {
        let mut rules = resolved.before.iter();
        match rules.find(|rule| is_for(rule, hostname.as_str(), path.as_deref())) {
            Some(rule) => {
                let mut old = json!({ "hostname": hostname, "service": rule["service"] });
                // None at all takes away those that the change may bring.
                old["originRequest"] = match &rule["originRequest"] {
                    Value::Object(options) => json!(options),
                    _ => json!({}),
                };
                if let Some(path) = path {
                    old["path"] = json!(path);
                }
                set.push(old);
            }
            None => remove.push(json!({ "hostname": hostname, "path": path })),
        }
    }
    Ok(Some(Inverse {
        tool: "update_tunnel_config".to_owned(),
        arguments: homelab_core::schema::without_nulls(
            json!({ "tunnel": resolved.tunnel.id, "set": set, "remove": remove }),
        ),
    }))
}

async fn check_update(
    cloudflare: &Cloudflare,
    args: &UpdateTunnelConfig,
    done: &ConfigChanged,
) -> ToolResult<Vec<Mismatch>> {
    let account = cloudflare.account().await?;
    let tunnel = cloudflare.tunnel(&account, &args.tunnel).await?;
    let config = cloudflare.tunnel_config(&account, &tunnel.id).await?;
    let rules = rules_of(&config);
    let find = |hostname: &RecordName, path: &Option<String>| {
        let mut rules = rules.iter();
        rules.find(|rule| is_for(rule, hostname.as_str(), path.as_deref()))
    };
    let mut mismatches = Vec::new();
    for one in &args.set {
        let found = find(&one.hostname, &one.path).map(|rule| rule["service"].clone());
        if found.as_ref().and_then(Value::as_str) != Some(&one.service) {
            mismatches.push(Mismatch {
                field: "set",
                wanted: format!("`{}` to `{}`", one.hostname, one.service),
                found: found.map_or_else(|| "nothing".to_owned(), |service| service.to_string()),
            });
        }
    }
    for one in &args.remove {
        if find(&one.hostname, &one.path).is_some() {
            mismatches.push(Mismatch {
                field: "remove",
                wanted: format!("`{}` gone", one.hostname),
                found: format!(
                    "still there in version {}",
                    done.version.unwrap_or_default()
                ),
            });
        }
    }
    Ok(mismatches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(value: Value) -> UpdateTunnelConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_not_named_stays_and_the_last_rule_takes_the_rest() {
        let before = [
            json!({ "hostname": "a.example.com", "service": "http://a", "originRequest": { "noTLSVerify": true } }),
            json!({ "hostname": "b.example.com", "service": "http://b" }),
            json!({ "service": "http_status:404" }),
        ];
        let change = args(json!({
            "tunnel": "home",
            "set": [
                { "hostname": "A.example.com", "service": "http://a2" },
                { "hostname": "c.example.com", "service": "http://c" },
            ],
            "remove": [{ "hostname": "b.example.com" }],
        }));

        let after = change.applied(&before).unwrap();

        assert_eq!(
            json!(after),
            json!([
                { "hostname": "a.example.com", "service": "http://a2", "originRequest": { "noTLSVerify": true } },
                { "hostname": "c.example.com", "service": "http://c" },
                { "service": "http_status:404" },
            ])
        );
    }

    #[test]
    fn a_tunnel_without_a_configuration_gets_a_last_rule() {
        let change = args(json!({
            "tunnel": "home",
            "set": [{ "hostname": "a.example.com", "service": "http://a" }],
        }));

        let after = change.applied(&[]).unwrap();

        assert_eq!(after.len(), 2);
        assert_eq!(after[1], json!({ "service": "http_status:404" }));
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        let change = args(json!({ "tunnel": "home", "remove": [{ "hostname": "a.example.com" }] }));

        let error = change.applied(&[]).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("remove[0]"));
    }
}
