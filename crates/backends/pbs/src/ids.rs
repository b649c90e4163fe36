//! Ids of Proxmox Backup Server, each with a type of its own: what is not one never reaches an
//! address or a parameter.

use std::fmt;
use std::str::FromStr;

use homelab_backend::ids::shown;
use homelab_backend::{as_text, text_id};
use homelab_core::clock::Micros;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

text_id! {
    /// A datastore's name.
    Datastore: "a datastore's name (3 to 32 letters, digits, `.`, `_`, `-`)", 32,
    "^[A-Za-z0-9_][A-Za-z0-9._-]{2,31}$", short_id
}
text_id! {
    /// A configured remote's name.
    RemoteName: "a remote's name (3 to 32 letters, digits, `.`, `_`, `-`)", 32,
    "^[A-Za-z0-9_][A-Za-z0-9._-]{2,31}$", short_id
}
text_id! {
    /// A configured job's id.
    JobId: "a job's id (3 to 32 letters, digits, `.`, `_`, `-`)", 32,
    "^[A-Za-z0-9_][A-Za-z0-9._-]{2,31}$", short_id
}
text_id! {
    /// A namespace: names with slashes between them; the root is empty.
    Namespace: "a namespace (`a/b`, at most 7 deep)", 256,
    "^([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,6})?$", |text| {
        text.is_empty() || text.split('/').count() <= 7 && text.split('/').all(safe_id)
    }
}
/// What was backed up: its type is part of its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BackupType {
    /// A virtual machine.
    Vm,
    /// A container.
    Ct,
    /// Files of a host.
    Host,
}

impl BackupType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Ct => "ct",
            Self::Host => "host",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        [Self::Vm, Self::Ct, Self::Host]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// All backups of one machine or host: `vm/100`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Group {
    pub(crate) kind: BackupType,
    id: String,
}

/// Longest id of what was backed up.
const LONGEST_ID: usize = 128;

impl Group {
    pub(crate) fn new(kind: &str, id: &str) -> Option<Self> {
        (id.len() <= LONGEST_ID && safe_id(id)).then_some(())?;
        Some(Self {
            kind: BackupType::read(kind)?,
            id: id.to_owned(),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(kind, id)| Self::new(kind, id))
            .ok_or_else(|| {
                format!(
                    "`{}` is no group such as `vm/100`, `ct/200`, `host/nas`",
                    shown(text)
                )
            })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind.as_str(), self.id)
    }
}

as_text!(Group, 160, "^(vm|ct|host)/[A-Za-z0-9_][A-Za-z0-9._-]*$");

/// One backup: `vm/100/2026-11-20T02:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Snapshot {
    pub(crate) group: Group,
    /// Seconds since 1970, at least 1.
    pub(crate) time: i64,
}

impl FromStr for Snapshot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('/').and_then(|(group, time)| {
            Some(Self {
                group: group.parse().ok()?,
                time: seconds(time)?,
            })
        });
        parts.ok_or_else(|| {
            format!(
                "`{}` is no backup such as `vm/100/2026-11-20T02:00:00Z`",
                shown(text)
            )
        })
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}",
            self.group,
            crate::units::time(self.time)
        )
    }
}

as_text!(
    Snapshot,
    200,
    "^(vm|ct|host)/[A-Za-z0-9_][A-Za-z0-9._-]*/[0-9TZ:+-]+$"
);

/// A group, or one backup of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backup {
    Group(Group),
    Snapshot(Snapshot),
}

impl Backup {
    pub(crate) fn group(&self) -> &Group {
        match self {
            Self::Group(group) => group,
            Self::Snapshot(snapshot) => &snapshot.group,
        }
    }

    /// When it was made, if it is one backup.
    pub(crate) fn time(&self) -> Option<i64> {
        match self {
            Self::Group(_) => None,
            Self::Snapshot(snapshot) => Some(snapshot.time),
        }
    }
}

impl FromStr for Backup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.matches('/').count() == 1 {
            text.parse().map(Self::Group)
        } else {
            text.parse().map(Self::Snapshot)
        }
    }
}

impl fmt::Display for Backup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(formatter),
            Self::Snapshot(snapshot) => snapshot.fmt(formatter),
        }
    }
}

/// The text of ids that are parameters or compared with answers.
macro_rules! comparable {
    ($($name:ident),*) => { $(
        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }
    )* };
}

comparable!(Datastore, RemoteName, JobId, Namespace);

as_text!(
    Backup,
    200,
    "^(vm|ct|host)/[A-Za-z0-9_][A-Za-z0-9._-]*(/[0-9TZ:+-]+)?$"
);

impl Namespace {
    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The namespace as a parameter, which the root is not.
    pub(crate) fn given(&self) -> Option<&str> {
        (!self.is_root()).then_some(self.as_str())
    }

    /// The one above it, and its own name.
    pub(crate) fn split(&self) -> (Self, &str) {
        match self.0.rsplit_once('/') {
            Some((parent, name)) => (Self(parent.to_owned()), name),
            None => (Self::root(), &self.0),
        }
    }
}

/// What the server calls a safe id.
fn safe_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

fn short_id(text: &str) -> bool {
    text.len() >= 3 && safe_id(text)
}

/// RFC 3339 with whole seconds, or seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    let plain = |letter: char| letter.is_ascii_digit() || "TZ:+-".contains(letter);
    if text.len() > 32 || !text.chars().all(plain) {
        return None;
    }
    let seconds = if text.chars().all(|letter| letter.is_ascii_digit()) {
        text.parse().ok()?
    } else {
        let micros = Micros::from_rfc3339(text)?.0;
        (micros % 1_000_000 == 0).then_some(micros / 1_000_000)?
    };
    // Until the year 9999.
    (1..=253_402_300_799).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("main", true)]
    #[case("_old.2-x", true)]
    #[case("ab", false)]
    #[case("a/b/c", false)]
    #[case("...", false)]
    #[case("main?x=1", false)]
    #[case("main%2f", false)]
    #[case("main\n", false)]
    #[case("a-name-that-is-longer-than-32-letters", false)]
    fn datastores(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Datastore>().is_ok(), valid);
    }

    #[rstest]
    #[case("", true)]
    #[case("home/lab", true)]
    #[case("1/2/3/4/5/6/7", true)]
    #[case("1/2/3/4/5/6/7/8", false)]
    #[case("/home", false)]
    #[case("home/", false)]
    #[case("home//lab", false)]
    #[case("home/../other", false)]
    #[case("home&ns=other", false)]
    fn namespaces(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Namespace>().is_ok(), valid);
    }

    #[rstest]
    #[case("vm/100/2026-11-20T02:00:00Z", Some(1_795_140_000))]
    #[case("vm/100/2026-11-20T03:00:00+01:00", Some(1_795_140_000))]
    #[case("host/nas.example/1795140000", Some(1_795_140_000))]
    #[case("vm/100/2026-11-20T02:00:00.5Z", None)]
    #[case("vm/100/0", None)]
    #[case("vm/100/-5", None)]
    #[case("vm/100/1969-01-01T00:00:00Z", None)]
    #[case("vm/100/99999999999999999999", None)]
    #[case("vm/100/2026-11-20", None)]
    #[case("vm/../2026-11-20T02:00:00Z", None)]
    #[case("qemu/100/2026-11-20T02:00:00Z", None)]
    #[case("vm/100/2026-11-20T02:00:00Z/x", None)]
    fn snapshots(#[case] text: &str, #[case] time: Option<i64>) {
        assert_eq!(text.parse::<Snapshot>().ok().map(|one| one.time), time);
    }

    #[test]
    fn a_backup_is_a_group_or_one_of_it() {
        let group: Backup = "ct/200".parse().unwrap();
        let one: Backup = "ct/200/2026-11-20T02:00:00Z".parse().unwrap();

        assert_eq!((group.time(), group.group().id()), (None, "200"));
        assert_eq!(one.time(), Some(1_795_140_000));
        assert_eq!(one.to_string(), "ct/200/2026-11-20T02:00:00Z");
        assert!("ct".parse::<Backup>().is_err());
    }

    proptest! {
        #[test]
        fn no_id_holds_a_separator(text in ".*") {
            let clean = |text: &str| !text.contains(['?', '#', '&', '%', '\\', ' ', '\n', '=', '\'', '"']);
            prop_assert!(text.parse::<Datastore>().is_err() || clean(&text) && !text.contains('/'));
            prop_assert!(text.parse::<Namespace>().is_err() || clean(&text) && !text.contains(".."));
            prop_assert!(text.parse::<Backup>().is_err() || clean(&text));
        }

        #[test]
        fn a_snapshot_is_written_as_it_is_read(id in "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", time in 1_i64..253_402_300_799) {
            let snapshot = Snapshot { group: Group::new("host", &id).unwrap(), time };
            prop_assert_eq!(snapshot.to_string().parse::<Snapshot>().unwrap(), snapshot);
        }
    }
}
