//! Agents.

use homelab_ccpm::Ccpm as _;
use homelab_core::ccpm::{
    AgentCreate, AgentFilter, AgentId, AgentKind, AgentPatch, AgentStatus, CcpmCode, Paging,
};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, FIRST, Lab, newcomer, told};

#[rstest]
#[tokio::test]
async fn registering_again_answers_with_who_is_there(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let register = async |name, kind| {
        let new = newcomer(name, kind);
        lab.service.register_agent(&lab.admin, new).await
    };

    let again = register("BUILDER", AgentKind::Developer).await.unwrap();
    let other = register("builder", AgentKind::Human).await.unwrap_err();

    assert!(!again.created);
    assert_eq!(again.value.name, "Builder");
    assert_eq!(Some(&again.value.id), lab.builder.actor.agent.as_ref());
    assert_eq!(other.code(), CcpmCode::Conflict);
    for name in [
        "me",
        "All",
        "two words",
        "11111111-1111-1111-1111-111111111111",
    ] {
        let refused = register(name, AgentKind::Other).await.unwrap_err();
        assert_eq!(told(&refused, "field").2, "name", "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn an_agent_may_bring_any_uuid(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let ids = [
        "00000000-0000-0000-0000-000000000000",
        "AAAAAAAA-AAAA-AAAA-AAAA-AAAAAAAAAAAA",
    ];

    for (place, id) in ids.into_iter().enumerate() {
        let new = AgentCreate {
            id: Some(AgentId::new(id)),
            ..newcomer(&format!("guest-{place}"), AgentKind::Other)
        };
        let done = lab.service.register_agent(&lab.admin, new).await.unwrap();
        assert!(done.created);
        let found = lab.agent(id).await;
        assert_eq!(found.id.as_str(), id.to_lowercase());
        let sent = lab.send(&lab.planner, id, "hello").await;
        assert_eq!(sent.to_agent_name, format!("guest-{place}"));
    }
    let twice = AgentCreate {
        id: Some(AgentId::new(ids[0])),
        ..newcomer("third", AgentKind::Other)
    };
    let refused = lab.service.register_agent(&lab.admin, twice).await;
    assert_eq!(told(&refused.unwrap_err(), "field").2, "id");
}

#[rstest]
#[tokio::test]
async fn agents_are_found_by_name_in_any_case_and_by_a_tag_of_their_own(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    for (name, tag) in [("one", "Red"), ("two", "Blue"), ("three", "blue")] {
        let new = AgentCreate {
            tag: Some(tag.into()),
            ..newcomer(name, AgentKind::Other)
        };
        lab.service.register_agent(&lab.admin, new).await.unwrap();
    }
    let find = async |text| lab.service.agent(&lab.builder, text).await;

    assert_eq!(find("bUILDER").await.unwrap().name, "Builder");
    assert_eq!(find("me").await.unwrap().name, "Builder");
    assert_eq!(find("red").await.unwrap().name, "one");
    let several = find("BLUE").await.unwrap_err();
    let unknown = find("bulder").await.unwrap_err();

    assert_eq!(
        told(&several, "candidates"),
        ("agent_ambiguous".into(), 409, &json!(["two", "three"]))
    );
    assert_eq!(
        told(&unknown, "candidates"),
        ("agent_not_found".into(), 404, &json!(["Builder"]))
    );
    assert!(find("a\0b").await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_silent_agent_is_offline_until_it_is_heard_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let names = async |status| {
        let filter = AgentFilter {
            status: Some(status),
            ..AgentFilter::default()
        };
        let page = Paging::default();
        let found = lab.service.list_agents(&lab.admin, &filter, &page).await;
        let found = found.unwrap().data.into_iter().map(|agent| agent.name);
        found.collect::<Vec<_>>()
    };
    let before = lab.agent("builder").await;

    lab.clock.advance_seconds(601);
    lab.service.heartbeat(&lab.builder, "me").await.unwrap();

    assert_eq!(names(AgentStatus::Active).await, ["Builder"]);
    assert_eq!(names(AgentStatus::Offline).await, ["planner", "watcher"]);
    assert_eq!(lab.agent("watcher").await.status, AgentStatus::Offline);
    assert_eq!(lab.agent("builder").await.version, before.version);
    let other = lab.service.heartbeat(&lab.builder, "watcher").await;
    assert_eq!(other.unwrap_err().code(), CcpmCode::Forbidden);
}

#[rstest]
#[tokio::test]
async fn agents_are_changed_by_themselves_and_by_version(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let patch = |status| AgentPatch {
        status: Some(status),
        ..AgentPatch::default()
    };
    let update = async |by, status, version| {
        let patch = patch(status);
        lab.service
            .update_agent(by, "builder", patch, version)
            .await
    };

    let busy = update(&lab.builder, AgentStatus::Busy, Some(1))
        .await
        .unwrap();
    let late = update(&lab.builder, AgentStatus::Idle, Some(1))
        .await
        .unwrap_err();
    let same = update(&lab.builder, AgentStatus::Busy, Some(2))
        .await
        .unwrap();
    let other = update(&lab.watcher, AgentStatus::Idle, None)
        .await
        .unwrap_err();

    assert_eq!((busy.value.version, same.value.version), (2, 2));
    assert_eq!(
        told(&late, "current"),
        ("version_conflict".into(), 409, &json!(2))
    );
    assert_eq!(other.status(), 403);
}

#[rstest]
#[tokio::test]
async fn agents_are_listed_page_by_page(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let mut page = Paging::first(2);
    let mut names = Vec::new();
    loop {
        let filter = AgentFilter::default();
        let found = lab
            .service
            .list_agents(&lab.admin, &filter, &page)
            .await
            .unwrap();
        names.extend(found.data.into_iter().map(|agent| agent.name));
        let Some(next) = found.page.next_cursor else {
            break;
        };
        page.cursor = Some(next);
    }

    assert_eq!(names, ["planner", "Builder", "watcher"]);
    let named = AgentFilter {
        name: Some("WATCHER".into()),
        kind: Some(AgentKind::Monitoring),
        ..AgentFilter::default()
    };
    let found = lab.service.list_agents(&lab.admin, &named, &FIRST).await;
    assert_eq!(found.unwrap().data.len(), 1);
}
