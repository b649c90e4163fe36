//! Ids of Proxmox VE, each with a type of its own: what is not one never reaches an address, a
//! parameter or another property of the same comma-separated parameter.

use std::fmt;

use homelab_backend::text_id;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// A guest's number, unique in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Vmid(pub(crate) u32);

impl Vmid {
    pub(crate) const LEAST: u32 = 100;
    pub(crate) const MOST: u32 = 999_999_999;

    pub(crate) fn new(number: u64) -> Option<Self> {
        let number = u32::try_from(number).ok()?;
        (Self::LEAST..=Self::MOST)
            .contains(&number)
            .then_some(Self(number))
    }
}

impl fmt::Display for Vmid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Vmid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| {
            let (least, most) = (Self::LEAST, Self::MOST);
            serde::de::Error::custom(format!("`{number}` is not {least} to {most}"))
        })
    }
}

impl JsonSchema for Vmid {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Vmid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": Self::LEAST, "maximum": Self::MOST })
    }
}

text_id! {
    /// A node's name: one label of a host name.
    NodeName: "a node's name", 63, "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$", label
}
text_id! {
    /// A storage's id.
    StorageId: "a storage's id", 100, "^[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]$", storage
}
text_id! {
    /// A snapshot's name; `current` is the guest itself.
    SnapshotName: "a snapshot's name (a letter, then letters, digits, `_`, `-`; not `current`)", 40,
    "^[A-Za-z][A-Za-z0-9_-]+$", |text| configid(text) && text != "current"
}
text_id! {
    /// A volume: `STORAGE:NAME`.
    Volid: "a volume such as `local:backup/vzdump-qemu-100-….vma.zst`", 255,
    "^[A-Za-z][A-Za-z0-9_.-]*:[A-Za-z0-9][A-Za-z0-9/_.:+@~=-]*$", volume
}
text_id! {
    /// A guest's name: a DNS name.
    GuestName: "a DNS name", 253, "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", dns_name
}
text_id! {
    /// A pool's id.
    PoolId: "a pool's id", 100, "^[A-Za-z0-9][A-Za-z0-9_./-]*$",
    |text| starts_alphanumeric(text) && only(text, "_./-") && !text.contains("..")
}
text_id! {
    /// One tag of a guest.
    Tag: "a tag", 64, "^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", |text| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_') && only(text, "_.+-")
    }
}
text_id! {
    /// A network bridge of a node, or an SDN network.
    Bridge: "a bridge such as `vmbr0`", 15, "^[A-Za-z][A-Za-z0-9_.-]*$",
    |text| text.starts_with(|first: char| first.is_ascii_alphabetic()) && only(text, "_.-")
}
text_id! {
    /// A disk of a guest, by the key of its configuration.
    DiskKey: "a disk such as `scsi0`, `rootfs`, `mp0`", 10,
    "^(rootfs|efidisk0|tpmstate0|(ide|sata|scsi|virtio|mp|unused)[0-9]{1,3})$", disk_key
}
text_id! {
    /// A backup job's id.
    JobId: "a backup job's id", 50, "^[A-Za-z][A-Za-z0-9_:.-]+$",
    |text| text.len() >= 2 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && only(text, "_:.-")
}
text_id! {
    /// A task's id as Proxmox prints it: `UPID:node:pid:pstart:starttime:type:id:user:`.
    Upid: "a task id (`UPID:node:…:user@realm:`)", 255, "^UPID:[^\\s]+:$", |text| UpidParts::of(text).is_some()
}

/// The text of ids that are compared with what Proxmox answers.
macro_rules! comparable {
    ($($name:ident),*) => { $(
        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }
    )* };
}

comparable!(
    NodeName,
    StorageId,
    SnapshotName,
    Volid,
    GuestName,
    Tag,
    DiskKey,
    JobId
);

impl Default for Bridge {
    /// The one that Proxmox's installer makes.
    fn default() -> Self {
        Self("vmbr0".to_owned())
    }
}

impl Volid {
    /// The storage that holds it.
    pub(crate) fn storage(&self) -> ToolStorage<'_> {
        ToolStorage(self.0.split(':').next().unwrap_or_default())
    }
}

/// The storage part of a [`Volid`], checked with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToolStorage<'a>(&'a str);

impl ToolStorage<'_> {
    pub(crate) fn to_id(self) -> StorageId {
        StorageId(self.0.to_owned())
    }
}

/// The parts of a [`Upid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpidParts<'a> {
    pub(crate) node: &'a str,
    /// Seconds since 1970.
    pub(crate) started: i64,
    pub(crate) kind: &'a str,
    /// What the task is about, often a VMID, with `:` written as `\x3a`.
    pub(crate) id: &'a str,
    pub(crate) user: &'a str,
}

impl<'a> UpidParts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [
            "UPID",
            node,
            pid,
            process_start,
            started,
            kind,
            id,
            user,
            "",
        ] = parts[..]
        else {
            return None;
        };
        let hex = |part: &str| {
            (8..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = label(node)
            && hex(pid)
            && hex(process_start)
            && hex(started)
            && !kind.is_empty()
            && !user.is_empty()
            && [kind, id, user].into_iter().all(plain);
        fits.then_some(Self {
            node,
            started: i64::from_str_radix(started, 16).ok()?,
            kind,
            id,
            user,
        })
    }
}

impl Upid {
    /// Its parts; the text was checked when it was made.
    pub(crate) fn parts(&self) -> UpidParts<'_> {
        UpidParts::of(&self.0).unwrap_or(UpidParts {
            node: "",
            started: 0,
            kind: "",
            id: "",
            user: "",
        })
    }

    /// The node that runs it.
    pub(crate) fn node(&self) -> NodeName {
        NodeName(self.parts().node.to_owned())
    }

    /// The guest it is about, if it is about one.
    pub(crate) fn vmid(&self) -> Option<Vmid> {
        self.parts().id.parse().ok().and_then(Vmid::new)
    }
}

fn only(text: &str, others: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || others.contains(letter))
}

fn starts_alphanumeric(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn label(text: &str) -> bool {
    starts_alphanumeric(text)
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && text.len() <= 63
        && only(text, "-")
}

fn dns_name(text: &str) -> bool {
    text.split('.').all(label)
}

fn configid(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && only(text, "_-")
}

fn storage(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && only(text, "_.-")
}

fn volume(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, name)| {
        storage(id)
            && starts_alphanumeric(name)
            && only(name, "/_.:+@~=-")
            && !name.split('/').any(|part| matches!(part, "" | "." | ".."))
    })
}

fn disk_key(text: &str) -> bool {
    if matches!(text, "rootfs" | "efidisk0" | "tpmstate0") {
        return true;
    }
    ["ide", "sata", "scsi", "virtio", "mp", "unused"]
        .iter()
        .filter_map(|bus| text.strip_prefix(bus))
        .any(|number| {
            (1..=3).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pve1")]
    #[case("node-2")]
    fn nodes(#[case] text: &str) {
        assert!(text.parse::<NodeName>().is_ok());
    }

    #[rstest]
    #[case("")]
    #[case("..")]
    #[case("pve/../x")]
    #[case("pve1?x=1")]
    #[case("pve1#")]
    #[case("pve 1")]
    #[case("-pve")]
    #[case("pve%2f")]
    #[case("pve1\n")]
    fn what_is_no_node_is_refused(#[case] text: &str) {
        assert!(text.parse::<NodeName>().is_err());
    }

    #[rstest]
    #[case("local:backup/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst", true)]
    #[case("pbs:backup/vm/100/2026-11-20T02:00:00Z", true)]
    #[case("local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst", true)]
    #[case("local-lvm:vm-100-disk-0", true)]
    #[case("local:../../etc/passwd", false)]
    #[case("local:/etc/passwd", false)]
    #[case("/etc/passwd", false)]
    #[case("local:a,mp=/", false)]
    #[case("local:a b", false)]
    #[case("local:", false)]
    fn volumes(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Volid>().is_ok(), valid);
    }

    #[rstest]
    #[case("before-update", true)]
    #[case("current", false)]
    #[case("1st", false)]
    #[case("a", false)]
    #[case("a/rollback", false)]
    fn snapshots(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<SnapshotName>().is_ok(), valid);
    }

    #[test]
    fn a_upid_tells_node_kind_guest_and_user() {
        let upid: Upid = "UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam!ops:"
            .parse()
            .unwrap();

        assert_eq!(upid.node().as_str(), "pve1");
        assert_eq!(upid.parts().kind, "vzdump");
        assert_eq!(upid.vmid(), Some(Vmid(100)));
        assert_eq!(upid.parts().user, "root@pam!ops");
        assert_eq!(upid.parts().started, 0x6740_A1B2);
    }

    #[rstest]
    #[case("UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam")]
    #[case("UPID:../x:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:")]
    #[case("UPID:pve1:zz:02F3A1B4:6740A1B2:vzdump:100:root@pam:")]
    #[case("UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vz dump:100:root@pam:")]
    fn what_is_no_upid_is_refused(#[case] text: &str) {
        assert!(text.parse::<Upid>().is_err());
    }

    #[test]
    fn a_vmid_has_bounds() {
        assert_eq!(Vmid::new(99), None);
        assert_eq!(Vmid::new(100), Some(Vmid(100)));
        assert_eq!(Vmid::new(1_000_000_000), None);
        assert!(serde_json::from_str::<Vmid>("\"100/../101\"").is_err());
    }

    proptest! {
        #[test]
        fn no_id_holds_a_separator(text in ".*") {
            let separators = |text: &str| text.contains(['?', '#', '&', ',', ';', '%', '\\', ' ', '\n']);
            prop_assert!(text.parse::<Volid>().is_err() || !separators(&text));
            prop_assert!(text.parse::<StorageId>().is_err() || !separators(&text) && !text.contains('/'));
            prop_assert!(text.parse::<Tag>().is_err() || !separators(&text));
            prop_assert!(text.parse::<Bridge>().is_err() || !separators(&text));
        }
    }
}
