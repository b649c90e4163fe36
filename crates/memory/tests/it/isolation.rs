//! Whatever is asked, with whatever ids, labels and filters: nobody sees, counts, changes or guesses what another
//! owner has.

use std::collections::{BTreeSet, HashMap};

use homelab_core::clock::{Entropy as _, SeededEntropy};
use homelab_core::error::ToolError;
use homelab_core::memory::About;
use homelab_core::page::PageRequest;
use homelab_memory::{
    Caller, Edit, ListRequest, NewEntry, OnSimilar, Outcome, SearchRequest, Settings,
    SummaryRequest,
};
use serde_json::{Value, json};

use crate::lab::{Lab, Models, Toy, entry, owners};

/// Principals; the first two are one owner, the names of the others are meant to confuse.
const PRINCIPALS: [&str; 7] = [
    "claude",
    "n8n",
    "family",
    "local",
    "stdio:1000",
    "=family",
    "bob",
];
const OWNERS: [&str; 7] = [
    "family", "family", "=family", "=local", "local", "==family", "bob",
];

struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, most: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let most = u64::try_from(most).unwrap();
        usize::try_from(u64::from_le_bytes(bytes) % most).unwrap()
    }

    fn one_of<'t, T>(&self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// An answer without what the caller itself asked with.
fn faceless(error: &ToolError, id: &str) -> String {
    format!("{error:?}").replace(id, "ID")
}

async fn many_owners() -> Lab {
    let models = Models {
        embedder: Some(Toy::new("toy@1")),
        ..Models::default()
    };
    let settings = Settings {
        owners: owners(&[("family", &["claude", "n8n"])]),
        ..Settings::default()
    };
    Lab::with(models, settings).await
}

fn callers(lab: &Lab) -> Vec<Caller> {
    PRINCIPALS
        .iter()
        .map(|name| lab.service.owners().caller(name, None))
        .collect()
}

fn nas() -> About {
    About {
        kind: "devices".into(),
        name: "nas01".into(),
    }
}

/// Everybody keeps much the same; whose each memory is.
async fn stocked(lab: &Lab, callers: &[Caller]) -> HashMap<String, &'static str> {
    let mut owner_of: HashMap<String, &str> = HashMap::new();
    for (who, caller) in callers.iter().enumerate() {
        for user in ["family", "bob", "infrastructure_agent"] {
            lab.clock.advance_seconds(1);
            let new = NewEntry {
                user_id: Some(user.into()),
                about: vec![nas()],
                metadata: [("room".to_owned(), json!("attic"))].into_iter().collect(),
                ..entry(&format!(
                    "{user} and secretword{who} know that nas01 is 192.0.2.{who}"
                ))
            };
            let answer = lab.service.add(caller, new).await.unwrap();
            owner_of.insert(answer.results[0].id.clone(), OWNERS[who]);
            for other in answer.results[0]
                .similar
                .iter()
                .chain(&answer.results[0].change_of)
            {
                assert_eq!(owner_of[&other.id], OWNERS[who]);
            }
        }
    }
    owner_of
}

#[tokio::test]
async fn no_question_reaches_another_owner() {
    let lab = many_owners().await;
    let callers = callers(&lab);
    let owner_of = stocked(&lab, &callers).await;
    let dice = Dice(SeededEntropy::new(20_250_615));
    let labels = [
        None,
        Some("family"),
        Some("bob"),
        Some("infrastructure_agent"),
        Some("*"),
        Some("%"),
    ];
    let filters = [
        Value::Null,
        json!({ "user_id": "*" }),
        json!({ "user_id": { "ne": "nobody" } }),
        json!({ "OR": [{ "owner": "*" }, { "NOT": [{ "owner": "family" }] }, { "room": "attic" }] }),
        json!({ "NOT": { "room": "nowhere" } }),
        json!({ "owner": { "in": ["family", "bob", "local"] } }),
        json!({ "about": { "contains": "nas01" } }),
    ];

    for _ in 0..120 {
        let who = dice.below(callers.len());
        let (caller, owner) = (&callers[who], OWNERS[who]);
        let user_id = dice.one_of(&labels).map(str::to_owned);
        let filters = Some(dice.one_of(&filters).clone());
        let word = format!("secretword{} 192.0.2.{}", dice.below(7), dice.below(7));
        let search = SearchRequest {
            query: dice.one_of(&[word, String::new(), "nas01".into()]).clone(),
            user_id: user_id.clone(),
            filters: filters.clone(),
            include_expired: true,
            limit: Some(100),
            explain: true,
            ..SearchRequest::default()
        };
        let list = ListRequest {
            user_id: user_id.clone(),
            filters: filters.clone(),
            limit: Some(100),
            ..ListRequest::default()
        };
        let sum = SummaryRequest {
            user_id,
            filters,
            max_tokens: Some(4000),
            ..SummaryRequest::default()
        };
        let own = owner_of.values().filter(|other| **other == owner).count();

        let found = lab.service.search(caller, &search).await.unwrap();
        let listed = lab.service.list(caller, &list).await.unwrap();
        let summed = lab.service.summarize(caller, &sum).await.unwrap();
        let about = lab.service.about(caller, &[nas()], 50).await.unwrap();
        let stats = lab.service.stats(caller).await.unwrap();

        let mut told: Vec<&str> = found
            .results
            .iter()
            .map(|one| one.memory.id.as_str())
            .collect();
        let newer = found
            .results
            .iter()
            .filter_map(|one| one.explain.as_ref()?.newer_than.as_deref());
        told.extend(newer);
        told.extend(listed.items.iter().chain(&about).map(|one| one.id.as_str()));
        told.extend(
            summed
                .lines
                .iter()
                .flat_map(|line| &line.ids)
                .map(String::as_str),
        );
        assert!(
            told.iter().all(|id| owner_of[*id] == owner),
            "{owner}: {told:?}"
        );
        assert!(listed.total <= own as u64);
        assert_eq!((stats.memories, stats.owners), (own as u64, 1));
        assert_eq!(about.len(), own);
    }
}

/// A foreign id is answered as one that was never given, byte for byte, and nothing happens to it.
#[tokio::test]
async fn no_id_reaches_another_owner() {
    let lab = many_owners().await;
    let callers = callers(&lab);
    let owner_of = stocked(&lab, &callers).await;
    let ids: Vec<String> = owner_of
        .keys()
        .cloned()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let dice = Dice(SeededEntropy::new(20_250_616));
    for _ in 0..60 {
        let who = dice.below(callers.len());
        let (caller, owner) = (&callers[who], OWNERS[who]);
        let id = dice.one_of(&ids).as_str();
        if owner_of[id] == owner {
            assert!(lab.service.get(caller, id).await.is_ok());
            continue;
        }
        let never = "01979999-0000-7000-8000-000000000000";
        let service = &lab.service;
        let first = PageRequest::first(10);
        let edit = |content: &str| Edit {
            content: Some(content.into()),
            ..Edit::default()
        };
        let pairs = [
            (
                service.get(caller, id).await.unwrap_err(),
                service.get(caller, never).await.unwrap_err(),
            ),
            (
                service.history(caller, id, &first).await.unwrap_err(),
                service.history(caller, never, &first).await.unwrap_err(),
            ),
            (
                service
                    .update(caller, id, edit("taken over"))
                    .await
                    .unwrap_err(),
                service
                    .update(caller, never, edit("taken over"))
                    .await
                    .unwrap_err(),
            ),
            (
                service.delete(caller, id, None, false).await.unwrap_err(),
                service
                    .delete(caller, never, None, false)
                    .await
                    .unwrap_err(),
            ),
            (
                service.delete(caller, id, None, true).await.unwrap_err(),
                service.delete(caller, never, None, true).await.unwrap_err(),
            ),
            (
                service.restore(caller, id, None).await.unwrap_err(),
                service.restore(caller, never, None).await.unwrap_err(),
            ),
            (
                service.add(caller, superseding(id)).await.unwrap_err(),
                service.add(caller, superseding(never)).await.unwrap_err(),
            ),
        ];
        for (foreign, unknown) in &pairs {
            assert_eq!(faceless(foreign, id), faceless(unknown, never));
        }
    }
    let administrator = lab.service.owners().administrator("cli:0");
    let all = lab.service.stats(&administrator).await.unwrap();
    assert_eq!((all.memories, all.revisions, all.owners), (21, 21, 6));
}

fn superseding(id: &str) -> NewEntry {
    NewEntry {
        supersedes: Some(id.into()),
        ..entry("something else altogether")
    }
}

#[tokio::test]
async fn the_same_text_of_another_owner_is_no_duplicate() {
    let lab = many_owners().await;
    let callers = callers(&lab);
    let text = || NewEntry {
        user_id: Some("shared".into()),
        on_similar: OnSimilar::Skip,
        ..entry("the code of the door is in the blue folder")
    };
    lab.service.add(&callers[0], text()).await.unwrap();

    let member = lab.service.add(&callers[1], text()).await.unwrap();
    let stranger = lab.service.add(&callers[6], text()).await.unwrap();

    assert_eq!(member.results[0].event, Outcome::None);
    assert_eq!(stranger.results[0].event, Outcome::Add);
    assert_eq!(
        (
            stranger.results[0].seen_count,
            stranger.results[0].similar.len()
        ),
        (None, 0)
    );
}
