use homelab_core::secret::Secret;
use homelab_upstream::{Fault, HeaderName, Request, header};
use rstest::rstest;

use crate::support::{Reply, Seen, Server, client, envelope, settings};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

fn get(path: &'static str) -> Request {
    Request::get("read", path, &[])
}

fn with_secrets(request: Request) -> Request {
    request
        .bearer(&Secret::new("token-1"))
        .secret_header(API_KEY, &Secret::new("key-1"))
        .header(header::COOKIE, "session=1")
        .header(header::ACCEPT, "application/json")
}

#[rstest]
#[case(301)]
#[case(302)]
#[case(303)]
#[case(307)]
#[case(308)]
#[tokio::test]
async fn a_get_follows_within_its_origin_with_its_secrets(#[case] status: u16) {
    let server = Server::http(move |seen: &Seen| match seen.target.as_str() {
        "/old" => Reply::redirect(status, "/new?a=1"),
        _ => Reply::json("1"),
    })
    .await;

    let response = client(&settings(&server.url()))
        .send(with_secrets(get("/old")))
        .await
        .unwrap();

    assert_eq!((response.status.as_u16(), response.redirects), (200, 1));
    let last = &server.seen()[1];
    assert_eq!(
        (last.method.as_str(), last.target.as_str()),
        ("GET", "/new?a=1")
    );
    assert_eq!(last.header("authorization"), Some("Bearer token-1"));
    assert_eq!(last.header("x-api-key"), Some("key-1"));
}

#[tokio::test]
async fn secrets_do_not_follow_to_another_origin_nor_back() {
    let home = Server::http(|_| Reply::json("1")).await;
    let back = home.url().join("/back").unwrap().to_string();
    let other = Server::http(move |_| Reply::redirect(302, &back)).await;
    let away = other.url().to_string();
    let first = Server::http(move |_| Reply::redirect(302, &away)).await;

    let response = client(&settings(&first.url()))
        .send(with_secrets(get("/")))
        .await
        .unwrap();

    assert_eq!(response.redirects, 2);
    assert_eq!(
        first.seen()[0].header("authorization"),
        Some("Bearer token-1")
    );
    for seen in [&other.seen()[0], &home.seen()[0]] {
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("x-api-key"), None);
        assert_eq!(seen.header("cookie"), None);
        assert_eq!(seen.header("accept"), Some("application/json"));
    }
}

#[tokio::test]
async fn credentials_that_stayed_behind_are_explained() {
    let other = Server::http(|_| Reply::status(401)).await;
    let away = other.url().to_string();
    let first = Server::http(move |_| Reply::redirect(301, &away)).await;

    let answer = client(&settings(&first.url()))
        .send(with_secrets(get("/")))
        .await
        .unwrap();
    let error = envelope(answer.checked().unwrap_err());

    assert_eq!(error.code.as_str(), "upstream_unauthorized");
    let origin = other.url().origin().ascii_serialization();
    assert_eq!(
        error.hint.unwrap(),
        format!(
            "credentials do not follow a redirect: set `servers.pve.url` to an address at `{origin}`"
        )
    );
}

#[tokio::test]
async fn a_loop_ends_at_the_limit() {
    let server = Server::http(|_| Reply::redirect(302, "/again")).await;

    let error = client(&settings(&server.url()))
        .send(get("/").redirects(3))
        .await
        .unwrap_err();

    assert_eq!(error.fault(), &Fault::RedirectLoop { limit: 3 });
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_change_is_not_sent_anywhere_else() {
    let server =
        Server::http(|_| Reply::redirect(307, "https://other.example/x?token=canary")).await;

    let answer = client(&settings(&server.url()))
        .send(Request::post("create", "/", &[]).json(&1))
        .await
        .unwrap();
    let error = envelope(answer.checked().unwrap_err());

    assert_eq!(server.seen().len(), 1);
    assert_eq!(error.code.as_str(), "upstream_rejected");
    assert_eq!(error.reason.as_deref(), Some("redirect"));
    assert_eq!(
        error.hint.unwrap(),
        "set `servers.pve.url` to the address it leads to, at `https://other.example`"
    );
}

#[tokio::test]
async fn with_no_redirects_allowed_the_redirect_is_the_response() {
    let server = Server::http(|_| Reply::redirect(302, "/manage")).await;

    let response = client(&settings(&server.url()))
        .send(get("/").redirects(0))
        .await
        .unwrap();

    assert_eq!(response.status.as_u16(), 302);
    assert_eq!(response.headers[header::LOCATION], "/manage");
}

#[tokio::test]
async fn an_error_after_a_redirect_names_the_place_it_happened() {
    let gone = Server::http(|_| Reply::status(200)).await;
    let away = gone.url();
    drop(gone);
    let location = away.to_string();
    let server = Server::http(move |_| Reply::redirect(302, &location)).await;

    let error = client(&settings(&server.url()))
        .send(get("/").retries(0))
        .await
        .unwrap_err();

    let origin = away.origin().ascii_serialization();
    assert_eq!(error.to_string(), format!("nothing listens at `{origin}`"));
}
