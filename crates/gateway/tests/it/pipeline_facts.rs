//! What servers tell of the lab, and who is shown it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::facts::{Entity, EntityKind, Facts, FactsSource as _, Gather, SourceFacts};
use homelab_core::policy::{Decide, Decision, Pattern, Question, Role, Sight, Tightening, Verdict};
use homelab_core::secret::Secret;
use homelab_core::tool::ToolSpec;
use serde_json::json;

use crate::support::{Bench, FakeServer, FakeTool, call, grants, principal, read, registry};

fn one(name: &str) -> Facts {
    let mut facts = Facts::default();
    facts.add(Entity::new(EntityKind::Guest, "1", name));
    facts
}

/// A server with a tool that shows what it tells.
fn teller(kind: &'static str, name: &'static str) -> FakeServer {
    FakeServer::new(kind, name, vec![FakeTool::new(read("show"))])
        .tells(&["show"], move |_| Box::pin(async move { Ok(one(name)) }))
}

fn wanted() -> Gather {
    Gather {
        addresses: true,
        instances: None,
        limit: Duration::from_secs(10),
        max_age: Duration::ZERO,
    }
}

fn context() -> CallContext {
    call("any", json!({})).context
}

async fn gather(bench: &Bench, context: &CallContext, wanted: &Gather) -> Vec<SourceFacts> {
    bench.dispatcher.gather(context, wanted).await
}

fn names(sources: &[SourceFacts]) -> Vec<&str> {
    sources
        .iter()
        .map(|source| source.instance.as_str())
        .collect()
}

#[tokio::test]
async fn servers_that_tell_are_asked_by_name_and_others_are_not() {
    let silent = FakeServer::new("mute", "mute", vec![FakeTool::new(read("show"))]);
    let bench = Bench::new(vec![teller("lamp", "desk"), teller("lamp", "bed"), silent]);

    let all = gather(&bench, &context(), &wanted()).await;
    let only = Gather {
        instances: Some(vec!["desk".to_owned(), "nobody".to_owned()]),
        ..wanted()
    };
    let chosen = gather(&bench, &context(), &only).await;

    assert_eq!(names(&all), ["bed", "desk"]);
    assert_eq!(names(&chosen), ["desk"]);
    let facts = chosen[0].facts.as_ref().unwrap();
    assert_eq!(facts.entities[0].name, "desk");
    assert_eq!(
        (chosen[0].kind, chosen[0].seen_at.0),
        ("lamp", 1_700_000_000_000_000)
    );
}

#[tokio::test]
async fn whoever_may_not_call_every_tool_that_shows_it_does_not_get_to_know_of_the_server() {
    let two = || vec![FakeTool::new(read("show")), FakeTool::new(read("list"))];
    let lamp = FakeServer::new("lamp", "lamp", two())
        .tells(&["show", "list"], |_| Box::pin(async { Ok(one("lamp")) }));
    let bench = Bench::new(vec![lamp, teller("fan", "fan")]);
    let as_caller = |allow: &[&str], deny: &[&str], bounds: Option<Tightening>| {
        let mut context = context();
        let mut caller = principal(Role::Admin);
        caller.grants = grants(allow, deny);
        caller.tightening = bounds.map(Arc::new);
        context.principal = Arc::new(caller);
        context
    };
    let exclude = Tightening {
        exclude: vec![Pattern::new("lamp_list")],
        ..Tightening::default()
    };

    for (context, seen) in [
        (as_caller(&[], &[], None), vec!["fan", "lamp"]),
        (as_caller(&[], &["lamp_list"], None), vec!["fan"]),
        (as_caller(&["fan_*", "lamp_show"], &[], None), vec!["fan"]),
        (as_caller(&["homelab_*"], &[], None), vec![]),
        (as_caller(&[], &[], Some(exclude)), vec!["fan"]),
    ] {
        let sources = gather(&bench, &context, &wanted()).await;
        assert_eq!(names(&sources), seen);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_there_or_reveals_secrets_shows_nothing() {
    let mut secret = ToolSpec::read("get_pin", "Pin", "Says the pin.", "safe:pin:read");
    secret.secret = true;
    let safe = FakeServer::new("safe", "safe", vec![FakeTool::new(secret)])
        .tells(&["get_pin"], |_| Box::pin(async { Ok(one("safe")) }));
    let odd = FakeServer::new("odd", "odd", vec![FakeTool::new(read("show"))])
        .tells(&["shown"], |_| Box::pin(async { Ok(one("odd")) }));
    let bench = Bench::new(vec![safe, odd]);

    let sources = gather(&bench, &context(), &wanted()).await;

    assert_eq!(names(&sources), [""; 0]);
}

/// Everything but one instance needs a person's word, or is over its rate.
struct Strict;

#[async_trait]
impl Decide for Strict {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict> {
        match question.sight.instance {
            "held" => Ok(Decision::Confirm.into()),
            "busy" => Err(ToolError::new(Code::RateLimited, "too many").retry_after_s(3)),
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

#[tokio::test]
async fn a_rule_that_asks_for_a_person_or_a_rate_keeps_the_facts_back() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let held = FakeServer::new("lamp", "held", vec![FakeTool::new(read("show"))]).tells(
        &["show"],
        move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(one("held")) })
        },
    );
    let servers = vec![held, teller("lamp", "busy"), teller("lamp", "open")];
    let bench = Bench::with_policy(servers, Arc::new(Strict));

    let sources = gather(&bench, &context(), &wanted()).await;

    assert_eq!(names(&sources), ["busy", "held", "open"]);
    let code = |index: usize| sources[index].facts.as_ref().unwrap_err().code();
    assert_eq!(
        (code(0), code(1)),
        (Code::RateLimited, Code::PermissionDenied)
    );
    assert!(sources[2].facts.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_fails_or_panics_is_named_and_the_others_answer() {
    let fake =
        |name: &'static str| FakeServer::new("lamp", name, vec![FakeTool::new(read("show"))]);
    let hangs = fake("hangs").tells(&["show"], |_| Box::pin(std::future::pending()));
    let fails = fake("fails").tells(&["show"], |_| {
        Box::pin(async { Err(ToolError::new(Code::UpstreamUnreachable, "no route")) })
    });
    let panics = fake("panics").tells(&["show"], |_| Box::pin(async { panic!("secret text") }));
    let bench = Bench::new(vec![hangs, fails, panics, teller("lamp", "works")]);

    let sources = gather(&bench, &context(), &wanted()).await;

    assert_eq!(names(&sources), ["fails", "hangs", "panics", "works"]);
    let error = |index: usize| {
        sources[index]
            .facts
            .as_ref()
            .unwrap_err()
            .envelope()
            .clone()
    };
    assert_eq!(
        (error(0).code, error(1).code),
        (Code::UpstreamUnreachable, Code::Timeout)
    );
    assert_eq!(error(1).instance.as_deref(), Some("hangs"));
    assert_eq!(error(2).code, Code::Internal);
    assert!(!error(2).message.contains("secret text"));
    assert!(sources[3].facts.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_learns_when_to_answer_with_what_it_has() {
    let lamp = FakeServer::new("lamp", "lamp", vec![FakeTool::new(read("show"))]).tells(
        &["show"],
        |query| {
            Box::pin(async move {
                tokio::time::sleep_until(query.deadline).await;
                Ok(one("part"))
            })
        },
    );
    let bench = Bench::new(vec![lamp]);

    let sources = gather(&bench, &context(), &wanted()).await;

    assert_eq!(sources[0].facts.as_ref().unwrap().entities[0].name, "part");
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_ask_once_and_an_old_answer_is_asked_for_anew() {
    let asked = Arc::new(AtomicUsize::new(0));
    let lamp = |asked: &Arc<AtomicUsize>| {
        let count = Arc::clone(asked);
        FakeServer::new("lamp", "lamp", vec![FakeTool::new(read("show"))]).tells(
            &["show"],
            move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                Box::pin(async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(one("lamp"))
                })
            },
        )
    };
    let bench = Bench::new(vec![lamp(&asked)]);
    let recent = Gather {
        max_age: Duration::from_secs(15),
        ..wanted()
    };
    let context = context();
    let times = || asked.load(Ordering::SeqCst);

    let askers = (0..5).map(|_| gather(&bench, &context, &recent));
    futures_util::future::join_all(askers).await;
    assert_eq!(times(), 1);
    gather(&bench, &context, &wanted()).await;
    assert_eq!(times(), 2);
    tokio::time::advance(Duration::from_secs(16)).await;
    gather(&bench, &context, &recent).await;
    assert_eq!(times(), 3);
    // Another server of the name knows other things.
    bench.registry.store(Arc::new(registry(vec![lamp(&asked)])));
    gather(&bench, &context, &recent).await;
    assert_eq!(times(), 4);
}

#[tokio::test]
async fn secrets_are_taken_out_before_anybody_keeps_the_facts() {
    let lamp =
        FakeServer::new("lamp", "lamp", vec![FakeTool::new(read("show"))]).tells(&["show"], |_| {
            Box::pin(async {
                let mut facts = Facts::default();
                let entity = Entity::new(EntityKind::Guest, "1", "lamp")
                    .attribute("url", Some("https://x/?key=correct-horse-battery"));
                facts.add(entity);
                facts.gap("correct-horse-battery was refused");
                Ok(facts)
            })
        });
    let bench = Bench::new(vec![lamp]);
    bench
        .redactor
        .learn(&Secret::new("correct-horse-battery".to_owned()));

    let sources = gather(&bench, &context(), &wanted()).await;

    let facts = sources[0].facts.as_ref().unwrap();
    assert!(!format!("{facts:?}").contains("correct-horse"), "{facts:?}");
    assert!(facts.entities[0].attributes["url"].starts_with("https://x/"));
}
