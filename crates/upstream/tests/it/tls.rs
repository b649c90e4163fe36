use homelab_core::redact::Redactor;
use homelab_upstream::{
    CertificateFault, Client, ClientConfig, Fault, Request, Response, TlsConfig, UpstreamError,
};
use rstest::rstest;
use tempfile::NamedTempFile;

use crate::support::certificates::{
    Authority, Identity, authority_itself, expired, leaf, self_signed,
};
use crate::support::{Reply, Server, client, envelope, settings};

async fn serve(identity: &Identity) -> Server {
    Server::https(identity.server_config(), |_| Reply::json("1")).await
}

async fn ask(server: &Server, tls: TlsConfig) -> Result<Response, UpstreamError> {
    let config = ClientConfig {
        tls,
        ..settings(&server.url())
    };
    client(&config).send(Request::get("read", "/", &[])).await
}

fn pinned(fingerprint: &str) -> TlsConfig {
    TlsConfig {
        fingerprint: Some(fingerprint.to_owned()),
        ..TlsConfig::default()
    }
}

fn ca_file(pem: &str) -> (TlsConfig, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let tls = TlsConfig {
        ca_file: Some(file.path().to_owned()),
        ..TlsConfig::default()
    };
    (tls, file)
}

fn pem(identity: &Identity) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(&identity.certificate);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_with_the_setting_that_accepts_it() {
    let server = serve(&self_signed(&leaf(&["127.0.0.1"]))).await;

    let error = ask(&server, TlsConfig::default()).await.unwrap_err();
    let problem = error.certificate().unwrap().clone();
    let error = envelope(error);

    assert_eq!(problem.fault, CertificateFault::SelfSigned);
    assert_eq!(error.code.as_str(), "upstream_unreachable");
    assert_eq!(error.reason.as_deref(), Some("tls_self_signed"));
    assert!(!error.retryable);
    assert!(
        error
            .message
            .contains("self-signed (issued by `CN=lab server`, valid until 2099-01-01")
    );
    let hint = error.hint.unwrap();
    let pin = format!(
        "`tls = {{ fingerprint = \"{}\" }}`",
        problem.fingerprint_sha256
    );
    assert!(hint.contains(&pin) && hint.contains("`[servers.pve]`") && hint.contains("ca_file"));
    assert!(server.seen().is_empty());

    // And it does accept it.
    let response = ask(&server, pinned(&problem.fingerprint_sha256))
        .await
        .unwrap();
    assert_eq!(response.status.as_u16(), 200);
}

#[tokio::test]
async fn a_pin_accepts_its_certificate_only() {
    let expected = self_signed(&expired(leaf(&["other.example"])));
    let right = serve(&expected).await;
    let wrong = serve(&self_signed(&leaf(&["127.0.0.1"]))).await;
    let found = ask(&right, TlsConfig::default()).await.unwrap_err();
    let pin = found.certificate().unwrap().fingerprint_sha256.clone();

    let response = ask(&right, pinned(&pin.to_lowercase())).await.unwrap();
    let error = ask(&wrong, pinned(&pin)).await.unwrap_err();

    assert_eq!(response.tls.unwrap().fingerprint_sha256, pin);
    assert_eq!(
        error.certificate().unwrap().fault,
        CertificateFault::NotPinned
    );
    assert!(
        envelope(error)
            .hint
            .unwrap()
            .contains("somebody may sit in between")
    );
    assert!(wrong.seen().is_empty());
}

#[tokio::test]
async fn one_of_several_pins_suffices() {
    let server = serve(&self_signed(&leaf(&["127.0.0.1"]))).await;
    let found = ask(&server, TlsConfig::default()).await.unwrap_err();
    let pin = &found.certificate().unwrap().fingerprint_sha256;

    let pins = format!("{}, {pin}", "00".repeat(32));

    assert!(ask(&server, pinned(&pins)).await.is_ok());
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_its_file_is_given() {
    let authority = Authority::new();
    let server = serve(&authority.issue(&leaf(&["127.0.0.1"]))).await;
    let (tls, _file) = ca_file(&authority.pem());

    let refused = ask(&server, TlsConfig::default()).await.unwrap_err();
    let response = ask(&server, tls).await.unwrap();

    assert_eq!(
        refused.certificate().unwrap().fault,
        CertificateFault::UnknownIssuer
    );
    let tls = response.tls.unwrap();
    assert_eq!(tls.subject, "CN=lab server");
    assert_eq!(tls.issuer, "CN=lab authority");
    assert_eq!(tls.not_after.to_string(), "2099-01-01T00:00:00Z");
}

#[rstest]
#[case::plain(leaf(&["127.0.0.1"]))]
#[case::made_as_an_authority(authority_itself(leaf(&["127.0.0.1"])))]
#[tokio::test]
async fn the_file_may_hold_the_servers_own_certificate(#[case] params: rcgen::CertificateParams) {
    let identity = self_signed(&params);
    let server = serve(&identity).await;
    let (tls, _file) = ca_file(&pem(&identity));

    let refused = ask(&server, TlsConfig::default()).await.unwrap_err();

    assert_eq!(
        refused.certificate().unwrap().fault,
        CertificateFault::SelfSigned
    );
    assert!(ask(&server, tls).await.is_ok());
}

#[rstest]
#[case::expired(expired(leaf(&["127.0.0.1"])), CertificateFault::Expired, "renew the certificate")]
#[case::wrong_name(
    leaf(&["pve.example", "192.0.2.1"]),
    CertificateFault::WrongName,
    "use one of its names (`pve.example`, `192.0.2.1`)"
)]
#[tokio::test]
async fn time_and_name_are_checked(
    #[case] params: rcgen::CertificateParams,
    #[case] fault: CertificateFault,
    #[case] advice: &str,
) {
    let authority = Authority::new();
    let issued = serve(&authority.issue(&params)).await;
    let (by_authority, _authority_file) = ca_file(&authority.pem());
    let own = self_signed(&params);
    let given = serve(&own).await;
    let (by_itself, _own_file) = ca_file(&pem(&own));

    for (server, tls) in [(issued, by_authority), (given, by_itself)] {
        let error = ask(&server, tls).await.unwrap_err();
        assert_eq!(error.certificate().unwrap().fault, fault);
        let hint = envelope(error).hint.unwrap();
        assert!(hint.contains(advice), "{hint}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_told_so() {
    let mut params = leaf(&["127.0.0.1"]);
    params.not_before = rcgen::date_time_ymd(2098, 1, 1);
    let authority = Authority::new();
    let server = serve(&authority.issue(&params)).await;
    let (tls, _file) = ca_file(&authority.pem());

    let error = ask(&server, tls).await.unwrap_err();

    assert_eq!(
        error.certificate().unwrap().fault,
        CertificateFault::NotYetValid
    );
}

#[tokio::test]
async fn without_checks_anything_goes_and_is_still_described() {
    let server = serve(&self_signed(&expired(leaf(&["other.example"])))).await;
    let insecure = TlsConfig {
        insecure: true,
        ..TlsConfig::default()
    };

    let response = ask(&server, insecure).await.unwrap();

    assert_eq!(
        response.tls.unwrap().not_after.to_string(),
        "2021-01-01T00:00:00Z"
    );
}

#[tokio::test]
async fn https_to_a_port_without_tls_is_told_so() {
    // Answers as a web server does to bytes that are no request.
    let garbage = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = garbage.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = garbage.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let config = settings(&format!("https://{address}").parse().unwrap());

    let error = client(&config)
        .send(Request::get("read", "/", &[]))
        .await
        .unwrap_err();

    answering.await.unwrap();
    assert_eq!(error.fault(), &Fault::NotTls);
    assert!(envelope(error).hint.unwrap().contains("`http://`"));
}

#[tokio::test]
async fn http_to_a_port_with_tls_is_told_so() {
    let server = serve(&self_signed(&leaf(&["127.0.0.1"]))).await;
    let mut url = server.url();
    url.set_scheme("http").unwrap();

    let error = client(&settings(&url))
        .send(Request::get("read", "/", &[]).retries(0))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), &Fault::NotHttp);
}

#[rstest]
#[case::no_file("/does/not/exist.pem", None)]
#[case::no_pem("", Some("hello"))]
#[case::broken(
    "",
    Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
)]
fn a_useless_ca_file_is_named_by_its_setting(#[case] path: &str, #[case] content: Option<&str>) {
    let (tls, _file) = match content {
        Some(content) => {
            let (tls, file) = ca_file(content);
            (tls, Some(file))
        }
        None => (
            TlsConfig {
                ca_file: Some(path.into()),
                ..TlsConfig::default()
            },
            None,
        ),
    };
    let config = ClientConfig {
        tls,
        ..ClientConfig::new("pve")
    };

    let error = Client::new(&config, Redactor::default()).unwrap_err();

    assert_eq!(error.code().as_str(), "not_configured");
    assert_eq!(
        error.envelope().field.as_deref(),
        Some("servers.pve.tls.ca_file")
    );
}

#[test]
fn insecure_together_with_a_pin_is_refused() {
    let config = ClientConfig {
        tls: TlsConfig {
            insecure: true,
            ..pinned(&"00".repeat(32))
        },
        ..ClientConfig::new("pve")
    };

    let error = Client::new(&config, Redactor::default()).unwrap_err();

    assert_eq!(
        error.envelope().field.as_deref(),
        Some("servers.pve.tls.insecure")
    );
}
