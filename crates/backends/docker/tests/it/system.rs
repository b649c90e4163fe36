//! The engine itself, and what containers use of it.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_is_described_with_its_version_machine_and_disk() {
    let Some(world) = World::real().await else {
        return;
    };

    let info = world.call("get_system_info", json!({})).await;
    let quick = world
        .call("get_system_info", json!({ "disk": false }))
        .await;
    let health = world.health().await;

    assert_eq!(
        (&info["engine"], &info["api_used"]),
        (&json!("Docker"), &info["api_version"])
    );
    assert!(
        info["disk"]["images_bytes"].as_i64().unwrap() > 1_000_000,
        "{info}"
    );
    assert!(info["address"].as_str().unwrap().starts_with("unix:///"));
    assert!(info["cpus"].as_i64().unwrap() > 0);
    assert_eq!(quick.get("disk"), None);
    assert_eq!(health.status, HealthStatus::Ok);
    assert!(health.message.contains("API 1."), "{}", health.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_container_uses_about_a_core_and_a_stopped_one_nothing() {
    let Some(world) = World::real().await else {
        return;
    };
    world
        .container(
            "stats-busy",
            json!({ "command": ["sh", "-c", "while :; do :; done"], "cpus": 0.5 }),
        )
        .await;
    world
        .container("stats-cold", json!({ "command": ["true"], "start": false }))
        .await;

    let busy = world
        .call("get_container_stats", json!({ "container": "stats-busy" }))
        .await;
    let cold = world
        .call("get_container_stats", json!({ "container": "stats-cold" }))
        .await;
    let all = world.call("get_container_stats", json!({})).await;
    world
        .call(
            "remove_container",
            json!({ "container": "stats-busy", "force": true }),
        )
        .await;

    let usage = &busy["items"][0]["usage"];
    let cpu = usage["cpu_percent"].as_f64().unwrap();
    // On a busy machine it gets less than it may use.
    assert!(cpu > 1.0 && cpu < 75.0, "{cpu}");
    assert!(usage["memory_bytes"].as_u64().unwrap() > 0);
    assert!(usage["pids"].as_u64().unwrap() >= 1);
    assert_eq!(
        (&cold["items"][0]["state"], cold["items"][0].get("usage")),
        (&json!("created"), None)
    );
    assert!(
        all["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["name"] == "stats-busy"),
        "{all}"
    );
    let error = world
        .fail("get_container_stats", json!({ "host": "elsewhere" }))
        .await;
    assert_eq!(error.code(), Code::InvalidArgument);
}
