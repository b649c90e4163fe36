//! Who may do what.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

use serde_json::{Map, Value, json};

use super::Release;
use super::reply::Failure;
pub(super) use crate::rights::ROOT;
use crate::rights::Rights;

/// Privileges of both releases.
const PRIVILEGES: &[&str] = &[
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

const OF_8: &[&str] = &["VM.Monitor"];

const OF_9: &[&str] = &[
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Replicate",
];

/// [`Rights`], with this product's privileges and refusals.
#[derive(Default)]
pub(super) struct Access(Rights);

impl Deref for Access {
    type Target = Rights;

    fn deref(&self) -> &Rights {
        &self.0
    }
}

impl DerefMut for Access {
    fn deref_mut(&mut self) -> &mut Rights {
        &mut self.0
    }
}

impl Access {
    fn all(release: Release) -> impl Iterator<Item = &'static str> {
        let own = if release >= Release::V9_1 { OF_9 } else { OF_8 };
        PRIVILEGES.iter().chain(own).copied()
    }

    /// Refuses unless one of the privileges is there.
    pub(super) fn need_any(
        &self,
        who: &str,
        path: &str,
        privileges: &[&str],
    ) -> Result<(), Failure> {
        if self.has_any(who, path, privileges) {
            Ok(())
        } else {
            Err(Failure::forbidden(path, privileges))
        }
    }

    /// What somebody may do, by path.
    pub(super) fn table(&self, who: &str, only: Option<&str>, release: Release) -> Value {
        let mut paths: BTreeSet<&str> = ["/", "/access", "/nodes", "/storage", "/vms"].into();
        paths.extend(self.paths());
        if let Some(only) = only {
            paths = [only].into();
        }
        let mut table = Map::new();
        for path in paths {
            let held: Map<String, Value> = Self::all(release)
                .filter(|privilege| self.has(who, path, privilege))
                .map(|privilege| (privilege.to_owned(), json!(1)))
                .collect();
            if !held.is_empty() || only.is_some() {
                table.insert(path.to_owned(), Value::Object(held));
            }
        }
        Value::Object(table)
    }
}
