//! Who has read text by outsiders.

use std::sync::Arc;

use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, TaintMark, taint_scope};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};

fn mark(source: &str, at: Micros) -> TaintMark {
    TaintMark {
        source: source.into(),
        at,
    }
}

#[rstest]
#[tokio::test]
async fn a_read_at_one_replica_taints_the_scope_at_all(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let (here, there) = (&lab.stores.taints, other.stores().taints);
    let scope = taint_scope("agent", Some("s-1"));
    let at = |seconds| START.plus_seconds(seconds);

    here.mark(&scope, "mail:read", at(1)).await.unwrap();
    here.mark(&scope, "web:fetch", at(2)).await.unwrap();
    there.mark(&scope, "mail:read", at(3)).await.unwrap();
    // A slower replica is late with older news.
    here.mark(&scope, "mail:read", at(2)).await.unwrap();
    here.mark("agent/s-2", "web:fetch", at(2)).await.unwrap();

    let (mail, web) = (mark("mail:read", at(3)), mark("web:fetch", at(2)));
    let all = there.marks(&scope, at(2)).await.unwrap();
    assert_eq!(all, [mail.clone(), web.clone()]);
    let newest = here.marks(&scope, at(3)).await.unwrap();
    assert_eq!(newest, all[..1]);
    assert_eq!(here.marks(&scope, at(4)).await.unwrap(), []);
    assert_eq!(here.marks("agent/", START).await.unwrap(), []);
    let scopes = here.scopes(at(2)).await.unwrap();
    assert_eq!(
        scopes,
        [(scope.clone(), mail), ("agent/s-2".into(), web.clone())]
    );
    assert_eq!(here.scopes(at(3)).await.unwrap().len(), 1);

    here.forget_before(at(3)).await.unwrap();
    assert_eq!(there.marks(&scope, START).await.unwrap().len(), 1);
    assert_eq!(there.marks("agent/s-2", START).await.unwrap(), []);
    there.mark(&scope, "web:fetch", at(5)).await.unwrap();
    assert_eq!(here.clear(&scope).await.unwrap(), 2);
    assert_eq!(there.marks(&scope, START).await.unwrap(), []);
    assert_eq!(there.clear(&scope).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn of_many_marks_the_newest_are_shown(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let taints = &*lab.stores.taints;
    for number in 0..55 {
        let at = START.plus_seconds(number);
        let source = format!("mail:{number}");
        taints.mark("scope", &source, at).await.unwrap();
    }
    // Of one moment: both lists agree on which is the newest.
    let last = START.plus_seconds(54);
    taints.mark("scope", "web:fetch", last).await.unwrap();
    let mut raw = lab.place.raw().await;
    raw.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 520) \
         INSERT INTO taint_marks (scope, source, at) \
         SELECT 'other-' || i, 'mail:read', 1750000000000000 - i FROM n",
    )
    .await;

    let marks = taints.marks("scope", START).await.unwrap();
    let scopes = taints.scopes(Micros(0)).await.unwrap();

    assert_eq!(marks.len(), 50);
    assert_eq!(marks[0], mark("web:fetch", last));
    assert_eq!(marks[49], mark("mail:6", START.plus_seconds(6)));
    assert_eq!(scopes.len(), 500);
    assert_eq!(scopes[0], ("scope".into(), marks[0].clone()));
    assert_eq!(scopes[499].0, "other-499");
}

#[rstest]
#[tokio::test]
async fn a_scope_that_cannot_be_kept_is_refused_and_has_no_marks(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let taints = &*lab.stores.taints;
    let long = "ü".repeat(501);

    for text in ["", "a\0b", long.as_str()] {
        let scope = taints.mark(text, "mail:read", START).await;
        let source = taints.mark("scope", text, START).await;
        assert!(matches!(
            scope,
            Err(StoreError::Invalid { field: "scope", .. })
        ));
        assert!(matches!(
            source,
            Err(StoreError::Invalid {
                field: "source",
                ..
            })
        ));
        assert_eq!(taints.marks(text, START).await.unwrap(), []);
        assert_eq!(taints.clear(text).await.unwrap(), 0);
    }
    // The longest there may be, of bytes that do not compress.
    let scope: String = (0..500_u16)
        .map(|n| char::from(b'!' + u8::try_from(n * 7 % 94).unwrap()))
        .collect();
    let longest = scope.repeat(2);
    taints.mark(&longest, &longest, START).await.unwrap();
    assert_eq!(taints.scopes(START).await.unwrap()[0].0, longest);
}
