//! One server as the tools see it: one method for each endpoint that several of them read.

use homelab_backend::api::Book;
use homelab_backend::{Env, Learnt};
use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use serde::de::DeserializeOwned;

use crate::api::Api;
use crate::call::{Call, Naming as _};
use crate::config::Config;
use crate::ids::{Backup, Datastore, Group, Namespace, RemoteName};
use crate::types::{
    Gc, GroupRow, NamespaceRow, Node, Permissions, Remote, Service, SnapshotRow, StoreRow,
    StoreStatus, UsageRow, Version,
};
use crate::units;

/// One instance of the server.
pub(crate) struct Pbs {
    pub(crate) api: Api,
    pub(crate) config: Config,
    /// The description of the whole API.
    pub(crate) book: Book,
    version: Learnt<Version>,
}

impl Pbs {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            api: Api::new(instance, &config, env)?,
            config,
            book: Book::new(instance, env),
            version: Learnt::new(),
        })
    }

    pub(crate) fn now(&self) -> Micros {
        self.api.env.clock.now()
    }

    /// Seconds since 1970.
    pub(crate) fn now_s(&self) -> i64 {
        units::seconds(self.now())
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
        let found: Option<Permissions> = self.api.data(&call).await?;
        Ok(found.unwrap_or_default())
    }

    /// `GET /admin/datastore`: those that our credentials can read.
    pub(crate) async fn stores(&self) -> ToolResult<Vec<StoreRow>> {
        self.api
            .list(&Call::get("datastores", "/admin/datastore", &[]))
            .await
    }

    /// `GET /status/datastore-usage`.
    pub(crate) async fn usage(&self) -> ToolResult<Vec<UsageRow>> {
        self.api
            .list(&Call::get("usage", "/status/datastore-usage", &[]))
            .await
    }

    /// `GET /admin/datastore/{store}/status`, with the counts.
    pub(crate) async fn store_status(&self, store: &str) -> ToolResult<StoreStatus> {
        let call = Call::get("store_status", "/admin/datastore/{}/status", &[&store]);
        self.api.data(&call.with("verbose", true)).await
    }

    /// `GET /admin/datastore/{store}/gc`.
    pub(crate) async fn gc(&self, store: &Datastore) -> ToolResult<Gc> {
        let call = Call::get("gc_status", "/admin/datastore/{}/gc", &[store]);
        self.api.data(&call).await
    }

    /// `GET /admin/gc`: of all datastores.
    pub(crate) async fn gc_all(&self) -> ToolResult<Vec<Gc>> {
        self.api.list(&Call::get("gc_jobs", "/admin/gc", &[])).await
    }

    /// `GET /admin/datastore/{store}/namespace`: the parent and what is below it.
    pub(crate) async fn namespaces(
        &self,
        store: &Datastore,
        parent: &Namespace,
        max_depth: Option<u8>,
    ) -> ToolResult<Vec<NamespaceRow>> {
        let call = Call::get("namespaces", "/admin/datastore/{}/namespace", &[store])
            .with_opt("parent", parent.given())
            .with_opt("max-depth", max_depth);
        self.api.list(&call).await
    }

    /// `GET /admin/datastore/{store}/groups` of one namespace.
    pub(crate) async fn groups(
        &self,
        store: &Datastore,
        ns: &Namespace,
    ) -> ToolResult<Vec<GroupRow>> {
        let call = Call::get("groups", "/admin/datastore/{}/groups", &[store]).ns(ns);
        self.api.list(&call).await
    }

    /// `GET /admin/datastore/{store}/snapshots` of one namespace, or one group of it.
    pub(crate) async fn snapshots(
        &self,
        store: &Datastore,
        ns: &Namespace,
        group: Option<&Group>,
    ) -> ToolResult<Vec<SnapshotRow>> {
        let call = Call::get("snapshots", "/admin/datastore/{}/snapshots", &[store]).ns(ns);
        let call = match group {
            Some(group) => call.group(group),
            None => call,
        };
        self.api.list(&call).await
    }

    /// The backups that `backup` names: all of a group, or one; none if there are none.
    pub(crate) async fn found(
        &self,
        store: &Datastore,
        ns: &Namespace,
        backup: &Backup,
    ) -> ToolResult<Vec<SnapshotRow>> {
        let mut rows = self.snapshots(store, ns, Some(backup.group())).await?;
        if let Some(time) = backup.time() {
            rows.retain(|row| row.backup_time == time);
        }
        rows.sort_by_key(|row| row.backup_time);
        Ok(rows)
    }

    /// `GET /config/remote`.
    pub(crate) async fn remotes(&self) -> ToolResult<Vec<Remote>> {
        self.api
            .list(&Call::get("remotes", "/config/remote", &[]))
            .await
    }

    /// `GET /config/remote/{name}/scan`: asks the remote for its datastores.
    pub(crate) async fn remote_stores(&self, remote: &RemoteName) -> ToolResult<Vec<StoreRow>> {
        let call = Call::get("remote_scan", "/config/remote/{}/scan", &[remote]);
        self.api.list(&call).await
    }

    /// `GET /config/remote/{name}/scan/{store}/groups`: asks the remote for the groups there.
    pub(crate) async fn remote_groups(
        &self,
        remote: &RemoteName,
        store: &Datastore,
        ns: &Namespace,
    ) -> ToolResult<Vec<GroupRow>> {
        let template = "/config/remote/{}/scan/{}/groups";
        let call = Call::get("remote_groups", template, &[remote, store])
            // Everywhere else it is `ns`.
            .with_opt("namespace", ns.given());
        self.api.list(&call).await
    }

    /// `GET /nodes/localhost/status`.
    pub(crate) async fn node(&self) -> ToolResult<Node> {
        self.local("node_status", "/nodes/localhost/status").await
    }

    /// `GET /nodes/localhost/services`.
    pub(crate) async fn services(&self) -> ToolResult<Vec<Service>> {
        self.local("services", "/nodes/localhost/services").await
    }

    async fn local<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &'static str,
    ) -> ToolResult<T> {
        self.api.data(&Call::get(operation, path, &[])).await
    }
}
