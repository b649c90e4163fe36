//! Section `[servers.pihole]`: addresses, passwords, trust and time limits.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_upstream::{TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

/// One Pi-hole (version 6), and those that are kept in step with it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address of the Pi-hole, such as `https://192.0.2.66` or `http://pi.hole:8080`. A path in
    /// front of `/api` is kept.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// Password of the web interface, or better an application password (Settings, Web interface /
    /// API, Configure app password): it works with two-factor authentication, and may change DNS
    /// settings only where `webserver.api.app_sudo` is on. Leave it out where no password is set.
    pub(crate) password: Option<SecretRef>,
    /// Whom to trust behind the address. Pi-hole's own certificate is pinned by `fingerprint`.
    pub(crate) tls: TlsConfig,
    /// Further Pi-holes that are to hold the same rules, lists, groups, clients and local names.
    /// Changes go to all of them, figures are read from the first.
    #[schemars(length(max = 8))]
    pub(crate) replicas: Vec<Replica>,
    /// Seconds that one request may take. A login alone costs a Raspberry Pi some seconds.
    #[schemars(range(min = 10, max = 120))]
    pub(crate) timeout_s: u64,
    /// Milliseconds before a Pi-hole that restarts after a change is asked again. It answers first,
    /// and is gone a moment later.
    #[schemars(range(min = 10, max = 10_000))]
    pub(crate) restart_wait_ms: u64,
    /// Seconds of silence after which an update of the lists is given up.
    #[schemars(range(min = 30, max = 900))]
    pub(crate) gravity_idle_s: u64,
}

/// One Pi-hole that is kept in step with the first.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replica {
    /// Its name in answers and arguments, such as `pihole-2`.
    #[schemars(length(min = 1, max = 40))]
    pub(crate) name: String,
    /// Its address.
    #[schemars(length(max = 300))]
    pub(crate) url: String,
    /// Its password; the first one's unless it has another.
    pub(crate) password: Option<SecretRef>,
    /// Whom to trust behind the address.
    #[serde(default)]
    pub(crate) tls: TlsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            password: None,
            tls: TlsConfig::default(),
            replicas: Vec::new(),
            timeout_s: 30,
            restart_wait_ms: 1500,
            gravity_idle_s: 180,
        }
    }
}

impl Config {
    /// Refuses settings that make no sense.
    pub(crate) fn check(&self, instance: &str) -> ToolResult<()> {
        base_url("url", &self.url)?;
        let mut names = vec![instance];
        for (index, replica) in self.replicas.iter().enumerate() {
            base_url(&format!("replicas.{index}.url"), &replica.url)?;
            let field = format!("replicas.{index}.name");
            let name = replica.name.as_str();
            if name.trim().is_empty() || name.len() > 40 {
                return Err(ToolError::invalid(
                    field,
                    "the name has not 1 to 40 characters",
                ));
            }
            if names.contains(&name) {
                let message = format!("`{name}` names another Pi-hole already");
                return Err(ToolError::invalid(field, message));
            }
            names.push(name);
        }
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
            Err(ToolError::invalid(key, message))
        };
        within("timeout_s", self.timeout_s, 10, 120)?;
        within("restart_wait_ms", self.restart_wait_ms, 10, 10_000)?;
        within("gravity_idle_s", self.gravity_idle_s, 30, 900)
    }
}

/// The address that paths such as `/api/auth` are appended to.
///
/// # Errors
/// What is missing, no address, or one with a login, a query or a foreign scheme.
pub(crate) fn base_url(field: &str, text: &str) -> ToolResult<Url> {
    let wrong = |what: &str| {
        ToolError::invalid(field, what.to_owned()).hint("write it like `https://192.0.2.66`")
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong("no address is configured"));
    }
    let bare_ipv6 = text.matches(':').count() > 1 && !text.contains(['[', '/']);
    let full = if bare_ipv6 {
        format!("http://[{text}]")
    } else if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let mut url = Url::parse(&full).map_err(|_| wrong("this is not an address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("the address is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the address holds a user or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the address has a `?` or `#` part"));
    }
    // The address of the page or of the API, as people copy it.
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/admin").unwrap_or(path);
    let path = path.strip_suffix("/api").unwrap_or(path).to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.66", "http://192.0.2.66/")]
    #[case("https://pi.hole/admin/", "https://pi.hole/")]
    #[case("http://pi.hole:8080/api", "http://pi.hole:8080/")]
    #[case("https://proxy.example/dns/admin", "https://proxy.example/dns")]
    #[case("2001:db8::66", "http://[2001:db8::66]/")]
    fn addresses_are_read_as_people_write_them(#[case] text: &str, #[case] wanted: &str) {
        assert_eq!(base_url("url", text).unwrap().as_str(), wanted);
    }

    #[rstest]
    #[case("")]
    #[case("ftp://pi.hole")]
    #[case("http://admin:x@pi.hole")]
    #[case("http://pi.hole/?a=b")]
    #[case("http://")]
    fn what_is_no_address_is_refused(#[case] text: &str) {
        assert!(base_url("url", text).is_err());
    }

    #[test]
    fn replicas_have_names_of_their_own() {
        let replica = |name: &str| Replica {
            name: name.to_owned(),
            url: "192.0.2.67".to_owned(),
            password: None,
            tls: TlsConfig::default(),
        };
        let config = |names: &[&str]| Config {
            url: "192.0.2.66".to_owned(),
            replicas: names.iter().map(|name| replica(name)).collect(),
            ..Config::default()
        };

        assert!(config(&["b", "c"]).check("a").is_ok());
        for names in [["b", "b"], ["a", "c"], ["", "c"]] {
            assert!(config(&names).check("a").is_err());
        }
    }
}
