//! Kubernetes and swarms, which the stand-in does not play: peers that answer as Portainer documents.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use homelab_backend_portainer::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::Code;
use homelab_core::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{TODAY, context, env, field, reason, run};

/// `METHOD /path` and the body of each request.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Answers each `METHOD /path` below `/api`; with 503 where that stands before it. Anything else is 404.
async fn peer(answers: Vec<(&'static str, Value)>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answers: BTreeMap<&str, Value> = answers.into_iter().collect();
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (line, body) = read(&mut socket).await;
            let found = answers.get(line.as_str()).map(|answer| (200, answer));
            let refused = answers.get(format!("503 {line}").as_str());
            let found = found.or(refused.map(|answer| (503, answer)));
            log.lock().expect("no panic").push((line, body));
            let (status, text) = match found {
                Some((status, answer)) => (status, answer.to_string()),
                None => (404, "not found".to_owned()),
            };
            let answer = format!(
                "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    (format!("http://{address}"), asked)
}

/// `METHOD /path` without the query, and the body.
async fn read(socket: &mut TcpStream) -> (String, String) {
    let mut all = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = socket.read(&mut part).await.unwrap_or(0);
        all.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&all).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return (String::new(), String::new());
            }
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap_or(0_usize);
        if body.len() >= length || count == 0 {
            let mut words = head.split([' ', '?']);
            let line = format!(
                "{} {}",
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default()
            );
            return (line.replace(" /api", " "), body.to_owned());
        }
    }
}

struct Peer {
    server: Arc<dyn Server>,
    asked: Asked,
    _folder: TempDir,
}

impl Peer {
    async fn of(answers: Vec<(&'static str, Value)>) -> Self {
        let (url, asked) = peer(answers).await;
        let folder = tempfile::tempdir().expect("a folder");
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let settings = json!({ "url": url, "api_key": "ptr_x", "deploy_poll_ms": 10 });
        Self {
            server: kind().open("portainer", settings, &env),
            asked,
            _folder: folder,
        }
    }

    async fn call(&self, tool: &str, args: Value) -> Value {
        match run(&*self.server, tool, args, &context()).await {
            Ok(ran) => ran.output,
            Err(error) => panic!("{tool}: {error}"),
        }
    }

    fn sent(&self, line: &str) -> Value {
        let asked = self.asked.lock().expect("no panic");
        let found = asked.iter().find(|(asked, _)| asked == line);
        serde_json::from_str(&found.expect("a request").1).expect("JSON")
    }
}

fn cluster() -> Value {
    json!({ "Id": 4, "Name": "k3s", "Type": 6, "URL": "tcp://192.0.2.50:9001", "Status": 1, "Kubernetes": { "Snapshots": [{
        "Time": 1_796_083_140, "KubernetesVersion": "v1.35.1+k3s1", "NodeCount": 3, "TotalCPU": 12, "TotalMemory": 25_769_803_776_u64,
        "PerformanceMetrics": { "CPUUsage": 20.5, "MemoryUsage": 40 },
    }] } })
}

#[tokio::test]
async fn a_cluster_is_shown_as_portainer_saw_it() {
    let peer = Peer::of(vec![
        ("GET /endpoints", json!([cluster()])),
        ("GET /endpoints/4", cluster()),
    ])
    .await;

    let found = peer
        .call("get_resource_usage", json!({ "live": true }))
        .await;

    let row = &found["endpoints"][0];
    assert_eq!(
        (&row["type"], &row["version"]),
        (&json!("kubernetes_agent"), &json!("v1.35.1+k3s1"))
    );
    assert_eq!(
        (&row["nodes"], &row["cpus"], &row["cpu_percent"]),
        (&json!(3), &json!(12), &json!(20.5))
    );
    assert_eq!(row.get("live"), None);
    assert_eq!(found["totals"]["memory_bytes"], 25_769_803_776_u64);
}

#[tokio::test]
async fn manifests_are_deployed_to_a_namespace() {
    let manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let stack = json!({ "Id": 9, "Name": "web", "Type": 3, "EndpointId": 4, "Status": 1, "Namespace": "lab" });
    let peer = Peer::of(vec![
        ("GET /system/status", json!({ "Version": "2.44.0" })),
        ("GET /endpoints", json!([cluster()])),
        ("GET /stacks", json!([])),
        (
            "POST /stacks/create/kubernetes/string",
            json!({ "Output": "service/web created", "Id": 9 }),
        ),
        ("GET /stacks/9", stack),
        (
            "GET /stacks/9/file",
            json!({ "StackFileContent": manifest }),
        ),
    ])
    .await;

    let made = peer
        .call(
            "deploy_stack",
            json!({ "name": "web", "stack_file": manifest, "namespace": "lab" }),
        )
        .await;

    assert_eq!(
        (&made["stack"]["type"], &made["stack"]["namespace"]),
        (&json!("kubernetes"), &json!("lab"))
    );
    assert_eq!(
        peer.sent("POST /stacks/create/kubernetes/string"),
        json!({ "StackName": "web", "StackFileContent": manifest, "ComposeFormat": false, "Namespace": "lab" })
    );
}

#[tokio::test]
async fn a_swarm_is_named_in_its_stacks() {
    let file = "services:\n  web:\n    image: lab/web:1\n";
    let engine = json!({ "Id": 1, "Name": "swarm", "Type": 2, "Status": 1 });
    let stack = json!({ "Id": 5, "Name": "web", "Type": 1, "EndpointId": 1, "Status": 1 });
    let peer = Peer::of(vec![
        ("GET /system/status", json!({ "Version": "2.44.0" })),
        ("GET /endpoints", json!([engine])),
        ("GET /stacks", json!([])),
        ("GET /endpoints/1/docker/swarm", json!({ "ID": "swarm-id" })),
        ("POST /stacks/create/swarm/string", stack.clone()),
        ("GET /stacks/5", stack),
        ("GET /stacks/5/file", json!({ "StackFileContent": file })),
    ])
    .await;

    let made = peer
        .call(
            "deploy_stack",
            json!({ "name": "web", "type": "swarm", "stack_file": file }),
        )
        .await;

    assert_eq!(made["stack"]["type"], "swarm");
    assert_eq!(
        peer.sent("POST /stacks/create/swarm/string")["SwarmID"],
        "swarm-id"
    );
}

#[tokio::test]
async fn projects_that_portainer_does_not_know_are_external() {
    let engine = json!({ "Id": 1, "Name": "local", "Type": 1, "Status": 1 });
    let container = |state: &str| json!({ "Id": "a", "State": state, "Labels": { "com.docker.compose.project": "other" } });
    let peer = Peer::of(vec![
        ("GET /endpoints", json!([engine])),
        (
            "GET /stacks",
            json!([{ "Id": 2, "Name": "blog", "Type": 2, "EndpointId": 1, "Status": 1 }]),
        ),
        (
            "GET /endpoints/1/docker/containers/json",
            json!([container("running"), container("exited")]),
        ),
    ])
    .await;

    let found = peer
        .call("list_stacks", json!({ "include_external": true }))
        .await;

    assert_eq!(found["total"], 2);
    assert_eq!(
        (
            &found["items"][1]["name"],
            &found["items"][1]["external"],
            &found["items"][1]["running"]
        ),
        (&json!("other"), &json!(true), &json!(1))
    );
    assert_eq!(found["items"][1].get("id"), None);
}

#[tokio::test]
async fn an_engine_that_is_in_no_swarm_takes_no_swarm_stack() {
    let engine = json!({ "Id": 1, "Name": "local", "Type": 1, "Status": 1 });
    let answer = json!({ "message": "This node is not a swarm manager." });
    let peer = Peer::of(vec![
        ("GET /system/status", json!({ "Version": "2.44.0" })),
        ("GET /endpoints", json!([engine])),
        ("GET /stacks", json!([])),
        ("503 GET /endpoints/1/docker/swarm", answer),
    ])
    .await;
    let args = json!({ "name": "web", "type": "swarm", "stack_file": "services:\n  web:\n    image: lab/web:1\n" });

    let error = run(&*peer.server, "deploy_stack", args, &context())
        .await
        .expect_err("a failure");

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::Conflict, "not_a_swarm", "type")
    );
}
