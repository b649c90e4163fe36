//! What goes down with it?

use homelab_core::error::{Code, ToolError};
use homelab_core::facts::{Entity, EntityKind, Facts, Reference, Relation};
use serde_json::{Value, json};

use crate::sync::{machine, node};
use crate::whatis::lab;
use crate::world::{hint, reason};

const IMPACT: &str = "homelab_impact";

fn effects(impact: &Value) -> Vec<(String, String)> {
    let rows = impact["affected"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                format!("{}:{}", text(&row["kind"]), text(&row["name"])),
                text(&row["effect"]),
            )
        })
        .collect();
    all.sort();
    all
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, effect)| ((*name).to_owned(), (*effect).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_host_takes_its_guests_their_containers_and_names_along() {
    let world = lab().await;

    let impact = world
        .call(IMPACT, json!({ "target": "pve1", "action": "stop" }))
        .await;

    assert_eq!(
        effects(&impact),
        pairs(&[
            ("container:broker", "down"),
            ("container:paperless", "down"),
            ("dns_record:paperless.lab.example", "unreachable"),
            ("engine:docker-1", "down"),
            ("guest:docker-1", "down"),
            ("guest:web", "down"),
            ("service:wiki", "down"),
        ])
    );
    assert_eq!(impact["totals"], json!({ "down": 6, "unreachable": 1 }));
    assert_eq!(impact["complete"], true);
    let paperless = impact["affected"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["name"] == "paperless");
    assert_eq!(
        paperless.expect("it")["via"],
        json!(["docker-1", "docker-1"])
    );
}

#[tokio::test]
async fn the_action_decides_what_becomes_of_the_rest() {
    let world = lab().await;

    let reboot = world
        .call(
            IMPACT,
            json!({ "target": "192.0.2.87", "action": "reboot" }),
        )
        .await;
    assert!(
        effects(&reboot).contains(&("container:paperless".into(), "interrupted".into())),
        "{reboot}"
    );
    let delete = world
        .call(
            IMPACT,
            json!({ "target": "docker-1", "kind": "guest", "action": "delete" }),
        )
        .await;
    assert!(effects(&delete).contains(&("container:paperless".into(), "lost".into())));
    assert!(
        effects(&delete).contains(&("dns_record:paperless.lab.example".into(), "dangling".into()))
    );
    let disconnect = world
        .call(
            IMPACT,
            json!({ "target": "switch", "action": "disconnect" }),
        )
        .await;
    assert!(
        effects(&disconnect).contains(&("guest:docker-1".into(), "unreachable".into())),
        "{disconnect}"
    );
    let broker = world
        .call(IMPACT, json!({ "target": "broker", "action": "stop" }))
        .await;
    assert_eq!(effects(&broker), pairs(&[("container:paperless", "down")]));
}

#[tokio::test]
async fn a_circle_of_dependencies_ends() {
    let world = lab().await;
    let link = |name: &str, other: &str| {
        Entity::new(EntityKind::Service, name, name).link(
            Relation::DependsOn,
            Reference::id(EntityKind::Service, other),
        )
    };
    world
        .told
        .knows("mesh", vec![link("a", "b"), link("b", "c"), link("c", "a")]);

    let impact = world
        .call(IMPACT, json!({ "target": "a", "action": "stop" }))
        .await;

    assert_eq!(
        effects(&impact),
        pairs(&[("service:b", "down"), ("service:c", "down")])
    );
}

#[tokio::test]
async fn two_things_of_one_name_have_to_be_told_apart() {
    let world = lab().await;
    world.told.knows(
        "pve-b",
        vec![
            node("pve9", "192.0.2.19"),
            machine(200, "web", "pve9", "192.0.2.91"),
        ],
    );

    let error = world
        .fail(IMPACT, json!({ "target": "web", "action": "stop" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "ambiguous_target")
    );
    assert!(hint(&error).contains("address or VMID"));
    let one = world
        .call(IMPACT, json!({ "target": "192.0.2.91", "action": "stop" }))
        .await;
    assert_eq!(one["target"]["name"], "web");
    let nobody = world
        .fail(IMPACT, json!({ "target": "nobody", "action": "stop" }))
        .await;
    assert_eq!(nobody.code(), Code::NotFound);
}

#[tokio::test]
async fn an_answer_without_all_systems_says_that_more_may_be_affected() {
    let world = lab().await;
    world.told.answers(
        "docker",
        Err(ToolError::new(Code::UpstreamUnreachable, "down")),
    );

    let impact = world
        .call(IMPACT, json!({ "target": "pve1", "action": "stop" }))
        .await;
    assert_eq!(impact["complete"], false);

    let mut part = Facts::default();
    part.gap("addresses of 3 guests were not read in time");
    world.told.answers("docker", Ok(part));
    let impact = world
        .call(IMPACT, json!({ "target": "pve1", "action": "stop" }))
        .await;
    assert_eq!(impact["complete"], false);
}
