//! Walking through datastores and their namespaces: what cannot be read becomes a remark, so that
//! one store in maintenance does not hide the others.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;

use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Group, Namespace, Snapshot};
use crate::types::{GroupRow, SnapshotRow};

/// Requests at a time.
const AT_A_TIME: usize = 4;

/// One namespace of one datastore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: Datastore,
    pub(crate) ns: Namespace,
}

impl Place {
    /// `main` or `main:home/lab`.
    pub(crate) fn described(&self) -> String {
        match self.ns.given() {
            None => self.store.to_string(),
            Some(ns) => format!("{}:{ns}", self.store),
        }
    }
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope<'a> {
    /// One datastore instead of all.
    pub(crate) store: Option<&'a Datastore>,
    /// One namespace instead of all.
    pub(crate) ns: Option<&'a Namespace>,
    /// One group instead of all.
    pub(crate) group: Option<&'a Group>,
}

/// What was found, and what could not be read.
#[derive(Debug)]
pub(crate) struct Walked<T> {
    pub(crate) found: Vec<(Place, T)>,
    pub(crate) problems: Vec<String>,
    first_error: Option<ToolError>,
}

/// What was found, and remarks about what could not be read.
pub(crate) type Found<T> = (Vec<(Place, T)>, Vec<String>);

impl<T> Walked<T> {
    /// The finds, or the error if nothing at all could be read.
    pub(crate) fn some(self) -> ToolResult<Found<T>> {
        match self.first_error {
            Some(error) if self.found.is_empty() => Err(error),
            _ => Ok((self.found, self.problems)),
        }
    }
}

impl Pbs {
    /// The places of a scope.
    pub(crate) async fn places(&self, scope: &Scope<'_>) -> ToolResult<Walked<()>> {
        let stores: Vec<Datastore> = match scope.store {
            Some(store) => vec![store.clone()],
            None => self
                .stores()
                .await?
                .iter()
                .filter_map(|row| row.store.parse().ok())
                .collect(),
        };
        let answers: Vec<_> = stream::iter(stores)
            .map(|store| async move {
                let namespaces = match scope.ns {
                    Some(ns) => Ok(vec![ns.clone()]),
                    None => self.all_namespaces(&store).await,
                };
                (store, namespaces)
            })
            .buffered(AT_A_TIME)
            .collect()
            .await;
        let mut walked = Walked::new();
        for (store, namespaces) in answers {
            match namespaces {
                Ok(namespaces) => walked.found.extend(namespaces.into_iter().map(|ns| {
                    let store = store.clone();
                    (Place { store, ns }, ())
                })),
                Err(error) => walked.failed(store.as_str(), error),
            }
        }
        Ok(walked)
    }

    async fn all_namespaces(&self, store: &Datastore) -> ToolResult<Vec<Namespace>> {
        let rows = self.namespaces(store, &Namespace::root(), None).await?;
        Ok(rows.iter().filter_map(|row| row.ns.parse().ok()).collect())
    }

    /// All backups of a scope, place by place.
    pub(crate) async fn walk_snapshots(
        &self,
        scope: &Scope<'_>,
    ) -> ToolResult<Walked<Vec<SnapshotRow>>> {
        let places = self.places(scope).await?;
        Ok(each(places, |place| async move {
            self.snapshots(&place.store, &place.ns, scope.group).await
        })
        .await)
    }

    /// All groups of a scope, place by place.
    pub(crate) async fn walk_groups(&self, scope: &Scope<'_>) -> ToolResult<Walked<Vec<GroupRow>>> {
        let places = self.places(scope).await?;
        Ok(each(places, |place| async move {
            self.groups(&place.store, &place.ns).await
        })
        .await)
    }
}

impl<T> Walked<T> {
    fn new() -> Self {
        Self {
            found: Vec::new(),
            problems: Vec::new(),
            first_error: None,
        }
    }

    fn failed(&mut self, what: &str, error: ToolError) {
        let message = &error.envelope().message;
        self.problems.push(format!("`{what}`: {message}"));
        self.first_error.get_or_insert(error);
    }
}

/// Asks at every place, a few at a time.
async fn each<T, F, R>(places: Walked<()>, ask: F) -> Walked<T>
where
    F: Fn(Place) -> R,
    R: Future<Output = ToolResult<T>>,
{
    let answers: Vec<_> = stream::iter(places.found)
        .map(|(place, ())| {
            let asked = ask(place.clone());
            async move { (place, asked.await) }
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut walked = Walked {
        found: Vec::new(),
        problems: places.problems,
        first_error: places.first_error,
    };
    for (place, answer) in answers {
        match answer {
            Ok(answer) => walked.found.push((place, answer)),
            Err(error) => walked.failed(&place.described(), error),
        }
    }
    walked
}

impl GroupRow {
    pub(crate) fn group(&self) -> Option<Group> {
        Group::new(&self.backup_type, &self.backup_id)
    }

    /// `vm/100`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.backup_type, self.backup_id)
    }
}

impl SnapshotRow {
    pub(crate) fn id(&self) -> Option<Snapshot> {
        Some(Snapshot {
            group: Group::new(&self.backup_type, &self.backup_id)?,
            time: self.backup_time,
        })
    }

    /// `vm/100`.
    pub(crate) fn group_name(&self) -> String {
        format!("{}/{}", self.backup_type, self.backup_id)
    }

    /// `vm/100/2026-11-20T02:00:00Z`.
    pub(crate) fn name(&self) -> String {
        let time = crate::units::time(self.backup_time);
        format!("{}/{}/{time}", self.backup_type, self.backup_id)
    }

    pub(crate) fn verification_failed(&self) -> bool {
        self.verification
            .as_ref()
            .is_some_and(|found| found.state != "ok")
    }
}

/// The error for a backup or group that is not there.
pub(crate) fn nothing_of(place: &Place, backup: &Backup) -> ToolError {
    let place = place.described();
    match backup {
        Backup::Group(group) => ToolError::not_found(format!(
            "no backup of `{group}` in `{place}`"
        ))
        .reason("group_not_found")
        .field("backup")
        .hint("call `list_backups` to see the groups; without `ns` it looks into all namespaces"),
        Backup::Snapshot(snapshot) => {
            ToolError::not_found(format!("no backup `{snapshot}` in `{place}`"))
                .reason("snapshot_not_found")
                .field("backup")
                .hint("call `list_backups` with `view` `snapshots` to see what there is")
        }
    }
}

impl Place {
    /// The place as an object of rules about protected ones.
    pub(crate) fn target(&self) -> Target {
        Target {
            kind: if self.ns.is_root() {
                "datastore"
            } else {
                "namespace"
            }
            .to_owned(),
            id: self.described(),
            name: Some(self.store.to_string()),
            tags: self.tags(),
        }
    }

    /// A backup or group there, likewise.
    pub(crate) fn target_of(&self, backup: &Backup, comment: Option<String>) -> Target {
        let mut tags = self.tags();
        tags.push(format!("group:{}", backup.group()));
        Target {
            kind: match backup {
                Backup::Group(_) => "backup_group",
                Backup::Snapshot(_) => "backup",
            }
            .to_owned(),
            id: format!("{}/{backup}", self.described()),
            name: comment,
            tags,
        }
    }

    fn tags(&self) -> Vec<String> {
        let mut tags = vec![format!("datastore:{}", self.store)];
        tags.extend(self.ns.given().map(|ns| format!("ns:{ns}")));
        tags
    }
}
