//! Counting, replacing and explaining.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_core::policy::{Decide as _, Decision, Role};
use serde_json::json;

use super::{Call, at, engine, rules, stop};

#[tokio::test(start_paused = true)]
async fn a_limit_counts_each_caller_and_tool_on_its_own() {
    let (engine, _) = engine(json!({ "limits": [{ "name": "slow", "rate": 2, "per_s": 60 }] }));
    let call = stop(7);
    let other_tool = Call::of("list_vms", json!({}));
    let other_caller = stop(7).by("bob", Role::Operator);

    for _ in 0..2 {
        engine.decide(&call.question()).await.unwrap();
    }
    let error = engine.decide(&call.question()).await.unwrap_err();

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(30));
    engine.decide(&other_tool.question()).await.unwrap();
    engine.decide(&other_caller.question()).await.unwrap();
    tokio::time::advance(Duration::from_secs(31)).await;
    engine.decide(&call.question()).await.unwrap();
}

#[tokio::test]
async fn a_budget_is_spent_by_runs_and_comes_back_as_they_leave_its_window() {
    let (engine, clock) = engine(json!({ "budgets": [{
        "name": "restarts", "most": 3, "window_s": 3600, "tools": ["restart_*"],
    }]}));
    let call = stop(7);
    let other = stop(7).by("bob", Role::Operator);

    for _ in 0..3 {
        engine.decide(&call.question()).await.unwrap();
        engine.spend(&call.question()).await.unwrap();
        clock.advance_seconds(60);
    }
    let error = engine.spend(&call.question()).await.unwrap_err();

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().reason.as_deref(), Some("budget"));
    assert_eq!(error.envelope().retry_after_s, Some(3600 - 180));
    engine.spend(&other.question()).await.unwrap();
    clock.advance_seconds(3600 - 180);
    engine.spend(&call.question()).await.unwrap();
}

#[tokio::test]
async fn a_budget_of_everyone_is_one_budget() {
    let (engine, _) = engine(json!({ "budgets": [{
        "name": "restarts", "most": 1, "window_s": 60, "per": "everyone",
    }]}));

    engine.spend(&stop(7).question()).await.unwrap();
    let other = stop(7).by("bob", Role::Admin);

    assert!(engine.spend(&other.question()).await.is_err());
}

#[tokio::test]
async fn other_rules_come_into_force_at_once() {
    let (engine, _) = engine(json!({}));
    let call = stop(7);
    let before = engine.decide(&call.question()).await.unwrap();

    engine.replace(rules(json!({ "read_only": true })));

    let after = engine.decide(&call.question()).await.unwrap();
    assert_eq!(before.decision, Decision::Confirm);
    assert_eq!(after.decision, Decision::Deny);
    assert!(after.reason.unwrap().contains("read-only"));
    assert!(engine.hides(&call.sight()));
}

#[tokio::test]
async fn an_explanation_names_every_rule_bound_limit_and_budget() {
    let (engine, _) = engine(json!({
        "time_zone": "UTC",
        "rules": [
            { "name": "ask", "decision": "confirm" },
            { "name": "big", "decision": "deny", "tools": ["restart_vm"], "when": "args.vmid > 1000" },
        ],
        "protected": [{ "names": ["dns*"], "reason": "the house hangs on it" }],
        "windows": [{ "name": "nights", "from": "22:00", "to": "06:00", "inside": "deny" }],
        "limits": [{ "name": "slow", "rate": 30, "per_s": 60 }],
        "budgets": [{ "name": "few", "most": 3, "window_s": 3600 }],
    }));
    let call = stop(7).on("7", "dns-1", &[]).by("root", Role::Admin);
    engine.spend(&call.question()).await.unwrap();

    let day = engine.explain(&call.question(), None).await;
    let night = engine
        .explain(&call.question(), Some(at("2026-03-02T23:00:00Z")))
        .await;

    assert_eq!((day.decision, day.by), (Decision::Approve, "protected"));
    assert_eq!(
        day.reason.as_deref(),
        Some("guest `7` (dns-1) is protected: the house hangs on it")
    );
    let asked: Vec<_> = day
        .rules
        .iter()
        .map(|one| (&*one.name, one.matches))
        .collect();
    assert_eq!(asked, [("big", Some(false)), ("ask", Some(true))]);
    assert_eq!(day.limits.len(), 1);
    assert_eq!(day.budgets[0].used, Some(1));
    assert_eq!((night.decision, night.by), (Decision::Deny, "window"));
    assert_eq!(night.rule.as_deref(), Some("nights"));
    assert_eq!(night.bounds.len(), 2);
}
