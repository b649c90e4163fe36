//! The yardstick: an axum handler that does the same SQLite reads as `homelab_get_device` and nothing
//! else, over our own store.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::inventory::{Device, Service};
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::store::{Records, ServiceFilter, StoreResult, Stores};
use homelab_store::{Database, Target};
use serde::{Deserialize, Serialize};

/// The question.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// Name of the device.
    pub(crate) name: String,
}

#[derive(Serialize)]
struct Details {
    device: Device,
    services: Vec<Service>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_ref: Option<String>,
}

/// Serves `POST /device` until it is killed.
pub(crate) fn serve(database: &Path, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let target = Target::Sqlite {
            path: database.to_owned(),
        };
        let database = Database::open(&target, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
        let router = Router::new()
            .route("/device", post(device))
            .with_state(database.stores());
        listen(router, port).await
    })
}

/// Serves the routes until the process is killed.
pub(crate) async fn listen(router: Router, port: u16) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await?
        .tap_io(|stream| {
            // Without it an answer may wait 40 ms; a socket that refuses it is slow, not wrong.
            stream.set_nodelay(true).unwrap_or_default();
        });
    Ok(axum::serve(listener, router).await?)
}

async fn device(
    State(stores): State<Stores>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Details>, StatusCode> {
    match details(&stores, &wanted.name).await {
        Ok(Some(details)) => Ok(Json(details)),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn details(stores: &Stores, name: &str) -> StoreResult<Option<Details>> {
    let Some(device) = Records::<Device>::get(&*stores.inventory, name).await? else {
        return Ok(None);
    };
    let filter = ServiceFilter {
        device: Some(device.name.clone()),
        kind: None,
    };
    let services = stores
        .inventory
        .services(&filter, &PageRequest::first(MAX_LIMIT))
        .await?;
    let credentials = stores.credentials.find(&device.name).await?;
    Ok(Some(Details {
        services: services.items,
        credentials_ref: (!credentials.is_empty()).then(|| device.name.clone()),
        device,
    }))
}
