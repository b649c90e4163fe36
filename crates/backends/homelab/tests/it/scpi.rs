//! Instruments: lists, connection details, queries.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Action;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, hint, names, reason};

async fn ask(world: &World, device: &str, command: &str) -> Value {
    let args = json!({ "device": device, "command": command });
    world.call("homelab_scpi_query", args).await
}

#[rstest]
#[case(json!({ "type": "Multimeter" }), &["dmm-1"])]
#[case(json!({ "status": "offline" }), &["load-1", "sa-1"])]
#[case(json!({ "search": "siglent" }), &["awg-1", "scope-1"])]
#[case(json!({ "type": "counter" }), &[])]
#[tokio::test]
async fn instruments_are_listed_by_type_status_and_text(
    #[case] args: Value,
    #[case] expected: &[&str],
) {
    let world = World::demo().await;

    let list = world.call("homelab_list_scpi_equipment", args).await;

    assert_eq!(names(&list), expected);
}

#[tokio::test]
async fn a_row_of_instruments_says_where_and_how_it_is_reached() {
    let world = World::demo().await;

    let list = world
        .call("homelab_list_scpi_equipment", json!({ "search": "FPC" }))
        .await;
    let error = world
        .fail("homelab_list_scpi_equipment", json!({ "cursor": "!" }))
        .await;

    let row = &list["items"][0];
    assert_eq!(row["address"], "192.0.2.199:4880");
    assert_eq!(row["protocols"], json!(["hislip"]));
    assert_eq!(error.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_connection_is_described_without_touching_the_instrument() {
    let world = World::demo().await;

    let found = world
        .call("homelab_get_scpi_connection", json!({ "device": "PSU-1" }))
        .await;

    let port = world.lab.instruments["psu-1"].address().port();
    assert_eq!(
        found["visa_resource"],
        format!("TCPIP0::127.0.0.1::{port}::SOCKET")
    );
    assert_eq!(found["read_termination"], "\n");
    assert_eq!(found["allowed_queries"][0], "MEAS:VOLT:DC?");
    assert_eq!(found.get("probe"), None);
    assert_eq!(world.lab.instruments["psu-1"].log(), [""; 0]);
}

#[tokio::test]
async fn another_protocol_than_the_recorded_one_is_marked_as_not_recorded() {
    let world = World::demo().await;

    let args = json!({ "device": "scope-1", "protocol": "hislip" });
    let found = world.call("homelab_get_scpi_connection", args).await;

    assert_eq!(found["recorded"], false);
    assert_eq!(found["port"], 4880);
}

#[tokio::test]
async fn a_probe_asks_the_instrument_who_it_is() {
    let world = World::demo().await;

    let args = json!({ "device": "psu-1", "probe": true });
    let found = world.call("homelab_get_scpi_connection", args).await;

    let probe = &found["probe"];
    assert_eq!(probe["reachable"], true);
    assert_eq!(probe["idn"], "RIGOL TECHNOLOGIES,DP832,DEMO-T003,00.01.19");
    assert_eq!(probe["identity"]["model"], "DP832");
    assert_eq!(world.lab.instruments["psu-1"].log(), ["*IDN?"]);
}

#[rstest]
#[case(json!({ "host": "127.0.0.1", "port": 1 }), "nothing listens")]
#[case(json!({ "host": "192.0.2.199", "protocol": "hislip" }), "`hislip`")]
#[tokio::test]
async fn a_probe_that_fails_leaves_the_connection_details(
    #[case] mut equipment: Value,
    #[case] problem: &str,
) {
    equipment["name"] = "x".into();
    let world = World::of(json!({ "test_equipment": [equipment] })).await;

    let args = json!({ "device": "x", "probe": true });
    let found = world.call("homelab_get_scpi_connection", args).await;

    assert_eq!(found["probe"]["reachable"], false);
    assert!(
        found["probe"]["problem"]
            .as_str()
            .unwrap()
            .contains(problem),
        "{found}"
    );
    assert!(found["visa_resource"].is_string());
}

#[rstest]
#[case("scope-2", Code::NotFound, "", "scope-1")]
#[case(
    "nas-main",
    Code::InvalidArgument,
    "not_scpi_device",
    "homelab_list_scpi_equipment"
)]
#[tokio::test]
async fn what_is_no_instrument_has_no_connection(
    #[case] device: &str,
    #[case] code: Code,
    #[case] expected: &str,
    #[case] advice: &str,
) {
    let world = World::demo().await;

    let error = world
        .fail("homelab_get_scpi_connection", json!({ "device": device }))
        .await;

    assert_eq!((error.code(), reason(&error)), (code, expected));
    assert_eq!(error.envelope().field.as_deref(), Some("device"));
    assert!(hint(&error).contains(advice), "{error}");
}

#[tokio::test]
async fn a_query_is_sent_and_answered() {
    let world = World::demo().await;

    let answer = ask(&world, "dmm-1", "MEAS:VOLT:DC?").await;

    assert_eq!(answer["answer"], "+4.99871300E+00");
    assert_eq!(answer["truncated"], false);
    assert!(answer["latency_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(world.lab.instruments["dmm-1"].log(), ["MEAS:VOLT:DC?"]);
}

#[tokio::test]
async fn several_queries_are_answered_together() {
    let world = World::demo().await;

    let answer = ask(&world, "dmm-1", "*IDN?;MEAS:CURR?").await;

    assert!(
        answer["answer"]
            .as_str()
            .unwrap()
            .ends_with(";+1.20431000E-01")
    );
}

#[rstest]
#[case("dmm-1", "*RST", "not_a_query")]
#[case("psu-1", "OUTP ON", "not_a_query")]
#[case("psu-1", "*IDN?;OUTP ON", "not_a_query")]
#[case("psu-1", "MEAS:FREQ?", "query_not_allowed")]
#[case("dmm-1", "*TST?", "query_not_allowed")]
#[case("sa-1", "*IDN?", "protocol_not_supported")]
#[tokio::test]
async fn what_may_not_be_sent_is_not_sent(
    #[case] device: &str,
    #[case] command: &str,
    #[case] expected: &str,
) {
    let world = World::demo().await;

    let args = json!({ "device": device, "command": command });
    let error = world.fail("homelab_scpi_query", args).await;

    assert_eq!(reason(&error), expected);
    for instrument in world.lab.instruments.values() {
        assert_eq!(instrument.log(), [""; 0]);
    }
}

#[tokio::test]
async fn a_block_of_bytes_is_not_cut_at_a_newline() {
    let world = World::demo().await;

    let answer = ask(&world, "scope-1", "CURV?").await;

    assert_eq!(answer["bytes"], 256);
    assert_eq!(answer.get("answer"), None);
    assert!(
        answer["data_base64"]
            .as_str()
            .unwrap()
            .starts_with("//79/Pv6")
    );
}

#[rstest]
#[case(Action::Raw(b"+1.5\r\n".to_vec()), "+1.5")]
#[case(Action::Raw(b"#0a,b\n".to_vec()), "a,b")]
#[case(Action::Block(b"1.0\n2.0\n".to_vec()), "1.0\n2.0\n")]
#[case(Action::Say("ok\u{1b}]0;title\u{7}".into()), "ok")]
#[tokio::test]
async fn an_answer_is_read_in_every_form_and_cleaned(
    #[case] action: Action,
    #[case] expected: &str,
) {
    let world = World::demo().await;
    world.lab.instruments["dmm-1"].set("DATA?", action);

    let answer = ask(&world, "dmm-1", "DATA?").await;

    assert_eq!(answer["answer"], expected);
}

#[tokio::test]
async fn a_long_text_is_cut_and_a_longer_one_refused() {
    let world = World::demo().await;
    let dmm = &world.lab.instruments["dmm-1"];
    dmm.set("LONG?", Action::Say("1,".repeat(10_000)));
    dmm.set("LONGER?", Action::Say("1,".repeat(40_000)));

    let long = ask(&world, "dmm-1", "LONG?").await;
    let args = json!({ "device": "dmm-1", "command": "LONGER?" });
    let longer = world.fail("homelab_scpi_query", args).await;

    assert_eq!(
        (&long["bytes"], &long["truncated"]),
        (&json!(20_000), &json!(true))
    );
    assert_eq!(long["answer"].as_str().unwrap().len(), 12 * 1024);
    assert_eq!(
        (longer.code(), reason(&longer)),
        (Code::UpstreamRejected, "answer_too_long")
    );
}

#[tokio::test]
async fn a_block_that_announces_too_much_is_refused_at_once() {
    let world = World::demo().await;
    world.lab.instruments["dmm-1"].set("BIG?", Action::Raw(b"#9999999999".to_vec()));

    let args = json!({ "device": "dmm-1", "command": "BIG?" });
    let error = world.fail("homelab_scpi_query", args).await;

    assert_eq!(reason(&error), "answer_too_long");
}

#[tokio::test]
async fn an_unknown_header_gets_no_answer_and_the_next_query_its_own() {
    let world = World::configured(json!({ "scpi_answer_timeout_s": 1 })).await;

    let args = json!({ "device": "dmm-1", "command": "BOGUS?" });
    let silent = world.fail("homelab_scpi_query", args).await;
    let next = ask(&world, "dmm-1", "SYST:ERR?").await;

    assert_eq!(silent.code(), Code::Timeout);
    assert!(hint(&silent).contains("SYST:ERR?"), "{silent}");
    assert_eq!(next["answer"], "-113,\"Undefined header\"");
}

#[tokio::test]
async fn queries_to_one_instrument_wait_for_each_other() {
    let world = World::demo().await;
    let dmm = &world.lab.instruments["dmm-1"];
    dmm.set(
        "SLOW?",
        Action::SayAfter(Duration::from_millis(20), "done".into()),
    );

    let queries = (0..6).map(|_| ask(&world, "dmm-1", "SLOW?"));
    let answers = futures_util::future::join_all(queries).await;

    assert!(answers.iter().all(|answer| answer["answer"] == "done"));
    assert_eq!(dmm.dropped(), 0);
}

#[tokio::test]
async fn an_instrument_in_use_by_another_program_is_busy() {
    let world = World::demo().await;
    let dmm = &world.lab.instruments["dmm-1"];
    let mut other = tokio::net::TcpStream::connect(dmm.address()).await.unwrap();
    // Its conversation has begun once it got an answer.
    tokio::io::AsyncWriteExt::write_all(&mut other, b"*OPC?\n")
        .await
        .unwrap();
    tokio::io::AsyncReadExt::read_u8(&mut other).await.unwrap();

    let args = json!({ "device": "dmm-1", "command": "*IDN?" });
    let error = world.fail("homelab_scpi_query", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "instrument_busy")
    );
    assert!(error.envelope().retryable);
}
