//! Bounds of an evaluation, whatever the arguments hold.

use homelab_core::call::{CredentialKind, Principal, Transport};
use homelab_core::clock::Micros;
use homelab_core::policy::{Question, Role, Sight};
use homelab_core::tool::ToolSpec;
use jiff::tz::TimeZone;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Condition, Facts, Failure};

fn holds(text: &str, arguments: &Value) -> Result<bool, Failure> {
    let principal = Principal::new("alice", "key", CredentialKind::Agent, Role::Operator);
    let spec = ToolSpec::write("t", "", "", "k:t:x");
    let question = Question {
        sight: Sight {
            principal: &principal,
            spec: &spec,
            aggregated: "k_t",
            kind: "k",
            instance: "i",
        },
        transport: Transport::Http,
        arguments,
        targets: &[],
    };
    let condition = Condition::parse(text).expect("valid CEL");
    condition.holds(&Facts::new(&question, Micros(0), &TimeZone::UTC))
}

#[rstest]
#[case("args.n == 100", json!({ "n": 100 }), true)]
#[case("args.n == 100", json!({ "n": 100.0 }), true)]
#[case("args.n < 1.5", json!({ "n": 1 }), true)]
#[case("args.n == 18446744073709551615u", json!({ "n": u64::MAX }), true)]
#[case("args.t.contains('b') && args.t.endsWith('c')", json!({ "t": "abc" }), true)]
#[case("size(args.t) == 2", json!({ "t": "äö" }), true)]
#[case("args.o.a[1] == 'x'", json!({ "o": { "a": ["", "x"] } }), true)]
#[case("'x' in args.l", json!({ "l": ["y", "x"] }), true)]
#[case("args.l.exists(e, e > 2)", json!({ "l": [1, 2, 3] }), true)]
#[case("args.l.filter(e, e > 2).size() == 1", json!({ "l": [1, 2, 3] }), true)]
#[case("args.l.map(e, e + 1)[0] == 2", json!({ "l": [1] }), true)]
#[case("has(args.x)", json!({}), false)]
#[case("args.n == null", json!({ "n": null }), true)]
fn json_is_seen_as_cel_has_it(#[case] when: &str, #[case] arguments: Value, #[case] truth: bool) {
    assert_eq!(holds(when, &arguments), Ok(truth));
}

#[rstest]
#[case("args.x == 1", json!({}), Failure::Values)]
#[case("args.n / 0 == 1", json!({ "n": 1 }), Failure::Values)]
#[case("args.n + 1 == 1", json!({ "n": i64::MAX }), Failure::Values)]
#[case("-args.n == 1", json!({ "n": i64::MIN }), Failure::Values)]
#[case("args.n + 1 > 1", json!({ "n": "text" }), Failure::Values)]
#[case("args.l[5] == 1", json!({ "l": [1] }), Failure::Values)]
#[case("args.l[-1] == 1", json!({ "l": [1] }), Failure::Values)]
#[case("int(args.t) == 1", json!({ "t": "many" }), Failure::Values)]
#[case("args.n", json!({ "n": 1 }), Failure::NotTruth)]
fn what_cannot_be_evaluated_is_a_failure(
    #[case] when: &str,
    #[case] arguments: Value,
    #[case] failure: Failure,
) {
    assert_eq!(holds(when, &arguments), Err(failure));
}

#[test]
fn a_loop_does_not_run_over_large_arguments() {
    let many = json!({ "l": vec![1; 3_000] });
    let long = json!({ "l": ["x".repeat(100_000)] });

    assert_eq!(
        holds("args.l.all(e, e == 1)", &many),
        Err(Failure::TooLarge)
    );
    assert_eq!(
        holds("args.l.all(e, e == '')", &long),
        Err(Failure::TooLarge)
    );
    assert_eq!(holds("1 in args.l", &many), Ok(true));
}

#[test]
fn deep_arguments_do_no_harm() {
    let mut deep = json!(1);
    for _ in 0..120 {
        deep = json!([deep]);
    }

    assert_eq!(holds("size(args.l) == 1", &json!({ "l": deep })), Ok(true));
}
