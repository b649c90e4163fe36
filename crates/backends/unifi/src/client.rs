//! One console as the tools see it: what several of them read.

use std::sync::Arc;

use homelab_backend::Env;
use homelab_backend::api::Book;
use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Mac;
use tokio::sync::Mutex;

use crate::api::{Api, Feature, Source};
use crate::call::Call;
use crate::config::Config;
use crate::site::Site;
use crate::types::{ClientRow, DeviceRow, Info, LegacyDevice, Station, Statistics, SysInfo};

/// One instance of the server.
pub(crate) struct Unifi {
    pub(crate) api: Api,
    pub(crate) config: Config,
    pub(crate) book: Book,
    pub(crate) never_block: Vec<Mac>,
    /// Those that were read last.
    pub(crate) sites: Mutex<Vec<Arc<Site>>>,
}

/// What an API told, and which.
pub(crate) struct Told<T> {
    pub(crate) rows: T,
    pub(crate) api: Source,
}

/// Devices of either API.
pub(crate) enum Devices {
    Official(Vec<DeviceRow>),
    Legacy(Vec<LegacyDevice>),
}

impl Unifi {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Ok(Self {
            api: Api::new(instance, &config, env)?,
            book: Book::new(instance, env),
            never_block: config.never_block()?,
            sites: Mutex::default(),
            config,
        })
    }

    pub(crate) fn now(&self) -> Micros {
        self.api.env.clock.now()
    }

    /// `GET /v1/sites/{site}/clients`: those that are connected.
    pub(crate) async fn official_clients(&self, site: &Site) -> ToolResult<Vec<ClientRow>> {
        let template = "/integration/v1/sites/{}/clients";
        self.api.all("clients", template, &[&site.id()]).await
    }

    /// `stat/sta`: those that are connected, in detail.
    pub(crate) async fn stations(&self, site: &Site) -> ToolResult<Vec<Station>> {
        let call = Call::get("stations", "/api/s/{}/stat/sta", &[&site.name]);
        self.api.rows(&call).await
    }

    /// `rest/user`: those that are known, blocked ones among them.
    pub(crate) async fn known(&self, site: &Site) -> ToolResult<Vec<Station>> {
        let call = Call::get("known_clients", "/api/s/{}/rest/user", &[&site.name]);
        self.api.rows(&call).await
    }

    /// All adopted devices, by the official API if it is there.
    pub(crate) async fn devices(&self, site: &Site) -> ToolResult<Devices> {
        if self.api.has(Feature::Basics).await? {
            let template = "/integration/v1/sites/{}/devices";
            let rows = self.api.all("devices", template, &[&site.id()]).await?;
            return Ok(Devices::Official(rows));
        }
        let call = Call::get("legacy_devices", "/api/s/{}/stat/device", &[&site.name]);
        Ok(Devices::Legacy(self.api.rows(&call).await?))
    }

    /// `GET /v1/sites/{site}/devices/{id}`.
    pub(crate) async fn official_device(&self, site: &Site, id: &str) -> ToolResult<DeviceRow> {
        let template = "/integration/v1/sites/{}/devices/{}";
        let call = Call::get("device", template, &[&site.id(), &id]);
        self.api.json(&call).await
    }

    /// `GET /v1/sites/{site}/devices/{id}/statistics/latest`.
    pub(crate) async fn statistics(&self, site: &Site, id: &str) -> ToolResult<Statistics> {
        let template = "/integration/v1/sites/{}/devices/{}/statistics/latest";
        let call = Call::get("device_statistics", template, &[&site.id(), &id]);
        self.api.json(&call).await
    }

    /// The release of the Network application, asked anew of whichever API can be.
    pub(crate) async fn release(&self) -> ToolResult<String> {
        if self.api.console().await?.official.is_some() {
            let info: Info = self
                .api
                .json(&Call::get("info", "/integration/v1/info", &[]))
                .await?;
            return Ok(info.application_version);
        }
        self.legacy_release().await
    }

    /// `stat/sysinfo`.
    pub(crate) async fn legacy_release(&self) -> ToolResult<String> {
        let site = self.site(None).await?;
        let call = Call::get("sysinfo", "/api/s/{}/stat/sysinfo", &[&site.name]);
        let rows: Vec<SysInfo> = self.api.rows(&call).await?;
        let version = rows.into_iter().find_map(|row| row.version);
        version.ok_or_else(|| {
            ToolError::not_found("the console does not say its release").reason("object_not_found")
        })
    }
}
