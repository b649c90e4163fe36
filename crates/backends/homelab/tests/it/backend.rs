//! Opening an instance: settings, health, credentials referred to by settings.

use homelab_backend_homelab::kind;
use homelab_core::error::Code;
use homelab_core::secret::{Secret, SecretRef};
use homelab_core::server::HealthStatus;
use serde_json::json;

use crate::world::{World, context};

#[test]
fn an_empty_section_is_enough() {
    assert_eq!(kind().check(json!({})), Ok(()));
}

#[test]
fn a_setting_out_of_bounds_is_named() {
    let error = kind().check(json!({ "health_timeout_s": 0 })).unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some("health_timeout_s"));
}

#[tokio::test]
async fn with_wrong_settings_it_lists_its_tools_and_says_what_is_wrong() {
    let world = World::configured(json!({ "health_timeout": 3 })).await;

    let error = world
        .server
        .run(0, json!({}), &context())
        .await
        .unwrap_err();
    let health = world.health().await;

    assert_eq!(world.server.tools().len(), kind().catalogue().len());
    assert_eq!(error.code(), Code::NotConfigured);
    let envelope = error.envelope();
    assert_eq!(
        envelope.field.as_deref(),
        Some("servers.homelab.health_timeout")
    );
    assert_eq!(
        envelope.hint.as_deref(),
        Some("did you mean `health_timeout_s`?")
    );
    assert_eq!(health.status, HealthStatus::Down);
}

#[tokio::test]
async fn a_certificate_file_that_is_missing_does_not_hide_the_tools() {
    let world = World::configured(json!({ "tls": { "ca_file": "/no/such/file.pem" } })).await;

    let error = world
        .server
        .run(0, json!({}), &context())
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(
        error.envelope().field.as_deref(),
        Some("servers.homelab.tls.ca_file")
    );
}

#[tokio::test]
async fn health_counts_the_inventory() {
    let world = World::demo().await;

    let health = world.health().await;

    assert_eq!(health.status, HealthStatus::Ok);
    assert!(
        health.message.ends_with(" records in the inventory"),
        "{health:?}"
    );
}

#[tokio::test]
async fn a_setting_that_names_a_credential_gets_its_password() {
    let world = World::demo().await;

    let secret = world
        .env
        .secret(&SecretRef::Credential("GRAFANA".into()))
        .await;

    assert_eq!(secret, Ok(Secret::new("demo-only-violin")));
    assert!(
        !world
            .env
            .redactor
            .text("demo-only-violin")
            .contains("violin")
    );
}

#[tokio::test]
async fn a_setting_that_names_no_usable_credential_is_not_configured() {
    let world = World::demo().await;

    for target in ["nobody", "docker-1"] {
        let error = world
            .env
            .secret(&SecretRef::Credential(target.into()))
            .await
            .unwrap_err();

        assert_eq!(error.code(), Code::NotConfigured, "{target}");
        assert_eq!(
            error.envelope().reason.as_deref(),
            Some("credential_missing")
        );
    }
}
