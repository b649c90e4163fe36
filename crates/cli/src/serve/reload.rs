//! Follows the configuration: on SIGHUP, and when its files change. A configuration that cannot be
//! used is refused with the reason, and the one in force stays.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab_core::server::Registry;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::Running;
use crate::config::{Config, Loaded, Places, candidates};
use crate::logging;
use crate::policy;
use crate::servers::{self, Instance};
use crate::session::Session;

/// How often the files are looked at. A look is a few `stat` calls, works on every file system and
/// with symbolic links that are swapped, and needs no watcher that may miss something.
const LOOK: Duration = Duration::from_secs(1);

/// What tells that a file is another one: modification time (seconds, nanoseconds), size, inode.
type Stamp = (i64, i64, u64, u64);

/// The files that decide, each with its stamp, if it is there.
pub(super) type Files = Vec<(PathBuf, Option<Stamp>)>;

/// The settings of each instance: its kind, and its own table.
type Known = BTreeMap<String, (&'static str, Value)>;

pub(super) struct Reload<'a> {
    running: &'a Running<'a>,
    state: Mutex<State>,
}

/// What is in force.
struct State {
    config: Config,
    servers: Known,
}

impl<'a> Reload<'a> {
    /// Starts from what was loaded.
    pub(super) fn new(running: &'a Running<'a>) -> Self {
        let config = running.as_loaded.clone();
        let state = Mutex::new(State {
            servers: known(&servers::instances(&config)),
            config,
        });
        Self { running, state }
    }

    /// Never returns.
    pub(super) async fn follow(&self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut seen = self.running.files.clone();
        let mut settling = false;
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                () = self.running.signals.reload() => true,
            };
            let now = look(self.running.session, self.running.places);
            let changed = now != seen;
            seen = now;
            // A file that changed is read when it has been still for one look: it may be half
            // written.
            if asked || (settling && !changed) {
                self.reload(if asked { "SIGHUP" } else { "its files changed" });
                settling = false;
            } else {
                settling |= changed;
            }
        }
    }

    fn reload(&self, why: &str) {
        let running = self.running;
        if running.places == Places::Nowhere {
            return;
        }
        match running.session.load(running.places) {
            Err(error) => tracing::error!(
                "the configuration was not taken up ({why}), the old one stays in force: {error}"
            ),
            Ok(mut loaded) => {
                loaded.config.policy.read_only |= running.read_only;
                self.take_up(&loaded, why);
            }
        }
    }

    fn take_up(&self, loaded: &Loaded, why: &str) {
        // Before anything else: servers must not be there without the rules about them.
        let rules = match policy::compile(&loaded.config) {
            Ok(rules) => rules,
            Err(problems) => {
                for problem in problems {
                    tracing::error!("the configuration was not taken up ({why}): {problem}");
                }
                return;
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let old = &state.config;
        let needs_restart = changed_sections(old, &loaded.config);
        if old.log.level != loaded.config.log.level {
            self.set_level(&loaded.config.log.level);
        }
        let instances = servers::instances(&loaded.config);
        let servers = known(&instances);
        let changed: Vec<&str> = servers
            .keys()
            .chain(state.servers.keys())
            .filter(|name| servers.get(*name) != state.servers.get(*name))
            .map(String::as_str)
            .collect();
        self.running.services.teamwork.reload(&loaded.config);
        let other_rules = old.policy != loaded.config.policy;
        if other_rules || !changed.is_empty() {
            self.running.services.policy.replace(rules);
        }
        if changed.is_empty() {
            if other_rules {
                // Who may call what has changed.
                self.running.changes.announce();
            }
        } else {
            self.swap(&instances, &state.servers);
        }
        let mut names: Vec<&str> = changed;
        names.sort_unstable();
        names.dedup();
        tracing::info!(servers = ?names, rules = other_rules, "took up the configuration ({why})");
        if !needs_restart.is_empty() {
            tracing::warn!("changes of {} need a restart", needs_restart.join(", "));
        }
        *state = State {
            config: loaded.config.clone(),
            servers,
        };
    }

    fn set_level(&self, level: &str) {
        let set = logging::filter(level).map(|filter| self.running.level.reload(filter));
        if !matches!(set, Ok(Ok(()))) {
            tracing::warn!("the level of the log could not be changed");
        }
    }

    /// Replaces the registry: servers whose settings are the same go on as they are, with their
    /// connections; calls that run finish on the server they started on.
    fn swap(&self, instances: &[Instance], before: &Known) {
        let services = &self.running.services;
        let old = services.registry.load_full();
        let mut registry = Registry::default();
        for instance in instances {
            let same = before.get(&instance.name) == Some(&settings(instance));
            let kept = old.instance(&instance.name).filter(|_| same).cloned();
            registry.insert(kept.unwrap_or_else(|| {
                let settings = instance.settings.clone();
                instance.kind.open(&instance.name, settings, &services.env)
            }));
        }
        services.registry.store(Arc::new(registry));
        self.running.changes.announce();
    }
}

/// The files that decide, as they are now. Those that do not exist yet count too.
pub(super) fn look(session: &Session, places: Places) -> Files {
    let environment = &session.environment;
    let named = session
        .config_file
        .as_ref()
        .map(|path| environment.directory.join(path))
        .or_else(|| environment.path("HOMELAB_CONFIG"));
    let mut files = match named {
        Some(path) => vec![path],
        None => candidates(environment, places),
    };
    let beside: Vec<PathBuf> = files
        .iter()
        .map(|path| path.with_file_name(".env"))
        .collect();
    files.extend(beside);
    let stamped = |path: PathBuf| {
        let stamp = stamp(&path);
        (path, stamp)
    };
    files.into_iter().map(stamped).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.size(),
        metadata.ino(),
    ))
}

fn known(instances: &[Instance]) -> Known {
    instances
        .iter()
        .map(|instance| (instance.name.clone(), settings(instance)))
        .collect()
}

fn settings(instance: &Instance) -> (&'static str, Value) {
    (instance.kind.name, instance.settings.clone())
}

/// The sections whose changes are only taken up by a restart.
fn changed_sections(old: &Config, new: &Config) -> Vec<&'static str> {
    let same_but_level = old.log.format == new.log.format;
    [
        ("`data_dir`", old.data_dir == new.data_dir),
        ("`[server]`", old.server == new.server),
        ("`[auth]`", old.auth == new.auth),
        ("`[local]`", old.local == new.local),
        ("`[database]`", old.database == new.database),
        ("`[secrets]`", old.secrets == new.secrets),
        ("`[audit]`", old.audit == new.audit),
        ("`log.format`", same_but_level),
        ("`[ssh]`", old.ssh == new.ssh),
        ("`[limits]`", old.limits == new.limits),
    ]
    .into_iter()
    .filter_map(|(section, same)| (!same).then_some(section))
    .collect()
}
