use homelab_core::secret::Secret;
use homelab_upstream::{Client, ClientConfig, Method, Part, Request, Url, header};
use serde_json::{Value, json};

use crate::support::{Reply, Server, client, envelope, settings};

#[tokio::test]
async fn a_path_is_appended_to_the_base_address_with_its_parameters_encoded() {
    let server = Server::http(|_| Reply::json(r#"{"data":1}"#)).await;
    let base = server.url().join("/api2/json/").unwrap();
    let client = client(&settings(&base));

    let request = Request::get("guest", "/nodes/{}/qemu/{}/status", &[&"a/../b c", &105])
        .query("q", "x&y=z")
        .query_opt("none", None::<u8>)
        .header(header::ACCEPT, "application/json")
        .bearer(&Secret::new("token-1"));
    let answer: Value = client.send(request).await.unwrap().json().unwrap();

    assert_eq!(answer, json!({ "data": 1 }));
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        (
            "GET",
            "/api2/json/nodes/a%2F..%2Fb%20c/qemu/105/status?q=x%26y%3Dz"
        )
    );
    assert_eq!(seen.header("authorization"), Some("Bearer token-1"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert!(
        seen.header("user-agent")
            .unwrap()
            .starts_with("homelab-mcp/")
    );
}

#[tokio::test]
async fn bodies_carry_their_type() {
    let server = Server::http(|_| Reply::status(204)).await;
    let client = client(&settings(&server.url()));

    let json = Request::post("create", "/json", &[]).json(&json!({ "a": 1 }));
    let form = Request::put("update", "/form", &[]).form(&[("a b", "c&d")]);
    client.send(json).await.unwrap().checked().unwrap();
    client.send(form).await.unwrap().checked().unwrap();
    let zip = Part::file("file", "a.zip", "application/zip", &[0xff, 0]);
    let files = Request::post("import", "/files", &[]).multipart(&[zip]);
    client.send(files).await.unwrap().checked().unwrap();
    let delete = Request::delete("remove", "/x", &[]);
    client.send(delete).await.unwrap().checked().unwrap();

    let seen = server.seen();
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].body, br#"{"a":1}"#);
    assert_eq!(seen[1].body, b"a+b=c%26d");
    let kind = seen[2].header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let start = format!("--{boundary}\r\n");
    assert!(seen[2].body.starts_with(start.as_bytes()));
    assert!(seen[2].body.windows(2).any(|two| two == [0xff, 0]));
    let methods: Vec<_> = seen.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!(methods, ["POST", "PUT", "POST", "DELETE"]);
}

#[tokio::test]
async fn user_and_password_of_an_address_become_basic_authentication() {
    let server = Server::http(|_| Reply::status(200)).await;
    let client = client(&ClientConfig::new("health"));
    let mut url = server.url().join("/health?deep=1").unwrap();
    url.set_username("us er").unwrap();
    url.set_password(Some("p:w")).unwrap();

    let response = client.send(Request::get_url("health", url)).await.unwrap();

    let seen = &server.seen()[0];
    // "us er:p:w"
    assert_eq!(seen.header("authorization"), Some("Basic dXMgZXI6cDp3"));
    assert_eq!(seen.target, "/health?deep=1");
    assert_eq!(
        response.final_url(),
        server.url().join("/health").unwrap().as_str()
    );
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_a_connection() {
    let server = Server::http(|_| Reply::status(200)).await;
    let client = client(&settings(&server.url()));

    let requests = [
        (
            Request::get("guest", "/nodes/{}", &[&".."]),
            "invalid_argument",
        ),
        (
            Request::get("guest", "/nodes", &[]).header(header::ACCEPT, "a\r\nb: c"),
            "invalid_argument",
        ),
        (
            Request::get_url("health", Url::parse("file:///etc/passwd").unwrap()),
            "invalid_argument",
        ),
        // A token from a file that ends with a newline.
        (
            Request::get("guest", "/nodes", &[]).bearer(&Secret::new("token\n")),
            "not_configured",
        ),
    ];
    for (request, code) in requests {
        let error = envelope(client.send(request).await.unwrap_err());
        assert_eq!(error.code.as_str(), code);
        assert!(!error.retryable);
    }

    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_head_request_has_a_length_but_no_body() {
    let server =
        Server::http(|_| Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".to_vec()))
            .await;
    let client = client(&settings(&server.url()));

    let response = client
        .send(Request::new("probe", Method::HEAD, "/", &[]))
        .await
        .unwrap();

    assert_eq!((response.status.as_u16(), response.body.len()), (200, 0));
}

#[test]
fn a_wrong_base_address_is_named_by_its_setting() {
    for url in [
        "ftp://h/",
        "http://user@h/",
        "http://:hunter2-canary@h/",
        "http://h/?a=1",
    ] {
        let config = ClientConfig {
            base_url: Some(Url::parse(url).unwrap()),
            ..ClientConfig::new("pve")
        };

        let error = Client::new(&config, homelab_core::redact::Redactor::default()).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("servers.pve.url"));
        assert!(!format!("{error} {config:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn without_a_base_address_a_path_is_refused() {
    let client = client(&ClientConfig::new("pve"));

    let request = Request::get("x", "/x", &[]);
    let error = envelope(client.send(request).await.unwrap_err());

    assert_eq!(error.code.as_str(), "not_configured");
    assert_eq!(error.hint.unwrap(), "correct it in section `[servers.pve]`");
}
