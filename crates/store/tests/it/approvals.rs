//! Held calls: what is asked for, decided and run, by many at once.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::approval::{
    Action, Approval, Binding, COOL_DOWN, Channel, EXPIRES_AFTER, MOST_PENDING, Refusal, Requester,
    State, USABLE_FOR, Vote,
};
use homelab_core::call::CredentialKind;
use homelab_core::clock::Micros;
use homelab_core::policy::Decision;
use homelab_core::store::{Approvals, Asked, StoreError, StoreResult};
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, START};

/// A call that waits, of this credential; the number is its argument.
pub(crate) fn held(id: &str, credential: &str, number: u64, at: Micros) -> Approval {
    let arguments = json!({ "vmid": number });
    let binding = Binding {
        credential,
        kind: "proxmox",
        instance: "pve",
        tool: "delete_vm",
        arguments: &arguments,
        needs: Decision::Approve,
        approvers: 1,
    };
    let digest = binding.digest();
    Approval {
        id: id.into(),
        state: State::Pending,
        needs: Decision::Approve,
        approvers: 1,
        digest,
        requester: Requester {
            principal: "claude".into(),
            credential: credential.into(),
            session: Some("s-1".into()),
            transport: "http".into(),
            request_id: "r-1".into(),
        },
        action: Action {
            kind: "proxmox".into(),
            instance: "pve".into(),
            tool: "delete_vm".into(),
            effect: Effect::Critical,
            arguments,
        },
        preview: None,
        rule: Some("production".into()),
        reason: None,
        read_before: vec!["mail:read".into()],
        votes: Vec::new(),
        created_at: at,
        until: after(at, EXPIRES_AFTER),
        run: None,
        outcome: None,
        updated_at: at,
    }
}

pub(crate) fn after(at: Micros, by: Duration) -> Micros {
    Micros(at.0 + i64::try_from(by.as_micros()).unwrap())
}

pub(crate) async fn ask(approvals: &dyn Approvals, new: Approval) -> Asked {
    approvals.ask(new, MOST_PENDING, COOL_DOWN).await.unwrap()
}

fn word(person: &str, approve: bool, at: Micros) -> Vote {
    Vote {
        principal: person.into(),
        credential: format!("{person}-phone"),
        kind: CredentialKind::Owner,
        channel: Channel::Chat,
        approve,
        comment: Some("a \"quoted\" \\u0000 ünïcode".into()),
        at,
    }
}

pub(crate) async fn vote(
    approvals: &dyn Approvals,
    id: &str,
    person: &str,
    approve: bool,
    at: Micros,
) -> Result<Approval, Refusal> {
    let step = |approval: Approval| {
        let digest = approval.digest.clone();
        approval.vote(word(person, approve, at), &digest)
    };
    approvals.step(id, &step).await.unwrap().unwrap()
}

pub(crate) async fn begin(
    approvals: &dyn Approvals,
    id: &str,
    run: &str,
    at: Micros,
) -> Result<Approval, Refusal> {
    let step = |approval: Approval| {
        let (digest, credential) = (
            approval.digest.clone(),
            approval.requester.credential.clone(),
        );
        approval.begin(&digest, &credential, run, Duration::from_mins(1), at)
    };
    approvals.step(id, &step).await.unwrap().unwrap()
}

/// Two replicas on one database.
async fn replicas(engine: Engine) -> Option<(Lab, [Arc<dyn Approvals>; 2])> {
    let lab = Lab::open(engine).await?;
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let both = [Arc::clone(&lab.stores.approvals), other.stores().approvals];
    Some((lab, both))
}

#[rstest]
#[tokio::test]
async fn what_one_replica_asks_another_decides_and_the_first_runs(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, [here, there])) = replicas(engine).await else {
        return;
    };
    let new = Approval {
        approvers: 2,
        preview: Some(
            serde_json::from_value(json!({
                "summary": "deletes web", "changes": [{ "field": "state", "from": "up" }],
                "impact": ["the wiki is gone"]
            }))
            .unwrap(),
        ),
        reason: Some("first line\nsecond \"line\" \\ '".into()),
        ..held("a-1", "agent", 1, START)
    };
    let at = |seconds| START.plus_seconds(seconds);

    assert_eq!(ask(&*here, new.clone()).await, Asked::New(new.clone()));
    assert_eq!(there.get("a-1", START).await.unwrap(), Some(new.clone()));
    let first = vote(&*there, "a-1", "anna", true, at(1)).await.unwrap();
    assert_eq!(first.state, State::Pending);
    let second = vote(&*here, "a-1", "ben", true, at(2)).await.unwrap();
    assert_eq!(second.state, State::Approved);
    let running = begin(&*here, "a-1", "r-2", at(3)).await.unwrap();
    let end = |approval: Approval| approval.end("r-2", "ok", at(4));
    let ended = there.step("a-1", &end).await.unwrap().unwrap().unwrap();

    assert_eq!(
        running.votes,
        [word("anna", true, at(1)), word("ben", true, at(2))]
    );
    let expected = Approval {
        state: State::Executed,
        outcome: Some("ok".into()),
        updated_at: at(4),
        ..running
    };
    assert_eq!(ended, expected);
    assert_eq!(here.get("a-1", at(9_999)).await.unwrap(), Some(expected));
    assert_eq!(ended.preview, new.preview);
    assert_eq!(ended.reason, new.reason);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_who_begin_one_does(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, both)) = replicas(engine).await else {
        return;
    };
    ask(&*both[0], held("a-1", "agent", 1, START)).await;
    vote(&*both[1], "a-1", "anna", true, START).await.unwrap();

    let runs: Vec<_> = (0..100)
        .map(|number| {
            let approvals = Arc::clone(&both[number % 2]);
            tokio::spawn(
                async move { begin(&*approvals, "a-1", &format!("run-{number}"), START).await },
            )
        })
        .collect();
    let mut begun = Vec::new();
    for run in runs {
        match run.await.unwrap() {
            Ok(approval) => begun.push(approval),
            Err(refusal) => assert_eq!(refusal, Refusal::State(State::Executing)),
        }
    }

    assert_eq!(begun.len(), 1);
    let kept = both[0].get("a-1", START).await.unwrap();
    assert_eq!(kept.as_ref(), begun.first());
}

async fn ask_many(
    both: &[Arc<dyn Approvals>; 2],
    many: usize,
    new: impl Fn(usize) -> Approval,
) -> Vec<Asked> {
    let calls: Vec<_> = (0..many)
        .map(|number| {
            let (approvals, new) = (Arc::clone(&both[number % 2]), new(number));
            tokio::spawn(async move { ask(&*approvals, new).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_call_asked_for_many_times_is_one_approval(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, both)) = replicas(engine).await else {
        return;
    };
    let one = |number| held(&format!("a-{number}"), "agent", 7, START);

    let answers = ask_many(&both, 20, one).await;

    let mut ids = Vec::new();
    let mut new = 0;
    for answer in answers {
        match answer {
            Asked::New(approval) => {
                new += 1;
                ids.push(approval.id);
            }
            Asked::Same(approval) => ids.push(approval.id),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!((new, ids.len()), (1, 1));
    let id = &ids[0];

    // It may run already, and is still that one; once it runs, a next one is another.
    let approved = vote(&*both[1], id, "anna", true, START).await.unwrap();
    assert_eq!(ask(&*both[0], one(50)).await, Asked::Same(approved));
    begin(&*both[0], id, "r-2", START).await.unwrap();
    assert!(matches!(ask(&*both[0], one(51)).await, Asked::New(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_transactions_are_stricter_by_default_changes_nothing() {
    let Some(lab) = Lab::open(Engine::Postgres).await else {
        return;
    };
    let stricter = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
         default_transaction_isolation TO ''repeatable read''', current_database()); END $$";
    lab.place.raw().await.run(stricter).await;
    let open = || lab.place.open(Arc::clone(&lab.clock));
    let (one, other) = (open().await.unwrap(), open().await.unwrap());
    let both = [one.stores().approvals, other.stores().approvals];

    let answers = ask_many(&both, 20, |number| {
        held(&format!("a-{number}"), "agent", 7, START)
    })
    .await;

    let new = answers
        .iter()
        .filter(|answer| matches!(answer, Asked::New(_)));
    assert_eq!(new.count(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_has_twenty_calls_waiting_and_no_more(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, both)) = replicas(engine).await else {
        return;
    };
    let call = |number: usize| held(&format!("a-{number}"), "agent", number as u64, START);

    let answers = ask_many(&both, 30, call).await;

    let kept: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Asked::New(approval) => Some(approval.id.clone()),
            Asked::TooMany => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kept.len(), 20);
    let other = held("b-1", "another", 1, START);
    assert!(matches!(ask(&*both[0], other).await, Asked::New(_)));
    // One that is decided makes room, and so does time.
    vote(&*both[0], &kept[0], "anna", true, START)
        .await
        .unwrap();
    assert!(matches!(ask(&*both[1], call(31)).await, Asked::New(_)));
    assert_eq!(ask(&*both[1], call(32)).await, Asked::TooMany);
    let later = held("c-1", "agent", 33, after(START, EXPIRES_AFTER));
    assert!(matches!(ask(&*both[1], later).await, Asked::New(_)));
}

#[rstest]
#[tokio::test]
async fn a_denied_call_is_not_asked_for_again_at_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, [here, there])) = replicas(engine).await else {
        return;
    };
    let at = START.plus_seconds(10);
    ask(&*here, held("a-1", "agent", 1, START)).await;
    let denied = vote(&*there, "a-1", "anna", false, at).await.unwrap();
    assert_eq!(denied.state, State::Denied);
    let cool = after(at, COOL_DOWN);

    let soon = ask(&*here, held("a-2", "agent", 1, Micros(cool.0 - 1))).await;
    let other = ask(&*here, held("a-3", "agent", 2, at)).await;
    let later = ask(&*here, held("a-4", "agent", 1, cool)).await;

    assert_eq!(soon, Asked::DeniedBefore(denied));
    assert!(matches!(other, Asked::New(_)), "{other:?}");
    assert!(matches!(later, Asked::New(_)), "{later:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_person_at_two_replicas_is_still_one(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, both)) = replicas(engine).await else {
        return;
    };
    let new = Approval {
        approvers: 2,
        ..held("a-1", "agent", 1, START)
    };
    ask(&*both[0], new).await;

    let votes: Vec<_> = (0..10)
        .map(|number| {
            let approvals = Arc::clone(&both[number % 2]);
            tokio::spawn(async move { vote(&*approvals, "a-1", "anna", true, START).await })
        })
        .collect();
    let mut counted = 0;
    for vote in votes {
        match vote.await.unwrap() {
            Ok(approval) => {
                assert_eq!(approval.state, State::Pending);
                counted += 1;
            }
            Err(refusal) => assert_eq!(refusal, Refusal::SamePerson),
        }
    }

    assert_eq!(counted, 1);
    let kept = both[1].get("a-1", START).await.unwrap().unwrap();
    assert_eq!(kept.votes.len(), 1);
    let second = vote(&*both[1], "a-1", "ben", true, START).await.unwrap();
    assert_eq!(second.state, State::Approved);
}

#[rstest]
#[tokio::test]
async fn time_runs_out_before_the_decision_and_before_the_run(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, [here, there])) = replicas(engine).await else {
        return;
    };
    let expired = after(START, EXPIRES_AFTER);
    let call = |id, at| held(id, "agent", 1, at);
    ask(&*here, call("a-1", START)).await;

    let late = vote(&*there, "a-1", "anna", true, expired).await;
    assert_eq!(late, Err(Refusal::State(State::Expired)));
    let seen = here.get("a-1", expired).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.updated_at), (State::Expired, expired));

    // An expired one is nothing to join.
    assert!(matches!(
        ask(&*here, call("a-2", expired)).await,
        Asked::New(_)
    ));
    let approved = vote(&*there, "a-2", "anna", true, expired).await.unwrap();
    assert_eq!(approved.until, after(expired, USABLE_FOR));
    let unused = begin(&*here, "a-2", "r-2", approved.until).await;
    assert_eq!(unused, Err(Refusal::State(State::Expired)));
    let asked = ask(&*here, call("a-3", approved.until)).await;
    assert!(matches!(asked, Asked::New(_)));
}

#[rstest]
#[tokio::test]
async fn its_caller_withdraws_it_and_nobody_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, [here, there])) = replicas(engine).await else {
        return;
    };
    ask(&*here, held("a-1", "agent", 1, START)).await;
    let cancel = async |credential: &str| {
        let step = |approval: Approval| approval.cancel(credential, START.plus_seconds(1));
        there.step("a-1", &step).await.unwrap().unwrap()
    };

    assert_eq!(cancel("another").await, Err(Refusal::OtherCaller));
    let waiting = here.get("a-1", START).await.unwrap().unwrap();
    assert_eq!(waiting, held("a-1", "agent", 1, START), "nothing changed");
    let cancelled = cancel("agent").await.unwrap();

    assert_eq!(cancelled.state, State::Cancelled);
    let decided = vote(&*here, "a-1", "anna", true, START).await;
    assert_eq!(decided, Err(Refusal::State(State::Cancelled)));
    let asked = ask(&*here, held("a-2", "agent", 1, START)).await;
    assert!(matches!(asked, Asked::New(_)), "{asked:?}");
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_what_is_not_there_is_not_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some((_lab, [here, _])) = replicas(engine).await else {
        return;
    };
    let refused = async |change: fn(&mut Approval)| {
        let mut new = held("a-1", "agent", 1, START);
        change(&mut new);
        let refused: StoreResult<_> = here.ask(new, MOST_PENDING, COOL_DOWN).await;
        match refused {
            Err(StoreError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|new| new.id = "\0".into()).await, "id");
    assert_eq!(refused(|new| new.digest = "a".repeat(256)).await, "digest");
    let credential = refused(|new| new.requester.credential.clear()).await;
    assert_eq!(credential, "credential");
    let arguments = refused(|new| new.action.arguments = json!({ "a": ["b\0"] })).await;
    assert_eq!(arguments, "action");
    assert_eq!(
        refused(|new| new.reason = Some("\0".into())).await,
        "reason"
    );
    assert_eq!(refused(|new| new.state = State::Approved).await, "state");

    ask(&*here, held("a-1", "agent", 1, START)).await;
    let twice = here
        .ask(held("a-1", "agent", 2, START), MOST_PENDING, COOL_DOWN)
        .await;
    assert!(matches!(
        twice,
        Err(StoreError::Conflict { field: "id", .. })
    ));
    let shout = |mut approval: Approval| {
        let loud = Vote {
            comment: Some("no\0".into()),
            ..word("anna", false, START)
        };
        approval.votes.push(loud);
        Ok(approval)
    };
    let comment = here.step("a-1", &shout).await;
    assert!(matches!(
        comment,
        Err(StoreError::Invalid { field: "votes", .. })
    ));
    let swap = |mut approval: Approval| {
        approval.action.arguments = json!({ "vmid": 2 });
        Ok(approval)
    };
    let swapped = here.step("a-1", &swap).await;
    assert!(matches!(swapped, Err(StoreError::Internal(_))));
    let kept = here.get("a-1", START).await.unwrap();
    assert_eq!(kept, Some(held("a-1", "agent", 1, START)));

    for id in ["a-2", "\0"] {
        assert_eq!(here.get(id, START).await.unwrap(), None);
        let step = |approval: Approval| Ok(approval);
        assert_eq!(here.step(id, &step).await.unwrap(), None);
    }
}

#[rstest]
#[tokio::test]
async fn old_approvals_are_forgotten_but_for_runs_without_an_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let approvals = &*lab.stores.approvals;
    let later = |seconds| START.plus_seconds(seconds);
    ask(approvals, held("a-old", "agent", 1, START)).await;
    ask(approvals, held("a-runs", "agent", 2, START)).await;
    vote(approvals, "a-runs", "alice", true, later(1))
        .await
        .unwrap();
    begin(approvals, "a-runs", "run-1", later(2)).await.unwrap();
    let until = after(START, EXPIRES_AFTER);
    ask(approvals, held("a-waits", "agent", 3, later(3))).await;

    let early = approvals.forget_before(until).await.unwrap();
    let forgotten = approvals
        .forget_before(until.plus_seconds(1))
        .await
        .unwrap();

    assert_eq!((early, forgotten), (0, 1));
    let now = later(4);
    assert!(approvals.get("a-old", now).await.unwrap().is_none());
    for kept in ["a-runs", "a-waits"] {
        assert!(approvals.get(kept, now).await.unwrap().is_some(), "{kept}");
    }
}
