//! Services, and how each of them answers in a running lab.

use std::time::Duration;

use homelab_core::inventory::{Service, Status};

use super::{MARK, tags};
use crate::Lab;
use crate::services::{Behaviour, Endpoint};

/// Where a service runs.
#[derive(Clone, Copy)]
enum On {
    Guest(&'static str),
    Device(&'static str),
}

struct Row {
    name: &'static str,
    kind: &'static str,
    on: On,
    protocol: &'static str,
    port: u16,
    /// Health path, for web services.
    path: Option<&'static str>,
}

const fn web(
    name: &'static str,
    kind: &'static str,
    on: On,
    protocol: &'static str,
    port: u16,
    path: &'static str,
) -> Row {
    Row {
        name,
        kind,
        on,
        protocol,
        port,
        path: Some(path),
    }
}

const fn socket(
    name: &'static str,
    kind: &'static str,
    on: On,
    protocol: &'static str,
    port: u16,
) -> Row {
    Row {
        name,
        kind,
        on,
        protocol,
        port,
        path: None,
    }
}

use On::{Device, Guest};

#[rustfmt::skip]
const ROWS: [Row; 23] = [
    web("traefik", "proxy", Guest("traefik"), "https", 443, "/ping"),
    web("grafana", "monitoring", Guest("grafana"), "http", 3000, "/api/health"),
    web("prometheus", "monitoring", Guest("prometheus"), "http", 9090, "/-/healthy"),
    web("homeassistant", "automation", Guest("homeassistant"), "http", 8123, "/manifest.json"),
    web("n8n", "automation", Guest("n8n"), "http", 5678, "/healthz"),
    web("jellyfin", "media", Guest("jellyfin"), "http", 8096, "/health"),
    web("gitea", "development", Guest("gitea"), "http", 3000, "/api/healthz"),
    web("nextcloud", "files", Guest("nextcloud"), "https", 443, "/status.php"),
    web("immich", "photos", Guest("immich"), "http", 2283, "/api/server/ping"),
    web("ollama", "ai", Guest("ollama"), "http", 11434, "/api/version"),
    web("portainer", "containers", Guest("docker-1"), "https", 9443, "/api/system/status"),
    web("paperless", "documents", Guest("docker-1"), "http", 8000, "/api/"),
    web("uptime", "monitoring", Guest("docker-2"), "http", 3001, "/"),
    web("mirror", "files", Guest("docker-2"), "http", 8080, "/index"),
    web("pihole-1", "dns", Device("pi-dns-1"), "http", 80, "/api/info/version"),
    web("pihole-2", "dns", Device("pi-dns-2"), "http", 80, "/api/info/version"),
    web("nas", "storage", Device("nas-main"), "https", 5001, "/webapi/query.cgi"),
    web("octoprint", "workshop", Device("printer-3d"), "http", 80, "/api/version"),
    web("wiki", "documents", Guest("old-wiki"), "http", 8080, "/health"),
    socket("postgres", "database", Guest("postgres"), "tcp", 5432),
    socket("mqtt", "messaging", Guest("mosquitto"), "tcp", 1883),
    socket("smb", "storage", Device("nas-main"), "tcp", 445),
    socket("ntp", "time", Device("fw-1"), "udp", 123),
];

/// The service whose host is gone: nothing listens there.
const GONE: &str = "wiki";

pub(super) fn services() -> Vec<Service> {
    ROWS.iter().map(service).collect()
}

fn service(row: &Row) -> Service {
    let (vm, device) = match row.on {
        Guest(name) => (Some(name.to_owned()), None),
        Device(name) => (None, Some(name.to_owned())),
    };
    let name = row.name;
    Service {
        id: String::new(),
        service_name: name.to_owned(),
        kind: Some(row.kind.to_owned()),
        url: row
            .path
            .map(|_| format!("{}://{name}.lab.example:{}", row.protocol, row.port)),
        port: Some(row.port),
        protocol: Some(row.protocol.to_owned()),
        health_endpoint: row.path.map(str::to_owned),
        vm,
        device,
        status: match name {
            GONE => Status::Offline,
            _ => Status::Online,
        },
        tags: tags(&[]),
        notes: Some(MARK.to_owned()),
        updated_at: None,
    }
}

/// How the web services answer: most are well, and each kind of trouble occurs once.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    ROWS.iter()
        .filter(|row| row.name != GONE)
        .filter_map(|row| {
            Some(Endpoint {
                name: row.name,
                path: row.path?,
                behaviour: behaviour(row.name),
            })
        })
        .collect()
}

fn behaviour(service: &str) -> Behaviour {
    let body = match service {
        "gitea" => {
            let body = r#"{"status":"fail","checks":{"database:ping":[{"status":"fail","output":"connection refused"}]}}"#;
            return Behaviour::Failing(503, body.to_owned());
        }
        "paperless" => {
            return Behaviour::Failing(
                401,
                r#"{"detail":"credentials were not provided"}"#.to_owned(),
            );
        }
        "jellyfin" => return Behaviour::Slow(Duration::from_millis(800)),
        "uptime" => return Behaviour::Redirecting,
        "octoprint" => return Behaviour::RedirectLoop,
        "mirror" => return Behaviour::Huge,
        "traefik" => "OK",
        "grafana" => r#"{"database":"ok","version":"12.2.1"}"#,
        "prometheus" => "Prometheus Server is Healthy.",
        "nextcloud" => r#"{"installed":true,"maintenance":false,"versionstring":"32.0.2"}"#,
        "immich" => r#"{"res":"pong"}"#,
        "ollama" => r#"{"version":"0.13.0"}"#,
        _ => r#"{"status":"ok"}"#,
    };
    Behaviour::Healthy(body.to_owned())
}

/// Points the services at the lab's ports. A datagram service stays where it is.
pub(super) fn move_to(lab: &Lab, services: &mut [Service]) {
    let address = lab.services.address();
    for service in services {
        let name = service.service_name.clone();
        match service.protocol.as_deref() {
            Some("tcp") => {
                service.url = Some(format!("tcp://{address}"));
                service.port = Some(address.port());
            }
            Some("http" | "https") if name == GONE => {
                service.url = Some(format!("http://127.0.0.1:{}", lab.closed_port()));
                service.port = Some(lab.closed_port());
                service.protocol = Some("http".to_owned());
            }
            Some("http" | "https") => {
                service.url = Some(lab.services.url(&name));
                service.health_endpoint = lab.services.health_path(&name);
                service.port = Some(address.port());
                service.protocol = Some("http".to_owned());
            }
            _ => {}
        }
    }
}
