//! The `proxmox` server: guests, snapshots, backups, storages, nodes and tasks of a Proxmox VE
//! cluster (versions 8 and 9; 7 as far as it goes).
//!
//! Nobody has to know on which node a guest is: every call looks that up. Whatever starts a task
//! waits for it with progress and reports its exit status and the end of its log; what outlasts the
//! wait is reported with the id by which `get_task_status` follows it. With several hosts, the next
//! one is asked when one is down; what changes something is sent on only if it never left.
//!
//! Sub-codes (`reason`) of its errors: `agent_not_running`, `backup_type_unknown`, `cancelled`,
//! `config_changed`, `disk_not_attached`, `disk_not_found`, `guest_locked`, `guest_not_found`,
//! `guest_not_running`, `guest_running`, `is_template`, `job_empty`, `job_exists`, `job_not_found`,
//! `lock_timeout`, `login_refused`, `migration_blocked`, `no_node`, `no_quorum`, `no_storage`,
//! `node_not_found`, `node_unreachable`, `not_supported`, `option_not_allowed`,
//! `parameter_refused`, `privilege_missing`, `protected`, `root_only`, `second_factor`,
//! `shutdown_timeout`, `snapshot_exists`, `snapshot_not_found`, `snapshot_unsupported`,
//! `storage_full`, `storage_not_found`, `storage_unavailable`, `storage_unsuitable`, `task_ended`,
//! `task_failed`, `task_not_found`, `template_in_use`, `test_running`, `token_refused`, `unexpected_answer`,
//! `vmid_in_use`, `volume_not_found`, `wrong_guest_type`, those of the HTTP client and of
//! `homelab_backend::api`.

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
mod disks;
mod explain;
mod facts;
mod guest;
mod ids;
mod known;
mod lenient;
mod page;
mod task;
mod tools;
mod types;
mod units;
mod whole_api;

use client::Proxmox;
use config::Config;

/// The kind `proxmox`.
pub fn kind() -> Kind {
    Kind::of::<Proxmox>()
}

/// Privileges without which whole groups of tools see nothing or fail.
const NEEDED: [(&str, &str); 3] = [
    ("VM.Audit", "guests are not listed"),
    ("Sys.Audit", "nodes cannot be read"),
    ("Datastore.Audit", "storages and backups are not listed"),
];

impl Backend for Proxmox {
    const KIND: &'static str = "proxmox";
    const TITLE: &'static str = "Proxmox VE";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("PROXMOX_HOST", "hosts"),
        ("PROXMOX_URL", "hosts"),
        ("PROXMOX_PORT", "port"),
        ("PROXMOX_TOKEN_ID", "token_id"),
        ("PROXMOX_TOKEN_SECRET", "token_secret"),
        ("PROXMOX_USER", "username"),
        ("PROXMOX_TOKEN_NAME", "token_name"),
        ("PROXMOX_TOKEN_VALUE", "token_secret"),
        ("PROXMOX_PASSWORD", "password"),
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
        let known = self.known_version().and_then(|version| version.major());
        tool == "exec_in_vm" && known.is_some_and(|major| major < tools::agent::COMMANDS_SINCE)
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::guests::list_vms,
            tools::guests::get_vm_status,
            tools::power::start_vm,
            tools::power::stop_vm,
            tools::power::reboot_vm,
            tools::deletion::delete_vm,
            tools::containers::create_lxc,
            tools::nodes::list_nodes,
            tools::nodes::get_node_status,
            tools::storage::list_storage,
            tools::backups::list_backups,
            tools::backups::create_backup,
            tools::restore::restore_backup,
            tools::restore_test::restore_test,
            tools::backup_report::check_backups,
            tools::cluster::get_cluster_resources,
            tools::machines::create_vm,
            tools::clone::clone_vm,
            tools::migration::migrate_vm,
            tools::config::update_vm_config,
            tools::resize::resize_disk,
            tools::agent::exec_in_vm,
            tools::snapshots::list_snapshots,
            tools::snapshots::create_snapshot,
            tools::snapshots::rollback_snapshot,
            tools::snapshots::delete_snapshot,
            tools::backup_changes::delete_backup,
            tools::backup_changes::protect_backup,
            tools::backup_jobs::list_backup_jobs,
            tools::backup_jobs::create_backup_job,
            tools::job_run::run_backup_job,
            tools::storage::list_storage_content,
            tools::templates::list_templates,
            tools::templates::download_template,
            tools::tasks::list_tasks,
            tools::tasks::get_task_status,
            tools::tasks::stop_task,
            tools::cluster::get_next_vmid,
            search_api,
            call_api,
        ]
    }
}

impl Proxmox {
    /// Whether the cluster answers, whom it may trust, and what our credentials lack.
    async fn examine(&self) -> ToolResult<Health> {
        let version = self.fresh_version().await?;
        let found = format!("Proxmox VE {}", version.version);
        let permissions = self.permissions().await?;
        let lacking: Vec<String> = NEEDED
            .iter()
            .filter(|(privilege, _)| {
                !permissions
                    .values()
                    .any(|privileges| privileges.contains_key(*privilege))
            })
            .map(|(privilege, what)| format!("{privilege} is missing everywhere: {what}"))
            .collect();
        let who = &self.api.who;
        if !lacking.is_empty() {
            let option = if who.is_token { "--tokens" } else { "--users" };
            let name = &who.name;
            return Ok(Health::degraded(
                format!("{found}; {}", lacking.join("; ")),
                format!(
                    "`pveum acl modify / {option} '{name}' --roles PVEAuditor`; a token with privilege separation needs rights of its own"
                ),
            ));
        }
        if self.config.tls.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!(
                    "set `{}.tls.fingerprint` instead of `insecure`; `list_nodes` shows each node's",
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
