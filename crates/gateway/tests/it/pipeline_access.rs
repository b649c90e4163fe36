//! Who may call what, and what a caller who may not gets to know.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use homelab_core::call::{Caller as _, ToolReply, Transport};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decide, Decision, Question, Role, Sight, Verdict};
use homelab_core::server::Endpoint;
use homelab_core::store::{KILL_SWITCH, Settings as _};
use homelab_core::tool::{Target, ToolSpec};
use rstest::rstest;
use serde_json::json;

use crate::support::{
    Bench, CallExt as _, FakeServer, FakeTool, call, grants, principal, read, registry, write,
};

fn lamp() -> Vec<FakeTool> {
    let mut secret = ToolSpec::read("get_pin", "Pin", "Says the pin.", "lamp:pin:read");
    secret.secret = true;
    vec![
        FakeTool::new(read("show")),
        FakeTool::new(write("dim")),
        FakeTool::new(ToolSpec::destructive(
            "smash",
            "Smash",
            "Breaks it.",
            "lamp:light:break",
        )),
        FakeTool::new(ToolSpec::critical(
            "burn",
            "Burn",
            "Burns down.",
            "lamp:house:burn",
        )),
        FakeTool::new(secret),
    ]
}

fn bench() -> Bench {
    Bench::new(vec![FakeServer::new("lamp", "lamp", lamp())])
}

#[rstest]
#[case(Role::Viewer, &["lamp_show"])]
#[case(Role::Operator, &["lamp_show", "lamp_dim", "lamp_smash", "lamp_burn"])]
#[case(Role::Admin, &["lamp_show", "lamp_dim", "lamp_smash", "lamp_burn", "lamp_get_pin"])]
fn a_role_sees_what_it_may_call_in_a_fixed_order(#[case] role: Role, #[case] seen: &[&str]) {
    let bench = bench();

    let names = bench.names(&Endpoint::All, &principal(role));

    assert_eq!(names, seen);
}

#[rstest]
#[case(&["lamp_s*"], &[], &["lamp_show", "lamp_smash"])]
#[case(&["lamp:light:*"], &["smash"], &["lamp_show", "lamp_dim"])]
#[case(&[], &["lamp:dim", "*:burn"], &["lamp_show", "lamp_smash", "lamp_get_pin"])]
#[case(&["nothing"], &[], &[])]
fn a_keys_patterns_narrow_by_any_name(
    #[case] allow: &[&str],
    #[case] deny: &[&str],
    #[case] seen: &[&str],
) {
    let bench = bench();
    let mut principal = principal(Role::Admin);
    principal.grants = grants(allow, deny);

    assert_eq!(bench.names(&Endpoint::All, &principal), seen);
}

#[tokio::test]
async fn unknown_and_forbidden_look_alike() {
    let bench = bench();

    let forbidden = bench
        .run(call("lamp_dim", json!({})).role(Role::Viewer))
        .await;
    let unknown = bench
        .run(call("lamp_dxm", json!({})).role(Role::Viewer))
        .await;

    let forbidden = forbidden.unwrap_err().envelope().clone();
    let mut unknown = unknown.unwrap_err().envelope().clone();
    unknown.message = unknown.message.replace("dxm", "dim");
    assert_eq!(forbidden, unknown);
    assert_eq!(forbidden.code, Code::NotFound);
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_near_ones_the_caller_may_see() {
    let bench = bench();

    let as_viewer = bench
        .run(call("lamp_shwo", json!({})).role(Role::Viewer))
        .await;
    let hidden = bench
        .run(call("lamp_dimm", json!({})).role(Role::Viewer))
        .await;
    let as_operator = bench.call("lamp_dimm", json!({})).await;

    let hint = |reply: Result<ToolReply, ToolError>| {
        let error = reply.unwrap_err();
        error.envelope().hint.clone().unwrap_or_default()
    };
    assert_eq!(hint(as_viewer), "did you mean `lamp_show`?");
    assert!(!hint(hidden).contains("lamp_dim"));
    assert!(hint(as_operator).contains("`lamp_dim`"));
}

#[rstest]
#[case("lamp_show", Endpoint::All, true)]
#[case("show", Endpoint::All, true)]
#[case("show", Endpoint::Server("lamp".into()), true)]
#[case("lamp_show", Endpoint::Server("lamp".into()), true)]
#[case("show", Endpoint::Server("other".into()), false)]
#[tokio::test]
async fn bare_and_aggregated_names_can_both_be_called(
    #[case] name: &str,
    #[case] endpoint: Endpoint,
    #[case] found: bool,
) {
    let bench = bench();
    let mut call = call(name, json!({}));
    call.endpoint = endpoint;

    assert_eq!(bench.run(call).await.is_ok(), found);
}

#[tokio::test]
async fn a_bare_name_of_several_kinds_is_answered_with_their_full_names() {
    let bench = Bench::new(vec![
        FakeServer::new("lamp", "lamp", vec![FakeTool::new(read("show"))]),
        FakeServer::new("door", "door", vec![FakeTool::new(read("show"))]),
    ]);

    let ambiguous = bench.call("show", json!({})).await.unwrap_err();
    let narrowed = bench
        .run(call("show", json!({})).grants(grants(&["door:*"], &[])))
        .await;

    assert_eq!(
        ambiguous.envelope().hint.as_deref(),
        Some("call `door_show` or `lamp_show`")
    );
    // For a key that sees only one of them there is nothing to mistake.
    assert!(narrowed.is_ok());
}

#[test]
fn a_server_of_which_nothing_may_be_seen_looks_like_none() {
    let bench = bench();
    let mut principal = principal(Role::Viewer);
    principal.grants = grants(&["door:*"], &[]);
    let list = |name: &str| {
        bench
            .dispatcher
            .list(&Endpoint::Server(name.into()), &principal)
    };

    let forbidden = list("lamp").unwrap_err().envelope().clone();
    let unknown = list("lump").unwrap_err().envelope().clone();

    assert_eq!(forbidden.message.replace("lamp", "lump"), unknown.message);
    assert_eq!(forbidden.hint, unknown.hint);
}

#[rstest]
#[case("lamp_smash", Code::ApprovalRequired)]
#[case("lamp_burn", Code::ApprovalRequired)]
#[tokio::test]
async fn what_a_person_must_agree_to_waits_at_every_door(
    #[values(
        Transport::Http,
        Transport::Sse,
        Transport::Stdio,
        Transport::Cli,
        Transport::Rest,
        Transport::Agent
    )]
    transport: Transport,
    #[case] tool: &str,
    #[case] code: Code,
) {
    let server = FakeServer::new("lamp", "lamp", lamp());
    let count = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);

    let error = bench
        .run(call(tool, json!({})).over(transport))
        .await
        .unwrap_err();

    assert_eq!(error.code(), code);
    assert!(error.envelope().approval_id.is_some());
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_kill_switch_stops_changes_and_leaves_reads() {
    let bench = bench();
    bench.settings.set(KILL_SWITCH, "on").await.unwrap();

    let change = bench.call("lamp_dim", json!({})).await.unwrap_err();
    let read = bench.call("lamp_show", json!({})).await;
    bench.settings.set(KILL_SWITCH, "off").await.unwrap();
    let after = bench.call("lamp_dim", json!({})).await;

    assert_eq!(change.code(), Code::PermissionDenied);
    assert_eq!(change.envelope().reason.as_deref(), Some("kill_switch"));
    assert!(read.is_ok());
    assert!(after.is_ok());
}

#[rstest]
#[case::unreadable(None)]
#[case::nonsense(Some("maybe"))]
#[tokio::test]
async fn a_kill_switch_that_is_not_clearly_off_stops_changes(#[case] value: Option<&str>) {
    let server = FakeServer::new("lamp", "lamp", lamp());
    let count = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);
    match value {
        Some(value) => bench.settings.set(KILL_SWITCH, value).await.unwrap(),
        None => bench.settings.broken.store(true, Ordering::SeqCst),
    }

    let reply = bench
        .run(call("lamp_dim", json!({})).over(Transport::Cli))
        .await;

    assert!(reply.is_err());
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_replaced_registry_serves_the_next_call() {
    let bench = bench();
    let before = bench.call("door_show", json!({})).await;

    bench.registry.store(Arc::new(registry(vec![FakeServer::new(
        "door",
        "door",
        vec![FakeTool::new(read("show"))],
    )])));
    let after = bench.call("door_show", json!({})).await;
    let gone = bench.call("lamp_show", json!({})).await;

    assert!(before.is_err());
    assert!(after.is_ok());
    assert!(gone.is_err());
}

#[test]
fn a_listing_adds_the_format_and_nothing_else_for_a_single_instance() {
    let bench = bench();

    let listed = bench
        .dispatcher
        .list(&Endpoint::All, &principal(Role::Viewer))
        .unwrap();

    let show = &listed[0];
    assert_eq!(show.kind, "lamp");
    assert_eq!(
        show.input_schema["properties"]["format"]["enum"],
        json!(["json", "text"])
    );
    assert_eq!(
        show.input_schema["properties"].as_object().unwrap().len(),
        1
    );
    assert_eq!(show.info.input_schema["properties"], json!({}));
}

/// Protects the object of this id, and cannot decide about another.
struct Protects(&'static str);

#[async_trait]
impl Decide for Protects {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict> {
        match question.targets.first() {
            Some(target) if target.id == self.0 => Ok(Decision::Deny.into()),
            Some(target) if target.id == "?" => Err(ToolError::internal("rules are unreadable")),
            _ => Ok(Decision::Allow.into()),
        }
    }

    async fn spend(&self, _question: &Question<'_>) -> ToolResult<()> {
        Ok(())
    }

    fn hides(&self, _sight: &Sight<'_>) -> bool {
        false
    }
}

#[rstest]
#[case::free("7", None)]
#[case::protected("1", Some((Code::PermissionDenied, "permission_denied")))]
#[case::undecidable("?", Some((Code::Internal, "internal")))]
#[tokio::test]
async fn a_policy_decides_on_the_objects_that_a_change_touches(
    #[case] id: &'static str,
    #[case] refused: Option<(Code, &str)>,
) {
    let tool = FakeTool::new(write("dim")).touches(|_| {
        Ok(vec![Target {
            kind: "lamp".into(),
            id: id.into(),
            name: None,
            tags: vec![],
        }])
    });
    let server = FakeServer::new("lamp", "lamp", vec![tool]);
    let runs = Arc::clone(&server.runs);
    let bench = Bench::with_policy(vec![server], Arc::new(Protects("1")));

    let reply = bench.call("lamp_dim", json!({})).await;

    assert_eq!(
        reply.err().map(|error| error.code()),
        refused.map(|(code, _)| code)
    );
    assert_eq!(runs.load(Ordering::SeqCst), u64::from(refused.is_none()));
    let last = bench.audit.rows().pop().unwrap().entry;
    let outcome = refused.map_or("ok", |(_, outcome)| outcome);
    assert_eq!(last.outcome.as_deref(), Some(outcome));
}
