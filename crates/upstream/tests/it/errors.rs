use homelab_upstream::{Fault, Request};
use rstest::rstest;
use serde::Deserialize;

use crate::support::{Reply, Server, client, envelope, settings};

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Nodes {
    data: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Node {
    cpus: u32,
}

fn get() -> Request {
    Request::get("list_nodes", "/nodes", &[]).retries(0)
}

#[rstest]
#[case(400, "upstream_rejected", false)]
#[case(401, "upstream_unauthorized", false)]
#[case(403, "upstream_unauthorized", false)]
#[case(404, "upstream_rejected", false)]
#[case(409, "upstream_rejected", false)]
#[case(429, "rate_limited", true)]
#[case(500, "upstream_rejected", true)]
#[case(595, "upstream_rejected", true)]
#[tokio::test]
async fn a_status_has_its_code(#[case] status: u16, #[case] code: &str, #[case] retryable: bool) {
    let server = Server::http(move |_| Reply::status(status)).await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();
    let error = envelope(answer.json::<Nodes>().unwrap_err());

    assert_eq!(error.code.as_str(), code);
    assert_eq!(error.retryable, retryable);
    assert_eq!(error.upstream_status, Some(status));
    assert_eq!(error.instance.as_deref(), Some("pve"));
}

#[tokio::test]
async fn a_failed_change_is_not_called_retryable() {
    let server = Server::http(|_| Reply::status(500)).await;

    let request = Request::post("stop", "/", &[]);
    let answer = client(&settings(&server.url()))
        .send(request)
        .await
        .unwrap();

    assert!(!envelope(answer.checked().unwrap_err()).retryable);
}

#[tokio::test]
async fn the_caller_decides_what_a_missing_thing_means() {
    let server = Server::http(|_| Reply::status(404)).await;
    let client = client(&settings(&server.url()));

    assert!(client.send(get()).await.unwrap().found().unwrap().is_none());
    assert!(client.send(get()).await.unwrap().checked().is_err());
}

#[rstest]
#[case::json(Reply::new(500, &[], r#"{"message":"guest \u001b[31mis\nlocked"}"#), "guest is locked")]
#[case::reason_phrase(
    Reply::Raw(b"HTTP/1.1 500 guest is locked\r\ncontent-length: 13\r\n\r\n{\"data\":null}".to_vec()),
    "guest is locked"
)]
#[case::text(
    Reply::new(500, &[("content-type", "text/plain; charset=utf-8")], "\nguest is locked\nat line 5"),
    "guest is locked"
)]
#[tokio::test]
async fn an_error_says_what_the_upstream_says(#[case] reply: Reply, #[case] detail: &str) {
    let reply = std::sync::Mutex::new(Some(reply));
    let server = Server::http(move |_| reply.lock().unwrap().take().unwrap()).await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();
    let error = answer.checked().unwrap_err();

    assert_eq!(error.to_string(), format!("`pve` failed (500): {detail}"));
}

#[tokio::test]
async fn a_web_page_is_not_quoted() {
    let server = Server::http(|_| {
        Reply::new(
            502,
            &[("content-type", "text/html")],
            "<html>Bad gateway</html>",
        )
    })
    .await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();

    let error = answer.checked().unwrap_err();
    assert_eq!(error.to_string(), "`pve` failed (502)");
}

#[rstest]
#[case::wrong_type(
    r#"{"data":[{"cpus":1},{"cpus":"hunter2"}]}"#,
    "at `data[1].cpus`: expected u32"
)]
#[case::missing(r#"{"data":[{}]}"#, "at `data[0]`: missing field `cpus`")]
#[case::cut(r#"{"data":["#, "it is no JSON from line 1 column 9 on")]
#[case::empty("", "it is empty")]
#[tokio::test]
async fn an_answer_that_does_not_fit_is_described_without_its_values(
    #[case] body: &'static str,
    #[case] what: &str,
) {
    let server = Server::http(|_| Reply::json(body)).await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();
    let error = envelope(answer.json::<Nodes>().unwrap_err());

    assert_eq!(error.code.as_str(), "upstream_rejected");
    assert_eq!(error.reason.as_deref(), Some("unexpected_answer"));
    assert_eq!(
        error.message,
        format!("the answer of `pve` to `list_nodes` cannot be used: {what}")
    );
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_login_page_instead_of_json_is_called_that() {
    let server =
        Server::http(|_| Reply::new(200, &[("content-type", "text/html")], "<html></html>")).await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();
    let error = envelope(answer.json::<Nodes>().unwrap_err());

    assert!(error.message.ends_with("it is a web page instead of JSON"));
    assert!(error.hint.unwrap().contains("`servers.pve.url`"));
}

#[tokio::test]
async fn what_does_not_speak_http_is_told_so() {
    let server = Server::http(|_| Reply::Raw(b"SSH-2.0-OpenSSH_10.0\r\n".to_vec())).await;

    let error = client(&settings(&server.url()))
        .send(get())
        .await
        .unwrap_err();

    assert_eq!(error.fault(), &Fault::NotHttp);
    assert!(envelope(error).hint.unwrap().contains("`https://`"));
}

#[tokio::test]
async fn a_name_without_an_address_is_told_so() {
    // RFC 6761: never resolves.
    let url = "http://pve.invalid:8006".parse().unwrap();

    let error = client(&settings(&url)).send(get()).await.unwrap_err();

    assert_eq!(error.fault(), &Fault::Dns);
    let error = envelope(error);
    assert_eq!(error.code.as_str(), "upstream_unreachable");
    assert_eq!(
        error.message,
        "the host name of `http://pve.invalid:8006` has no address"
    );
}

#[test]
fn each_reason_has_its_line_on_a_help_page() {
    let pages = [
        include_str!("../../../../docs/reference/errors/upstream_unreachable.md"),
        include_str!("../../../../docs/reference/errors/upstream_rejected.md"),
    ]
    .concat();
    let sources = [
        include_str!("../../src/error.rs"),
        include_str!("../../src/tls/certificate.rs"),
    ];

    let mut found = 0;
    for source in sources {
        // The functions that turn a fault into a word.
        let functions = source
            .split("-> Option<&'static str> {")
            .skip(1)
            .chain(source.split("-> &'static str {").skip(1));
        for function in functions {
            let body = function.split("\n    }\n").next().unwrap();
            for word in body.split('"').skip(1).step_by(2) {
                assert!(pages.contains(&format!("| `{word}` |")), "{word}");
                found += 1;
            }
        }
    }
    assert!(found >= 19, "only {found} reasons found");
}
