//! The section of the configuration.

use homelab_backend_ccpm::{embedded, kind};
use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

#[test]
fn an_empty_section_is_enough() {
    assert_eq!(kind().check(json!({})), Ok(()));
    let embedded = embedded(&json!({})).expect("a section");
    assert!(embedded.is_used && embedded.settings.require_review);
}

#[rstest]
#[case(json!({ "task_api": "http://192.0.2.1/api" }), "messaging_api")]
#[case(json!({ "messaging_api": "http://192.0.2.1/api/v1" }), "task_api")]
#[case(json!({ "task_api": "nowhere", "messaging_api": "http://192.0.2.1" }), "task_api")]
#[case(json!({ "timeout_s": 0 }), "timeout_s")]
#[case(json!({ "connect_timeout_s": 61 }), "connect_timeout_s")]
#[case(json!({ "key_prefix": "small" }), "key_prefix")]
#[case(json!({ "messages_kept_days": 0 }), "messages_kept_days")]
fn a_setting_that_cannot_be_used_is_named(#[case] section: Value, #[case] field: &str) {
    let error = kind().check(section).unwrap_err();

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
}

#[test]
fn two_addresses_are_another_service() {
    let section = json!({
        "task_api": "http://192.0.2.1/api", "messaging_api": "http://192.0.2.1/api/v1",
    });

    assert!(!embedded(&section).expect("a section").is_used);
    assert_eq!(embedded(&json!({ "task_api": 1 })), None);
}

#[test]
fn variables_of_other_servers_are_known() {
    let names: Vec<&str> = kind().env_names.iter().map(|(name, _)| *name).collect();

    assert_eq!(
        names,
        [
            "CCPM_TASK_API",
            "CCPM_MESSAGING_API",
            "CCPM_AGENT_ID",
            "CCPM_TOKEN"
        ]
    );
}
