//! The Portainer stand-in against its API's documentation.

use homelab_lab::docker::{ContainerSeed, Docker};
use homelab_lab::portainer::{ADMIN, ADMIN_KEY, Deploy, Portainer, Release};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FILE: &str = "services:\n  app:\n    image: lab/app:1\n  db:\n    image: postgres:18\n";

/// Environment 1 with an engine that runs `web`.
async fn server() -> (Portainer, Docker) {
    let docker = Docker::start().await.unwrap();
    docker.add_container(ContainerSeed::new("web", "nginx:1.29"));
    let server = Portainer::start().await.unwrap();
    assert_eq!(server.add_environment("docker-1", &docker), 1);
    (server, docker)
}

async fn ask(server: &Portainer, method: &str, path: &str, body: &str) -> Answer {
    ask_as(server, ADMIN_KEY, method, path, body).await
}

async fn ask_as(server: &Portainer, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("X-API-Key", key), JSON];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    call(
        server.address(),
        method,
        &format!("/api{path}"),
        headers,
        body,
    )
    .await
}

async fn get(server: &Portainer, path: &str) -> Value {
    let answer = ask(server, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()
}

async fn deploy(server: &Portainer, name: &str, file: &str) -> Answer {
    let body =
        json!({"Name": name, "StackFileContent": file, "Env": [{"name": "A", "value": "1"}]});
    let path = "/stacks/create/standalone/string?endpointId=1";
    ask(server, "POST", path, &body.to_string()).await
}

#[tokio::test]
async fn a_key_or_a_session_says_who_one_is() {
    let (server, _docker) = server().await;

    let status = call(server.address(), "GET", "/api/system/status", &[], "").await;
    let none = call(server.address(), "GET", "/api/stacks", &[], "").await;
    let wrong = ask_as(&server, "ptr_guess", "GET", "/stacks", "").await;
    let body = json!({"username": ADMIN.0, "password": ADMIN.1}).to_string();
    let jwt = call(server.address(), "POST", "/api/auth", &[JSON], &body)
        .await
        .json();
    let bearer = format!("Bearer {}", jwt["jwt"].as_str().unwrap());
    let me = call(
        server.address(),
        "GET",
        "/api/users/me",
        &[("Authorization", &bearer)],
        "",
    )
    .await;

    assert_eq!(status.json()["Version"], "2.44.0");
    assert_eq!((none.status, wrong.status), (401, 401));
    assert!(none.json()["message"].is_string() && none.json()["details"].is_string());
    assert_eq!(me.json(), json!({"Id": 1, "Username": "admin", "Role": 1}));
}

#[tokio::test]
async fn a_stack_is_deployed_to_its_engine() {
    let (server, docker) = server().await;

    let made = deploy(&server, "site", FILE).await;
    let id = made.json()["Id"].clone();
    let file = get(&server, &format!("/stacks/{id}/file")).await;
    let list = get(&server, "/stacks?filters=%7B%22EndpointID%22%3A1%7D").await;

    assert_eq!(made.status, 200, "{}", made.body());
    assert_eq!(
        (&made.json()["Status"], &made.json()["Type"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(file, json!({"StackFileContent": FILE}));
    // In clear, as the product does.
    assert_eq!(list[0]["Env"], json!([{"name": "A", "value": "1"}]));
    assert!(docker.containers().contains_key("site-app-1"));
    assert!(docker.containers().contains_key("site-db-1"));
}

#[tokio::test]
async fn names_are_unique_when_normalized() {
    let (server, _docker) = server().await;
    deploy(&server, "site", FILE).await;

    let twice = deploy(&server, "Site", FILE).await;
    let invalid = deploy(&server, "a b", FILE).await;

    assert_eq!(twice.status, 409);
    assert_eq!(
        twice.json()["details"],
        "A stack with the normalized name 'site' already exists"
    );
    assert_eq!(invalid.status, 400);
    assert_eq!(server.stacks(), ["site"]);
}

#[tokio::test]
async fn a_deployment_can_go_on_after_the_answer() {
    let (server, _docker) = server().await;
    server.set_deploy(Deploy {
        looks: 1,
        error: None,
    });
    let well = deploy(&server, "well", FILE).await.json();
    server.set_deploy(Deploy {
        looks: 1,
        error: Some("pull access denied".to_owned()),
    });
    let badly = deploy(&server, "badly", FILE).await.json();

    let mut seen = Vec::new();
    for id in [&well["Id"], &badly["Id"]] {
        for _ in 0..2 {
            let stack = get(&server, &format!("/stacks/{id}")).await;
            seen.push((
                stack["Status"].clone(),
                stack["DeploymentStatus"][0]["Message"].clone(),
            ));
        }
    }

    assert_eq!((&well["Status"], &badly["Status"]), (&json!(3), &json!(3)));
    assert_eq!(
        seen,
        [
            (json!(3), json!("")),
            (json!(1), json!("")),
            (json!(3), json!("")),
            (json!(4), json!("pull access denied"))
        ]
    );
}

#[tokio::test]
async fn older_releases_answer_at_the_end_or_know_no_such_call() {
    let (server, _docker) = server().await;
    server.set_release(Release::V2_21);
    server.set_deploy(Deploy {
        looks: 5,
        error: Some("pull access denied".to_owned()),
    });

    let failed = deploy(&server, "site", FILE).await;
    server.set_release(Release::V2_18);
    let unknown = deploy(&server, "site", FILE).await;

    assert_eq!(
        (failed.status, failed.json()["details"].clone()),
        (500, json!("pull access denied"))
    );
    assert_eq!(unknown.status, 404);
    assert_eq!(server.stacks(), [""; 0]);
}

#[tokio::test]
async fn a_broken_file_is_refused() {
    let (server, _docker) = server().await;

    let yaml = deploy(&server, "site", "services: [").await;
    let empty = deploy(&server, "site", "version: '3'").await;

    assert_eq!((yaml.status, empty.status), (500, 500));
    assert_eq!(server.stacks(), [""; 0]);
}

#[tokio::test]
async fn an_update_replaces_all_variables() {
    let (server, docker) = server().await;
    let id = deploy(&server, "site", FILE).await.json()["Id"].clone();
    let file = "services:\n  app:\n    image: lab/app:2\n";

    let body = json!({"StackFileContent": file, "Prune": true}).to_string();
    let updated = ask(&server, "PUT", &format!("/stacks/{id}?endpointId=1"), &body).await;
    let elsewhere = ask(&server, "PUT", &format!("/stacks/{id}?endpointId=9"), &body).await;

    assert_eq!(updated.json()["Env"], json!([]));
    assert_eq!(
        (&updated.json()["StackFileVersion"], updated.status),
        (&json!(2), 200)
    );
    assert_eq!(elsewhere.status, 404);
    assert!(!docker.containers().contains_key("site-db-1"));
}

#[tokio::test]
async fn a_stack_stops_starts_and_goes() {
    let (server, docker) = server().await;
    let id = deploy(&server, "site", FILE).await.json()["Id"].clone();

    let running = ask(
        &server,
        "POST",
        &format!("/stacks/{id}/start?endpointId=1"),
        "",
    )
    .await;
    let stopped = ask(
        &server,
        "POST",
        &format!("/stacks/{id}/stop?endpointId=1"),
        "",
    )
    .await;
    let state = docker.containers()["site-app-1"].clone();
    let gone = ask(&server, "DELETE", &format!("/stacks/{id}?endpointId=1"), "").await;
    let missing = ask(&server, "GET", &format!("/stacks/{id}"), "").await;

    assert_eq!((running.status, stopped.status), (409, 200));
    assert_eq!(state, "exited");
    assert_eq!((gone.status, missing.status), (204, 404));
    assert_eq!(docker.containers().keys().collect::<Vec<_>>(), ["web"]);
}

#[tokio::test]
async fn none_can_be_a_204() {
    let (server, _docker) = server().await;

    let list = ask(&server, "GET", "/stacks", "").await;
    server.answer_204_for_none();
    let none = ask(&server, "GET", "/stacks", "").await;

    assert_eq!((list.status, list.body().as_str()), (200, "[]"));
    assert_eq!((none.status, none.body().as_str()), (204, ""));
}

#[tokio::test]
async fn environments_are_paged_and_their_snapshots_left_out_on_demand() {
    let (server, docker) = server().await;
    server.add_environment("docker-2", &docker);

    let answer = ask(
        &server,
        "GET",
        "/endpoints?excludeSnapshots=true&start=2&limit=1",
        "",
    )
    .await;
    let whole = get(&server, "/endpoints/1").await;
    let found = get(
        &server,
        "/endpoints?search=CKER-1&status%5B%5D=1&excludeSnapshots=true",
    )
    .await;

    assert!(answer.head.contains("x-total-count: 2"), "{}", answer.head);
    assert_eq!(answer.json()[0]["Name"], "docker-2");
    assert_eq!(answer.json()[0]["Snapshots"], json!([]));
    assert_eq!(whole["Snapshots"][0]["RunningContainerCount"], 1);
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(server.log().unexpected(), [""; 0]);
}

fn form(fields: &[(&str, &str)]) -> String {
    let parts = fields.iter().map(|(name, value)| {
        format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    parts.collect::<String>() + "--part--\r\n"
}

#[tokio::test]
async fn an_environment_is_added_by_a_form() {
    let (server, _docker) = server().await;
    let headers = [
        ("X-API-Key", ADMIN_KEY),
        ("Content-Type", "multipart/form-data; boundary=part"),
    ];
    let agent = |name| {
        form(&[
            ("Name", name),
            ("EndpointCreationType", "2"),
            ("URL", "192.0.2.88:9001"),
            ("TLS", "true"),
            ("TLSSkipVerify", "true"),
            ("TLSSkipClientVerify", "true"),
            ("TagIds", "[1,2]"),
        ])
    };
    let create = async |body: String| {
        call(server.address(), "POST", "/api/endpoints", &headers, &body).await
    };

    let made = create(agent("docker-9")).await;
    let twice = create(agent("docker-9")).await;
    let plain = create(form(&[
        ("Name", "x"),
        ("EndpointCreationType", "2"),
        ("URL", "h:9001"),
    ]))
    .await;
    let json = ask(
        &server,
        "POST",
        "/endpoints",
        r#"{"Name":"y","EndpointCreationType":1}"#,
    )
    .await;

    assert_eq!(made.status, 200, "{}", made.body());
    assert_eq!(
        (&made.json()["URL"], &made.json()["TagIds"]),
        (&json!("tcp://192.0.2.88:9001"), &json!([1, 2]))
    );
    assert_eq!((twice.status, plain.status, json.status), (409, 500, 400));
    assert_eq!(server.log().unexpected(), ["POST /api/endpoints"]);
}

#[tokio::test]
async fn an_environment_is_changed_and_removed() {
    let (server, _docker) = server().await;

    let renamed = ask(&server, "PUT", "/endpoints/1", r#"{"Name":"new"}"#).await;
    let gone = ask(&server, "DELETE", "/endpoints/1", "").await;
    let missing = ask(&server, "GET", "/endpoints/1", "").await;

    assert_eq!(renamed.json()["Name"], "new");
    assert_eq!((gone.status, missing.status), (204, 404));
}

#[tokio::test]
async fn the_engine_is_reached_through_its_environment() {
    let (server, docker) = server().await;

    let list = get(&server, "/endpoints/1/docker/v1.51/containers/json").await;
    let stop = ask(
        &server,
        "POST",
        "/endpoints/1/docker/containers/web/stop",
        "",
    )
    .await;
    let dashboard = get(&server, "/docker/1/dashboard").await;
    server.set_up(1, false);
    let down = ask(&server, "GET", "/endpoints/1/docker/info", "").await;

    assert_eq!(list[0]["Names"], json!(["/web"]));
    assert_eq!(
        (stop.status, docker.containers()["web"].as_str()),
        (204, "exited")
    );
    assert_eq!(dashboard["containers"]["stopped"], 1);
    assert_eq!(down.status, 500);
}

#[tokio::test]
async fn a_user_sees_what_was_given_to_it() {
    let (server, docker) = server().await;
    let second = server.add_environment("docker-2", &docker);
    server.add_user("ops", "ptr_ops", &[second]);
    deploy(&server, "site", FILE).await;

    let list = ask_as(&server, "ptr_ops", "GET", "/endpoints", "").await;
    let stacks = ask_as(&server, "ptr_ops", "GET", "/stacks", "").await;
    let proxied = ask_as(&server, "ptr_ops", "GET", "/endpoints/1/docker/info", "").await;
    let delete = ask_as(&server, "ptr_ops", "DELETE", "/endpoints/2", "").await;

    assert_eq!(list.json().as_array().unwrap().len(), 1);
    assert_eq!(stacks.json(), json!([]));
    assert_eq!((proxied.status, delete.status), (403, 403));
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let (server, _docker) = server().await;

    let missing = ask(
        &server,
        "POST",
        "/stacks/create/standalone/string?endpointId=1",
        r#"{"Name":"a"}"#,
    )
    .await;
    let no_endpoint = ask(
        &server,
        "POST",
        "/stacks/create/standalone/string",
        r#"{"Name":"a","StackFileContent":"x"}"#,
    )
    .await;
    let lenient = ask(&server, "GET", "/stacks?limit=5", "").await;
    let old = ask(
        &server,
        "POST",
        "/stacks?type=2&method=string&endpointId=1",
        "{}",
    )
    .await;

    assert_eq!((missing.status, no_endpoint.status), (400, 400));
    assert_eq!((lenient.status, old.status), (200, 405));
    assert_eq!(server.log().unexpected().len(), 4);
}

#[tokio::test]
async fn the_demo_has_a_stack_that_failed() {
    let (first, second) = (
        Docker::demo().await.unwrap(),
        Docker::start().await.unwrap(),
    );
    let server = Portainer::demo(&first, &second).await.unwrap();

    let stacks = get(&server, "/stacks").await;

    let statuses: Vec<&Value> = stacks
        .as_array()
        .unwrap()
        .iter()
        .map(|stack| &stack["Status"])
        .collect();
    assert_eq!(statuses, [1, 4]);
}
