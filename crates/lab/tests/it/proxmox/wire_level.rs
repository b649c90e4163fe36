//! What is particular about the wire: reason phrases, encodings, certificates.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use homelab_lab::proxmox::{Options, Proxmox, ROOT_TOKEN, Release};
use homelab_lab::{Fault, Identity};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ask, cluster, cluster_of, get};
use crate::wire::{Answer, call, exchange_on, request};

#[tokio::test]
async fn before_8_4_the_text_of_an_error_is_in_the_reason_phrase_alone() {
    let (old, _) = cluster_of(Release::V8_2).await;
    let (new, _) = cluster().await;
    let path = "/nodes/pve1/qemu/999/config";

    let before = ask(&old, "GET", path, "").await;
    let since = ask(&new, "GET", path, "").await;

    let text = "Configuration file 'nodes/pve1/qemu-server/999.conf' does not exist";
    assert_eq!(
        (before.reason.as_str(), before.json()),
        (text, json!({"data": null}))
    );
    assert_eq!(since.reason, text);
    assert_eq!(
        since.json(),
        json!({"data": null, "message": format!("{text}\n")})
    );
}

#[tokio::test]
async fn wrong_parameters_are_named_one_by_one_and_noted() {
    let (cluster, _) = cluster().await;

    let answer = ask(
        &cluster,
        "POST",
        "/nodes/pve1/qemu/100/clone",
        "newid=7&full=perhaps&colour=red",
    )
    .await;
    let missing = ask(&cluster, "POST", "/nodes/pve1/qemu/100/clone", "full=1").await;

    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (400, "Parameter verification failed.")
    );
    let errors = answer.json()["errors"].take();
    assert_eq!(
        errors["newid"],
        "invalid format - value does not look like a valid VM ID\n"
    );
    assert_eq!(
        errors["full"],
        "type check ('boolean') failed - got 'perhaps'"
    );
    assert!(
        errors["colour"]
            .as_str()
            .unwrap()
            .contains("not defined in schema")
    );
    assert_eq!(
        missing.json()["errors"],
        json!({"newid": "property is missing and it is not optional"})
    );
    assert_eq!(cluster.log().unexpected().len(), 2);
}

#[tokio::test]
async fn an_unknown_call_is_a_501() {
    let (cluster, _) = cluster().await;

    let answer = ask(&cluster, "GET", "/nodes/pve1/nothing", "").await;

    let text = "Method 'GET /nodes/pve1/nothing' not implemented";
    assert_eq!((answer.status, answer.reason.as_str()), (501, text));
    assert_eq!(
        cluster.log().unexpected(),
        ["GET /api2/json/nodes/pve1/nothing"]
    );
}

#[tokio::test]
async fn forms_and_json_are_read_alike_and_the_query_wins() {
    let (cluster, _) = cluster().await;
    let token = format!("PVEAPIToken={}={}", ROOT_TOKEN.0, ROOT_TOKEN.1);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/json"),
    ];

    let path = "/api2/json/nodes/pve1/qemu/100/config?cores=6";
    let body = r#"{"cores":"4","onboot":1,"name":"json"}"#;
    let answer = call(cluster.address(), "PUT", path, &headers, body).await;

    let config = cluster.config_of(100).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body());
    assert_eq!(
        (&config["cores"], &config["onboot"], &config["name"]),
        (&json!(6), &json!(1), &json!("json"))
    );
    assert_eq!(cluster.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_body_of_a_delete_is_not_read() {
    let (cluster, _) = cluster().await;

    let answer = ask(&cluster, "DELETE", "/nodes/pve1/qemu/100", "purge=1").await;

    assert_eq!(answer.status, 400);
    assert_eq!(
        cluster.log().unexpected(),
        ["DELETE /api2/json/nodes/pve1/qemu/100"]
    );
}

#[tokio::test]
async fn numbers_can_come_as_text() {
    let (cluster, _) = cluster().await;
    cluster.send_numbers_as_text();

    let rows = get(&cluster, "/nodes/pve1/lxc").await;

    assert_eq!(rows[0]["vmid"], "200");
}

#[tokio::test]
async fn the_common_faults_hit_it_too() {
    let (cluster, _) = cluster().await;
    cluster
        .faults()
        .next(1, "/api2/json/version", Fault::Status(599));

    let first = ask(&cluster, "GET", "/version", "").await;
    let second = ask(&cluster, "GET", "/version", "").await;

    assert_eq!((first.status, second.status), (599, 200));
}

#[tokio::test]
async fn a_call_can_be_refused_in_the_products_own_words() {
    let (cluster, _) = cluster().await;
    let text = "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout";
    cluster.refuse_next("/nodes/pve1/qemu/100", 500, text);

    let first = ask(&cluster, "GET", "/nodes/pve1/qemu/100/config", "").await;
    let second = ask(&cluster, "GET", "/nodes/pve1/qemu/100/config", "").await;

    assert_eq!((first.status, first.reason.as_str()), (500, text));
    assert_eq!(second.status, 200);
}

#[tokio::test]
async fn each_node_has_a_certificate_whose_fingerprint_it_tells() {
    let cluster = Proxmox::with(Options {
        tls: true,
        ..Options::default()
    })
    .await
    .unwrap();

    let (seen, nodes) = over_tls(&cluster, cluster.identity("pve1"), "/api2/json/nodes").await;

    assert!(cluster.url().starts_with("https://127.0.0.1:"));
    assert_eq!(seen, cluster.identity("pve1").fingerprint());
    assert_eq!(nodes.json()["data"][0]["ssl_fingerprint"], json!(seen));
    assert_ne!(seen, cluster.identity("pve2").fingerprint());
}

/// The fingerprint of the certificate that was shown, and the answer.
async fn over_tls(cluster: &Proxmox, identity: &Identity, path: &str) -> (String, Answer) {
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(identity.pem().as_bytes());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.unwrap()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(cluster.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let bytes: Vec<String> = digest(&SHA256, &shown)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let token = format!("PVEAPIToken={}={}", ROOT_TOKEN.0, ROOT_TOKEN.1);
    let text = request("GET", path, &[("Authorization", &token)], "");
    (
        bytes.join(":"),
        Answer::read(&exchange_on(stream, &text).await),
    )
}
