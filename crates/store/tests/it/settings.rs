//! Shared values.

use std::collections::BTreeSet;
use std::sync::Arc;

use homelab_core::store::{KILL_SWITCH, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab};

#[rstest]
#[tokio::test]
async fn a_value_is_set_and_read_by_all(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let (here, there) = (&lab.stores.settings, other.stores().settings);

    assert_eq!(here.get(KILL_SWITCH).await.unwrap(), None);
    here.set(KILL_SWITCH, "on").await.unwrap();
    assert_eq!(there.get(KILL_SWITCH).await.unwrap().as_deref(), Some("on"));
    there.set(KILL_SWITCH, "off").await.unwrap();
    assert_eq!(here.get(KILL_SWITCH).await.unwrap().as_deref(), Some("off"));
    let refused = here.set("name", "a\0").await;
    assert!(matches!(
        refused,
        Err(StoreError::Invalid { field: "value", .. })
    ));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sets_first_decides_for_all(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };

    let calls: Vec<_> = (0..10)
        .map(|number| {
            let settings = Arc::clone(&lab.stores.settings);
            tokio::spawn(async move {
                let value = number.to_string();
                settings.get_or_set("fingerprint", &value).await.unwrap()
            })
        })
        .collect();
    let mut answers = BTreeSet::new();
    for call in calls {
        answers.insert(call.await.unwrap());
    }

    assert_eq!(answers.len(), 1);
}
