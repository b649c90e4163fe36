//! Reading a section of the configuration.

use homelab_backend::settings::{parse, schema};
use homelab_core::error::{Code, ToolError};
use homelab_core::secret::Secret;
use rstest::rstest;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// A section.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Section {
    /// Seconds to wait.
    timeout_s: u32,
    /// Password.
    password: Option<Secret>,
    /// TLS.
    tls: Option<Tls>,
    /// Per host.
    hosts: std::collections::BTreeMap<String, Tls>,
}

/// TLS settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tls {
    /// File.
    #[expect(dead_code, reason = "only its name matters")]
    ca_file: String,
}

fn refused(section: Value) -> ToolError {
    parse::<Section>(section).expect_err("it is refused")
}

#[test]
fn an_absent_section_has_the_defaults() {
    let section = parse::<Section>(Value::Null).unwrap();

    assert_eq!(section.timeout_s, 0);
}

#[rstest]
#[case(json!({ "timeout": 3 }), "timeout", "did you mean `timeout_s`?")]
#[case(json!({ "tls": { "cafile": "x" } }), "tls.cafile", "did you mean `ca_file`?")]
#[case(json!({ "hosts": { "nas": { "ca-file": "x" } } }), "hosts.nas.ca-file", "did you mean `ca_file`?")]
#[case(json!({ "zzz": 1 }), "zzz", "known settings are `timeout_s`, `password`, `tls`, `hosts`")]
fn an_unknown_key_is_named_with_the_nearest_known_one(
    #[case] section: Value,
    #[case] field: &str,
    #[case] hint: &str,
) {
    let error = refused(section);

    assert_eq!(error.code(), Code::NotConfigured);
    assert_eq!(error.envelope().field.as_deref(), Some(field));
    assert_eq!(error.envelope().hint.as_deref(), Some(hint));
}

#[rstest]
#[case(json!({ "timeout_s": "soon" }), "timeout_s", "the setting `timeout_s` cannot be used: expected a whole number from 0")]
#[case(json!({ "tls": true }), "tls", "the setting `tls` cannot be used: expected a table")]
#[case(json!({ "tls": {} }), "tls.ca_file", "the setting `tls.ca_file` is missing")]
fn a_wrong_value_is_named_by_its_key(
    #[case] section: Value,
    #[case] field: &str,
    #[case] message: &str,
) {
    let error = refused(section);

    assert_eq!(error.envelope().field.as_deref(), Some(field));
    assert_eq!(error.envelope().message, message);
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let error = refused(json!({ "password": 424_242 }));

    assert!(!error.to_string().contains("424242"), "{error}");
}

#[test]
fn the_schema_keeps_what_a_reader_needs() {
    let schema = Value::Object(schema::<Section>());

    assert_eq!(
        schema["properties"]["timeout_s"]["description"],
        "Seconds to wait."
    );
    assert_eq!(schema["properties"]["timeout_s"]["default"], 0);
    assert_eq!(schema["properties"]["password"]["default"], Value::Null);
}
