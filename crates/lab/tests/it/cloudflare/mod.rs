//! The Cloudflare stand-in against the vendor's documentation.

mod access;
mod analytics;
mod records;
mod rules;
mod settings;
mod tunnels;
mod wire_level;

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros};
use homelab_lab::cloudflare::{Cloudflare, Plan, TOKEN};
use serde_json::Value;

use crate::wire::{Answer, call};

/// 2026-11-20T02:00:00Z.
const NOW: i64 = 1_795_140_000;

/// An account with the zone `lab.example` on the free plan, and a clock that stands still.
async fn api() -> (Cloudflare, Arc<ManualClock>, String) {
    let clock = Arc::new(ManualClock::at(Micros(NOW * 1_000_000)));
    let api = Cloudflare::with(Arc::clone(&clock) as _, None)
        .await
        .unwrap();
    let zone = api.add_zone("lab.example", Plan::Free);
    (api, clock, zone)
}

async fn ask_as(api: &Cloudflare, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    call(
        api.address(),
        method,
        &format!("/client/v4{path}"),
        headers,
        body,
    )
    .await
}

async fn ask(api: &Cloudflare, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    ask_as(api, TOKEN, method, path, &body).await
}

/// The envelope of a call that must succeed.
async fn well(api: &Cloudflare, method: &str, path: &str, body: Value) -> Value {
    let answer = ask(api, method, path, body).await;
    assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body());
    let envelope = answer.json();
    assert_eq!(envelope["success"], true, "{envelope}");
    envelope
}

/// Its result.
async fn done(api: &Cloudflare, method: &str, path: &str, body: Value) -> Value {
    well(api, method, path, body).await["result"].clone()
}

async fn get(api: &Cloudflare, path: &str) -> Value {
    done(api, "GET", path, Value::Null).await
}

/// Status and first code of a call that must fail.
async fn refused(api: &Cloudflare, method: &str, path: &str, body: Value) -> (u16, i64) {
    let answer = ask(api, method, path, body).await;
    let envelope = answer.json();
    assert_eq!(envelope["success"], false, "{method} {path}: {envelope}");
    (
        answer.status,
        envelope["errors"][0]["code"].as_i64().unwrap(),
    )
}

fn texts(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[field].as_str().unwrap().to_owned())
        .collect()
}
