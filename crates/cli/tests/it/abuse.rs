//! What a stranger, a broken client or an attacker sends. Each gets a clear error or a closed
//! connection, and the server goes on serving others with bounded memory.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::clients_http::{Connection, McpConnection, Response, tool_headers, tool_request};
use crate::clients_support::{Gateway, Home};

/// More than any of these attacks may cost; a debug build.
const MEMORY: u64 = 120 * 1024 * 1024;

/// A server under attack.
struct Target {
    home: Home,
    server: Gateway,
    before: u64,
}

impl Target {
    fn new() -> Self {
        Self::with(Home::new())
    }

    fn with(home: Home) -> Self {
        let server = home.serve(&[]);
        let target = Self {
            home,
            server,
            before: 0,
        };
        target.is_well();
        let before = target.server.resident_bytes();
        Self { before, ..target }
    }

    fn connect(&self) -> Connection {
        Connection::open(self.server.port).expect("the server accepts")
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.server.key)
    }

    /// Sends a body to `/mcp` as a client with a key does, without the headers of the modern era.
    fn post(&self, body: &[u8]) -> Response {
        let bearer = self.bearer();
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("Authorization", &bearer),
        ];
        self.connect()
            .request("POST", "/mcp", &headers, body)
            .expect("an answer")
    }

    /// Sends one `tools/call` of the modern era with extra headers.
    fn call(&self, request: &Value, headers: &[(&str, &str)]) -> Response {
        let bearer = self.bearer();
        let tool = request["params"]["name"].as_str().unwrap_or("-").to_owned();
        let all = [&tool_headers(&tool, &bearer)[..], headers].concat();
        self.connect()
            .request("POST", "/mcp", &all, request.to_string().as_bytes())
            .expect("an answer")
    }

    /// A stranger's call is answered, and fast.
    fn is_well(&self) {
        let started = Instant::now();
        let answer = McpConnection::open(self.server.port, &self.server.key)
            .and_then(|mut client| client.success("homelab_list_networks", &json!({})))
            .expect("an answer");
        assert!(answer.is_object(), "{answer}");
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }

    /// Afterwards: it answers, it has not grown, no thread of it panicked, and it ends in order.
    fn has_survived(self) {
        self.is_well();
        let grown = self.server.resident_bytes().saturating_sub(self.before);
        assert!(grown < MEMORY, "grown by {} MiB", grown >> 20);
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
        self.server.stop();
    }
}

/// A refusal is a client error that a person can read; never a page of a framework, never empty.
fn assert_refused(response: &Response, what: &str) {
    assert!(
        (400..500).contains(&response.status),
        "{what}: {} {}",
        response.status,
        response.text()
    );
    assert!(
        !response.body.is_empty(),
        "{what}: {} without a word",
        response.status
    );
}

#[test]
fn malformed_json_rpc_is_refused_with_a_reason() {
    let target = Target::new();
    let deep = "[".repeat(100_000);
    let wide = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{deep}"#);
    let bodies: [&[u8]; 20] = [
        b"",
        b"{",
        b"null",
        b"42",
        b"\"tools/list\"",
        b"[]",
        b"{}",
        b"not json at all",
        b"\xff\xfe\x00\x00",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"",
        br#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
        br#"{"id":1,"method":"tools/list"}"#,
        br#"{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}"#,
        br#"{"jsonrpc":"2.0","id":[1],"method":"tools/list"}"#,
        br#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[1,2]}"#,
        br#"{"jsonrpc":"2.0","id":1e999,"method":"tools/list"}"#,
        br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#,
        deep.as_bytes(),
        wide.as_bytes(),
    ];

    for body in bodies {
        let what = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_refused(&target.post(body), &what);
    }
    target.has_survived();
}

#[test]
fn calls_of_wrong_types_are_protocol_errors_and_wrong_arguments_are_answers() {
    let target = Target::new();
    let wrong = [
        json!({"name": 7}),
        json!({"name": null}),
        json!({"arguments": {}}),
        json!({"name": "homelab_list_devices", "arguments": [1]}),
        json!({"name": "homelab_list_devices", "arguments": "all"}),
        json!({"name": "homelab_make_coffee", "arguments": {}}),
        json!({"name": "", "arguments": {}}),
        json!({"name": "x".repeat(10_000), "arguments": {}}),
        json!({"name": "../../etc/passwd", "arguments": {}}),
    ];

    for params in wrong {
        let mut request = tool_request(1, "-", &json!({}));
        let whole = request["params"].as_object_mut().expect("an object");
        whole.remove("name");
        whole.remove("arguments");
        whole.extend(params.as_object().expect("an object").clone());
        let message = target.call(&request, &[]).message().expect("JSON-RPC");
        assert!(message["error"]["code"].is_i64(), "{params}: {message}");
    }

    let arguments = [
        json!({"category": 7}),
        json!({"category": ["network"]}),
        json!({"limit": -1}),
        json!({"limit": 1e30}),
        json!({"limit": "all"}),
        json!({"cursor": "\u{0}"}),
        json!({"__proto__": {}}),
    ];
    for arguments in arguments {
        let request = tool_request(1, "homelab_list_devices", &arguments);
        let message = target.call(&request, &[]).message().expect("JSON-RPC");
        let result = &message["result"];
        assert_eq!(result["isError"], true, "{arguments}: {message}");
        assert!(result.to_string().contains("invalid_argument"), "{message}");
    }
    target.has_survived();
}

#[test]
fn headers_that_contradict_the_body_are_refused() {
    let target = Target::new();
    let request = tool_request(1, "homelab_list_networks", &json!({})).to_string();
    let bearer = target.bearer();
    let replace = |name: &str, value: &str| {
        let headers: Vec<_> = tool_headers("homelab_list_networks", &bearer)
            .into_iter()
            .map(|(known, unchanged)| (known, if known == name { value } else { unchanged }))
            .collect();
        target
            .connect()
            .request("POST", "/mcp", &headers, request.as_bytes())
            .expect("an answer")
    };

    let unchanged = replace("-", "-");
    assert_eq!(unchanged.status, 200, "{}", unchanged.text());
    assert_refused(
        &replace("Mcp-Name", "homelab_get_credentials"),
        "another tool",
    );
    assert_refused(&replace("Mcp-Method", "tools/list"), "another method");
    assert_refused(
        &replace("MCP-Protocol-Version", "2099-01-01"),
        "another version",
    );
    assert_refused(&replace("Content-Type", "text/plain"), "no JSON");
    assert_refused(&replace("Accept", "text/html"), "wants a page");
    target.has_survived();
}

#[test]
fn bodies_of_ten_megabytes_are_refused_before_they_are_stored() {
    let target = Target::new();
    let bearer = target.bearer();
    let chunk = vec![b'x'; 1 << 20];

    for chunked in [false, true] {
        let mut connection = target.connect();
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {}", 10 << 20)
        };
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             {framing}\r\n\r\n"
        );
        connection.send(head.as_bytes()).expect("a head");
        for number in 1..=10 {
            let mut part = Vec::new();
            if chunked {
                part.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            }
            part.extend_from_slice(&chunk);
            if chunked {
                let end: &[u8] = if number == 10 {
                    b"\r\n0\r\n\r\n"
                } else {
                    b"\r\n"
                };
                part.extend_from_slice(end);
            }
            connection.send(&part).expect("it is read, and thrown away");
        }
        let response = connection.receive().expect("an answer");
        assert_eq!(response.status, 413, "{}", response.text());
    }
    target.has_survived();
}

#[test]
fn clients_that_never_finish_their_request_are_hung_up_on() {
    let target = Target::with(Home::new().setting("HOMELAB__LIMITS__HEADER_TIMEOUT_S", "1"));
    let mut slow: Vec<Connection> = (0..200).map(|_| target.connect()).collect();
    for (number, connection) in slow.iter_mut().enumerate() {
        let begun: &[u8] = if number % 2 == 0 {
            b"POST /mcp HTTP/1.1\r\nHost: loc"
        } else {
            b"G"
        };
        connection.send(begun).expect("a few bytes");
    }

    target.is_well();
    let started = Instant::now();
    for connection in &mut slow {
        assert!(
            connection.is_closed_by_peer(),
            "a slow client is still there"
        );
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    target.has_survived();
}

#[test]
fn a_body_that_never_comes_does_not_hold_the_server() {
    let target = Target::new();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Type: \
         application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: \
         1000\r\n\r\n{{",
        target.bearer()
    );
    let waiting: Vec<Connection> = (0..200)
        .map(|_| {
            let mut connection = target.connect();
            connection.send(head.as_bytes()).expect("a head");
            connection
        })
        .collect();

    target.is_well();
    drop(waiting);
    target.has_survived();
}

/// Lets this process have as many files as the system allows it, and returns how many that are.
fn most_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => most,
        Err(_) => limit.current.unwrap_or(most),
    }
}

#[test]
fn thousands_of_idle_connections_leave_room_for_others() {
    // Each side of a connection is a file of its own process; other tests need some too.
    let room = most_files().saturating_sub(1_000);
    let wanted = usize::try_from(room).unwrap_or(usize::MAX).min(5_000);
    if wanted < 5_000 {
        homelab_testkit::skip(&format!("only {wanted} files may be open, 5000 are wanted"));
    }
    let target = Target::new();
    let address = (Ipv4Addr::LOCALHOST, target.server.port);

    let mut idle: Vec<TcpStream> = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        idle.push(TcpStream::connect(address).expect("the server accepts"));
    }
    target.is_well();
    let grown = target.server.resident_bytes().saturating_sub(target.before);
    assert!(grown < MEMORY, "grown by {} MiB", grown >> 20);

    // One of them wakes up, as an agent's kept connection does.
    let mut last = idle.pop().expect("many");
    last.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it is still open");
    drop((idle, last));
    target.has_survived();
}

#[test]
fn strangers_are_told_how_to_sign_in_and_nothing_else() {
    let target = Target::new();
    let revoked = target.home.create_key("leaver", "operator");
    let mut kept = McpConnection::open(target.server.port, &revoked.key).expect("it accepts");
    kept.success("homelab_list_networks", &json!({}))
        .expect("the key is good");
    target.home.succeed(&["keys", "revoke", &revoked.id]);
    // Not even the connection that the key was good on is a way around its end, which comes about a
    // second after another process revoked it.
    let revoked_at = Instant::now();
    while kept
        .post("homelab_list_networks", &json!({}))
        .expect("an answer")
        .status
        != 401
    {
        assert!(revoked_at.elapsed() < Duration::from_secs(5), "still good");
        std::thread::sleep(Duration::from_millis(50));
    }

    let request = tool_request(1, "homelab_list_networks", &json!({})).to_string();
    let (stem, _) = target.server.key.split_at(target.server.key.len() - 4);
    let credentials = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer hlab_nobody_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        Some(format!("Bearer {stem}AAAA")),
        Some(format!("Bearer {}", "A".repeat(4_000))),
        Some(format!("Basic {}", target.server.key)),
        Some(format!("Bearer {}", revoked.key)),
    ];
    for path in ["/mcp", "/servers/homelab/mcp", "/servers/nothing/mcp"] {
        for credential in &credentials {
            let mut headers = tool_headers("homelab_list_networks", "").to_vec();
            headers.pop();
            if let Some(credential) = credential {
                headers.push(("Authorization", credential));
            }
            let response = target
                .connect()
                .request("POST", path, &headers, request.as_bytes())
                .expect("an answer");
            // Wrong keys are guesses: after some of them, an address has to wait.
            let guessed = credential.is_some() && response.status == 429;
            if !guessed {
                assert_eq!(
                    response.status,
                    401,
                    "{path} {credential:?}: {}",
                    response.text()
                );
                let challenge = response.header("www-authenticate").expect("a challenge");
                assert!(challenge.starts_with("Bearer"), "{challenge}");
            }
            assert!(
                !response.text().contains("homelab_list"),
                "{}",
                response.text()
            );
        }
    }
    for path in ["/sse", "/servers/homelab/sse", "/api/v1/keys"] {
        let response = target
            .connect()
            .request("GET", path, &[], b"")
            .expect("an answer");
        assert!(
            matches!(response.status, 401 | 404),
            "{path}: {}",
            response.status
        );
    }
    target.has_survived();
}

#[test]
fn other_origins_and_hosts_are_refused() {
    let target = Target::new();
    let request = tool_request(1, "homelab_list_networks", &json!({}));

    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "null",
        "x",
    ] {
        let response = target.call(&request, &[("Origin", origin)]);
        assert_eq!(response.status, 403, "{origin}: {}", response.text());
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
    ] {
        let response = target.call(&request, &[("Host", host)]);
        assert_eq!(response.status, 403, "{host}: {}", response.text());
    }
    let own = format!("http://127.0.0.1:{}", target.server.port);
    assert_eq!(target.call(&request, &[("Origin", &own)]).status, 200);
    target.has_survived();
}

/// HTTP that no client sends.
#[test]
fn broken_http_is_refused_or_hung_up_on() {
    let target = Target::with(Home::new().setting("HOMELAB__LIMITS__HEADER_TIMEOUT_S", "1"));
    let long = "a".repeat(1 << 20);
    let many = "X-Again: y\r\n".repeat(5_000);
    let requests = [
        "\0\0\0\0\0\0\0\0\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET /mcp HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /mcp\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"
            .to_owned(),
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            .to_owned(),
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(),
    ];

    for request in requests {
        let what = request.chars().take(60).collect::<String>();
        let mut connection = target.connect();
        // A server that hangs up in the middle is as good as one that reads and refuses.
        if connection.send(request.as_bytes()).is_err() {
            continue;
        }
        match connection.receive() {
            Ok(response) => {
                assert!(
                    (400..500).contains(&response.status),
                    "{what}: {}",
                    response.status
                );
            }
            Err(error) => assert_ne!(
                error.kind(),
                std::io::ErrorKind::WouldBlock,
                "{what}: neither answered nor hung up on"
            ),
        }
    }
    target.has_survived();
}

#[test]
fn unknown_paths_methods_and_sessions_are_answered_in_json() {
    let target = Target::new();
    let bearer = target.bearer();
    let ask = |method: &str, path: &str, more: &[(&str, &str)]| {
        let headers = [
            &[
                ("Authorization", bearer.as_str()),
                ("Content-Type", "application/json"),
                ("Accept", "application/json, text/event-stream"),
            ][..],
            more,
        ]
        .concat();
        target
            .connect()
            .request(
                method,
                path,
                &headers,
                br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            )
            .expect("an answer")
    };

    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/servers/nothing/mcp",
        "/servers/%2e%2e/mcp",
        "/api/v1/nothing",
        "/mcp/../../etc/passwd",
    ] {
        let response = ask("GET", path, &[]);
        assert_eq!(response.status, 404, "{path}: {}", response.text());
        assert!(response.message().is_some(), "{path}: {}", response.text());
    }
    assert_eq!(ask("PUT", "/mcp", &[]).status, 405);
    let unknown = [("Mcp-Session-Id", "00000000-0000-0000-0000-000000000000")];
    assert_eq!(
        ask("POST", "/mcp", &unknown).status,
        404,
        "an unknown session"
    );
    assert_eq!(ask("POST", "/messages?session_id=nobody", &[]).status, 404);
    target.has_survived();
}
