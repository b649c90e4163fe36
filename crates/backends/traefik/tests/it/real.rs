//! The real Traefik: what is written here is what it serves.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend_traefik::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::server::Server;
use homelab_testkit::Traefik;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{TODAY, context, env, reason, run};

struct Real {
    traefik: Traefik,
    server: Arc<dyn Server>,
    _folder: TempDir,
}

impl Real {
    async fn start() -> Option<Self> {
        let traefik = Traefik::start().expect("a Traefik")?;
        let folder = tempfile::tempdir().expect("a folder");
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let settings = json!({
            "url": traefik.url(), "directory": traefik.directory(), "apply_poll_ms": 20, "apply_timeout_s": 20,
            "tls_address": format!("127.0.0.1:{}", traefik.websecure()),
        });
        Some(Self {
            server: kind().open("traefik", settings, &env),
            traefik,
            _folder: folder,
        })
    }

    async fn run(&self, tool: &str, args: Value) -> ToolResult<Value> {
        let ran = run(&*self.server, tool, args, &context()).await?;
        assert_eq!(ran.mismatches, [], "{}", ran.output);
        Ok(ran.output)
    }

    async fn call(&self, tool: &str, args: Value) -> Value {
        let result = self.run(tool, args).await;
        result.unwrap_or_else(|error| panic!("{tool}: {error}\n{}", self.traefik.log()))
    }

    async fn fail(&self, tool: &str, args: Value) -> ToolError {
        self.run(tool, args).await.expect_err("a failure")
    }

    /// Runs a call and what undoes it.
    async fn undone(&self, tool: &str, args: Value) {
        let index = self
            .server
            .tools()
            .iter()
            .position(|info| info.spec.name == tool);
        let inverse = self.server.inverse(index.expect("a tool"), args.clone());
        let inverse = inverse
            .expect("a hook")
            .await
            .expect("a state")
            .expect("an inverse");
        self.call(tool, args).await;
        self.call(&inverse.tool, inverse.arguments).await;
    }

    /// Asks the entry point `web` as a client does; the whole answer.
    async fn get(&self, host: &str, path: &str, headers: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.traefik.web()))
            .await
            .expect("a connection");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
        socket
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// A server that says its name and the path it was asked for.
async fn backend(name: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 8 * 1024];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let body = format!("{name} {path}");
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    format!("http://{address}")
}

fn router(backend: &str) -> Value {
    json!({ "name": "app", "host": "app.lab.example", "backend_urls": [backend], "entry_points": ["web"] })
}

#[tokio::test]
async fn a_router_is_served_replaced_brought_back_and_removed() {
    let Some(real) = Real::start().await else {
        return;
    };
    let (first, second) = (backend("first").await, backend("second").await);
    let mut other = router(&second);
    other["overwrite"] = true.into();

    real.call("create_router", router(&first)).await;
    let served = real.get("app.lab.example", "/x", "").await;
    real.call("create_router", other.clone()).await;
    let replaced = real.get("app.lab.example", "/x", "").await;
    real.call("rollback_router", json!({ "name": "app" })).await;
    let back = real.get("app.lab.example", "/x", "").await;
    real.undone("create_router", other).await;
    let undone = real.get("app.lab.example", "/x", "").await;
    // What Traefik says later may be that a file went away between listing and reading it.
    let complaints = real.traefik.log();
    real.call("delete_router", json!({ "name": "app" })).await;
    let gone = real.get("app.lab.example", "/x", "").await;

    assert!(served.ends_with("first /x"), "{served}");
    assert!(replaced.ends_with("second /x"), "{replaced}");
    assert!(
        back.ends_with("first /x") && undone.ends_with("first /x"),
        "{back} {undone}"
    );
    assert!(gone.contains(" 404 "), "{gone}");
    assert_eq!(complaints, "");
}

#[tokio::test]
async fn what_traefik_refuses_is_taken_back() {
    let Some(real) = Real::start().await else {
        return;
    };
    let backend = backend("app").await;
    // Its form is right, and what it says is not.
    let wrong = json!({ "name": "app", "rule": "ClientIP(`nowhere`)", "backend_urls": [backend] });
    let bad = json!({ "action": "create", "name": "bad", "type": "redirectRegex", "config": { "regex": "(", "replacement": "x" } });

    let refused = real.fail("create_router", wrong).await;
    let nothing = real.fail("get_router", json!({ "name": "app" })).await;
    real.call("create_router", router(&backend)).await;
    real.call("manage_middleware", bad).await;
    let attach = json!({ "action": "attach", "name": "bad", "router": "app" });
    let not_attached = real.fail("manage_middleware", attach).await;
    let still = real.get("app.lab.example", "/", "").await;

    assert_eq!(
        (reason(&refused), reason(&nothing)),
        ("config_refused", "router_not_found")
    );
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    assert_eq!(reason(&not_attached), "config_refused", "{not_attached}");
    assert!(still.ends_with("app /"), "{still}");
}

#[tokio::test]
async fn every_type_of_middleware_is_taken_as_it_is_written() {
    let Some(real) = Real::start().await else {
        return;
    };
    for (kind, config) in [
        ("addPrefix", json!({ "prefix": "/a" })),
        ("stripPrefix", json!({ "prefixes": ["/a", "/b"] })),
        ("stripPrefixRegex", json!({ "regex": ["^/[a-z]+"] })),
        ("replacePath", json!({ "path": "/a" })),
        (
            "replacePathRegex",
            json!({ "regex": "^/a/(.*)", "replacement": "/b/$1" }),
        ),
        ("chain", json!({ "middlewares": ["addprefix"] })),
        (
            "ipAllowList",
            json!({ "sourceRange": ["192.0.2.0/24"], "ipStrategy": { "depth": 1 }, "rejectStatusCode": 404 }),
        ),
        (
            "headers",
            json!({ "customRequestHeaders": { "X-A": "b" }, "customResponseHeaders": { "X-B": "{{ .c }}" }, "stsSeconds": 60, "frameDeny": true, "accessControlAllowMethods": ["GET"] }),
        ),
        ("encodedCharacters", json!({ "allowEncodedSlash": true })),
        (
            "errors",
            json!({ "status": ["500-599"], "service": "api@internal", "query": "/{status}.html" }),
        ),
        (
            "rateLimit",
            json!({ "average": 10, "burst": 20, "period": "60s", "sourceCriterion": { "requestHost": true } }),
        ),
        (
            "redirectRegex",
            json!({ "regex": "^http://a/(.*)", "replacement": "http://b/$1", "permanent": true }),
        ),
        (
            "redirectScheme",
            json!({ "scheme": "https", "port": "443", "permanent": true }),
        ),
        (
            "basicAuth",
            json!({ "users": ["a:$2y$05$C6UzMDM.H6dfI/f/IKxGhu0000000000000000000000000000000"], "realm": "lab", "removeHeader": true }),
        ),
        (
            "digestAuth",
            json!({ "users": ["a:lab:0123456789abcdef0123456789abcdef"] }),
        ),
        (
            "forwardAuth",
            json!({ "address": "http://192.0.2.9/auth", "trustForwardHeader": true, "authResponseHeaders": ["X-User"], "maxBodySize": 1000 }),
        ),
        (
            "inFlightReq",
            json!({ "amount": 5, "sourceCriterion": { "requestHeaderName": "X-A" } }),
        ),
        (
            "buffering",
            json!({ "maxRequestBodyBytes": 1000, "retryExpression": "IsNetworkError() && Attempts() < 2" }),
        ),
        (
            "circuitBreaker",
            json!({ "expression": "NetworkErrorRatio() > 0.5", "checkPeriod": "2s", "responseCode": 503 }),
        ),
        (
            "compress",
            json!({ "minResponseBodyBytes": 100, "encodings": ["gzip"] }),
        ),
        ("compress", json!({})),
        (
            "passTLSClientCert",
            json!({ "pem": true, "info": { "notAfter": true, "subject": { "commonName": true } } }),
        ),
        (
            "retry",
            json!({ "attempts": 3, "initialInterval": "100ms" }),
        ),
        ("contentType", json!({})),
        ("grpcWeb", json!({ "allowOrigins": ["*"] })),
    ] {
        let name = kind.to_lowercase();
        let exists = real
            .run(
                "manage_middleware",
                json!({ "action": "get", "name": name }),
            )
            .await
            .is_ok();
        let action = if exists { "update" } else { "create" };

        let made = real
            .call(
                "manage_middleware",
                json!({ "action": action, "name": name, "type": kind, "config": config }),
            )
            .await;

        assert_eq!(made["middleware"]["status"], "enabled", "{kind}");
    }
    assert_eq!(real.traefik.log(), "");
}

#[tokio::test]
async fn who_may_pass_passes_with_the_password_alone() {
    let Some(real) = Real::start().await else {
        return;
    };
    let backend = backend("app").await;
    let auth = json!({ "action": "create", "name": "auth", "type": "basicAuth", "users": [{ "name": "ops", "password": "correct" }] });
    let text = json!({ "action": "create", "name": "text", "type": "headers", "config": { "customResponseHeaders": { "X-Text": "{{ env \"HOME\" }} \"q\" ä" } } });
    real.call("manage_middleware", auth).await;
    real.call("manage_middleware", text).await;
    let mut args = router(&backend);
    args["middlewares"] = json!(["auth", "text"]);
    real.call("create_router", args).await;

    let none = real.get("app.lab.example", "/", "").await;
    let wrong = real
        .get(
            "app.lab.example",
            "/",
            "authorization: Basic b3BzOndyb25n\r\n",
        )
        .await;
    let right = real
        .get(
            "app.lab.example",
            "/",
            "authorization: Basic b3BzOmNvcnJlY3Q=\r\n",
        )
        .await;
    let in_use = real
        .fail(
            "manage_middleware",
            json!({ "action": "delete", "name": "auth" }),
        )
        .await;
    real.undone(
        "manage_middleware",
        json!({ "action": "detach", "name": "auth", "router": "app" }),
    )
    .await;
    let again = real.get("app.lab.example", "/", "").await;

    assert!(none.contains(" 401 ") && wrong.contains(" 401 ") && again.contains(" 401 "));
    assert!(right.ends_with("app /"), "{right}");
    assert!(
        right.contains("X-Text: {{ env \"HOME\" }} \"q\" ä"),
        "{right}"
    );
    assert_eq!(reason(&in_use), "in_use");
}

#[tokio::test]
async fn servers_that_do_not_answer_are_seen() {
    let Some(real) = Real::start().await else {
        return;
    };
    let mut args = router(&backend("app").await);
    args["backend_urls"]
        .as_array_mut()
        .expect("a list")
        .push("http://127.0.0.1:1".into());
    args["health_check"] = json!({ "path": "/health", "interval_s": 1, "timeout_s": 1 });
    real.call("create_router", args).await;

    let seen = async {
        loop {
            let found = real
                .call("get_service_health", json!({ "name": "app" }))
                .await;
            if found["down"] == 1 {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .expect("a look");
    let health = real.call("get_router", json!({ "name": "app" })).await;

    assert_eq!(
        (&found["up"], &found["verdict"]),
        (&json!(1), &json!("1 of 2 servers get no requests"))
    );
    assert_eq!(health["healthy"], false);
}

#[tokio::test]
async fn clients_without_a_certificate_of_their_own_get_the_default_one() {
    let Some(real) = Real::start().await else {
        return;
    };
    let mut args = router("http://127.0.0.1:1");
    args["tls"] = "default".into();
    args["entry_points"] = json!(["websecure"]);
    real.call("create_router", args).await;
    let ask = json!({ "check_handshake": true, "domain": "app.lab.example" });

    let without = real.call("get_certificate_status", ask.clone()).await;
    let made =
        rcgen::generate_simple_self_signed(vec!["app.lab.example".into()]).expect("a certificate");
    let folder = real.traefik.folder();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a written file");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())
        .expect("a written file");
    let files = format!(
        "tls:\n  certificates:\n    - certFile: {}/cert.pem\n      keyFile: {}/key.pem\n",
        folder.display(),
        folder.display()
    );
    std::fs::write(folder.join("x.tmp"), files).expect("a written file");
    std::fs::rename(
        folder.join("x.tmp"),
        real.traefik.directory().join("certificates.yml"),
    )
    .expect("a move");
    let covered = async {
        loop {
            let found = real.call("get_certificate_status", ask.clone()).await;
            if found["hosts"][0]["covered"] == true {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let with = tokio::time::timeout(Duration::from_secs(30), covered)
        .await
        .expect("a look");

    let finding = without["hosts"][0]["findings"][0]
        .as_str()
        .expect("a finding");
    assert!(finding.contains("default certificate"), "{finding}");
    let host = &with["hosts"][0];
    assert_eq!(
        host["served"]["fingerprint_sha256"],
        host["certificate"]["fingerprint_sha256"]
    );
    assert_eq!(host["certificate"]["source"], "api");
    assert_eq!(real.call("validate_config", json!({})).await["valid"], true);
}

#[tokio::test]
async fn we_call_wrong_what_traefik_calls_wrong() {
    let Some(real) = Real::start().await else {
        return;
    };
    let directory = real.traefik.directory();
    let service = "services: {s: {loadBalancer: {servers: [{url: 'http://x'}]}}}";
    for (number, (good, text)) in [
        (true, format!("http: {{{service}}}")),
        (true, "# nothing\n".to_owned()),
        (true, "other: {a: b}\n".to_owned()),
        (
            true,
            "http: {middlewares: {m: {ADDPREFIX: {Prefix: /a}}}}".to_owned(),
        ),
        (
            true,
            "http: {middlewares: {m: {stripPrefix: {prefixes: '/a,/b'}, }}}".to_owned(),
        ),
        (
            true,
            "http: {middlewares: {m: {rateLimit: {average: '10', period: 5}}}}".to_owned(),
        ),
        (true, "http: {middlewares: {m: {compress: {}}}}".to_owned()),
        (false, "http: {}".to_owned()),
        (false, "http: {routers: {}}".to_owned()),
        (
            false,
            "http: {middlewares: {m: {addPrefix: {}}}}".to_owned(),
        ),
        (
            false,
            "http: {middlewares: {m: {rateLimit: {average: 1.5}}}}".to_owned(),
        ),
        (
            false,
            "http: {middlewares: {m: {rateLimit: {period: '5x'}}}}".to_owned(),
        ),
        (false, "http: {routers: {r: {rul: x}}}".to_owned()),
        (false, "http: {routers: [r]}".to_owned()),
        (false, "http: [".to_owned()),
        (false, "- a".to_owned()),
        (false, "tls: {}".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        // A good file beside it shows whether the directory was read at all.
        let sign = format!("sign-{number}");
        std::fs::write(directory.join(".case.tmp"), &text).expect("a written file");
        let case = format!("case-{number}.yml");
        std::fs::rename(directory.join(".case.tmp"), directory.join(&case)).expect("a move");
        let file = format!("http: {{middlewares: {{{sign}: {{addPrefix: {{prefix: /x}}}}}}}}");
        std::fs::write(directory.join(".sign.tmp"), file).expect("a written file");
        std::fs::rename(directory.join(".sign.tmp"), directory.join("sign.yml")).expect("a move");
        let look = async {
            loop {
                let args = json!({ "action": "get", "name": sign });
                let read = real.run("manage_middleware", args).await.is_ok();
                if read || real.traefik.log().contains(&case) {
                    return read;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(30), look)
            .await
            .expect("a sign");
        let valid = real.call("validate_config", json!({})).await;

        assert_eq!(
            (read, &valid["valid"]),
            (good, &json!(good)),
            "{text}\n{valid}\n{}",
            real.traefik.log()
        );
        std::fs::remove_file(directory.join(case)).expect("a removed file");
    }
}
