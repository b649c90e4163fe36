//! What Traefik's API answers; unknown members are ignored, and any member may be missing.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// `GET /api/version`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Version {
    #[serde(rename = "Version")]
    pub(crate) number: String,
    #[serde(default, rename = "Codename")]
    pub(crate) codename: Option<String>,
    #[serde(default, rename = "startDate")]
    pub(crate) start_date: Option<String>,
}

impl Version {
    /// Major and minor number; 0 where it is not a number, as with builds from source.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        let mut parts = self.number.trim_start_matches('v').split('.');
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        (next(), next())
    }

    /// Whether we change what it serves: before 3, rules have another syntax. A build from source has
    /// no number.
    pub(crate) fn is_changed(&self) -> bool {
        self.numbers().0 >= 3 || self.numbers() == (0, 0)
    }
}

/// A router of any protocol.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Router {
    pub(crate) name: String,
    pub(crate) provider: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) rule: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) service: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) entry_points: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) middlewares: Vec<String>,
    pub(crate) priority: Option<serde_json::Number>,
    pub(crate) priority_str: Option<String>,
    pub(crate) tls: Option<RouterTls>,
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: Vec<String>,
    /// Entry points it is really on.
    #[serde(deserialize_with = "or_default")]
    pub(crate) using: Vec<String>,
}

impl Router {
    /// As text: the greatest does not fit what JSON readers make of numbers.
    pub(crate) fn priority_text(&self) -> Option<String> {
        let number = || self.priority.as_ref().map(ToString::to_string);
        self.priority_str.clone().or_else(number)
    }

    /// The name of its service with the provider.
    pub(crate) fn qualified_service(&self) -> String {
        qualified(&self.service, &self.provider)
    }
}

/// A name without a provider is one of the same provider.
pub(crate) fn qualified(name: &str, provider: &str) -> String {
    if name.contains('@') || name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}@{provider}")
    }
}

/// How a router speaks TLS.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RouterTls {
    pub(crate) options: Option<String>,
    pub(crate) cert_resolver: Option<String>,
    pub(crate) passthrough: bool,
    #[serde(deserialize_with = "or_default")]
    pub(crate) domains: Vec<Domain>,
}

/// Names that a certificate is obtained for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Domain {
    pub(crate) main: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) sans: Vec<String>,
}

/// A service of any protocol.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) provider: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) used_by: Vec<String>,
    pub(crate) load_balancer: Option<LoadBalancer>,
    pub(crate) weighted: Option<Value>,
    pub(crate) mirroring: Option<Value>,
    pub(crate) failover: Option<Value>,
    pub(crate) highest_random_weight: Option<Value>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) server_status: Map<String, Value>,
}

/// Servers of a service.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LoadBalancer {
    #[serde(deserialize_with = "or_default")]
    pub(crate) servers: Vec<Server>,
    pub(crate) health_check: Option<Value>,
    pub(crate) pass_host_header: Option<bool>,
    pub(crate) servers_transport: Option<String>,
}

/// A server: `url` with HTTP, `address` with TCP and UDP.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Server {
    pub(crate) url: Option<String>,
    pub(crate) address: Option<String>,
}

impl Server {
    pub(crate) fn place(&self) -> &str {
        let place = self.url.as_deref().or(self.address.as_deref());
        place.unwrap_or_default()
    }
}

/// A middleware; what it does is a member of the name of its type.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Middleware {
    pub(crate) name: String,
    pub(crate) provider: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) used_by: Vec<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// `GET /api/entrypoints`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct EntryPoint {
    pub(crate) name: String,
    pub(crate) address: String,
    #[serde(rename = "asDefault")]
    pub(crate) as_default: bool,
    pub(crate) http: EntryPointHttp,
}

impl EntryPoint {
    /// Its port and protocol: `:443/udp` is 443 and `udp`.
    pub(crate) fn port(&self) -> Option<u16> {
        let address = self.address.split('/').next().unwrap_or_default();
        address.rsplit_once(':')?.1.parse().ok()
    }

    pub(crate) fn protocol(&self) -> &str {
        self.address.split_once('/').map_or("tcp", |(_, name)| name)
    }
}

/// What an entry point gives its routers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct EntryPointHttp {
    #[serde(deserialize_with = "or_default")]
    pub(crate) middlewares: Vec<String>,
    pub(crate) redirections: Option<Value>,
    pub(crate) tls: Option<Value>,
}

/// `GET /api/overview`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Overview {
    pub(crate) http: Counted,
    pub(crate) tcp: Counted,
    pub(crate) udp: Counted,
    pub(crate) certificates: Option<Count>,
    pub(crate) features: Map<String, Value>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) providers: Vec<String>,
}

/// Objects of one protocol.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Counted {
    pub(crate) routers: Count,
    pub(crate) services: Count,
    pub(crate) middlewares: Count,
}

/// Objects of one sort.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Count {
    pub(crate) total: u64,
    pub(crate) warnings: u64,
    pub(crate) errors: u64,
}

/// `GET /api/certificates`, from 3.7 on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Certificate {
    pub(crate) cert_fingerprint: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) sans: Vec<String>,
    pub(crate) common_name: String,
    #[serde(rename = "issuerCN")]
    pub(crate) issuer_cn: Option<String>,
    pub(crate) issuer_org: Option<String>,
    pub(crate) not_after: String,
}

/// `null` as well as nothing is the default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("3.7.15", (3, 7))]
    #[case("v2.11.0", (2, 11))]
    #[case("dev", (0, 0))]
    fn a_version_is_its_first_two_numbers(#[case] text: &str, #[case] numbers: (u32, u32)) {
        let version: Version = serde_json::from_value(json!({ "Version": text })).unwrap();

        assert_eq!(version.numbers(), numbers);
    }

    #[test]
    fn the_greatest_priority_is_text() {
        let router: Router = serde_json::from_value(
            json!({ "priority": 9_223_372_036_854_775_807_i64, "error": null }),
        )
        .unwrap();

        assert_eq!(
            router.priority_text().as_deref(),
            Some("9223372036854775807")
        );
        assert_eq!(router.error, [""; 0]);
    }

    #[test]
    fn a_port_is_what_stands_behind_the_last_colon() {
        let port = |address: &str| EntryPoint {
            address: address.into(),
            ..EntryPoint::default()
        };

        assert_eq!(port(":443").port(), Some(443));
        assert_eq!(port("[::1]:8443/udp").port(), Some(8443));
        assert_eq!(port("[::1]:8443/udp").protocol(), "udp");
        assert_eq!(port("x").port(), None);
    }
}
