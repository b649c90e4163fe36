//! What the calls on both kinds of guest share. Both have most calls, and differ in what those take.

use super::{COUNT, DIGEST, Kind, Param, Perm, SKIPLOCK, SNAPSHOT, optional, required};

const fn on_guest(privileges: &'static [&'static str]) -> Perm {
    Perm::Any("/vms/{vmid}", privileges)
}

pub(super) const AUDIT: Perm = on_guest(&["VM.Audit"]);
pub(super) const ALLOCATE: Perm = on_guest(&["VM.Allocate"]);
pub(super) const POWER: Perm = on_guest(&["VM.PowerMgmt"]);
pub(super) const SNAPS: Perm = on_guest(&["VM.Snapshot"]);
pub(super) const ROLLBACK: Perm = on_guest(&["VM.Snapshot", "VM.Snapshot.Rollback"]);
pub(super) const MIGRATE: Perm = on_guest(&["VM.Migrate"]);
pub(super) const CLONE: Perm = on_guest(&["VM.Clone"]);
pub(super) const NETWORK: Perm = on_guest(&["VM.Config.Network"]);
pub(super) const DISK: Perm = on_guest(&["VM.Config.Disk"]);
pub(super) const CONFIG: Perm = on_guest(&[
    "VM.Config.Disk",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.HWType",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
]);
pub(super) const CONTAINER_CONFIG: Perm = on_guest(&[
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
]);
pub(super) const AGENT_READS: Perm =
    Perm::Agent(&["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"]);
pub(super) const AGENT: Perm = Perm::Agent(&["VM.GuestAgent.Unrestricted"]);

pub(super) const FORCE: Param = optional("force", Kind::Boolean);
pub(super) const START: Param = optional("start", Kind::Boolean);
pub(super) const SNAPNAME: Param = required("snapname", SNAPSHOT);
pub(super) const DESCRIPTION: Param = optional("description", Kind::Text);
pub(super) const OVERRULE: Param = optional("overrule-shutdown", Kind::Boolean);
pub(super) const FORCE_STOP: Param = optional("forceStop", Kind::Boolean);
pub(super) const KEEP_ACTIVE: Param = optional("keepActive", Kind::Boolean);
pub(super) const MIGRATED_FROM: Param = optional("migratedfrom", Kind::Text);
pub(super) const NETWORK_FOR_MIGRATION: Param = optional("migration_network", Kind::Text);
pub(super) const TYPE_OF_MIGRATION: Param =
    optional("migration_type", Kind::OneOf(&["secure", "insecure"]));
pub(super) const CONNTRACK: Param = optional("with-conntrack-state", Kind::Boolean);
pub(super) const PURGE: Param = optional("purge", Kind::Boolean);
pub(super) const UNREFERENCED: Param = optional("destroy-unreferenced-disks", Kind::Boolean);
pub(super) const READ_CONFIG: &[Param] = &[
    optional("current", Kind::Boolean),
    optional("snapshot", SNAPSHOT),
];
pub(super) const RESIZE: &[Param] = &[
    required("disk", Kind::Text),
    required("size", Kind::Text),
    DIGEST,
    SKIPLOCK,
];
pub(super) const TO_CHECK: &[Param] = &[optional("target", Kind::Text)];
pub(super) const RULE: &[Param] = &[
    required("action", Kind::Text),
    required("type", Kind::OneOf(&["in", "out", "forward", "group"])),
    optional("comment", Kind::Text),
    optional("dest", Kind::Text),
    DIGEST,
    optional("dport", Kind::Text),
    optional("enable", COUNT),
    optional("icmp-type", Kind::Text),
    optional("iface", Kind::Text),
    optional(
        "log",
        Kind::OneOf(&[
            "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog",
        ]),
    ),
    optional("macro", Kind::Text),
    optional("pos", COUNT),
    optional("proto", Kind::Text),
    optional("source", Kind::Text),
    optional("sport", Kind::Text),
];
