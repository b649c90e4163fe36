//! The web services and the frame around them.

use homelab_lab::{Behaviour, Fault, Lab};

use crate::wire::get;

#[tokio::test]
async fn a_service_answers_on_its_health_path_and_nowhere_else() {
    let lab = Lab::start().await.unwrap();
    let address = lab.services.address();

    let healthy = get(address, "/grafana/api/health").await;
    let elsewhere = get(address, "/grafana/login").await;
    let unknown = get(address, "/nobody/health").await;

    assert!(healthy.starts_with("HTTP/1.1 200 "), "{healthy}");
    assert!(healthy.ends_with(r#"{"database":"ok","version":"12.2.1"}"#));
    assert!(elsewhere.starts_with("HTTP/1.1 404 "));
    assert!(unknown.starts_with("HTTP/1.1 404 "));
    assert_eq!(
        lab.services.log().unexpected(),
        ["GET /grafana/login", "GET /nobody/health"]
    );
}

#[tokio::test]
async fn a_behaviour_changes_while_it_runs() {
    let lab = Lab::start().await.unwrap();

    assert!(
        lab.services
            .set("n8n", Behaviour::Failing(500, "oops".into()))
    );
    let failing = get(lab.services.address(), "/n8n/healthz").await;

    assert!(failing.starts_with("HTTP/1.1 500 "), "{failing}");
    assert!(!lab.services.set("nobody", Behaviour::Redirecting));
}

#[tokio::test]
async fn a_fault_hits_the_next_request_only() {
    let lab = Lab::start().await.unwrap();
    let address = lab.services.address();
    lab.services
        .fail_next("n8n", Fault::RateLimited { retry_after_s: 7 });

    let first = get(address, "/n8n/healthz").await;
    let second = get(address, "/n8n/healthz").await;

    assert!(first.starts_with("HTTP/1.1 429 "), "{first}");
    assert!(first.contains("retry-after: 7\r\n"));
    assert!(second.starts_with("HTTP/1.1 200 "));
    assert_eq!(lab.services.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_promised() {
    let lab = Lab::start().await.unwrap();
    lab.services.fail_next("traefik", Fault::CutBody);

    let cut = get(lab.services.address(), "/traefik/ping").await;

    assert!(cut.contains("content-length: 2\r\n"), "{cut}");
    assert!(cut.ends_with("\r\n\r\nO"), "{cut}");
}

#[tokio::test]
async fn the_closed_port_refuses() {
    let lab = Lab::start().await.unwrap();

    let refused = tokio::net::TcpStream::connect(("127.0.0.1", lab.closed_port())).await;

    assert_eq!(
        refused.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}
