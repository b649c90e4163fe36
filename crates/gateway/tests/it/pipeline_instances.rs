//! Several instances of one kind behind one listing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homelab_core::call::Caller as _;
use homelab_core::error::{Code, ToolError};
use homelab_core::policy::Role;
use homelab_core::server::Endpoint;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    Bench, CallExt as _, FakeServer, FakeTool, call, grants, principal, ran, read, write,
};

/// Says which instance it is.
fn pihole(instance: &'static str) -> FakeServer {
    let who = move |_| Ok(json!({ "who": instance }));
    let tools = vec![
        FakeTool::new(read("status")).answers(who),
        FakeTool::new(write("flush")).answers(who),
    ];
    FakeServer::new("pihole", instance, tools)
}

fn down(instance: &'static str) -> FakeServer {
    let unreachable = |_| {
        Err(ToolError::new(
            Code::UpstreamUnreachable,
            "no route to host",
        ))
    };
    let tools = vec![
        FakeTool::new(read("status")).answers(unreachable),
        FakeTool::new(write("flush")).answers(unreachable),
    ];
    FakeServer::new("pihole", instance, tools)
}

#[test]
fn a_kind_is_listed_once_with_the_instances_to_choose_from() {
    let bench = Bench::new(vec![pihole("attic"), pihole("cellar")]);

    let listed = bench
        .dispatcher
        .list(&Endpoint::All, &principal(Role::Operator))
        .unwrap();

    let [status, flush] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    let instances =
        |schema: &serde_json::Map<String, Value>| schema["properties"]["instance"]["enum"].clone();
    assert_eq!(status.name, "pihole_status");
    assert_eq!(
        instances(&status.input_schema),
        json!(["attic", "cellar", "all"])
    );
    assert_eq!(status.input_schema.get("required"), None);
    assert_eq!(instances(&flush.input_schema), json!(["attic", "cellar"]));
    assert_eq!(flush.input_schema["required"], json!(["instance"]));
}

#[tokio::test]
async fn what_no_instance_has_is_not_listed_and_a_call_is_still_answered() {
    let bench = Bench::new(vec![pihole("attic").lacks("flush"), pihole("cellar")]);
    let names = |bench: &Bench, at: &Endpoint| {
        let listed = bench
            .dispatcher
            .list(at, &principal(Role::Operator))
            .unwrap();
        listed.into_iter().map(|tool| tool.name).collect::<Vec<_>>()
    };
    let attic = Endpoint::Server("attic".into());

    assert_eq!(
        names(&bench, &Endpoint::All),
        ["pihole_status", "pihole_flush"]
    );
    assert_eq!(names(&bench, &attic), ["status"]);
    let reply = bench
        .call("pihole_flush", json!({ "instance": "attic" }))
        .await
        .unwrap();
    assert_eq!(reply.structured, json!({ "who": "attic" }));
}

#[test]
fn a_single_instance_has_its_own_endpoint_without_a_choice() {
    let bench = Bench::new(vec![pihole("attic"), pihole("cellar")]);
    let endpoint = Endpoint::Server("attic".into());

    let listed = bench
        .dispatcher
        .list(&endpoint, &principal(Role::Viewer))
        .unwrap();

    assert_eq!(listed[0].name, "status");
    assert_eq!(listed[0].input_schema["properties"].get("instance"), None);
}

#[rstest]
#[case::a_named_one("pihole_status", json!({ "instance": "cellar" }), json!({ "who": "cellar" }))]
#[case::none_of_the_kinds_name("pihole_status", json!({}), json!({ "results": [
    { "instance": "attic", "result": { "who": "attic" } },
    { "instance": "cellar", "result": { "who": "cellar" } },
] }))]
#[case::each("pihole_status", json!({ "instance": "all" }), json!({ "results": [
    { "instance": "attic", "result": { "who": "attic" } },
    { "instance": "cellar", "result": { "who": "cellar" } },
] }))]
#[case::a_change("pihole_flush", json!({ "instance": "attic" }), json!({ "who": "attic" }))]
#[tokio::test]
async fn the_instance_argument_chooses(
    #[case] tool: &str,
    #[case] arguments: Value,
    #[case] expected: Value,
) {
    let bench = Bench::new(vec![pihole("attic"), pihole("cellar")]);

    let reply = bench.call(tool, arguments).await.unwrap();

    assert_eq!(reply.structured, expected);
    assert_eq!(reply.text, expected.to_string());
}

#[tokio::test]
async fn the_instance_that_bears_the_kinds_name_is_meant_where_none_is_named() {
    let bench = Bench::new(vec![pihole("pihole"), pihole("pihole-2")]);

    let read = bench.call("pihole_status", json!({})).await.unwrap();
    let at_kind = bench
        .run(call("status", json!({})).at("pihole"))
        .await
        .unwrap();
    let change = bench.call("pihole_flush", json!({})).await.unwrap_err();

    assert_eq!(read.structured, json!({ "who": "pihole" }));
    assert_eq!(at_kind.structured, json!({ "who": "pihole" }));
    assert_eq!(change.envelope().field.as_deref(), Some("instance"));
}

#[tokio::test]
async fn a_kind_has_an_endpoint_where_no_instance_bears_its_name() {
    let bench = Bench::new(vec![pihole("attic"), pihole("cellar")]);

    let one = bench
        .run(call("status", json!({ "instance": "cellar" })).at("pihole"))
        .await
        .unwrap();
    let names = bench.names(
        &Endpoint::Server("pihole".into()),
        &principal(Role::Operator),
    );

    assert_eq!(one.structured, json!({ "who": "cellar" }));
    assert_eq!(names, ["status", "flush"]);
}

#[rstest]
#[case("pihole_flush", json!({}), "set `instance` to `attic` or `cellar`")]
#[case("pihole_flush", json!({ "instance": "all" }), "set `instance` to `attic` or `cellar`")]
#[case("pihole_flush", json!({ "instance": "roof" }), "set `instance` to `attic` or `cellar`")]
#[case("pihole_status", json!({ "instance": 7 }), "set `instance` to `attic`, `cellar` or `all`")]
#[tokio::test]
async fn a_change_names_exactly_one(
    #[case] tool: &str,
    #[case] arguments: Value,
    #[case] hint: &str,
) {
    let (attic, cellar) = (pihole("attic"), pihole("cellar"));
    let runs = [Arc::clone(&attic.runs), Arc::clone(&cellar.runs)];
    let bench = Bench::new(vec![attic, cellar]);

    let error = bench.call(tool, arguments).await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.envelope().field.as_deref(), Some("instance"));
    assert_eq!(error.envelope().hint.as_deref(), Some(hint));
    assert_eq!(runs.map(|runs| runs.load(Ordering::SeqCst)), [0, 0]);
}

#[tokio::test]
async fn one_that_fails_is_shown_beside_those_that_answer() {
    let bench = Bench::new(vec![pihole("attic"), down("cellar")]);

    let reply = bench
        .call("pihole_status", json!({ "instance": "all" }))
        .await
        .unwrap();

    let results = &reply.structured["results"];
    assert_eq!(
        results[0],
        json!({ "instance": "attic", "result": { "who": "attic" } })
    );
    assert_eq!(results[1]["instance"], "cellar");
    assert_eq!(results[1]["error"]["code"], "upstream_unreachable");
    assert_eq!(results[1]["error"]["instance"], "cellar");
    let outcomes: Vec<_> = bench
        .audit
        .rows()
        .into_iter()
        .map(|kept| (kept.entry.target_id, kept.entry.outcome.unwrap()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("attic".to_owned(), "ok".to_owned()),
            ("cellar".to_owned(), "upstream_unreachable".to_owned()),
        ]
    );
}

#[tokio::test]
async fn an_error_is_the_answer_only_if_none_succeeded() {
    let bench = Bench::new(vec![down("attic"), down("cellar")]);

    let error = bench
        .call("pihole_status", json!({ "instance": "all" }))
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert_eq!(error.envelope().request_id.as_deref(), Some("req-1"));
}

#[tokio::test(start_paused = true)]
async fn instances_are_asked_at_the_same_time() {
    let slow = |instance: &'static str| {
        let tool = FakeTool::new(read("status")).runs(|_, _| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok(ran(json!({})))
            })
        });
        FakeServer::new("pihole", instance, vec![tool])
    };
    let bench = Bench::new(vec![slow("a"), slow("b"), slow("c")]);
    let started = Instant::now();

    bench
        .call("pihole_status", json!({ "instance": "all" }))
        .await
        .unwrap();

    assert_eq!(started.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn an_instance_that_a_key_may_not_use_does_not_exist_for_it() {
    let bench = Bench::new(vec![pihole("attic"), pihole("cellar")]);
    let call = |arguments: Value| call("pihole_flush", arguments).grants(grants(&["attic:*"], &[]));

    let implied = bench.run(call(json!({}))).await.unwrap();
    let forbidden = bench
        .run(call(json!({ "instance": "cellar" })))
        .await
        .unwrap_err();

    assert_eq!(implied.structured, json!({ "who": "attic" }));
    assert_eq!(forbidden.envelope().message, "no instance `cellar`");
    assert_eq!(
        forbidden.envelope().hint.as_deref(),
        Some("set `instance` to `attic`")
    );
}
