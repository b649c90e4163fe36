//! Random owners, labels, changes and conditions against a plain model: never a foreign row, and the same rows.

use homelab_core::memory::{
    About, Added, Change, Changed, Condition, Event, Filter, Memory, MemoryQuery, NewMemory, Op,
    TextQuery, Vector, Visible,
};
use homelab_core::page::PageRequest;
use homelab_core::store::Memories;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Engine, Lab, START};
use crate::memories::{all, ids, note, object, text};
use crate::memory_filters::holds;

const OWNERS: [&str; 3] = ["ann", "ann2", "local"];
const KEYS: [&str; 10] = [
    "k",
    "k.in",
    "tags",
    "category",
    "source",
    "user_id",
    "agent_id",
    "run_id",
    "about",
    "importance",
];

#[derive(Debug, Clone)]
enum Step {
    Add(Box<NewMemory>),
    Change(usize, usize, Box<Change>),
    Delete(usize, usize),
    Restore(usize, usize),
    Purge(usize, usize),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("a")),
        Just(json!("A b")),
        Just(json!("ann")),
        Just(json!("devices/nas")),
        Just(json!(1)),
        Just(json!(0.5)),
        Just(json!(true)),
        Just(Value::Null),
    ]
}

fn metadata() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        value().prop_map(|one| json!({ "k": one })),
        value().prop_map(|one| json!({ "k": { "in": one } })),
        prop::collection::vec(value(), 0..3).prop_map(|list| json!({ "tags": list })),
    ]
}

fn label() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some("a".to_owned())),
        Just(Some("ann".to_owned()))
    ]
}

fn new() -> impl Strategy<Value = NewMemory> {
    let text = (0_u32..12, prop::bool::ANY, 0_u8..4);
    let labels = (0..OWNERS.len(), label(), label(), label(), label());
    (text, labels, metadata(), -1.0_f32..1.0).prop_map(|(text, labels, metadata, angle)| {
        let (number, is_about, importance) = text;
        let (owner, user, agent, run, source) = labels;
        let mut new = crate::memories::memory(0, &format!("word{number} common"));
        new.scope.owner = OWNERS[owner].into();
        new.scope.user_id = user.unwrap_or_else(|| "u".into());
        new.scope.agent_id = agent;
        new.scope.run_id = run;
        new.source = source;
        new.metadata = object(metadata);
        new.importance = f64::from(importance) / 4.0;
        new.exact = vec![format!("token-{}", number % 3)];
        new.vector = Some(Vector {
            model: "m".into(),
            values: vec![angle.cos(), angle.sin()],
        });
        if is_about {
            new.about = vec![About {
                kind: "devices".into(),
                name: "nas".into(),
            }];
        }
        new
    })
}

fn step() -> impl Strategy<Value = Step> {
    let place = (0..OWNERS.len(), 0_usize..40);
    prop_oneof![
        6 => new().prop_map(|new| Step::Add(Box::new(new))),
        2 => (place.clone(), 0_u32..12, metadata()).prop_map(|((owner, at), number, metadata)| {
            let change = Change {
                text: (number < 8).then(|| text(&format!("word{number} common"))),
                metadata: (number > 4).then(|| object(metadata)),
                ..Change::default()
            };
            Step::Change(owner, at, Box::new(change))
        }),
        1 => place.clone().prop_map(|(owner, at)| Step::Delete(owner, at)),
        1 => place.clone().prop_map(|(owner, at)| Step::Restore(owner, at)),
        1 => place.prop_map(|(owner, at)| Step::Purge(owner, at)),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let op = prop::sample::select(vec![
        Op::Eq,
        Op::Ne,
        Op::Gt,
        Op::Gte,
        Op::Lt,
        Op::Lte,
        Op::In,
        Op::NotIn,
        Op::Contains,
        Op::IContains,
        Op::Exists,
    ]);
    let value = prop_oneof![
        value(),
        prop::collection::vec(value(), 0..3).prop_map(Value::from)
    ];
    let leaf = (prop::sample::select(&KEYS[..]), op, value).prop_map(|(key, op, value)| {
        Filter::Field(Condition {
            key: key.into(),
            op,
            value,
        })
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|one| Filter::Not(Box::new(one))),
        ]
    })
}

/// What the store should hold: each memory's newest revision.
#[derive(Default)]
struct Model {
    memories: Vec<Memory>,
}

impl Model {
    fn open(&self, owner: &str) -> impl Iterator<Item = &Memory> {
        let open = |one: &&Memory| one.deleted_at.is_none() && one.valid_to.is_none();
        let owner = owner.to_owned();
        self.memories
            .iter()
            .filter(move |one| one.scope.owner == owner)
            .filter(open)
    }

    fn replace(&mut self, memory: Memory) {
        let at = self.memories.iter().position(|one| one.id == memory.id);
        match at {
            Some(at) => self.memories[at] = memory,
            None => self.memories.push(memory),
        }
    }
}

/// Does the step, and checks that the store does what it says to exactly the owner's own.
async fn run(memories: &dyn Memories, model: &mut Model, prefix: &str, at: u32, step: Step) {
    let name = |owner: usize| format!("{prefix}{}", OWNERS[owner]);
    let note = note(i64::from(at) + 10);
    let id_at = |place: usize| format!("{prefix}{place}");
    let known = |model: &Model, owner: &str, id: &str| {
        let mine = |one: &&Memory| one.id == id && one.scope.owner == owner;
        model.memories.iter().find(mine).cloned()
    };
    match step {
        Step::Add(mut new) => {
            new.id = id_at(at as usize);
            new.scope.owner = format!("{prefix}{}", new.scope.owner);
            new.created_at = START.plus_seconds(at.into());
            new.valid_from = new.created_at;
            let same = model
                .open(&new.scope.owner)
                .find(|one| one.scope == new.scope && one.content == new.content)
                .map(|one| one.id.clone());
            match memories.add(&new, Event::Add, &note).await.unwrap() {
                Added::New(memory) => {
                    assert_eq!(same, None);
                    model.replace(memory);
                }
                Added::Same(memory) => {
                    assert_eq!(same.as_ref(), Some(&memory.id));
                    model.replace(memory);
                }
                Added::NothingToSupersede => panic!("nothing was to be superseded"),
            }
        }
        Step::Change(owner, place, change) => {
            let owner = name(owner);
            let visible = Visible::Owner(owner.clone());
            let before = known(model, &owner, &id_at(place)).filter(|one| one.deleted_at.is_none());
            let changed = memories
                .change(&visible, &id_at(place), &change, &note)
                .await;
            match changed.unwrap() {
                Changed::Done(memory) => {
                    assert_eq!(before.map(|one| one.id).as_ref(), Some(&memory.id));
                    model.replace(memory);
                }
                Changed::NotFound => assert_eq!(before, None),
                Changed::SameAs(id) => assert!(known(model, &owner, &id).is_some()),
                Changed::OtherVersion(_) => panic!("no version was expected"),
            }
        }
        Step::Delete(owner, place) | Step::Restore(owner, place) => {
            let is_deletion = matches!(step, Step::Delete(..));
            let owner = name(owner);
            let visible = Visible::Owner(owner.clone());
            let before = known(model, &owner, &id_at(place));
            let id = id_at(place);
            let changed = if is_deletion {
                memories.delete(&visible, &id, &note).await.unwrap()
            } else {
                memories.restore(&visible, &id, &note).await.unwrap()
            };
            match changed {
                Changed::Done(memory) => {
                    assert!(before.is_some());
                    assert_eq!(memory.deleted_at.is_some(), is_deletion);
                    model.replace(memory);
                }
                Changed::NotFound => {
                    assert!(before.is_none_or(|one| is_deletion && one.deleted_at.is_some()));
                }
                Changed::SameAs(id) => assert!(known(model, &owner, &id).is_some()),
                Changed::OtherVersion(_) => panic!("no version was expected"),
            }
        }
        Step::Purge(owner, place) => {
            let owner = name(owner);
            let visible = Visible::Owner(owner.clone());
            let was = known(model, &owner, &id_at(place)).is_some();
            assert_eq!(memories.purge(&visible, &id_at(place)).await.unwrap(), was);
            model
                .memories
                .retain(|one| one.id != id_at(place) || one.scope.owner != owner);
        }
    }
}

/// Asks each owner in every way and compares.
async fn compare(memories: &dyn Memories, model: &Model, prefix: &str, filter: &Filter) {
    for owner in OWNERS.map(|owner| format!("{prefix}{owner}")) {
        let visible = Visible::Owner(owner.clone());
        let query = MemoryQuery {
            filter: Some(filter.clone()),
            ..all(visible.clone())
        };
        let met: Vec<&Memory> = model
            .open(&owner)
            .filter(|one| holds(one, filter))
            .collect();
        let mut expected: Vec<_> = met
            .iter()
            .map(|one| (one.created_at, one.id.clone()))
            .collect();
        expected.sort();
        let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
        assert_eq!(ids(memories, &query).await, expected, "{filter:?}");

        let sorted = |mut ids: Vec<String>| {
            ids.sort();
            ids
        };
        let words = TextQuery {
            words: vec!["common".into()],
            exact: vec!["token-1".into()],
        };
        let found = memories.by_text(&query, &words, 200).await.unwrap();
        let found = sorted(found.into_iter().map(|hit| hit.id).collect());
        assert_eq!(found, sorted(expected.clone()), "{filter:?}");

        let asked = Vector {
            model: "m".into(),
            values: vec![1.0, 0.0],
        };
        let found = memories.by_vector(&query, &asked, 200).await.unwrap();
        assert!(found.is_sorted_by(|one, other| one.score >= other.score));
        let with_vector = sorted(found.into_iter().map(|hit| hit.id).collect());
        let lost: Vec<_> = with_vector
            .iter()
            .filter(|id| !expected.contains(id))
            .collect();
        assert!(lost.is_empty(), "{lost:?} for {filter:?}");

        // A foreign id is as if it did not exist.
        for one in &model.memories {
            let is_mine = one.scope.owner == owner;
            let got = memories.get(&visible, &one.id).await.unwrap();
            assert_eq!(got.as_ref(), is_mine.then_some(one));
            let wanted = [(one.id.clone(), one.version)];
            let revisions = memories.revisions(&visible, &wanted).await.unwrap();
            assert_eq!(revisions.len(), usize::from(is_mine));
            let page = PageRequest::first(5);
            let history = memories.history(&visible, &one.id, &page).await.unwrap();
            assert_eq!(history.is_some(), is_mine);
        }
        let thing = About {
            kind: "devices".into(),
            name: "NAS".into(),
        };
        let about = memories
            .about(&visible, &[thing], START, 200)
            .await
            .unwrap();
        let known = model
            .open(&owner)
            .filter(|one| !one.about.is_empty())
            .count();
        assert_eq!(about.len(), known);
        let stats = memories.stats(&visible, START).await.unwrap();
        assert_eq!(stats.memories, model.open(&owner).count() as u64);
    }
}

#[rstest]
fn never_a_foreign_row_and_always_the_models(
    #[values(Engine::Sqlite, Engine::Postgres, Engine::Pgvector)] engine: Engine,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(lab) = runtime.block_on(Lab::open(engine)) else {
        return;
    };
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let seeded = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, seeded);
    // Owners of its own for each case, so that one database serves all.
    let case = std::cell::Cell::new(0_u32);
    let cases = (
        prop::collection::vec(step(), 1..40),
        prop::collection::vec(filter(), 3),
    );
    let outcome = runner.run(&cases, |(steps, filters)| {
        case.set(case.get() + 1);
        let prefix = format!("{}-", case.get());
        runtime.block_on(async {
            let memories = &*lab.stores.memories;
            let mut model = Model::default();
            for (at, step) in (0..).zip(steps) {
                run(memories, &mut model, &prefix, at, step).await;
            }
            for filter in &filters {
                compare(memories, &model, &prefix, filter).await;
            }
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
