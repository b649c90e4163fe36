//! A call of the server's API as plain data: built by pure functions, sent by [`crate::api::Api`].

use crate::ids::{Group, Namespace, Snapshot};

/// One call, with its parameters as JSON.
pub(crate) type Call = homelab_proxmox_api::Call<homelab_proxmox_api::Json>;

/// Parameters that name backups.
pub(crate) trait Naming {
    /// Adds a namespace, which the root is not.
    fn ns(self, ns: &Namespace) -> Self;

    /// Adds a group.
    fn group(self, group: &Group) -> Self;

    /// Adds one backup.
    fn snapshot(self, snapshot: &Snapshot) -> Self;
}

impl Naming for Call {
    fn ns(self, ns: &Namespace) -> Self {
        self.with_opt("ns", ns.given())
    }

    fn group(self, group: &Group) -> Self {
        self.with("backup-type", group.kind.as_str())
            .with("backup-id", group.id())
    }

    fn snapshot(self, snapshot: &Snapshot) -> Self {
        self.group(&snapshot.group)
            .with("backup-time", snapshot.time)
    }
}
