//! What can be configured, and what is refused.

use rstest::rstest;

use super::*;

fn made(text: &str) -> Result<Methods, String> {
    let config: Config = toml::from_str(text).unwrap();
    methods(&config, &Redactor::default()).map_err(|problem| problem.to_string())
}

const PUBLIC: &str = "[server]\npublic_url = \"https://lab.example\"\n";

#[test]
fn every_way_to_sign_in_can_be_configured_at_once() {
    let text = r#"
        [server]
        public_url = "https://lab.example"
        [server.tls]
        client_ca_file = "clients.pem"
        [auth]
        taint_off = ["nightly"]
        [auth.proxy]
        addresses = ["10.0.0.2/32"]
        user_header = "Remote-User"
        groups_header = "Remote-Groups"
        roles = { lab = "operator" }
        secret = "s3cret"
        openwebui = true
        [[auth.issuers]]
        name = "keycloak"
        url = "https://auth.example/realms/home"
        groups_claim = "realm_access.roles"
        roles = { lab = "operator", "lab admins" = "admin" }
        [[auth.issuers]]
        name = "openwebui"
        secret = "0123456789abcdef0123456789abcdef"
        audiences = []
        name_claim = "id"
        default_role = "viewer"
        require_scopes = false
        [[auth.certificates]]
        uri = "spiffe://lab/agent/*"
        role = "operator"
    "#;

    let methods = made(text).unwrap();

    let resource = methods.resource.unwrap();
    assert!(methods.issuers.is_some());
    assert_eq!(
        resource.authorization_servers,
        ["https://auth.example/realms/home"]
    );
    assert_eq!(resource.base.as_str(), "https://lab.example/");
    assert_eq!(resource.first, ["homelab:read"]);
    assert_eq!(methods.certificates.len(), 1);
    assert!(methods.proxy.unwrap().secret.is_some());
    assert!(methods.taint_off.contains("nightly"));
}

#[test]
fn nothing_configured_is_nothing() {
    let methods = made("").unwrap();

    assert!(methods.issuers.is_none() && methods.resource.is_none());
    assert!(methods.proxy.is_none() && methods.certificates.is_empty());
}

#[rstest]
#[case("url = \"http://auth.example\"\ndefault_role = \"viewer\"", "https")]
#[case("url = \"https://auth.example\"", "nobody of it would have a role")]
#[case("default_role = \"viewer\"", "has no URL")]
#[case(
    "url = \"https://a.example\"\ndefault_role = \"viewer\"\nalgorithms = [\"HS256\"]",
    "HS"
)]
#[case(
    "url = \"https://a.example\"\ndefault_role = \"viewer\"\nalgorithms = []",
    "no algorithm"
)]
#[case("secret = \"short\"\ndefault_role = \"viewer\"", "shorter than 32")]
#[case(
    "secret = \"0123456789abcdef0123456789abcdef\"\njwks_url = \"https://a.example\"\ndefault_role = \"viewer\"",
    "either a `secret`"
)]
#[case(
    "name = \"proxy\"\nurl = \"https://a.example\"\ndefault_role = \"viewer\"",
    "not that of another way in"
)]
fn an_issuer_that_makes_no_sense_is_refused(#[case] table: &str, #[case] says: &str) {
    let problem = made(&format!("{PUBLIC}[[auth.issuers]]\n{table}"))
        .err()
        .unwrap();

    assert!(problem.contains(says), "{problem}");
}

#[rstest]
#[case(
    "[[auth.issuers]]\nurl = \"https://a.example\"\ndefault_role = \"viewer\"",
    "server.public_url"
)]
#[case(
    "[server]\npublic_url = \"https://l.example\"\n[[auth.issuers]]\nurl = \"https://a.example\"\ndefault_role = \"viewer\"\n[[auth.issuers]]\nurl = \"https://b.example\"\ndefault_role = \"viewer\"",
    "own `name`"
)]
#[case(
    "[auth.scopes]\nread = \"lab\"\nadmin = \"lab\"",
    "must be three names"
)]
#[case("[auth.scopes]\nread = \"a b\"", "cannot be the name of a scope")]
#[case("[auth.proxy]\nuser_header = \"Remote-User\"", "no `addresses`")]
#[case(
    "[auth.proxy]\naddresses = [\"0.0.0.0/0\"]\nopenwebui = true",
    "is everybody"
)]
#[case(
    "[auth.proxy]\naddresses = [\"10.0.0.2/32\"]\nuser_header = \"Remote-User\"",
    "would have a role"
)]
#[case(
    "[auth.proxy]\naddresses = [\"10.0.0.2/32\"]\nuser_header = \"Authorization\"\ndefault_role = \"viewer\"",
    "cannot be such a header"
)]
#[case(
    "[[auth.certificates]]\ncommon_name = \"x\"\nrole = \"viewer\"",
    "client_ca_file"
)]
#[case("[[auth.certificates]]\nrole = \"viewer\"", "exactly one of")]
#[case("[[auth.certificates]]\nfingerprint = \"abc\"", "64 hexadecimal")]
fn what_would_let_nobody_or_anybody_in_is_refused(#[case] text: &str, #[case] says: &str) {
    let problem = made(text).err().unwrap();

    assert!(problem.contains(says), "{problem}");
}
