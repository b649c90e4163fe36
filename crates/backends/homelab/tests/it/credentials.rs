//! Credentials.

use homelab_core::clock::{Micros, SeededEntropy};
use homelab_core::error::Code;
use homelab_core::keyring::Keyring;
use homelab_core::secret::Secret;
use homelab_core::store::Credential;
use serde_json::json;

use crate::world::{World, reason};

fn unreadable(target: &str, username: &str) -> Credential {
    let foreign = Keyring::generate(&SeededEntropy::new(99));
    let foreign = Keyring::parse(&foreign).expect("a generated key");
    Credential {
        id: String::new(),
        target_type: "device".into(),
        target_id: target.into(),
        username: Some(username.into()),
        password_encrypted: Some(foreign.encrypt(&Secret::new("cannot-be-read"))),
        ssh_key_path: None,
        auth_type: "password".into(),
        notes: None,
        created_at: Micros(0),
        updated_at: Micros(0),
    }
}

#[tokio::test]
async fn a_target_has_its_login_and_the_redactor_learns_the_password() {
    let world = World::demo().await;

    let found = world
        .call("homelab_get_credentials", json!({ "target": "NAS-main" }))
        .await;

    let login = &found["credentials"][0];
    assert_eq!(login["username"], "admin");
    assert_eq!(login["password"], "demo-only-harbour");
    assert_eq!(login["auth_type"], "password");
    let elsewhere = world.env.redactor.text("failed for demo-only-harbour");
    assert_eq!(elsewhere, "failed for ***REDACTED***");
}

#[tokio::test]
async fn a_key_file_is_named_instead_of_a_password() {
    let world = World::demo().await;

    let found = world
        .call("homelab_get_credentials", json!({ "target": "docker-1" }))
        .await;

    let login = &found["credentials"][0];
    assert_eq!(login["ssh_key_path"], "/etc/homelab-mcp/keys/demo_ed25519");
    assert_eq!(login.get("password"), None);
}

#[tokio::test]
async fn an_unknown_target_is_not_found() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_get_credentials", json!({ "target": "nobody" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(error.envelope().field.as_deref(), Some("target"));
}

#[tokio::test]
async fn a_password_that_no_key_decrypts_does_not_hide_the_others() {
    let world = World::demo().await;
    world.store_credential(unreadable("nas-main", "old")).await;

    let found = world
        .call("homelab_get_credentials", json!({ "target": "nas-main" }))
        .await;

    let logins = found["credentials"].as_array().unwrap();
    let old = logins
        .iter()
        .find(|login| login["username"] == "old")
        .unwrap();
    assert!(
        old["problem"]
            .as_str()
            .unwrap()
            .contains("cannot be decrypted")
    );
    assert_eq!(
        logins
            .iter()
            .filter(|login| login["password"].is_string())
            .count(),
        1
    );
}

#[tokio::test]
async fn if_no_password_can_be_decrypted_the_key_is_what_is_missing() {
    let world = World::demo().await;
    world.store_credential(unreadable("lone", "old")).await;

    let error = world
        .fail("homelab_get_credentials", json!({ "target": "lone" }))
        .await;

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(reason(&error), "credential_undecryptable");
}

#[test]
fn the_password_is_marked_as_meant_for_the_caller_alone() {
    let tools = homelab_backend_homelab::kind().catalogue();
    let tool = tools
        .iter()
        .find(|info| info.spec.name == "homelab_get_credentials")
        .unwrap();

    assert!(tool.spec.secret);
    assert_eq!(tool.spec.sensitive_output, ["credentials.password"]);
}
