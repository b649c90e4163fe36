//! The `ccpm` server: agents that write to each other, share tasks and sprints, and hand their work
//! over from one session to the next.
//!
//! Embedded (the default) it works on our own database through [`homelab_ccpm`]; with two addresses
//! configured it is a client of another CCPM service. A caller is the agent that `agents` names for
//! it, else the agent of its own name; nobody sends or reads as another.
//!
//! Sub-codes (`reason`) of its errors: `no_agent`, `other_agent`, `not_offered`, those of the
//! contract (`agent_not_found`, `illegal_transition`, …), and those of the HTTP client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_backend::{Backend, Env, Kind};
use homelab_ccpm::{Identities, Settings};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::secret::SecretRef;
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;
use homelab_upstream::{ClientConfig, TlsConfig, Url};
use schemars::JsonSchema;
use serde::Deserialize;

mod client;
mod directory;
mod faults;
mod made;
mod remote;
mod team;
mod tools;
mod types;
mod wire;

use client::Remote;
use team::Team;

/// The kind `ccpm`.
pub fn kind() -> Kind {
    Kind::of::<Team>()
}

/// Section `[servers.ccpm]`: who is which agent, and where the service is if it is not this one.
/// Everything has a default; the server needs no section.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which agent a caller is: `"<name of its key>" = "<name or id of the agent>"`. Callers that
    /// are not named here are the agent of their own name.
    pub agents: BTreeMap<String, String>,
    /// Name or id of the agent that every caller is which `agents` does not name. Leave it out where
    /// several agents use this server, each with a key of its own.
    pub agent_id: Option<String>,
    /// What keys of new tasks begin with: 1 to 10 capital letters and digits.
    #[schemars(length(min = 1, max = 10))]
    pub key_prefix: String,
    /// Whether a completion report has to be accepted before its task is done.
    pub require_review: bool,
    /// Remove messages this many days after they were dealt with; never if left out.
    #[schemars(range(min = 1, max = 36_500))]
    pub messages_kept_days: Option<u32>,
    /// Remove context items of sessions this many days after they were written; never if left out.
    #[schemars(range(min = 1, max = 36_500))]
    pub contexts_kept_days: Option<u32>,
    /// Address of another service's task API, such as `http://192.0.2.10:8000/api`. With this and
    /// `messaging_api` that service is used instead of our own database.
    pub task_api: Option<String>,
    /// Address of its messaging API, such as `http://192.0.2.10:8000/api/v1`.
    pub messaging_api: Option<String>,
    /// Token for it. Where several agents share this server, it must be allowed to act for them.
    pub token: Option<SecretRef>,
    /// Seconds that one request to it may take.
    #[schemars(range(min = 1, max = 120))]
    pub timeout_s: u64,
    /// Seconds to wait for a connection to it.
    #[schemars(range(min = 1, max = 60))]
    pub connect_timeout_s: u64,
    /// Whom to trust behind its `https` address.
    pub tls: TlsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            agents: BTreeMap::new(),
            agent_id: None,
            key_prefix: "TASK".to_owned(),
            require_review: true,
            messages_kept_days: None,
            contexts_kept_days: None,
            task_api: None,
            messaging_api: None,
            token: None,
            timeout_s: 15,
            connect_timeout_s: 5,
            tls: TlsConfig::default(),
        }
    }
}

impl Config {
    /// The two addresses, if another service is used.
    ///
    /// # Errors
    /// `not_configured` if only one of them is set, or one is no address.
    fn addresses(&self) -> ToolResult<Option<(Url, Url)>> {
        let address = |key: &str, text: &Option<String>| -> ToolResult<Option<Url>> {
            let Some(text) = text.as_deref().filter(|text| !text.trim().is_empty()) else {
                return Ok(None);
            };
            let parsed = Url::parse(text.trim()).ok().filter(Url::has_host);
            parsed.map(Some).ok_or_else(|| {
                ToolError::invalid(key, format!("the setting `{key}` is no address"))
                    .hint("write it like `http://192.0.2.10:8000/api`")
            })
        };
        let missing = |key: &str, other: &str| {
            ToolError::invalid(key, format!("`{other}` is set, but `{key}` is not"))
                .hint("set both to use another service, or none to use our own database")
        };
        let tasks = address("task_api", &self.task_api)?;
        let messaging = address("messaging_api", &self.messaging_api)?;
        match (tasks, messaging) {
            (None, None) => Ok(None),
            (Some(tasks), Some(messaging)) => Ok(Some((tasks, messaging))),
            (Some(_), None) => Err(missing("messaging_api", "task_api")),
            (None, Some(_)) => Err(missing("task_api", "messaging_api")),
        }
    }
}

/// What the program needs to know of a section for our own service and its REST routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// Which agent each caller is.
    pub identities: Identities,
    /// Whether our own database is used, not another service.
    pub is_used: bool,
    /// Settings of the service.
    pub settings: Settings,
}

/// Reads that from a section; `None` for one that cannot be used.
pub fn embedded(section: &serde_json::Value) -> Option<Embedded> {
    let config: Config = serde_json::from_value(section.clone()).ok()?;
    Team::check(&config).ok()?;
    Some(Embedded {
        is_used: config.addresses().ok()?.is_none(),
        settings: config.settings(),
        identities: Identities::new(config.agents, config.agent_id),
    })
}

impl Config {
    fn settings(&self) -> Settings {
        let days = |days: Option<u32>| {
            days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60))
        };
        Settings {
            key_prefix: self.key_prefix.clone(),
            require_review: self.require_review,
            messages_kept: days(self.messages_kept_days),
            contexts_kept: days(self.contexts_kept_days),
            ..Settings::default()
        }
    }
}

impl Backend for Team {
    const KIND: &'static str = homelab_ccpm::KIND;
    const TITLE: &'static str = "Agents, messages and tasks";
    type Config = Config;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("CCPM_TASK_API", "task_api"),
        ("CCPM_MESSAGING_API", "messaging_api"),
        ("CCPM_AGENT_ID", "agent_id"),
        ("CCPM_TOKEN", "token"),
    ];
    // Long polls hold their place for up to a minute.
    const CONCURRENCY: usize = 64;

    fn check(config: &Config) -> ToolResult<()> {
        config.addresses()?;
        config.settings().check()?;
        for (key, days) in [
            ("messages_kept_days", config.messages_kept_days),
            ("contexts_kept_days", config.contexts_kept_days),
        ] {
            if days.is_some_and(|days| !(1..=36_500).contains(&days)) {
                let message = format!("the setting `{key}` is not 1 to 36500");
                return Err(ToolError::invalid(key, message));
            }
        }
        for (key, value, most) in [
            ("timeout_s", config.timeout_s, 120),
            ("connect_timeout_s", config.connect_timeout_s, 60),
        ] {
            if !(1..=most).contains(&value) {
                let message = format!("the setting `{key}` is `{value}`, not 1 to {most}");
                return Err(ToolError::invalid(key, message));
            }
        }
        Ok(())
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        let addresses = config.addresses()?;
        let identities = Identities::new(config.agents, config.agent_id);
        let Some((tasks, messaging)) = addresses else {
            let service = env.shared.get::<homelab_ccpm::Service>().ok_or_else(|| {
                ToolError::new(Code::NotConfigured, "there is no database for this server")
                    .hint("set `task_api` and `messaging_api` to use another service")
            })?;
            return Ok(Self::embedded(service, identities, env));
        };
        let client = |url: Url| {
            env.client(ClientConfig {
                base_url: Some(url),
                timeout: Duration::from_secs(config.timeout_s),
                connect_timeout: Duration::from_secs(config.connect_timeout_s),
                tls: config.tls.clone(),
                ..ClientConfig::new(instance)
            })
        };
        let remote = Remote::new(client(tasks)?, client(messaging)?, config.token, env);
        Ok(Self::remote(Arc::new(remote), identities, env))
    }

    async fn health(&self) -> Health {
        match self.service().health().await {
            Ok(health) if health.status == "ok" => Health::ok(match health.version.as_str() {
                "" => "it answers".to_owned(),
                version => format!("version {version}"),
            }),
            Ok(health) => Health::degraded(
                format!("it says that it is `{}`", health.status),
                "look at the service's own log",
            ),
            Err(error) => Health::down(
                error.message().to_owned(),
                "check `task_api`, `messaging_api` and `token` in this section",
            ),
        }
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::agents::ccpm_list_agents,
            tools::messages::ccpm_send_message,
            tools::messages::ccpm_check_inbox,
            tools::messages::ccpm_mark_message_complete,
            tools::tasks::ccpm_get_task,
            tools::tasks::ccpm_list_tasks,
            tools::task_changes::ccpm_update_task_status,
            tools::reports::ccpm_submit_completion_report,
            tools::sprints::ccpm_get_active_sprint,
            tools::sprints::ccpm_list_sprints,
            tools::sessions::ccpm_create_session,
            tools::sessions::ccpm_log_session_context,
            tools::sessions::ccpm_complete_session,
            tools::sessions::ccpm_get_resume_context,
            tools::task_changes::ccpm_create_task,
            tools::task_changes::ccpm_claim_next_task,
            tools::task_changes::ccpm_update_task,
            tools::threads::ccpm_get_thread,
            tools::threads::ccpm_reply_message,
            tools::agents::ccpm_register_agent,
            tools::sprints::ccpm_create_sprint,
            tools::sprints::ccpm_start_sprint,
            tools::sprints::ccpm_complete_sprint,
            tools::reports::ccpm_review_report,
            tools::threads::ccpm_wait_for_message,
            tools::board::ccpm_board,
        ]
    }
}
