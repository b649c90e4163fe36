//! The inventory: eight tables behind one trait.

mod allocate;
mod counts;
mod export;
mod import;
mod plan;
mod read;
mod search;
mod write;

use async_trait::async_trait;
use homelab_core::inventory::{
    Address, Device, Equipment, FirewallRule, Host, Network, Service, Snapshot, Status,
    VirtualMachine,
};
use homelab_core::net::Ip;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{
    Allocation, DeviceFilter, EquipmentFilter, Found, ImportReport, Inventory, InventoryCounts,
    Records, ServiceFilter, StoreResult, VmFilter,
};

pub(crate) use export::read_all;
pub(crate) use import::take_all;

use crate::shared::Shared;
use crate::table::Stored;
use crate::text::{contains, flat, fold, tag_pattern};

/// [`Inventory`] on either engine.
pub(crate) struct InventoryStore(pub(crate) Shared);

#[async_trait]
impl<R: Stored> Records<R> for InventoryStore {
    async fn get(&self, key: &str) -> StoreResult<Option<R>> {
        let mut session = self.0.db.point().await?;
        read::get(&mut session.conn(), key).await
    }

    async fn put(&self, record: R) -> StoreResult<R> {
        write::put(&self.0, record).await
    }

    async fn delete(&self, id: &str) -> StoreResult<bool> {
        write::delete::<R>(&self.0, id).await
    }

    async fn near(&self, key: &str) -> StoreResult<Vec<String>> {
        read::near::<R>(&self.0, key).await
    }
}

#[async_trait]
impl Inventory for InventoryStore {
    async fn devices(
        &self,
        filter: &DeviceFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Device>> {
        let category = filter.category.as_deref().map(fold);
        let kind = filter.kind.as_deref().map(fold);
        let tag = filter.tag.as_deref().map(tag_pattern);
        let filters = [
            category.as_deref(),
            filter.status.map(Status::as_str),
            kind.as_deref(),
            tag.as_deref(),
        ];
        read::page(&self.0, &filters, page).await
    }

    async fn devices_by_ip(&self, ip: Ip) -> StoreResult<Vec<Device>> {
        read::devices_by_ip(&self.0, ip).await
    }

    async fn services(
        &self,
        filter: &ServiceFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Service>> {
        let device = filter.device.as_deref().map(fold);
        let kind = filter.kind.as_deref().map(fold);
        if let (Some(place), None) = (&device, &kind) {
            return read::page_on(&self.0, place, page).await;
        }
        read::page(&self.0, &[device.as_deref(), kind.as_deref()], page).await
    }

    async fn virtual_machines(
        &self,
        filter: &VmFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<VirtualMachine>> {
        let host = filter.host.as_deref().map(fold);
        let filters = [filter.status.map(Status::as_str), host.as_deref()];
        read::page(&self.0, &filters, page).await
    }

    async fn hosts(&self, page: &PageRequest) -> StoreResult<Page<Host>> {
        read::page(&self.0, &[], page).await
    }

    async fn equipment(
        &self,
        filter: &EquipmentFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<Equipment>> {
        let kind = filter.kind.as_deref().map(fold);
        let search = filter
            .search
            .as_deref()
            .map(|search| contains(&flat(search)));
        let filters = [
            kind.as_deref(),
            filter.status.map(Status::as_str),
            search.as_deref(),
        ];
        read::page(&self.0, &filters, page).await
    }

    async fn networks(&self, page: &PageRequest) -> StoreResult<Page<Network>> {
        read::page(&self.0, &[], page).await
    }

    async fn firewall_rules(&self, page: &PageRequest) -> StoreResult<Page<FirewallRule>> {
        read::page(&self.0, &[], page).await
    }

    async fn addresses(
        &self,
        network: Option<&str>,
        page: &PageRequest,
    ) -> StoreResult<Page<Address>> {
        let network = network.map(fold);
        read::page(&self.0, &[network.as_deref()], page).await
    }

    async fn lookup_ip(&self, ip: Ip) -> StoreResult<Vec<Found>> {
        search::by_ip(&self.0, ip).await
    }

    async fn search(&self, query: &str, limit: u32) -> StoreResult<Vec<Found>> {
        search::by_text(&self.0, query, limit).await
    }

    async fn counts(&self) -> StoreResult<InventoryCounts> {
        counts::counts(&self.0).await
    }

    async fn allocate(&self, wanted: &Allocation) -> StoreResult<Address> {
        allocate::allocate(&self.0, wanted).await
    }

    async fn import(&self, snapshot: Snapshot) -> StoreResult<ImportReport> {
        import::import(&self.0, snapshot).await
    }

    async fn export(&self) -> StoreResult<Snapshot> {
        export::export(&self.0).await
    }
}
