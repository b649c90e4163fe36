//! The section of the configuration.

use homelab_backend_memory::{Config, kind};
use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn an_empty_section_is_enough_and_sends_nothing_anywhere() {
    assert_eq!(kind().check(json!({})), Ok(()));
    let config: Config = serde_json::from_value(json!({})).expect("a section");
    assert_eq!(config.embedding.url, None);
    assert_eq!(config.llm.url, None);
}

#[rstest]
#[case(json!({ "owners": { "": ["x"] } }), "owners.")]
#[case(json!({ "owners": { "family": [] } }), "owners.family")]
#[case(json!({ "state_ttl_days": 0 }), "state_ttl_days")]
#[case(json!({ "embedding": { "url": "http://192.0.2.1:11434" } }), "embedding.model")]
#[case(json!({ "embedding": { "provider": "openai", "model": "m" } }), "embedding.url")]
#[case(json!({ "embedding": { "provider": "ollama", "url": "nowhere", "model": "m" } }), "embedding.url")]
#[case(json!({ "embedding": { "provider": "builtin", "url": "http://192.0.2.1" } }), "embedding.url")]
#[case(json!({ "embedding": { "model": "m" } }), "embedding.model")]
#[case(json!({ "embedding": { "batch": 0 } }), "embedding.batch")]
#[case(json!({ "embedding": { "timeout_s": 0 } }), "embedding.timeout_s")]
#[case(json!({ "embedding": { "dimensions": 5000, "url": "http://192.0.2.1", "model": "m" } }), "embedding.dimensions")]
#[case(json!({ "llm": { "provider": "ollama", "model": "m" } }), "llm.url")]
#[case(json!({ "llm": { "provider": "openai", "url": "http://192.0.2.1/v1" } }), "llm.model")]
#[case(json!({ "llm": { "provider": "anthropic", "model": "m" } }), "llm.api_key")]
#[case(json!({ "llm": { "timeout_s": 121 } }), "llm.timeout_s")]
fn a_setting_that_cannot_be_used_is_named(#[case] section: Value, #[case] field: &str) {
    let error = kind().check(section).unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

#[test]
fn a_key_for_anthropic_alone_asks_nobody() {
    assert_eq!(
        kind().env_names,
        [("ANTHROPIC_API_KEY", "llm.anthropic_api_key")]
    );
    assert_eq!(
        kind().check(json!({ "llm": { "anthropic_api_key": "x" } })),
        Ok(())
    );
}

#[tokio::test]
async fn it_is_well_as_long_as_the_database_is() {
    let world = World::open().await;
    world.add("alice", "nas01 has four disks").await;

    let health = world.server.health().await;

    assert_eq!(health.status, HealthStatus::Ok, "{health:?}");
    assert!(
        health.message.contains("1 vectors of builtin/"),
        "{health:?}"
    );
}
