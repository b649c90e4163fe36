//! The server's handle on the stores: look-ups whose errors help, and what checks and instruments
//! need.

use std::collections::HashMap;
use std::sync::Arc;

use homelab_backend::Env;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::FactsHandle;
use homelab_core::inventory::{Device, Network, Record, Service, VirtualMachine};
use homelab_core::net::Ip;
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::store::{Credential, Found, Inventory, Records, ServiceFilter, StoreError};
use homelab_memory::Current;
use tokio::sync::Mutex;

use crate::Config;
use crate::health::Checker;
use crate::health::address::without_login;
use crate::scpi::Instruments;
use crate::types::Provenance;

/// One instance of the server.
pub(crate) struct Homelab {
    pub(crate) env: Env,
    pub(crate) checker: Checker,
    pub(crate) instruments: Instruments,
    /// The other servers, as far as the caller may read them.
    pub(crate) facts: Arc<FactsHandle>,
    /// What agents learned, as far as the caller may read it.
    pub(crate) memory: Option<Arc<Current>>,
    /// Held from reading a record until its changed version is stored, so that two partial updates
    /// in this process do not undo each other.
    pub(crate) writing: Mutex<()>,
}

impl Homelab {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            checker: Checker::new(instance, config, env)?,
            instruments: Instruments::new(config),
            facts: env.shared.get::<FactsHandle>().unwrap_or_default(),
            memory: env.shared.get::<Current>(),
            env: env.clone(),
            writing: Mutex::new(()),
        })
    }

    pub(crate) fn inventory(&self) -> &(dyn Inventory + 'static) {
        &*self.env.stores.inventory
    }

    /// How many records there are in all.
    pub(crate) async fn records(&self) -> ToolResult<u64> {
        let counts = self.inventory().counts().await.map_err(stored)?;
        Ok(counts.records.values().sum())
    }

    /// The record of this name or id.
    pub(crate) async fn get<R: Named>(&self, name: &str) -> ToolResult<Option<R>>
    where
        dyn Inventory: Records<R>,
    {
        Records::<R>::get(self.inventory(), name)
            .await
            .map_err(stored)
    }

    /// The record of this name or id; `field` is the argument that named it.
    ///
    /// # Errors
    /// `not_found`; the hint names records that are spelled alike, or the tool that lists them.
    pub(crate) async fn find<R: Named>(&self, field: &str, name: &str) -> ToolResult<R>
    where
        dyn Inventory: Records<R>,
    {
        if let Some(record) = self.get::<R>(name).await? {
            return Ok(record);
        }
        let near = Records::<R>::near(self.inventory(), name)
            .await
            .map_err(stored)?;
        let hint = match near.as_slice() {
            [] => format!("call `{}` to see what there is", R::LISTED_BY),
            near => format!("did you mean {}?", alternatives(near)),
        };
        Err(ToolError::not_found(format!("no {} `{name}`", R::NOUN))
            .field(field)
            .hint(hint))
    }

    /// Address or host name of the guest or device that a service runs on.
    pub(crate) async fn host_of(&self, service: &Service) -> ToolResult<Option<String>> {
        if let Some(name) = &service.vm
            && let Some(guest) = self.get::<VirtualMachine>(name).await?
            && let Some(ip) = guest.ip
        {
            return Ok(Some(ip.to_string()));
        }
        if let Some(name) = &service.device
            && let Some(device) = self.get::<Device>(name).await?
        {
            return Ok(device.ip.map(|ip| ip.to_string()).or(device.hostname));
        }
        Ok(None)
    }

    /// The name, as it is stored, of a guest or device that is given by name or id.
    ///
    /// # Errors
    /// `not_found`, as [`Homelab::find`] has it for devices.
    pub(crate) async fn place(&self, field: &str, name: &str) -> ToolResult<String> {
        if let Some(guest) = self.get::<VirtualMachine>(name).await? {
            return Ok(guest.name);
        }
        Ok(self.find::<Device>(field, name).await?.name)
    }

    /// The smallest network that holds the address.
    pub(crate) async fn network_of(&self, ip: Ip) -> ToolResult<Option<Network>> {
        let mut found: Option<Network> = None;
        let length = |network: &Network| network.cidr.map_or(0, |cidr| cidr.0.prefix_len());
        let mut page = PageRequest::first(MAX_LIMIT);
        loop {
            let networks = self.inventory().networks(&page).await.map_err(stored)?;
            for network in networks.items {
                let holds = network.cidr.is_some_and(|cidr| cidr.contains(ip));
                if holds
                    && found
                        .as_ref()
                        .is_none_or(|best| length(best) < length(&network))
                {
                    found = Some(network);
                }
            }
            match networks.next_cursor {
                Some(cursor) => page = PageRequest::from_args(Some(MAX_LIMIT), Some(&cursor))?,
                None => return Ok(found),
            }
        }
    }

    /// Everything that has this address.
    pub(crate) async fn lookup(&self, ip: Ip) -> ToolResult<Vec<Found>> {
        let found = self.inventory().lookup_ip(ip).await.map_err(stored)?;
        Ok(found.into_iter().map(cleaned).collect())
    }

    /// Everything that this text is part of.
    pub(crate) async fn search(&self, query: &str, limit: u32) -> ToolResult<Vec<Found>> {
        let found = self
            .inventory()
            .search(query, limit)
            .await
            .map_err(stored)?;
        Ok(found.into_iter().map(cleaned).collect())
    }

    /// Which server told last of the things that these records are, by the records' ids.
    pub(crate) async fn seen(&self, ids: Vec<String>) -> ToolResult<HashMap<String, Provenance>> {
        let sightings = self.env.stores.sightings.of_records(&ids).await;
        let mut sightings = sightings.map_err(stored)?;
        // The last one of a record stays in the map: one that is still told of, the newest.
        sightings.sort_by_key(|one| (one.vanished_at.is_none(), one.last_seen));
        let by_record = sightings
            .into_iter()
            .filter_map(|one| Some((one.record.clone()?, one.into())));
        Ok(by_record.collect())
    }

    /// Stored credentials of a target.
    pub(crate) async fn credentials(&self, target: &str) -> ToolResult<Vec<Credential>> {
        let credentials = &self.env.stores.credentials;
        credentials.find(target).await.map_err(stored)
    }

    /// The services on the device or guest of this name, 200 at most.
    pub(crate) async fn services_on(&self, name: &str) -> ToolResult<Vec<Service>> {
        let filter = ServiceFilter {
            device: Some(name.to_owned()),
            kind: None,
        };
        let page = PageRequest::first(MAX_LIMIT);
        let services = self.inventory().services(&filter, &page).await;
        Ok(services.map_err(stored)?.items)
    }
}

/// What errors call a record, and which tool lists its kind.
pub(crate) trait Named: Record + Send {
    const NOUN: &'static str;
    const LISTED_BY: &'static str;
}

macro_rules! named {
    ($($record:ty: $noun:literal, $listed_by:literal;)*) => { $(
        impl Named for $record {
            const NOUN: &'static str = $noun;
            const LISTED_BY: &'static str = $listed_by;
        }
    )* };
}

named! {
    Device: "device", "homelab_list_devices";
    Service: "service", "homelab_list_services";
    VirtualMachine: "virtual machine", "homelab_list_vms";
    Network: "network", "homelab_list_networks";
    homelab_core::inventory::Equipment: "instrument", "homelab_list_scpi_equipment";
    homelab_core::inventory::Address: "address", "homelab_lookup_ip";
}

/// The line about a service is its address.
fn cleaned(found: Found) -> Found {
    Found {
        detail: found.detail.map(without_login),
        ..found
    }
}

/// Logs what the caller must not read, and converts the rest.
pub(crate) fn stored(error: StoreError) -> ToolError {
    if matches!(error, StoreError::Corrupt { .. } | StoreError::Internal(_)) {
        tracing::error!(error = %error, "the inventory could not be used");
    }
    error.into()
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}
