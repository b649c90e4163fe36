//! Lists of held calls.

use std::collections::BTreeMap;

use homelab_core::approval::{Approval, State};
use homelab_core::clock::Micros;
use homelab_core::page::PageRequest;
use homelab_core::store::{ApprovalFilter, Approvals, StoreError};
use rstest::rstest;

use crate::approvals::{ask, held};
use crate::lab::{Engine, Lab, START};

/// Two credentials' approvals in every stored state, some of one moment.
async fn fill(approvals: &dyn Approvals) -> Vec<Approval> {
    let mut kept = Vec::new();
    for (place, state) in State::ALL.into_iter().enumerate() {
        for (credential, until) in [("agent", 100), ("another", 200)] {
            let number = kept.len() as u64;
            let at = START.plus_seconds(i64::try_from(place / 2).unwrap());
            let id = format!("a-{:02}", 90 - number);
            ask(approvals, held(&id, credential, number, at)).await;
            let step = |mut approval: Approval| {
                approval.state = state;
                approval.until = START.plus_seconds(until);
                Ok(approval)
            };
            let stored = approvals.step(&id, &step).await.unwrap().unwrap();
            kept.push(stored.unwrap());
        }
    }
    kept
}

async fn walk(
    approvals: &dyn Approvals,
    filter: &ApprovalFilter,
    limit: u32,
    now: Micros,
) -> Vec<Approval> {
    let mut walked = Vec::new();
    let mut total = None;
    let mut request = PageRequest::first(limit);
    loop {
        let page = approvals.list(filter, &request, now).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        assert_eq!(*total.get_or_insert(page.total), page.total);
        walked.extend(page.items);
        let Some(cursor) = page.next_cursor else {
            assert_eq!(total, Some(walked.len() as u64));
            return walked;
        };
        request = PageRequest::from_args(Some(limit), Some(&cursor)).unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn every_filter_at_every_time_lists_what_stands_so_by_then(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let approvals = &*lab.stores.approvals;
    let kept = fill(approvals).await;
    let times = [100, 200]
        .into_iter()
        .flat_map(|until| [-1, 0, 1].map(|by| Micros(START.plus_seconds(until).0 + by)))
        .chain([Micros(i64::MIN), Micros(i64::MAX)]);
    let states: Vec<_> = State::ALL.into_iter().map(Some).chain([None]).collect();

    for now in times {
        for state in &states {
            for credential in [None, Some("agent"), Some("another"), Some("nobody")] {
                let filter = ApprovalFilter {
                    state: *state,
                    credential: credential.map(Into::into),
                };
                let expected: BTreeMap<_, _> = kept
                    .iter()
                    .map(|approval| approval.clone().as_of(now))
                    .filter(|approval| state.is_none_or(|state| approval.state == state))
                    .filter(|approval| {
                        credential.is_none_or(|one| approval.requester.credential == one)
                    })
                    .map(|approval| ((approval.created_at, approval.id.clone()), approval))
                    .collect();

                let page = PageRequest::first(100);
                let listed = approvals.list(&filter, &page, now).await.unwrap();

                let expected: Vec<_> = expected.into_values().rev().collect();
                assert_eq!(listed.items, expected, "{filter:?} at {now}");
                assert_eq!(listed.total, expected.len() as u64);
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn lists_are_walked_by_page_newest_first(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let approvals = &*lab.stores.approvals;
    fill(approvals).await;
    let late = START.plus_seconds(150);
    let filters = [
        ApprovalFilter::default(),
        ApprovalFilter {
            credential: Some("agent".into()),
            ..ApprovalFilter::default()
        },
        ApprovalFilter {
            state: Some(State::Expired),
            ..ApprovalFilter::default()
        },
        ApprovalFilter {
            state: Some(State::Expired),
            credential: Some("agent".into()),
        },
    ];
    let counts = [18, 9, 4, 3];

    for (filter, count) in filters.iter().zip(counts) {
        let whole = walk(approvals, filter, 100, late).await;

        assert_eq!(whole.len(), count, "{filter:?}");
        let is_newest_first = whole.is_sorted_by(|newer, older| {
            (newer.created_at, &newer.id) > (older.created_at, &older.id)
        });
        assert!(is_newest_first, "{filter:?}");
        for limit in 1..=4 {
            assert_eq!(walk(approvals, filter, limit, late).await, whole);
        }
    }

    let end = PageRequest {
        limit: 5,
        after: Some(format!("[{},\"\"]", i64::MIN)),
    };
    let page = approvals.list(&filters[0], &end, late).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, 18));
    for foreign in ["x", "[1]", "[1,\"\\u0000\"]"] {
        let page = PageRequest {
            limit: 1,
            after: Some(foreign.into()),
        };
        let refused = approvals.list(&filters[0], &page, late).await;
        assert!(matches!(
            refused,
            Err(StoreError::Invalid {
                field: "cursor",
                ..
            })
        ));
    }
    let nobody = ApprovalFilter {
        credential: Some("\0".into()),
        ..ApprovalFilter::default()
    };
    assert_eq!(walk(approvals, &nobody, 5, late).await, []);
}
