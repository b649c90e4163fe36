//! `inventory sync`, and the picture across systems, against a cluster and an engine that play the
//! documented APIs.

use homelab_lab::Fault;
use homelab_lab::docker::{ContainerSeed, Docker};
use homelab_lab::proxmox::{GuestSeed, Proxmox, ROOT_TOKEN};
use serde_json::{Value, json};

use crate::cli_support::Place;

struct Lab {
    cluster: Proxmox,
    engine: Docker,
    place: Place,
}

/// A cluster of two nodes with a web server and the Docker host `docker-1`, on which runs a wiki.
async fn lab(more: &str) -> Lab {
    let cluster = Proxmox::start().await.expect("loopback ports");
    cluster.add_guest(GuestSeed::machine(100, "web", "pve1").at("192.0.2.80/24"));
    cluster.add_guest(GuestSeed::machine(107, "docker-1", "pve2").at("192.0.2.87/24"));
    let engine = Docker::start().await.expect("a loopback port");
    engine.add_container(ContainerSeed {
        host: json!({ "PortBindings": { "80/tcp": [{ "HostIp": "", "HostPort": "8080" }] } }),
        ..ContainerSeed::new("wiki", "example/wiki:1")
    });
    let place = Place::new();
    let (id, secret) = ROOT_TOKEN;
    place.write("token", secret);
    place.write(
        ".config/homelab-mcp/homelab.toml",
        &format!(
            "[servers.pve]\nkind = \"proxmox\"\nhosts = [\"{}\"]\ntoken_id = \"{id}\"\n\
             token_secret = \"file:{}\"\n\n[servers.docker]\nhosts.nas = {{ url = \"tcp://{}\", plain = true }}\n\n{more}",
            cluster.url(),
            place.path("token").display(),
            engine.address(),
        ),
    );
    Lab {
        cluster,
        engine,
        place,
    }
}

impl Lab {
    fn call(&self, tool: &str, arguments: &Value) -> Value {
        let arguments = arguments.to_string();
        self.place
            .json(&["tools", "call", tool, "--args", &arguments])
    }
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["name"].as_str())
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_follows_cluster_and_engine_and_keeps_what_people_wrote() {
    let lab = lab("").await;
    let place = &lab.place;
    place.write(
        "own.yaml",
        "virtual_machines:\n- name: web\n  ip: 192.0.2.99\n  notes: mine\n",
    );
    place.run(&["inventory", "import", "own.yaml"]).ok();

    let dry = place.json(&["inventory", "sync", "--dry-run"]);
    assert_eq!(dry["dry_run"], true);
    assert_eq!(
        names(&dry["created"]),
        [
            "192.0.2.11",
            "192.0.2.12",
            "192.0.2.80",
            "192.0.2.87",
            "docker-1",
            "pve1",
            "pve2",
            "wiki"
        ]
    );
    let before = place.json(&["inventory", "list", "vms"]);
    assert_eq!(before.as_array().map(Vec::len), Some(1));

    let text = place.run(&["inventory", "sync"]).ok().stdout;
    assert!(
        text.contains("ip stays 192.0.2.99 (hand), seen: 192.0.2.80"),
        "{text}"
    );
    assert!(text.contains("8 new, 1 changed"), "{text}");
    let machines = place.json(&["inventory", "list", "vms"]);
    let web = machines
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["name"] == "web")
        .expect("it");
    assert_eq!(
        (&web["ip"], &web["notes"], &web["vm_id"]),
        (&json!("192.0.2.99"), &json!("mine"), &json!(100))
    );
    let services = place.json(&["inventory", "list", "services"]);
    assert_eq!(
        (&services[0]["vm"], &services[0]["port"]),
        (&json!("docker-1"), &json!(8080))
    );
    let again = place.json(&["inventory", "sync", "--server", "docker"]);
    assert_eq!(
        (&again["totals"]["created"], &again["totals"]["updated"]),
        (&json!(0), &json!(0))
    );

    let rows = place.json(&["audit", "show"]);
    assert!(
        rows.to_string().contains("homelab_sync_inventory"),
        "{rows}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_named_and_fails_the_command() {
    let lab = lab("").await;
    lab.place.run(&["inventory", "sync"]).ok();
    lab.engine.faults().always("/", Fault::Status(500));

    let ran = lab.place.run(&["inventory", "sync"]).failed(1);
    assert!(ran.stderr.contains("`docker`:"), "{ran:?}");
    assert!(ran.stdout.contains("0 gone"), "{ran:?}");
    lab.place
        .run(&["inventory", "sync", "--server", "nobody"])
        .failed(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatis_impact_and_topology_join_the_live_systems() {
    let lab = lab("").await;

    let known = lab.call("homelab_whatis", &json!({ "subject": "192.0.2.87" }));
    let thing = &known["things"][0];
    assert_eq!(
        (&thing["name"], names(&thing["runs_on"])),
        (&json!("docker-1"), vec!["pve2"])
    );
    assert_eq!(names(&thing["runs_here"]), ["docker-1", "wiki"]);
    assert_eq!(known["conflicts"], json!([]));

    let impact = lab.call(
        "homelab_impact",
        &json!({ "target": "pve2", "action": "reboot" }),
    );
    assert_eq!(names(&impact["affected"]), ["docker-1", "docker-1", "wiki"]);
    assert_eq!(impact["totals"], json!({ "interrupted": 3 }));

    let graph = lab.call("homelab_topology", &json!({ "mermaid": true }));
    assert!(
        graph["mermaid"]
            .as_str()
            .expect("a diagram")
            .contains("[\"wiki\"]"),
        "{graph}"
    );
    assert_eq!(lab.cluster.log().unexpected(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_may_not_read_at_its_system_is_not_in_the_picture() {
    let lab = lab(
        "[[policy.rules]]\nname = \"no cluster\"\ndecision = \"deny\"\ntools = [\"proxmox:*\"]\nreason = \"private\"\n",
    )
    .await;

    let known = lab.call("homelab_whatis", &json!({ "subject": "wiki" }));

    assert_eq!(
        known["sources"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| &row["server"])
            .collect::<Vec<_>>(),
        ["docker"]
    );
    assert_eq!(known["things"][0]["name"], "wiki");
    let arguments = json!({ "subject": "web" }).to_string();
    let ran = lab
        .place
        .run(&["tools", "call", "homelab_whatis", "--args", &arguments]);
    ran.failed(1);
    assert_eq!(lab.cluster.log().lines(), [""; 0]);
}
