//! The same handler as most people would write it: axum and an sqlx pool, three statements.

use std::path::Path;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{FromRow, SqlitePool};

use super::bare::{Wanted, listen};

/// As many as the store's own pool of readers.
const CONNECTIONS: u32 = 4;

#[derive(FromRow, Serialize)]
struct Device {
    id: String,
    name: String,
    category: Option<String>,
    r#type: Option<String>,
    status: String,
    hostname: Option<String>,
    ip: Option<String>,
    mac: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    serial: Option<String>,
    os: Option<String>,
    location: Option<String>,
    tags: Option<String>,
    notes: Option<String>,
    metadata: Option<String>,
    updated_at: i64,
}

#[derive(FromRow, Serialize)]
struct Service {
    id: String,
    #[sqlx(rename = "service_name")]
    name: String,
    r#type: Option<String>,
    url: Option<String>,
    port: Option<i64>,
    protocol: Option<String>,
    health_endpoint: Option<String>,
    status: String,
    tags: Option<String>,
    notes: Option<String>,
    updated_at: i64,
}

#[derive(Serialize)]
struct Details {
    device: Device,
    services: Vec<Service>,
    has_credentials: bool,
}

/// Serves `POST /device` until it is killed.
pub(crate) fn serve(database: &Path, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .read_only(true)
            .busy_timeout(Duration::from_secs(30));
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        let router = Router::new()
            .route("/device", post(device))
            .with_state(pool);
        listen(router, port).await
    })
}

async fn device(
    State(pool): State<SqlitePool>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Details>, StatusCode> {
    match details(&pool, &wanted.name).await {
        Ok(Some(details)) => Ok(Json(details)),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn details(pool: &SqlitePool, name: &str) -> sqlx::Result<Option<Details>> {
    let key = name.to_lowercase();
    let device: Option<Device> = sqlx::query_as(
        "SELECT id, name, category, type, status, hostname, ip, mac, manufacturer, model, serial, \
         os, location, tags, notes, metadata, updated_at FROM devices WHERE sort_key = $1",
    )
    .bind(&key)
    .fetch_optional(pool)
    .await?;
    let Some(device) = device else {
        return Ok(None);
    };
    let services = sqlx::query_as(
        "SELECT id, service_name, type, url, port, protocol, health_endpoint, status, tags, notes, \
         updated_at FROM services WHERE device_id = $1 ORDER BY sort_key",
    )
    .bind(&device.id)
    .fetch_all(pool)
    .await?;
    let credentials = sqlx::query("SELECT 1 FROM credentials WHERE target_folded = $1 LIMIT 1")
        .bind(&key)
        .fetch_optional(pool)
        .await?;
    Ok(Some(Details {
        device,
        services,
        has_credentials: credentials.is_some(),
    }))
}
