//! The file of a router, from what a call asks for.

use homelab_core::error::{ToolError, ToolResult};
use homelab_upstream::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ids::{Name, Ref};
use crate::rule;

/// The router that is wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRouter {
    /// Its name, which becomes `NAME@file`.
    pub(super) name: Name,
    /// Which requests it takes, in the syntax of version 3, such as ``Host(`app.example.test`)``;
    /// or give `host`.
    #[schemars(length(min = 1, max = 2000))]
    pub(super) rule: Option<String>,
    /// Host name of the requests it takes, instead of `rule`.
    #[schemars(length(min = 1, max = 253))]
    pub(super) host: Option<String>,
    /// Beginning of the path of the requests it takes, besides `host`.
    #[schemars(length(min = 1, max = 500))]
    pub(super) path_prefix: Option<String>,
    /// URLs of the servers that requests go to, without a path; or give `service`.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(min = 1, max = 500)))]
    pub(super) backend_urls: Vec<String>,
    /// A service that is there already, instead of `backend_urls`: `app@docker`.
    pub(super) service: Option<Ref>,
    /// Entry points it is on, as `list_entrypoints` gives them; default Traefik's default ones.
    #[serde(default)]
    #[schemars(length(max = 20), inner(length(min = 1, max = 100)))]
    pub(super) entry_points: Vec<String>,
    /// Middlewares that requests pass, in this order.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(super) middlewares: Vec<Ref>,
    /// Whether it takes HTTPS alone, and whence its certificate comes.
    #[serde(default)]
    pub(super) tls: Tls,
    /// The certificate resolver, for `tls = cert_resolver`.
    #[schemars(length(min = 1, max = 100))]
    pub(super) cert_resolver: Option<String>,
    /// Which router wins if several match; default the length of the rule.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) priority: Option<u32>,
    /// Ask the servers for their health and send nothing to those that do not answer.
    pub(super) health_check: Option<HealthCheck>,
    /// Pass the client's `Host` header on; default true.
    pub(super) pass_host_header: Option<bool>,
    /// Do not verify the certificates of `https` servers.
    #[serde(default)]
    pub(super) insecure_skip_verify: bool,
    /// Replace the router of this name that was made here; the old version is kept for undo.
    #[serde(default)]
    pub(super) overwrite: bool,
    /// Only show what would be written.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// How a router speaks TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tls {
    /// Plain HTTP, unless the entry point says otherwise.
    #[default]
    None,
    /// HTTPS with a certificate that Traefik has.
    Default,
    /// HTTPS with a certificate that a resolver obtains.
    CertResolver,
}

/// How servers are asked for their health.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthCheck {
    /// Path that is asked for, such as `/health`.
    #[schemars(length(min = 1, max = 500))]
    path: String,
    /// Seconds between two questions; default 30.
    #[schemars(range(min = 1, max = 3600))]
    interval_s: Option<u32>,
    /// Seconds that an answer may take; default 5.
    #[schemars(range(min = 1, max = 600))]
    timeout_s: Option<u32>,
}

impl CreateRouter {
    /// The rule, as given or made from host and path.
    ///
    /// # Errors
    /// `invalid_argument` that names the argument.
    pub(super) fn rule(&self) -> ToolResult<String> {
        let text = match (&self.rule, &self.host, &self.path_prefix) {
            (Some(_), Some(_), _) => {
                let message = "both `rule` and `host` are given";
                return Err(ToolError::invalid("host", message).hint("put the host into `rule`"));
            }
            (Some(_), None, Some(_)) => {
                let message = "both `rule` and `path_prefix` are given";
                return Err(ToolError::invalid("path_prefix", message)
                    .hint("put it into `rule`: ``&& PathPrefix(`/x`)``"));
            }
            (Some(rule), None, None) => rule.trim().to_owned(),
            (None, Some(host), prefix) => from_parts(host, prefix.as_deref())?,
            (None, None, _) => {
                let message = "neither `rule` nor `host` is given";
                return Err(ToolError::invalid("rule", message));
            }
        };
        match rule::check(&text) {
            Ok(_) => Ok(text),
            Err(message) => Err(ToolError::invalid("rule", message)
                .reason("rule_invalid")
                .hint("write it like ``Host(`app.example.test`) && PathPrefix(`/x`)``")),
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// `invalid_argument` that names the argument.
    pub(super) fn document(&self) -> ToolResult<Value> {
        let name = self.name.as_str();
        let mut router = Map::new();
        router.insert("rule".into(), self.rule()?.into());
        router.insert("service".into(), self.service()?.into());
        if !self.entry_points.is_empty() {
            router.insert("entryPoints".into(), json!(self.entry_points));
        }
        if !self.middlewares.is_empty() {
            router.insert("middlewares".into(), json!(self.middlewares));
        }
        if let Some(priority) = self.priority {
            router.insert("priority".into(), priority.into());
        }
        if let Some(tls) = self.tls()? {
            router.insert("tls".into(), tls);
        }
        let mut http = json!({ "routers": { name: router } });
        if self.backend_urls.is_empty() {
            self.no_server_settings()?;
        } else {
            http["services"] = json!({ name: { "loadBalancer": self.balancer()? } });
        }
        if self.insecure_skip_verify {
            http["serversTransports"] = json!({ name: { "insecureSkipVerify": true } });
        }
        Ok(json!({ "http": http }))
    }

    fn service(&self) -> ToolResult<String> {
        match (&self.service, self.backend_urls.is_empty()) {
            (Some(service), true) => Ok(service.to_string()),
            (None, false) => Ok(self.name.to_string()),
            (Some(_), false) => {
                let message = "both `service` and `backend_urls` are given";
                Err(ToolError::invalid("service", message).hint("keep one of the two"))
            }
            (None, true) => {
                let message = "neither `backend_urls` nor `service` is given";
                Err(ToolError::invalid("backend_urls", message))
            }
        }
    }

    fn tls(&self) -> ToolResult<Option<Value>> {
        match (self.tls, &self.cert_resolver) {
            (Tls::None, None) => Ok(None),
            (Tls::Default, None) => Ok(Some(json!({}))),
            (Tls::CertResolver, Some(name)) => Ok(Some(json!({ "certResolver": name }))),
            (Tls::CertResolver, None) => {
                let message = "`tls` is `cert_resolver`, and which one is not said";
                Err(ToolError::invalid("cert_resolver", message).hint(
                    "it is a name of `certificatesResolvers` in Traefik's static configuration; `list_routers` shows which ones others use",
                ))
            }
            (_, Some(_)) => {
                let message = "`cert_resolver` needs `tls` to be `cert_resolver`";
                Err(ToolError::invalid("tls", message))
            }
        }
    }

    /// Settings of servers make no sense for a service of somebody else's.
    fn no_server_settings(&self) -> ToolResult<()> {
        for (field, given) in [
            ("health_check", self.health_check.is_some()),
            ("pass_host_header", self.pass_host_header.is_some()),
            ("insecure_skip_verify", self.insecure_skip_verify),
        ] {
            if given {
                let message = format!("`{field}` belongs to `backend_urls`, not to a `service`");
                return Err(ToolError::invalid(field, message));
            }
        }
        Ok(())
    }

    fn balancer(&self) -> ToolResult<Value> {
        let mut servers = Vec::new();
        for (index, text) in self.backend_urls.iter().enumerate() {
            let url = server_url(text)
                .map_err(|message| ToolError::invalid(format!("backend_urls[{index}]"), message))?;
            servers.push(json!({ "url": url }));
        }
        let mut balancer = json!({ "servers": servers });
        if let Some(check) = &self.health_check {
            if !check.path.starts_with('/') || check.path.contains(char::is_whitespace) {
                let message = format!("`{}` is not a path", check.path.escape_debug());
                return Err(ToolError::invalid("health_check.path", message));
            }
            let (interval, timeout) =
                (check.interval_s.unwrap_or(30), check.timeout_s.unwrap_or(5));
            if timeout > interval {
                let message = "an answer may take longer than the time between two questions";
                return Err(ToolError::invalid("health_check.timeout_s", message));
            }
            balancer["healthCheck"] = json!({
                "path": check.path, "interval": format!("{interval}s"), "timeout": format!("{timeout}s"),
            });
        }
        if let Some(pass) = self.pass_host_header {
            balancer["passHostHeader"] = pass.into();
        }
        if self.insecure_skip_verify {
            balancer["serversTransport"] = self.name.as_str().into();
        }
        Ok(balancer)
    }
}

fn from_parts(host: &str, prefix: Option<&str>) -> ToolResult<String> {
    let host = host.trim().to_ascii_lowercase();
    let label = |label: &str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(plain)
    };
    if !host.split('.').all(label) {
        let message = format!("`{}` is not a host name", host.escape_debug());
        return Err(ToolError::invalid("host", message)
            .hint("only a name, without scheme, port and path; for others give `rule`"));
    }
    let Some(prefix) = prefix else {
        return Ok(format!("Host(`{host}`)"));
    };
    if !prefix.starts_with('/')
        || prefix.contains(['`', '?', '#'])
        || prefix.contains(char::is_whitespace)
    {
        let message = format!("`{}` is not a path", prefix.escape_debug());
        return Err(ToolError::invalid("path_prefix", message).hint("begin it with `/`"));
    }
    Ok(format!("Host(`{host}`) && PathPrefix(`{prefix}`)"))
}

/// A server's URL; Traefik ignores paths in it, so there must be none.
fn server_url(text: &str) -> Result<String, String> {
    let shown = || {
        text.chars()
            .take(100)
            .collect::<String>()
            .escape_debug()
            .to_string()
    };
    let url = Url::parse(text.trim()).map_err(|_| format!("`{}` is not a URL", shown()))?;
    if !matches!(url.scheme(), "http" | "https" | "h2c") || url.host_str().is_none_or(str::is_empty)
    {
        return Err(format!(
            "`{}` is not an address with http, https or h2c",
            shown()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or password".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(
            "the URL has a path, which Traefik would ignore; use a middleware `addPrefix`"
                .to_owned(),
        );
    }
    Ok(text.trim().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn args(value: &Value) -> CreateRouter {
        let mut all = json!({ "name": "app" });
        for (key, value) in value.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_router_with_its_servers_is_one_file() {
        let document = args(&json!({
            "host": "App.example.test", "path_prefix": "/x", "backend_urls": ["https://192.0.2.9:8443/"],
            "entry_points": ["websecure"], "middlewares": ["auth"], "tls": "cert_resolver", "cert_resolver": "le",
            "priority": 7, "health_check": { "path": "/health" }, "pass_host_header": false, "insecure_skip_verify": true,
        }))
        .document()
        .unwrap();

        assert_eq!(
            document,
            json!({ "http": {
                "routers": { "app": {
                    "rule": "Host(`app.example.test`) && PathPrefix(`/x`)", "service": "app", "entryPoints": ["websecure"],
                    "middlewares": ["auth"], "priority": 7, "tls": { "certResolver": "le" },
                } },
                "services": { "app": { "loadBalancer": {
                    "servers": [{ "url": "https://192.0.2.9:8443" }],
                    "healthCheck": { "path": "/health", "interval": "30s", "timeout": "5s" },
                    "passHostHeader": false, "serversTransport": "app",
                } } },
                "serversTransports": { "app": { "insecureSkipVerify": true } },
            } })
        );
    }

    #[rstest]
    #[case(json!({ "backend_urls": ["http://x"] }), "rule")]
    #[case(json!({ "rule": "Host(`a`)", "host": "a", "backend_urls": ["http://x"] }), "host")]
    #[case(json!({ "rule": "Host(`a`)", "path_prefix": "/a", "backend_urls": ["http://x"] }), "path_prefix")]
    #[case(json!({ "rule": "Hst(`a`)", "backend_urls": ["http://x"] }), "rule")]
    #[case(json!({ "host": "https://a", "backend_urls": ["http://x"] }), "host")]
    #[case(json!({ "host": "a`) || Host(`b", "backend_urls": ["http://x"] }), "host")]
    #[case(json!({ "host": "a", "path_prefix": "a", "backend_urls": ["http://x"] }), "path_prefix")]
    #[case(json!({ "host": "a", "path_prefix": "/a`) || Host(`b", "backend_urls": ["http://x"] }), "path_prefix")]
    #[case(json!({ "host": "a" }), "backend_urls")]
    #[case(json!({ "host": "a", "service": "b", "backend_urls": ["http://x"] }), "service")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x", "x"] }), "backend_urls[1]")]
    #[case(json!({ "host": "a", "backend_urls": ["ftp://x"] }), "backend_urls[0]")]
    #[case(json!({ "host": "a", "backend_urls": ["http://u:p@x"] }), "backend_urls[0]")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x/path"] }), "backend_urls[0]")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x"], "tls": "cert_resolver" }), "cert_resolver")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x"], "cert_resolver": "le" }), "tls")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x"], "health_check": { "path": "x" } }), "health_check.path")]
    #[case(json!({ "host": "a", "backend_urls": ["http://x"], "health_check": { "path": "/x", "interval_s": 1 } }), "health_check.timeout_s")]
    #[case(json!({ "host": "a", "service": "b", "health_check": { "path": "/x" } }), "health_check")]
    #[case(json!({ "host": "a", "service": "b", "insecure_skip_verify": true }), "insecure_skip_verify")]
    fn what_is_wrong_is_named(#[case] value: Value, #[case] field: &str) {
        let error = args(&value).document().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}
