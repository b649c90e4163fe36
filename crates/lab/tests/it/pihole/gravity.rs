//! The update of the lists, whose status says nothing.

use homelab_lab::pihole::GravityPlan;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::fresh;
use crate::wire::{Answer, exchange_on, request};

const ADS: &str = "https://lists.example/ads";
const GONE: &str = "https://lists.example/gone";

#[tokio::test]
async fn the_result_stands_after_the_end_of_the_answer() {
    let lab = fresh().await;
    lab.server.add_blocklist(ADS, &["a.example"]);
    let headers = [("X-FTL-SID", lab.sid.as_str())];
    let request = request("POST", "/api/action/gravity", &headers, "");
    let run = async || {
        let stream = TcpStream::connect(lab.server.address()).await.unwrap();
        exchange_on(stream, &request).await
    };

    let well = run().await;
    lab.server.set_gravity(GravityPlan {
        fails: true,
        ..GravityPlan::default()
    });
    let badly = run().await;

    for (bytes, sign, result) in [
        (&well, '✓', r#"{"status":"success","took":2.1}"#),
        (&badly, '✗', r#"{"error":{"key":"server_error""#),
    ] {
        let answer = Answer::read(bytes);
        assert_eq!((answer.status, answer.complete), (200, true));
        assert!(answer.body().contains(sign));
        let text = String::from_utf8_lossy(bytes);
        let (_, after) = text.split_once("0\r\n\r\n").unwrap();
        assert!(after.starts_with(result), "{after}");
    }
    // A sign is cut in two.
    let first = &Answer::read(&well).chunks[0];
    assert!(std::str::from_utf8(first).is_err());
    lab.end();
}

#[tokio::test]
async fn each_list_says_how_it_fared() {
    let lab = fresh().await;
    lab.server.add_blocklist(ADS, &["a.example"]);
    lab.server.add_blocklist(GONE, &[]);
    lab.server.publish(ADS, &["a.example", "b.example"]);
    lab.server.set_gravity(GravityPlan {
        unavailable: vec![GONE.to_owned()],
        ..GravityPlan::default()
    });

    let before = lab.get("/stats/summary").await["gravity"].clone();
    let said = lab.post("/action/gravity", &Value::Null).await.body();
    let after = lab.get("/stats/summary").await["gravity"].clone();
    let lists = lab.get("/lists?type=block").await;

    let fared = |at: usize| {
        (
            lists["lists"][at]["status"].clone(),
            lists["lists"][at]["number"].clone(),
        )
    };
    assert_eq!(fared(0), (json!(1), json!(1002)));
    assert_eq!(fared(1), (json!(3), json!(1000)));
    assert!(said.contains("using previously cached list") && !said.contains('\u{1b}'));
    assert_eq!(
        (
            &before["domains_being_blocked"],
            &after["domains_being_blocked"]
        ),
        (&json!(2001), &json!(2002))
    );
    assert!(after["last_update"].as_i64() > before["last_update"].as_i64());
    assert_eq!(lab.server.gravity_runs(), (1, 1));
    lab.end();
}

#[tokio::test]
async fn colours_come_when_asked_for() {
    let lab = fresh().await;

    let said = lab.post("/action/gravity?color=true", &Value::Null).await;

    assert!(said.body().contains("\u{1b}[32m✓"));
    lab.end();
}

#[tokio::test]
async fn an_update_whose_connection_broke_goes_on_to_its_end() {
    let lab = fresh().await;
    lab.server.add_blocklist(ADS, &[]);
    lab.server.publish(ADS, &["a.example"]);
    lab.server.set_gravity(GravityPlan {
        breaks_after: Some(2),
        ..GravityPlan::default()
    });

    let answer = lab.post("/action/gravity", &Value::Null).await;
    let after = lab.get("/stats/summary").await["gravity"]["domains_being_blocked"].clone();

    assert!(!answer.complete);
    assert_eq!(after, 1001);
    lab.end();
}
