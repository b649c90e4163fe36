//! What a scrape of the running program tells about the systems behind it.

use std::net::TcpListener;

use serde_json::json;

use crate::cli_support::Place;
use crate::clients_http::{Connection, McpConnection};

fn scrape(port: u16) -> String {
    Connection::open(port)
        .and_then(|mut connection| connection.request("GET", "/metrics", &[], b""))
        .expect("metrics")
        .text()
}

#[test]
fn requests_to_upstreams_are_measured_by_instance_operation_and_status() {
    let place = Place::new();
    let (agent, _) = place.init();
    let (_server, port) = place.serve(&[], &[]);
    let mut client = McpConnection::open(port, &agent).expect("a session");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = closed.local_addr().expect("its address");
    drop(closed);
    let before = scrape(port);

    // The server itself is a service that answers, one with a page that is missing, and one is down.
    let services = [
        ("well", format!("http://127.0.0.1:{port}/healthz")),
        ("gone", format!("http://127.0.0.1:{port}/no-such-page")),
        ("down", format!("http://{nobody}/")),
    ];
    for (name, url) in &services {
        let service = json!({ "name": name, "url": url });
        client
            .success("homelab_upsert_service", &service)
            .expect("a service");
    }
    // Only then: after their answers were read, a change would wait for the owner.
    for (name, _) in &services {
        client
            .success("homelab_check_service_health", &json!({ "name": name }))
            .expect("a result");
    }

    let after = scrape(port);
    let retries = "homelab_mcp_backend_retries_total{server=\"homelab\"} 0\n";
    assert!(
        before.contains(retries),
        "a zero before the first: {before}"
    );
    assert!(!before.contains("homelab_mcp_backend_request_duration_seconds_count"));
    for class in ["2xx", "4xx", "error"] {
        let counted = format!(
            "homelab_mcp_backend_request_duration_seconds_count{{server=\"homelab\",\
             operation=\"health_check\",status_class=\"{class}\"}} 1\n"
        );
        assert!(after.contains(&counted), "{counted} not in {after}");
    }
    assert!(
        !after.contains("127.0.0.1"),
        "no address is a label: {after}"
    );
}
