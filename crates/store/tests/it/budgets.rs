//! Budgets that all processes count together.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, Take, UsedUp};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};

const MINUTE: Duration = Duration::from_mins(1);

fn of(key: &str, most: u32) -> Take<'_> {
    Take {
        key,
        most,
        window: MINUTE,
    }
}

fn used_up(key: &str, free_at: i64) -> Result<(), UsedUp> {
    Err(UsedUp {
        key: key.into(),
        free_at: START.plus_seconds(free_at),
    })
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_never_use_more_than_there_is(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let both = [Arc::clone(&lab.stores.budgets), other.stores().budgets];

    let calls: Vec<_> = (0..60)
        .map(|number| {
            let budgets = Arc::clone(&both[number % 2]);
            tokio::spawn(async move {
                // Named in either order: nobody waits for anybody who waits for them.
                let mut takes = [of("all", 15), of("half", 10)];
                takes.rotate_left(number % 2);
                let some = if number % 3 == 0 {
                    &takes[..1]
                } else {
                    &takes[..]
                };
                budgets.take(some, START).await.unwrap().is_ok()
            })
        })
        .collect();
    let mut taken = 0;
    for call in calls {
        taken += u32::from(call.await.unwrap());
    }

    let all = both[0].used("all", START).await.unwrap();
    let half = both[1].used("half", START).await.unwrap();
    assert_eq!(half, 10);
    assert!(all <= 15 && taken >= 10, "{all} {half} {taken}");
}

#[rstest]
#[tokio::test]
async fn of_several_budgets_all_are_used_or_none(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let budgets = &*lab.stores.budgets;
    let hour = Take {
        window: Duration::from_hours(1),
        ..of("slow", 1)
    };
    let takes = [of("a", 5), of("b", 1), hour];

    assert_eq!(budgets.take(&takes, START).await.unwrap(), Ok(()));
    let refused = budgets.take(&takes, START.plus_seconds(1)).await.unwrap();
    let without_slow = budgets.take(&takes[..2], START.plus_seconds(1)).await;

    assert_eq!(refused, used_up("slow", 3_600), "the last to be free");
    assert_eq!(without_slow.unwrap(), used_up("b", 60));
    assert_eq!(budgets.used("a", START).await.unwrap(), 1);
    assert_eq!(budgets.take(&[], START).await.unwrap(), Ok(()));
}

#[rstest]
#[tokio::test]
async fn the_window_slides_and_what_has_left_it_is_forgotten(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let budgets = &*lab.stores.budgets;
    let take = async |most, at: Micros| budgets.take(&[of("a", most)], at).await.unwrap();
    let at = |seconds| START.plus_seconds(seconds);

    for seconds in [0, 10, 20] {
        assert_eq!(take(3, at(seconds)).await, Ok(()));
    }
    assert_eq!(take(3, at(30)).await, used_up("a", 60));
    assert_eq!(take(3, Micros(at(60).0 - 1)).await, used_up("a", 60));
    assert_eq!(take(3, at(60)).await, Ok(()));
    assert_eq!(take(3, at(60)).await, used_up("a", 70));
    // Somebody lowers the limit: one use fewer is not enough.
    assert_eq!(take(2, at(60)).await, used_up("a", 80));
    assert_eq!(take(0, at(60)).await, used_up("a", 120));
    assert_eq!(
        budgets.take(&[of("new", 0)], START).await.unwrap(),
        used_up("new", 60)
    );

    assert_eq!(budgets.used("a", at(20)).await.unwrap(), 2);
    assert_eq!(budgets.used("a", Micros(at(20).0 + 1)).await.unwrap(), 1);
    let mut raw = lab.place.raw().await;
    let rows = raw.texts("SELECT CAST(at AS TEXT) FROM budget_uses ORDER BY at");
    assert_eq!(rows.await.len(), 3, "the first one is gone");
    assert_eq!(take(3, at(9_999)).await, Ok(()));
    assert_eq!(budgets.used("a", Micros(0)).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn a_budget_with_two_windows_is_used_once_and_keeps_the_longer(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let budgets = &*lab.stores.budgets;
    let takes = [
        Take {
            key: "a",
            most: 2,
            window: Duration::from_mins(10),
        },
        of("a", 1),
    ];

    assert_eq!(budgets.take(&takes, START).await.unwrap(), Ok(()));
    let at = START.plus_seconds(60);
    assert_eq!(budgets.take(&takes, at).await.unwrap(), Ok(()));
    let at = START.plus_seconds(120);
    let refused = budgets.take(&takes, at).await.unwrap();

    assert_eq!(refused, used_up("a", 600));
    assert_eq!(budgets.used("a", START).await.unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn a_budget_that_cannot_be_kept_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let budgets = &*lab.stores.budgets;
    let long = "a".repeat(1_001);

    for key in ["", "a\0b", long.as_str()] {
        let refused = budgets.take(&[of("fine", 1), of(key, 1)], START).await;
        assert!(matches!(
            refused,
            Err(StoreError::Invalid { field: "key", .. })
        ));
        assert_eq!(budgets.used(key, START).await.unwrap(), 0);
    }
    assert_eq!(budgets.used("fine", START).await.unwrap(), 0);
}
