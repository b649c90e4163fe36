//! Vectors that are made later, and a change of the model.

use std::sync::atomic::Ordering;

use homelab_memory::{Degraded, MemoryService, SearchRequest, Settings};

use crate::lab::{Lab, Models, Toy};

async fn by_meaning(service: &MemoryService, lab: &Lab) -> usize {
    let request = SearchRequest {
        query: "kitchen".into(),
        ..SearchRequest::default()
    };
    let answer = service.search(&lab.claude, &request).await.unwrap();
    assert_ne!(answer.degraded, [Degraded::Vector]);
    answer
        .results
        .iter()
        .filter(|one| one.memory.content.contains("larder"))
        .count()
}

#[tokio::test]
async fn what_was_kept_without_a_vector_gets_one_later() {
    let toy = Toy::new("toy@1");
    let models = Models {
        embedder: Some(toy.clone()),
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;
    toy.go_down(true);
    lab.tell("the larder has a sensor").await;
    assert!(lab.service.work_once().await.is_err());
    toy.go_down(false);
    assert_eq!(by_meaning(&lab.service, &lab).await, 0);

    let worked = lab.service.work_once().await.unwrap();

    assert_eq!((worked.embedded, worked.more), (1, false));
    assert_eq!(by_meaning(&lab.service, &lab).await, 1);
    assert_eq!(lab.service.work_once().await.unwrap().embedded, 0);
}

#[tokio::test]
async fn after_a_change_of_the_model_search_goes_on_with_the_old_one_until_the_new_one_has_all() {
    let lab = Lab::open().await;
    for number in 0..100 {
        lab.tell(&format!("larder shelf {number}")).await;
    }
    let (old, new) = (Toy::new("toy@1"), Toy::new("toy@2"));
    let service = lab.again(Models {
        embedder: Some(new.clone()),
        older: vec![old.clone()],
        ..Models::default()
    });

    let before = by_meaning(&service, &lab).await;
    let first = service.work_once().await.unwrap();
    let between = by_meaning(&service, &lab).await;
    let questions_to_the_old = old.seen.load(Ordering::SeqCst);
    let second = service.work_once().await.unwrap();
    let after = by_meaning(&service, &lab).await;

    assert!(first.more && first.forgotten == 0);
    assert!(!second.more && second.forgotten == 100);
    assert_eq!(first.embedded + second.embedded, 100);
    assert_eq!((before, between, after), (10, 10, 10));
    assert_eq!(questions_to_the_old, 2);
    assert_eq!(old.seen.load(Ordering::SeqCst), 2);
    let models = lab.store.models().await.unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!(
        (models[0].model.as_str(), models[0].vectors),
        ("toy@2", 100)
    );
}

#[tokio::test]
async fn a_text_that_the_model_refuses_does_not_stop_the_others() {
    let lab = Lab::with(Models::default(), Settings::default()).await;
    lab.tell("an indigestible larder").await;
    lab.tell("the larder has a sensor").await;
    let service = lab.again(Models {
        embedder: Some(Toy::new("toy@1")),
        ..Models::default()
    });

    let worked = service.work_once().await.unwrap();

    assert_eq!(
        (worked.embedded, worked.refused, worked.more),
        (1, 1, false)
    );
    assert_eq!(service.work_once().await.unwrap().embedded, 0);
}

#[tokio::test]
async fn everything_is_made_anew_on_request() {
    let lab = Lab::open().await;
    for number in 0..70 {
        lab.tell(&format!("larder shelf {number}")).await;
    }

    let worked = lab.service.reindex(true).await.unwrap();

    assert_eq!(worked.embedded, 70);
    assert_eq!(lab.service.reindex(false).await.unwrap().embedded, 0);
}
