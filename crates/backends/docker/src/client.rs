//! The engines of one instance, and one method for each endpoint that the tools use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use homelab_backend::Env;
use homelab_backend::api::{self, Book};
use homelab_backend::settings::nearest;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::net::Ip;
use homelab_ssh::Hosts;
use homelab_upstream::{Client, ClientConfig};
use http::HeaderValue;
use serde_json::json;

use crate::config::{Config, HostConfig, LOCAL, RegistryConfig};
use crate::reference::Reference;

mod body;
pub(crate) mod call;
mod connect;
mod containers;
pub(crate) mod endpoint;
mod engine;
pub(crate) mod error;
mod frames;
mod images;
mod networks;
mod system;
mod version;
mod words;

pub(crate) use body::{JsonLines, Output};
pub(crate) use containers::{ExecSpec, LogQuery};
pub(crate) use engine::Engine;
pub(crate) use frames::Source;
pub(crate) use version::Api;

use connect::Connector;
use endpoint::Endpoint;
use engine::About;
use error::Place;

/// The address under which Docker Hub's credentials are known to engines.
const HUB_ADDRESS: &str = "https://index.docker.io/v1/";
/// Header with a registry's credentials.
pub(crate) const REGISTRY_AUTH: &str = "x-registry-auth";

/// The engines of one instance.
pub(crate) struct Docker {
    engines: BTreeMap<String, Arc<Engine>>,
    default: Option<String>,
    registries: BTreeMap<String, RegistryConfig>,
    pub(crate) description: Description,
    pub(crate) env: Env,
}

/// The description of the engines' whole API.
pub(crate) struct Description {
    /// Where it is, if the settings say so.
    pub(crate) source: Option<api::Source>,
    /// Fetches it.
    pub(crate) client: Client,
    /// The setting's full name.
    pub(crate) setting: String,
    /// What is known of it, by host.
    pub(crate) books: BTreeMap<String, Book>,
}

impl Docker {
    /// Makes them; nothing is connected yet.
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        let about = Arc::new(About {
            instance: instance.to_owned(),
            redactor: env.redactor.clone(),
            observer: Arc::clone(&env.observer),
            entropy: Arc::clone(&env.entropy),
        });
        let ssh = env.shared.get::<Hosts>();
        let mut engines = BTreeMap::new();
        for (name, host) in config.engines() {
            let section = if config.hosts.contains_key(&name) {
                format!("servers.{instance}.hosts.{name}")
            } else {
                format!("servers.{instance}")
            };
            let engine = engine(&name, &host, &section, &config, &about, ssh.clone())?;
            engines.insert(name, Arc::new(engine));
        }
        let only = engines
            .keys()
            .next()
            .filter(|_| engines.len() == 1)
            .cloned();
        let book = |host: &String| {
            let name = format!("{instance}.{host}");
            (host.clone(), Book::new(&name, env))
        };
        let description = Description {
            source: config.api_schema,
            client: env.client(ClientConfig::new(instance))?,
            setting: format!("servers.{instance}.api_schema"),
            books: engines.keys().map(book).collect(),
        };
        let local = || engines.contains_key(LOCAL).then(|| LOCAL.to_owned());
        Ok(Self {
            default: config.default_host.or(only).or_else(local),
            engines,
            registries: config.registries,
            description,
            env: env.clone(),
        })
    }

    /// The engines, by name.
    pub(crate) fn engines(&self) -> impl Iterator<Item = &Arc<Engine>> {
        self.engines.values()
    }

    /// The engine of that name, or the default one.
    ///
    /// # Errors
    /// `invalid_argument` on `host`.
    pub(crate) fn engine(&self, host: Option<&str>) -> ToolResult<&Arc<Engine>> {
        let known: Vec<String> = self.engines.keys().cloned().collect();
        let listed = || {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let Some(name) = host.or(self.default.as_deref()) else {
            return Err(
                ToolError::invalid("host", "which Docker host is meant is not clear")
                    .hint(format!("name one of {}", listed())),
            );
        };
        self.engines.get(name).ok_or_else(|| {
            ToolError::invalid("host", format!("there is no Docker host `{name}`"))
                .reason("docker_host_unknown")
                .hint(match nearest(name, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", listed()),
                })
        })
    }

    /// The engine, for a call that changes something.
    ///
    /// # Errors
    /// As [`Docker::engine`], and `permission_denied` where the host's settings forbid it.
    pub(crate) fn writable(&self, host: Option<&str>) -> ToolResult<&Arc<Engine>> {
        let engine = self.engine(host)?;
        if engine.read_only {
            let text = format!("the Docker host `{}` is set to be read only", engine.name);
            return Err(ToolError::new(Code::PermissionDenied, text)
                .reason("host_read_only")
                .hint(format!(
                    "the owner changes this in `{}`",
                    engine.setting("read_only")
                )));
        }
        Ok(engine)
    }

    /// The header that signs in to the registry of an image. An empty one where no credentials are
    /// set: old engines insist on the header.
    ///
    /// # Errors
    /// What looking up the secret ends with.
    pub(crate) async fn registry_auth(&self, image: &Reference) -> ToolResult<HeaderValue> {
        let domain = image.domain();
        let content = match self.registries.get(domain) {
            Some(RegistryConfig {
                identity_token: Some(token),
                ..
            }) => {
                json!({ "identitytoken": self.env.secret(token).await?.expose() })
            }
            Some(RegistryConfig {
                username,
                password: Some(password),
                ..
            }) => json!({
                "username": username,
                "password": self.env.secret(password).await?.expose(),
                "serveraddress": if domain == crate::reference::HUB { HUB_ADDRESS } else { domain },
            }),
            None | Some(_) => json!({}),
        };
        let mut value = HeaderValue::from_str(&URL_SAFE.encode(content.to_string()))
            .map_err(|_| ToolError::internal("the registry's credentials cannot be sent"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn engine(
    name: &str,
    host: &HostConfig,
    section: &str,
    config: &Config,
    about: &Arc<About>,
    ssh: Option<Arc<Hosts>>,
) -> ToolResult<Engine> {
    let setting = format!("{section}.url");
    let endpoint = Endpoint::parse(&host.url, host.plain)
        .map_err(|problem| ToolError::invalid(setting.clone(), problem))?;
    let limit = Duration::from_secs(config.connect_timeout_s);
    Ok(Engine {
        name: name.to_owned(),
        read_only: host.read_only,
        only_label: host.only_label.clone(),
        connector: Connector::new(endpoint.clone(), host, section, ssh, limit)?,
        place: Arc::new(Place {
            host: name.to_owned(),
            endpoint,
            setting,
        }),
        limit: Duration::from_secs(config.timeout_s),
        api: Mutex::new(None),
        idle: Mutex::new(Vec::new()),
        about: Arc::clone(about),
    })
}

impl Engine {
    /// The full name of one of its settings.
    pub(crate) fn setting(&self, key: &str) -> String {
        let url = &self.place.setting;
        format!("{}.{key}", url.strip_suffix(".url").unwrap_or(url))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.place.endpoint.to_string()
    }

    /// The address of its machine, where the settings say it as a number.
    pub(crate) fn ip(&self) -> Option<Ip> {
        match &self.place.endpoint {
            Endpoint::Tcp { host, .. } => host.parse::<Ip>().ok().filter(|ip| !ip.0.is_loopback()),
            Endpoint::Unix(_) | Endpoint::Ssh(_) => None,
        }
    }
}
