//! Logins, seats, second factors, and the release that has none of it.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros};
use homelab_lab::pihole::{Options, PASSWORD, Pihole, Release};
use serde_json::{Value, json};

use super::{anonymous, error, fresh, login, signed};
use crate::wire::call;

#[tokio::test]
async fn a_session_goes_in_a_header_a_query_or_a_cookie_with_its_token() {
    let lab = fresh().await;
    let answer = login(&lab.server, &json!({"password": PASSWORD})).await;
    let session = &answer.json()["session"];
    let (sid, csrf) = (
        session["sid"].as_str().unwrap(),
        session["csrf"].as_str().unwrap(),
    );
    let cookie = format!("sid={sid}");
    let query = sid
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");

    let path = "/api/dns/blocking";
    let mut seen = Vec::new();
    for (path, headers) in [
        (path.to_owned(), vec![]),
        (path.to_owned(), vec![("sid", sid)]),
        (format!("{path}?sid={query}"), vec![]),
        (path.to_owned(), vec![("Cookie", cookie.as_str())]),
        (
            path.to_owned(),
            vec![("Cookie", cookie.as_str()), ("X-CSRF-TOKEN", csrf)],
        ),
    ] {
        let answer = anonymous(&lab.server, "GET", &path, &headers, "").await;
        seen.push(answer.status);
    }

    assert_eq!(seen, [401, 200, 200, 401, 200]);
    assert_eq!(session["message"], "password correct");
    assert_eq!(session["validity"], 1800);
    assert!(answer.head.contains("set-cookie: sid="), "{}", answer.head);
    lab.end();
}

#[tokio::test]
async fn a_wrong_password_is_told_in_the_shape_of_a_session() {
    let server = Pihole::start().await.unwrap();

    let wrong = login(&server, &json!({"password": "guess"})).await;
    let probe = anonymous(&server, "GET", "/api/auth", &[], "").await;
    let none = login(&server, &json!({})).await;
    let broken = anonymous(&server, "POST", "/api/auth", &[], "{\"pass").await;

    assert_eq!(
        (wrong.status, wrong.json()["session"]["message"].clone()),
        (401, json!("password incorrect"))
    );
    assert_eq!(
        (probe.status, &probe.json()["session"]["valid"]),
        (401, &json!(false))
    );
    assert_eq!((none.status, error(&none).0.as_str()), (400, "bad_request"));
    assert!(broken.status == 400 && error(&broken).1.is_string());
    assert_eq!(server.log().unexpected(), ["POST /api/auth"; 2]);
    assert_eq!((server.logins(), server.seats()), (0, 0));
}

#[tokio::test]
async fn every_login_takes_a_seat_until_there_is_none() {
    let lab = fresh().await;
    lab.server.set_max_sessions(2);

    let second = login(&lab.server, &json!({"password": PASSWORD})).await;
    let third = login(&lab.server, &json!({"password": PASSWORD})).await;
    let full = lab.server.seats();
    let left = lab.delete("/auth").await;
    let again = lab.delete("/auth").await;
    let fourth = login(&lab.server, &json!({"password": PASSWORD})).await;

    assert_eq!((second.status, third.status, full), (200, 429, 2));
    assert_eq!(error(&third).0, "api_seats_exceeded");
    assert!(!third.head.contains("retry-after"));
    assert_eq!((left, again, fourth.status), (204, 401, 200));
    let counts = (lab.server.logins(), lab.server.most_seats());
    assert_eq!((counts, lab.server.seats()), ((3, 2), 2));
    lab.end();
}

#[tokio::test]
async fn a_session_lives_on_by_its_use_and_ends_without() {
    let clock = Arc::new(ManualClock::at(Micros(1_795_000_000_000_000)));
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let lab = signed(Pihole::with(options).await.unwrap()).await;

    clock.advance_seconds(1700);
    lab.get("/dns/blocking").await;
    clock.advance_seconds(1700);
    lab.get("/dns/blocking").await;
    clock.advance_seconds(1801);
    let late = lab.ask("GET", "/dns/blocking", &Value::Null).await;

    assert_eq!(
        (late.status, error(&late).0.as_str()),
        (401, "unauthorized")
    );
    assert_eq!(lab.server.seats(), 0);
    lab.end();
}

#[tokio::test]
async fn a_session_of_somebody_else_can_be_ended() {
    let lab = fresh().await;
    login(&lab.server, &json!({"password": PASSWORD})).await;

    let sessions = lab.get("/auth/sessions").await;
    let ended = lab.delete("/auth/session/1").await;
    let again = lab.delete("/auth/session/1").await;
    let far = lab.delete("/auth/session/99").await;

    let current: Vec<&Value> = sessions["sessions"].as_array().unwrap().iter().collect();
    assert_eq!(current.len(), 2);
    assert_eq!(current[0]["current_session"], true);
    assert_eq!((ended, again, far), (204, 400, 400));
    lab.end();
}

#[tokio::test]
async fn a_second_factor_is_a_number_and_holds_once() {
    let clock = Arc::new(ManualClock::at(Micros(1_795_000_000_000_000)));
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let server = Pihole::with(options).await.unwrap();
    server.require_totp();
    let code = server.totp_code().unwrap();

    let none = login(&server, &json!({"password": PASSWORD})).await;
    let wrong = login(&server, &json!({"password": PASSWORD, "totp": 1})).await;
    let right = login(&server, &json!({"password": PASSWORD, "totp": code})).await;
    let reused = login(&server, &json!({"password": PASSWORD, "totp": code})).await;
    clock.advance_seconds(60);
    let text = server.totp_code().unwrap().to_string();
    let as_text = login(&server, &json!({"password": PASSWORD, "totp": text})).await;
    server.set_app_password("app-otter");
    let by_app = login(&server, &json!({"password": "app-otter"})).await;

    assert_eq!((none.status, wrong.status), (400, 401));
    assert_eq!((right.status, reused.status), (200, 401));
    assert_eq!(error(&reused).1, "wait for new token");
    assert_eq!(as_text.status, 401);
    assert_eq!(by_app.json()["session"]["message"], "app-password correct");
}

#[tokio::test]
async fn an_application_may_not_change_settings_unless_allowed() {
    let server = Pihole::start().await.unwrap();
    server.set_app_password("app-otter");
    let answer = login(&server, &json!({"password": "app-otter"})).await;
    let sid = answer.json()["session"]["sid"].as_str().unwrap().to_owned();
    let body = json!({"config": {"dns": {"upstreams": ["192.0.2.1"]}}}).to_string();
    let patch = async || {
        let headers = [("X-FTL-SID", sid.as_str())];
        anonymous(&server, "PATCH", "/api/config", &headers, &body).await
    };

    let refused = patch().await;
    server.set_config("webserver.api.app_sudo", json!(true));
    let allowed = patch().await;

    assert_eq!((refused.status, allowed.status), (403, 200));
    let (key, hint) = error(&refused);
    assert_eq!(key, "forbidden");
    assert!(hint.as_str().unwrap().contains("webserver.api.app_sudo"));
}

#[tokio::test]
async fn an_application_password_holds_once_its_hash_is_set() {
    let lab = fresh().await;
    let app = lab.get("/auth/app").await["app"].clone();
    let body = json!({"password": app["password"]});

    let before = login(&lab.server, &body).await.status;
    let patch = json!({"config": {"webserver": {"api": {"app_pwhash": app["hash"]}}}});
    let set = lab.ask("PATCH", "/config", &patch).await.status;
    let old_session = lab.ask("GET", "/dns/blocking", &Value::Null).await.status;
    let after = login(&lab.server, &body).await.status;

    assert_eq!((before, set, old_session, after), (401, 200, 401, 200));
    lab.end();
}

#[tokio::test]
async fn without_a_password_everybody_may_do_everything() {
    let options = Options {
        password: None,
        ..Options::default()
    };
    let server = Pihole::with(options).await.unwrap();

    let probe = anonymous(&server, "GET", "/api/auth", &[], "").await;
    let read = anonymous(&server, "GET", "/api/domains", &[], "").await;

    let session = &probe.json()["session"];
    assert_eq!((probe.status, read.status), (200, 200));
    assert_eq!(
        (&session["valid"], &session["sid"], &session["validity"]),
        (&json!(true), &Value::Null, &json!(-1))
    );
}

#[tokio::test]
async fn refusals_are_in_its_own_dialect() {
    let lab = fresh().await;
    lab.server.rate_limit_logins(1);
    lab.server
        .refuse_next("/api/info/version", 500, "internal_error", "no file");

    let limited = login(&lab.server, &json!({"password": PASSWORD})).await;
    let version = lab.ask("GET", "/info/version", &Value::Null).await;
    let well = lab.get("/info/version").await;
    let wrong_method = lab.ask("PUT", "/dns/blocking", &Value::Null).await;

    assert_eq!(
        (limited.status, error(&limited).0.as_str()),
        (429, "rate_limiting")
    );
    assert_eq!(
        (version.status, error(&version).0.as_str()),
        (500, "internal_error")
    );
    assert_eq!(well["version"]["ftl"]["local"]["version"], "v6.4.1");
    // Not 405.
    assert_eq!(
        (wrong_method.status, error(&wrong_method).0.as_str()),
        (404, "not_found")
    );
    assert_eq!(lab.server.log().unexpected(), ["PUT /api/dns/blocking"]);
}

#[tokio::test]
async fn the_old_release_is_one_page_and_knows_nothing_of_the_new_api() {
    let options = Options {
        release: Release::V5,
        ..Options::default()
    };
    let server = Pihole::with(options).await.unwrap();
    let page = async |query: &str| {
        let path = format!("/admin/api.php?{query}");
        call(server.address(), "GET", &path, &[], "").await
    };

    let new = call(server.address(), "GET", "/api/auth", &[], "").await;
    let version = page("version").await;
    let unknown = page("summaryRaw").await;
    let none = server.log().unexpected();
    let disable = page("disable=60&auth=guess").await;

    assert_eq!((new.status, version.json()), (404, json!({"version": 3})));
    assert_eq!((unknown.status, unknown.json()), (200, json!([])));
    assert_eq!((disable.json(), server.blocking().0), (json!([]), true));
    assert_eq!(none, [""; 0]);
}
