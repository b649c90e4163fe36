//! Keys, sessions, flavours, releases.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros};
use homelab_lab::unifi::{ACCOUNT, API_KEY, KeyReach, Options, Release, Unifi};
use serde_json::json;

use super::{JSON, PHONE, Session, ask, classic, console, get, header, release, site};
use crate::wire::call;

const BLOCK: &str = r#"{"cmd":"block-sta","mac":"00:00:5e:00:53:01"}"#;
const STAMGR: &str = "/api/s/default/cmd/stamgr";

#[tokio::test]
async fn a_probe_tells_the_flavours_apart() {
    let (os, old) = (console().await, classic().await);

    let os_root = call(os.address(), "GET", "/", &[], "").await;
    let old_root = call(old.address(), "GET", "/", &[], "").await;
    let wrong = call(
        old.address(),
        "GET",
        "/proxy/network/integration/v1/info",
        &[],
        "",
    )
    .await;

    assert_eq!(os_root.status, 200);
    assert_eq!(
        (old_root.status, header(&old_root, "location")),
        (302, "/manage".to_owned())
    );
    assert_eq!(wrong.status, 404);
    assert!(old.log().unexpected().is_empty(), "a probe is no mistake");
}

#[tokio::test]
async fn the_integration_api_wants_a_key() {
    let console = console().await;
    let path = "/proxy/network/integration/v1/sites";

    let none = call(console.address(), "GET", path, &[], "").await;
    let wrong = call(
        console.address(),
        "GET",
        path,
        &[("X-API-KEY", "guess")],
        "",
    )
    .await;
    let right = ask(&console, "GET", "/v1/sites", "").await;

    assert_eq!(none.status, 401);
    assert_eq!(
        none.json()["code"],
        "api.authentication.missing-credentials"
    );
    assert_eq!(none.json()["requestPath"], "/integration/v1/sites");
    assert_eq!(
        wrong.json(),
        json!({"error": {"code": 401, "message": "Unauthorized"}})
    );
    assert_eq!(right.json()["data"][0]["internalReference"], "default");
}

#[tokio::test]
async fn a_key_reads_the_old_api_and_changes_it_only_where_it_may() {
    let console = console().await;

    let read = ask(&console, "GET", "/api/s/default/stat/sta", "").await;
    let write = ask(&console, "POST", STAMGR, BLOCK).await;
    console.set_key_reach(KeyReach::Everything);
    let allowed = ask(&console, "POST", STAMGR, BLOCK).await;
    console.set_key_reach(KeyReach::Nothing);
    let shut = ask(&console, "GET", "/api/s/default/stat/sta", "").await;
    console.add_key("reader", true);
    let headers = [("X-API-KEY", "reader"), JSON];
    let path = format!("/proxy/network/integration{}", site("/hotspot/vouchers"));
    let voucher = r#"{"name":"a","timeLimitMinutes":60}"#;
    let reader = call(console.address(), "POST", &path, &headers, voucher).await;

    assert_eq!((read.status, write.status), (200, 403));
    assert_eq!(write.json()["meta"]["msg"], "api.err.NoPermission");
    assert_eq!(
        (allowed.status, shut.status, reader.status),
        (200, 401, 403)
    );
    assert_eq!(console.is_blocked(PHONE), Some(true));
}

#[tokio::test]
async fn a_session_needs_its_token_against_forgery() {
    let console = console().await;
    let mut session = Session::open(&console, ACCOUNT.0, ACCOUNT.1).await;

    let read = session.ask(&console, "GET", "/api/self/sites", "").await;
    let wrote = session.ask(&console, "POST", STAMGR, BLOCK).await;
    console.rotate_csrf();
    let told = session.ask(&console, "GET", "/api/self/sites", "").await;
    let stale = session.ask(&console, "POST", STAMGR, BLOCK).await;
    session.csrf = header(&told, "x-updated-csrf-token");
    let fresh = session.ask(&console, "POST", STAMGR, BLOCK).await;

    assert_eq!((read.status, wrote.status), (200, 200));
    assert_eq!((stale.status, fresh.status), (403, 200));
    assert!(
        console.log().unexpected().is_empty(),
        "a stale token is no mistake"
    );

    let headers = [("Cookie", session.cookie.as_str()), JSON];
    let path = format!("/proxy/network{STAMGR}");
    let without = call(console.address(), "POST", &path, &headers, BLOCK).await;
    assert_eq!(without.status, 403);
    assert_eq!(console.log().unexpected().len(), 1);
}

#[tokio::test]
async fn sessions_end() {
    let console = console().await;
    let session = Session::open(&console, ACCOUNT.0, ACCOUNT.1).await;
    console.expire_sessions_after(1);

    let last = session.ask(&console, "GET", "/api/self/sites", "").await;
    let over = session.ask(&console, "GET", "/api/self/sites", "").await;
    let again = Session::open(&console, ACCOUNT.0, ACCOUNT.1).await;
    let headers = [
        ("Cookie", again.cookie.as_str()),
        ("X-CSRF-Token", again.csrf.as_str()),
    ];
    let out = call(console.address(), "POST", "/api/auth/logout", &headers, "").await;

    assert_eq!((last.status, over.status, out.status), (200, 401, 200));
    assert_eq!(over.json()["error"]["code"], 401);
    assert_eq!((console.sessions(), console.logins()), (0, 2));
}

#[tokio::test]
async fn wrong_logins_lock_the_door_and_trying_keeps_it_locked() {
    let clock = Arc::new(ManualClock::at(Micros(1_790_000_000_000_000)));
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let console = Unifi::with(options).await.unwrap();
    let login = async |password: &str| {
        let body = json!({"username": ACCOUNT.0, "password": password}).to_string();
        call(console.address(), "POST", "/api/auth/login", &[JSON], &body).await
    };

    for _ in 0..5 {
        assert_eq!(login("guess").await.status, 403);
    }
    let locked = login(ACCOUNT.1).await;
    clock.advance_seconds(59);
    let prolonged = login(ACCOUNT.1).await;
    clock.advance_seconds(59);
    let still = login(ACCOUNT.1).await;
    clock.advance_seconds(60);
    let open = login(ACCOUNT.1).await;

    assert!(
        locked
            .body()
            .contains("AUTHENTICATION_FAILED_LIMIT_REACHED")
    );
    assert_eq!(
        (locked.status, prolonged.status, still.status, open.status),
        (429, 429, 429, 200)
    );
}

#[tokio::test]
async fn second_factors_are_asked_for() {
    let console = console().await;
    console.add_account_with_2fa("local", "a", "123456", false);
    console.add_account_with_2fa("cloud", "b", "654321", true);
    let login = async |body: serde_json::Value, cookie: &str| {
        let headers = [JSON, ("Cookie", cookie)];
        call(
            console.address(),
            "POST",
            "/api/auth/login",
            &headers,
            &body.to_string(),
        )
        .await
    };

    let local = login(json!({"username": "local", "password": "a"}), "a=b").await;
    let body = json!({"username": "local", "password": "a", "ubic_2fa_token": "123456"});
    let local_in = login(body, "a=b").await;
    let cloud = login(json!({"username": "cloud", "password": "b"}), "a=b").await;
    let cookie = cloud.json()["data"]["mfaCookie"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({"username": "cloud", "password": "b", "token": "654321"});
    let cloud_in = login(body, &cookie).await;

    assert_eq!(local.json()["code"], "api.err.Ubic2faTokenRequired");
    assert_eq!(
        (local_in.status, cloud.status, cloud_in.status),
        (200, 499, 200)
    );
}

#[tokio::test]
async fn the_old_application_has_its_own_paths_and_cookie() {
    let console = classic().await;
    let path = "/api/s/default/stat/sta";
    let body = json!({"username": ACCOUNT.0, "password": ACCOUNT.1}).to_string();

    let none = call(console.address(), "GET", path, &[], "").await;
    let keyed = call(
        console.address(),
        "GET",
        path,
        &[("X-API-KEY", API_KEY)],
        "",
    )
    .await;
    let wrong = r#"{"username":"homelab","password":"guess"}"#;
    let wrong = call(console.address(), "POST", "/api/login", &[JSON], wrong).await;
    let login = call(console.address(), "POST", "/api/login", &[JSON], &body).await;
    let cookie = header(&login, "set-cookie");
    let cookie = cookie.split(';').next().unwrap();
    let list = call(console.address(), "GET", path, &[("Cookie", cookie)], "").await;
    // No token against forgery here.
    let headers = [("Cookie", cookie), JSON];
    let block = call(console.address(), "POST", STAMGR, &headers, BLOCK).await;

    assert_eq!(
        none.json()["meta"],
        json!({"rc": "error", "msg": "api.err.LoginRequired"})
    );
    assert_eq!((none.status, keyed.status, wrong.status), (401, 401, 400));
    assert!(cookie.starts_with("unifises="));
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!((block.status, console.is_blocked(PHONE)), (200, Some(true)));
}

#[tokio::test]
async fn releases_have_what_they_have() {
    let status = async |console: &Unifi, path: &str| ask(console, "GET", path, "").await.status;
    let (old, nine, ten) = (
        release(Release::V8_6).await,
        release(Release::V9_0).await,
        release(Release::V10_0).await,
    );
    let new = console().await;

    for (path, wanted) in [
        ("/v1/info".to_owned(), [404, 200, 200, 200]),
        (site("/hotspot/vouchers"), [404, 404, 200, 200]),
        (site("/firewall/zones"), [404, 404, 200, 200]),
        (site("/firewall/policies"), [404, 404, 404, 200]),
        ("/api/s/default/stat/event".to_owned(), [200, 200, 404, 404]),
        (
            "/v2/api/site/default/firewall-policies".to_owned(),
            [404, 200, 200, 200],
        ),
    ] {
        let mut found = Vec::new();
        for console in [&old, &nine, &ten, &new] {
            found.push(status(console, &path).await);
        }
        assert_eq!(found, wanted, "{path}");
    }
    for console in [&old, &nine, &ten, &new] {
        assert!(console.log().unexpected().is_empty());
    }
    assert_eq!(
        get(&ten, "/v1/info").await["applicationVersion"],
        "10.0.162"
    );
}

#[tokio::test]
async fn what_no_release_has_is_noted() {
    let console = console().await;

    let paths = [
        ask(&console, "GET", "/v1/toasters", "").await,
        ask(&console, "DELETE", "/v1/sites", "").await,
        ask(&console, "GET", "/v1/sites?colour=red", "").await,
        ask(&console, "GET", "/v1/sites?limit=500", "").await,
        ask(
            &console,
            "POST",
            &site("/hotspot/vouchers"),
            r#"{"name":"a"}"#,
        )
        .await,
        ask(&console, "GET", "/v1/sites?filter=name.like('a*')", "").await,
    ];

    assert_eq!(
        paths.map(|answer| answer.status),
        [404, 405, 400, 400, 400, 400]
    );
    assert_eq!(console.log().unexpected().len(), 6);
}
