//! One cluster as the tools see it: its guests, nodes, storages and tasks.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use homelab_backend::api::Book;
use homelab_backend::{Env, Learnt};
use homelab_core::error::{Code, ToolError, ToolResult};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::api::Api;
use crate::call::Call;
use crate::config::Config;
use crate::guest::{self, Guest, Tail};
use crate::ids::{NodeName, StorageId, Upid, Vmid};
use crate::types::{
    BackupJob, ClusterMember, Current, GuestConfig, Node, Permissions, Resource, Snapshot, Version,
    Volume,
};

/// How long the list of guests is believed; Proxmox itself renews it about as often.
const GUESTS_FOR: Duration = Duration::from_secs(5);

/// One instance of the server; clones share everything.
#[derive(Clone)]
pub(crate) struct Proxmox(Arc<Parts>);

/// What an instance consists of.
pub(crate) struct Parts {
    pub(crate) api: Api,
    pub(crate) config: Config,
    /// The description of the whole API.
    pub(crate) book: Book,
    guests: RwLock<Option<(Instant, Arc<[Guest]>)>>,
    version: Learnt<Version>,
}

impl Deref for Proxmox {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Proxmox {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Ok(Self(Arc::new(Parts {
            api: Api::new(instance, &config, env)?,
            config,
            book: Book::new(instance, env),
            guests: RwLock::new(None),
            version: Learnt::new(),
        })))
    }

    /// `GET /version`, asked once.
    pub(crate) async fn version(&self) -> ToolResult<Version> {
        self.version.or_ask(self.asked_version()).await
    }

    /// The version, if it was asked for.
    pub(crate) fn known_version(&self) -> Option<Version> {
        self.version.known()
    }

    /// `GET /version`, asked anew.
    pub(crate) async fn fresh_version(&self) -> ToolResult<Version> {
        self.version.ask(self.asked_version()).await
    }

    async fn asked_version(&self) -> ToolResult<Version> {
        self.api.data(&Call::get("version", "/version", &[])).await
    }

    /// `GET /access/permissions`: what our credentials may do.
    pub(crate) async fn permissions(&self) -> ToolResult<Permissions> {
        let call = Call::get("permissions", "/access/permissions", &[]);
        Ok(self
            .api
            .data::<Option<Permissions>>(&call)
            .await?
            .unwrap_or_default())
    }

    /// `GET /cluster/resources`, of one type or all.
    pub(crate) async fn resources(&self, kind: Option<&str>) -> ToolResult<Vec<Resource>> {
        let call = Call::get("cluster_resources", "/cluster/resources", &[]).large();
        self.api.list(&call.with_opt("type", kind)).await
    }

    /// All guests that our credentials can read, at most a few seconds old.
    pub(crate) async fn guests(&self) -> ToolResult<Arc<[Guest]>> {
        let known = self
            .guests
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((when, guests)) = known
            && when.elapsed() < GUESTS_FOR
        {
            return Ok(guests);
        }
        let asked = Instant::now();
        let rows = self.resources(Some("vm")).await?;
        let guests: Arc<[Guest]> = rows.into_iter().filter_map(Guest::of).collect();
        *self.guests.write().unwrap_or_else(PoisonError::into_inner) =
            Some((asked, Arc::clone(&guests)));
        Ok(guests)
    }

    /// Asks anew before the next answer about guests.
    pub(crate) fn forget_guests(&self) {
        *self.guests.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The guest of this number, wherever it is.
    pub(crate) async fn guest(&self, vmid: Vmid) -> ToolResult<Guest> {
        self.guest_of("vmid", vmid).await
    }

    /// The guest that the argument `field` names.
    pub(crate) async fn guest_of(&self, field: &str, vmid: Vmid) -> ToolResult<Guest> {
        match guest::pick(&self.guests().await?, vmid, field) {
            Err(_) => {
                // It may have been made a moment ago.
                self.forget_guests();
                guest::pick(&self.guests().await?, vmid, field)
            }
            found => found,
        }
    }

    /// The `data` of a call about the guest; asked once more if the guest has moved to another node
    /// meanwhile, which its refusal says.
    pub(crate) async fn of_guest<T: DeserializeOwned>(
        &self,
        guest: &Guest,
        build: impl Fn(&Guest) -> Call,
    ) -> ToolResult<T> {
        let call = build(guest);
        let error = match self.api.data(&call).await {
            Err(error) if error.envelope().reason.as_deref() == Some("guest_not_found") => error,
            other => return other,
        };
        self.forget_guests();
        let now = match self.guest(guest.vmid).await {
            Ok(now) if now.node != guest.node => now,
            _ => return Err(error),
        };
        let call = build(&now);
        self.api.data(&call).await
    }

    /// `GET …/status/current`: the guest's state this very moment.
    pub(crate) async fn current(&self, guest: &Guest) -> ToolResult<Current> {
        self.of_guest(guest, |guest| guest.get("guest_status", Tail::Current))
            .await
    }

    /// `GET …/config`.
    pub(crate) async fn guest_config(&self, guest: &Guest) -> ToolResult<GuestConfig> {
        self.of_guest(guest, |guest| guest.get("guest_config", Tail::Config))
            .await
    }

    /// `GET …/snapshot`, without the guest itself.
    pub(crate) async fn snapshots(&self, guest: &Guest) -> ToolResult<Vec<Snapshot>> {
        let all: Option<Vec<Snapshot>> = self
            .of_guest(guest, |guest| guest.get("snapshots", Tail::Snapshot))
            .await?;
        let mut snapshots = all.unwrap_or_default();
        snapshots.retain(|snapshot| snapshot.name != "current");
        snapshots.sort_by_key(|snapshot| snapshot.snaptime);
        Ok(snapshots)
    }

    /// `GET /nodes`.
    pub(crate) async fn nodes(&self) -> ToolResult<Vec<Node>> {
        self.api.list(&Call::get("nodes", "/nodes", &[])).await
    }

    /// `GET /cluster/status`; needs Sys.Audit, so `None` where our credentials lack it.
    pub(crate) async fn cluster_status(&self) -> ToolResult<Option<Vec<ClusterMember>>> {
        let call = Call::get("cluster_status", "/cluster/status", &[]);
        match self.api.list(&call).await {
            Ok(members) => Ok(Some(members)),
            Err(error) if error.envelope().reason.as_deref() == Some("privilege_missing") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// `GET /nodes/{node}/storage/{storage}/content`.
    pub(crate) async fn volumes(
        &self,
        node: &NodeName,
        storage: &StorageId,
        content: Option<&str>,
        vmid: Option<Vmid>,
    ) -> ToolResult<Vec<Volume>> {
        let call = Call::get(
            "storage_content",
            "/nodes/{}/storage/{}/content",
            &[node, storage],
        );
        let call = call.with_opt("content", content).with_opt("vmid", vmid);
        self.api.list(&call).await
    }

    /// `GET /cluster/backup`.
    pub(crate) async fn backup_jobs(&self) -> ToolResult<Vec<BackupJob>> {
        self.api
            .list(&Call::get("backup_jobs", "/cluster/backup", &[]))
            .await
    }

    /// `GET /cluster/nextid`: the lowest free VMID. Nothing is reserved by asking.
    pub(crate) async fn next_vmid(&self) -> ToolResult<Vmid> {
        let call = Call::get("next_vmid", "/cluster/nextid", &[]);
        let value: serde_json::Value = self.api.data(&call).await?;
        let number = value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        number.and_then(Vmid::new).ok_or_else(|| {
            let message = format!("`{}` answered no free VMID", self.api.who.instance);
            ToolError::new(Code::UpstreamRejected, message)
                .reason("unexpected_answer")
                .hint("give a `vmid` yourself")
        })
    }

    /// Sends a call that changes a guest and starts a task.
    pub(crate) async fn guest_task(
        &self,
        guest: &Guest,
        build: impl Fn(&Guest) -> Call,
    ) -> ToolResult<Option<Upid>> {
        let text: Option<String> = self.of_guest(guest, build).await?;
        self.api.upid(text)
    }
}
