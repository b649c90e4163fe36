//! Every door × every state of authentication × every class of tool: nothing does more than the
//! rules say.
//!
//! What is right is computed by the small table in `reference`, which knows nothing of the code
//! under test; `states` makes the credentials, `doors` speaks each protocol, `stand` is the whole
//! server over TLS with an issuer beside it.

mod doors;
mod reference;
mod resource;
mod stand;
mod states;

use std::fmt::Write as _;

use doors::Door;
use reference::{Class, Outcome, expected};
use stand::Stand;
use states::State;

/// All cells, one after the other on one server, so that the counters of the tools are those of the
/// cell.
#[tokio::test(flavor = "multi_thread")]
async fn no_cell_does_more_than_its_rules_say() {
    let stand = Stand::start().await;
    let mut wrong = String::new();
    let mut cells = 0;
    let mut ran = 0;

    for state in State::ALL {
        for door in Door::ALL {
            for class in Class::ALL {
                let before = stand.runs();
                let outcome = door.call(&stand, state, class).await;
                let after = stand.runs();

                let right = expected(state, door, class);
                let may_run = u64::from(right == Outcome::Ran);
                let others_ran = Class::ALL
                    .into_iter()
                    .any(|other| other != class && after[&other] != before[&other]);
                if outcome != right || after[&class] - before[&class] != may_run || others_ran {
                    writeln!(
                        wrong,
                        "{state:?} at {door:?}, {class:?}: {outcome:?}, not {right:?}; runs {} more",
                        after[&class] - before[&class],
                    )
                    .unwrap();
                }
                cells += 1;
                ran += may_run;
            }
        }
    }

    assert!(wrong.is_empty(), "of {cells} cells:\n{wrong}");
    println!("{cells} cells, in {ran} of them the tool runs, in all others it does not");
}

/// What the matrix did is in the audit, and no credential is.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_audited_and_no_token_is() {
    let stand = Stand::start().await;
    let refused = [
        (State::Nothing, "missing"),
        (State::RevokedKey, "revoked"),
        (State::ExpiredKey, "expired"),
        (State::TokenForOtherEndpoint, "wrong_audience"),
        (State::TokenOfOtherIssuer, "wrong_issuer"),
        (State::TokenUnsigned, "wrong_algorithm"),
        (State::TokenSignedWithPublicKey(0), "wrong_algorithm"),
        (State::TokenExpired, "expired"),
        (State::TokenNotYetValid, "not_yet_valid"),
        (State::TokenOfUnknownKey, "unknown_key"),
        (State::TokenOfForeignKey, "wrong_signature"),
        (State::TokenWithoutRole, "no_role"),
        (State::TokenWithoutScope, "insufficient_scope"),
        (State::CertificateOfNobody, "unknown_certificate"),
        (State::ProxyHeaderTwice, "smuggled_header"),
        (State::ProxyUserWithoutRole, "no_role"),
    ];

    for (state, reason) in refused {
        let before = stand.audit.rows().len();
        Door::Modern.call(&stand, state, Class::Read).await;
        let rows = stand.audit.rows();

        let new: Vec<_> = rows.iter().skip(before).collect();
        let [row] = new.as_slice() else {
            panic!("{state:?}: {new:#?}");
        };
        assert_eq!(row.entry.action, "sign_in_refused");
        assert_eq!(row.entry.outcome.as_deref(), Some(reason), "{state:?}");
        assert!(row.entry.ip_address.is_some());
    }
    Door::Modern
        .call(&stand, State::TokenToWrite, Class::Write)
        .await;

    let all = format!("{:?}", stand.audit.rows());
    assert!(!all.contains("eyJ"), "a token is in the audit");
    assert!(!all.contains("hlab_"), "a key is in the audit");
    assert!(all.contains("idp:alice"));
}
