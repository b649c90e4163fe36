//! The `pbs` server: datastores, backups, verification, pruning, copies to other servers and tasks
//! of a Proxmox Backup Server (versions 3 and 4).
//!
//! What a retention would remove is the server's own dry run, and pruning carries out that very
//! list or nothing. How fresh backups are is told from the archives, not from tasks that say they
//! went well. Whatever starts a task waits for it with progress and reports its exit status and the
//! end of its log; what outlasts the wait is reported with the id by which `get_task_status` follows
//! it.
//!
//! Sub-codes (`reason`) of its errors: `busy_upstream`, `cancelled`, `count_changed`,
//! `datastore_full`, `datastore_not_found`, `group_not_found`, `job_not_found`, `keep_missing`,
//! `login_refused`, `maintenance`, `namespace_exists`, `namespace_not_empty`,
//! `namespace_not_found`, `not_supported`, `parameter_refused`, `plan_changed`, `plan_missing`,
//! `privilege_missing`, `protected`, `refused_by_server`, `remote_not_found`, `second_factor`,
//! `snapshot_not_found`, `task_ended`, `task_failed`, `task_not_found`, `token_refused`,
//! `unexpected_answer`, those of the HTTP client and of `homelab_backend::api`.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod api;
mod call;
mod client;
mod config;
mod explain;
mod facts;
mod ids;
mod known;
mod page;
mod task;
mod tools;
mod types;
mod units;
mod upid;
mod walk;
mod whole_api;

use client::Pbs;
use config::Config;

/// The kind `pbs`.
pub fn kind() -> Kind {
    Kind::of::<Pbs>()
}

/// Any of these lets a list show something; without them it is empty rather than refused.
const READING: [&str; 2] = ["Datastore.Audit", "Datastore.Backup"];

impl Backend for Pbs {
    const KIND: &'static str = "pbs";
    const TITLE: &'static str = "Proxmox Backup Server";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("PBS_URL", "url"),
        ("PBS_HOST", "url"),
        ("PBS_TOKEN_ID", "token_id"),
        ("PBS_API_TOKEN_ID", "token_id"),
        ("PBS_TOKEN_SECRET", "token_secret"),
        ("PBS_API_TOKEN_SECRET", "token_secret"),
        ("PBS_TOKEN_NAME", "token_name"),
        ("PBS_USER", "username"),
        ("PBS_PASSWORD", "password"),
        ("PBS_FINGERPRINT", "tls.fingerprint"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        match self.examine().await {
            Ok(health) => health,
            Err(error) => down(&error),
        }
    }

    async fn facts(&self, query: &FactsQuery) -> ToolResult<Facts> {
        self.tell(query).await
    }

    fn lacks(&self, tool: &str) -> bool {
        let known = self.known_version();
        // What says no number may be any release.
        let is_old = known.is_some_and(|known| known.numbers().0 > 0 && !known.pushes());
        tool == "sync_to_remote" && is_old
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::backups::list_backups,
            tools::verify::verify_backup,
            tools::prune::prune_backups,
            tools::sync::sync_to_remote,
            tools::health::get_backup_health,
            tools::freshness::check_freshness,
            tools::usage::get_datastore_usage,
            tools::gc::get_gc_status,
            tools::gc::run_gc,
            tools::job_run::run_job,
            tools::protection::protect_backup,
            tools::notes::set_backup_notes,
            tools::deletion::delete_backup,
            tools::group_deletion::delete_backup_group,
            tools::namespaces::list_namespaces,
            tools::namespaces::create_namespace,
            tools::namespaces::delete_namespace,
            tools::remotes::list_remotes,
            tools::node::get_node_status,
            tools::tasks::list_tasks,
            tools::tasks::get_task_status,
            tools::tasks::stop_task,
            search_api,
            call_api,
        ]
    }
}

impl Pbs {
    /// Whether the server answers, whether it may be trusted, and what our credentials lack.
    async fn examine(&self) -> ToolResult<Health> {
        let version = self.fresh_version().await?;
        let found = format!("Proxmox Backup Server {}", version.full());
        let who = &self.api.who;
        if version.numbers().0 < 3 {
            return Ok(Health::degraded(
                format!("{found} is too old to be relied on"),
                "update it to 3 or newer".to_owned(),
            ));
        }
        let permissions = self.permissions().await?;
        let reads = permissions
            .iter()
            .filter(|(path, _)| *path == "/" || path.starts_with("/datastore"))
            .any(|(_, held)| {
                READING
                    .iter()
                    .any(|privilege| held.contains_key(*privilege))
            });
        if !reads {
            let name = &who.name;
            let both = if who.is_token {
                "; a token needs rights of its own and never has more than its user"
            } else {
                ""
            };
            return Ok(Health::degraded(
                format!("{found}; `{name}` may read no datastore"),
                format!(
                    "`proxmox-backup-manager acl update /datastore DatastoreAudit --auth-id '{name}'`{both}"
                ),
            ));
        }
        if self.config.tls.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!(
                    "set `{}.tls.fingerprint` instead of `insecure`; `get_node_status` shows it",
                    who.section
                ),
            ));
        }
        Ok(Health::ok(found))
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
