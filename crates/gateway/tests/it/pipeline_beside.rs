//! Calls that do another tool's work by another way: what that tool needs, they need too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homelab_core::call::ToolCall;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{
    Decide, Decision, Pattern, Question, Role, RoleDefaults, Sight, Tightening, Verdict,
};
use homelab_core::tool::{Effect, ToolSpec};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Bench, CallExt as _, FakeServer, FakeTool, call};

/// A server with one tool that stops, one that shows a secret, and its raw API.
fn server() -> FakeServer {
    let stop = ToolSpec::destructive("stop_vm", "Stop", "Stops it.", "pve:guest:power");
    let mut keys = ToolSpec::read("get_keys", "Keys", "Shows keys.", "pve:key:read");
    keys.secret = true;
    let raw = ToolSpec::critical("call_api", "Call", "Calls it.", "pve:api:call");
    let raw = FakeTool::new(raw)
        .takes(json!({ "path": { "type": "string" } }), &["path"])
        .does(|arguments| match arguments["path"].as_str() {
            // By itself the raw call says no more than that it changes something.
            Some("/stop") => Effect::Write,
            Some("/keys" | "/version") => Effect::Read,
            _ => Effect::Destructive,
        })
        .stands_for(|arguments| match arguments["path"].as_str() {
            Some("/stop") => Some(0),
            Some("/keys") => Some(1),
            _ => None,
        });
    FakeServer::new(
        "pve",
        "pve",
        vec![FakeTool::new(stop), FakeTool::new(keys), raw],
    )
}

fn raw(path: &str) -> ToolCall {
    call("pve_call_api", json!({ "path": path }))
}

/// Rules that say something about some tools, and keep what they were asked.
#[derive(Default)]
struct Rules {
    about: Vec<(&'static str, Decision)>,
    asked: Mutex<Vec<(String, Effect, Value)>>,
    spent: Mutex<Vec<String>>,
}

#[async_trait]
impl Decide for Rules {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict> {
        let spec = question.sight.spec;
        self.asked.lock().unwrap().push((
            spec.name.to_owned(),
            spec.effect,
            question.arguments.clone(),
        ));
        let found = self.about.iter().find(|(name, _)| *name == spec.name);
        Ok(found
            .map_or(Decision::Allow, |(_, decision)| *decision)
            .into())
    }

    async fn spend(&self, question: &Question<'_>) -> ToolResult<()> {
        let name = question.sight.spec.name.to_owned();
        self.spent.lock().unwrap().push(name);
        Ok(())
    }

    fn hides(&self, _sight: &Sight<'_>) -> bool {
        false
    }
}

fn bench(about: &[(&'static str, Decision)]) -> (Bench, Arc<Rules>, Arc<AtomicU64>) {
    let rules = Arc::new(Rules {
        about: about.to_vec(),
        ..Rules::default()
    });
    let server = server();
    let runs = Arc::clone(&server.runs);
    let bench = Bench::with_policy(vec![server], Arc::clone(&rules) as Arc<dyn Decide>);
    (bench, rules, runs)
}

#[rstest]
#[case(&[("stop_vm", Decision::Deny)], Some(Code::PermissionDenied))]
#[case(&[("stop_vm", Decision::Approve)], Some(Code::ApprovalRequired))]
#[case(&[("call_api", Decision::Approve)], Some(Code::ApprovalRequired))]
#[case(&[("call_api", Decision::Deny)], Some(Code::PermissionDenied))]
#[case(&[], None)]
#[tokio::test]
async fn the_stricter_of_both_decisions_holds(
    #[case] about: &[(&'static str, Decision)],
    #[case] refused: Option<Code>,
) {
    let (bench, _, runs) = bench(about);

    let answer = bench.run(raw("/stop")).await;

    assert_eq!(answer.err().map(|error| error.code()), refused);
    assert_eq!(runs.load(Ordering::SeqCst), u64::from(refused.is_none()));
}

#[tokio::test]
async fn rules_are_asked_about_both_tools_and_see_the_graver_effect() {
    let (bench, rules, _) = bench(&[]);

    bench.run(raw("/stop")).await.unwrap();

    let asked = rules.asked.lock().unwrap().clone();
    let own = json!({ "path": "/stop" });
    assert_eq!(
        asked,
        [
            ("call_api".to_owned(), Effect::Destructive, own),
            ("stop_vm".to_owned(), Effect::Destructive, Value::Null),
        ]
    );
    assert_eq!(*rules.spent.lock().unwrap(), ["call_api", "stop_vm"]);
    let rows = bench.audit.rows();
    assert!(
        rows.iter()
            .all(|row| row.entry.effect.as_deref() == Some("destructive"))
    );
}

#[tokio::test]
async fn a_call_that_stands_for_nothing_is_asked_about_once() {
    let (bench, rules, _) = bench(&[]);

    bench.run(raw("/version")).await.unwrap();

    assert_eq!(rules.asked.lock().unwrap().len(), 1);
}

fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

#[rstest]
#[case::by_the_tools_name("stop_vm")]
#[case::by_its_name_at_mcp("pve_stop_vm")]
#[case::by_its_permission("pve:guest:*")]
#[case::by_instance_and_name("pve:stop_vm")]
#[tokio::test]
async fn what_a_key_may_not_call_it_may_not_reach_by_the_raw_api(#[case] pattern: &str) {
    let (bench, _, runs) = bench(&[]);
    let denied = |path: &str| {
        let mut call = raw(path);
        Arc::make_mut(&mut call.context.principal).grants.deny = vec![Pattern::new(pattern)];
        call
    };

    let error = bench.run(denied("/stop")).await.unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "covered_tool")
    );
    assert!(bench.run(denied("/version")).await.is_ok());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_key_for_some_tools_reaches_no_other_by_the_raw_api() {
    let (bench, _, _) = bench(&[]);
    let mut call = raw("/stop");
    Arc::make_mut(&mut call.context.principal).grants.allow = vec![Pattern::new("*call_api")];

    let error = bench.run(call).await.unwrap_err();

    assert_eq!(reason(&error), "covered_tool");
}

#[tokio::test]
async fn what_a_request_excludes_it_does_not_reach_either() {
    let (bench, _, _) = bench(&[]);
    let mut call = raw("/stop");
    let bounds = Tightening {
        exclude: vec![Pattern::new("stop_vm")],
        ..Tightening::default()
    };
    Arc::make_mut(&mut call.context.principal).tightening = Some(Arc::new(bounds));

    let error = bench.run(call).await.unwrap_err();

    assert_eq!(reason(&error), "covered_tool");
}

#[tokio::test]
async fn the_secrets_of_the_other_tool_stay_the_admins() {
    let bench = Bench::with_policy(vec![server()], Arc::new(RoleDefaults));

    let operator = bench.run(raw("/keys").role(Role::Operator)).await;
    let admin = bench.run(raw("/keys").role(Role::Admin)).await;

    assert_eq!(operator.unwrap_err().code(), Code::PermissionDenied);
    assert!(admin.is_ok());
}
