//! Settings.

use homelab_backend_proxmox::kind;
use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

const TOKEN: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn a_host_and_a_token_are_enough() {
    let settings =
        json!({ "hosts": ["192.0.2.10"], "token_id": "ops@pve!lab", "token_secret": TOKEN });

    assert_eq!(kind().check(settings), Ok(()));
}

#[rstest]
#[case(json!({ "token_id": "ops@pve!lab", "token_secret": TOKEN }), "hosts")]
#[case(json!({ "hosts": ["ftp://x"], "token_id": "ops@pve!lab", "token_secret": TOKEN }), "hosts[0]")]
#[case(json!({ "hosts": ["192.0.2.10"] }), "token_id")]
#[case(json!({ "hosts": ["192.0.2.10"], "token_id": "ops", "token_secret": TOKEN }), "token_id")]
#[case(json!({ "hosts": ["192.0.2.10"], "username": "root", "password": "x" }), "username")]
#[case(json!({ "hosts": ["192.0.2.10"], "token_id": "ops@pve!lab", "token_secret": TOKEN, "timeout_s": 1 }), "timeout_s")]
#[case(json!({ "hosts": ["192.0.2.10"], "token_id": "ops@pve!lab", "token_secret": TOKEN, "bridge": "a b" }), "bridge")]
#[case(json!({ "hosts": ["192.0.2.10"], "token_id": "ops@pve!lab", "token_secret": TOKEN, "default_storage": "x/y" }), "default_storage")]
#[case(json!({ "host": "192.0.2.10" }), "host")]
fn what_makes_no_sense_names_its_setting(#[case] settings: Value, #[case] field: &str) {
    let error = kind().check(settings).unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
    assert!(!error.to_string().contains(TOKEN));
}

#[test]
fn variables_of_comparable_servers_are_known() {
    let names: Vec<&str> = kind().env_names.iter().map(|(name, _)| *name).collect();

    for name in [
        "PROXMOX_HOST",
        "PROXMOX_TOKEN_ID",
        "PROXMOX_TOKEN_SECRET",
        "PROXMOX_PASSWORD",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}
