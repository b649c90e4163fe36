//! The official Python SDK against the program, over every transport and in both protocol eras. The
//! expectations are in the stories, `tests/clients/*.py`.

use std::io::Write;
use std::time::Duration;

use homelab_testkit::{Peer, Postgres, Proc, command};
use serde_json::{Value, json};

use crate::clients_support::{Gateway, Home, program, script, succeeded};

/// Tells one story; nothing happens where the SDK is not installed.
fn tell(story: &str, spec: &Value) {
    let Some(python) = Peer::Python.require() else {
        return;
    };
    let mut client = command(python);
    client.arg(script(story)).arg(spec.to_string());
    succeeded(client);
}

fn over_http(server: &Gateway, path: &str, mode: &str) -> Value {
    json!({
        "transport": if path.ends_with("sse") { "sse" } else { "http" },
        "mode": mode,
        "url": server.url(path),
        "key": server.key,
        "output_schemas": path.starts_with("/servers/"),
        "device": "tour-device",
    })
}

fn over_stdio(home: &Home, arguments: &[&str], mode: &str) -> Value {
    json!({
        "transport": "stdio",
        "mode": mode,
        "command": program(),
        "args": home.arguments(arguments),
        "env": environment(home),
        "output_schemas": arguments.contains(&"--server"),
        "device": "tour-device",
    })
}

fn environment(home: &Home) -> Value {
    home.environment()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn tours_streamable_http_without_sessions() {
    // Without sessions, what one tour reads taints the key, so each has a server of its own.
    for (path, mode) in [("/mcp", "auto"), ("/servers/homelab/mcp", "2026-07-28")] {
        let home = Home::empty();
        let server = home.serve(&["--demo"]);

        tell("tour.py", &over_http(&server, path, mode));
        server.stop();
    }
}

#[test]
fn tours_streamable_http_with_sessions() {
    let home = Home::empty();
    let server = home.serve(&["--demo"]);

    tell("tour.py", &over_http(&server, "/mcp", "legacy"));
    tell(
        "tour.py",
        &over_http(&server, "/servers/homelab/mcp", "legacy"),
    );
    server.stop();
}

#[test]
fn tours_the_older_pair_of_sse_and_messages() {
    let home = Home::empty();
    let server = home.serve(&["--demo"]);

    tell("tour.py", &over_http(&server, "/sse", "legacy"));
    tell(
        "tour.py",
        &over_http(&server, "/servers/homelab/sse", "legacy"),
    );
    server.stop();
}

#[test]
fn tours_stdio_in_both_eras() {
    let home = Home::empty();

    tell(
        "tour.py",
        &over_stdio(&home, &["serve", "--stdio", "--demo"], "auto"),
    );
    let one = ["serve", "--stdio", "--server", "homelab", "--demo"];
    tell("tour.py", &over_stdio(&home, &one, "legacy"));
}

/// Puts the demo's inventory into another database; its services will not answer there.
fn import_demo(home: &Home) {
    let demo = Home::empty();
    demo.serve(&["--demo"]).stop();
    let inventory = home.file("demo.yaml", &demo.succeed(&["inventory", "export"]));
    home.succeed(&["inventory", "import", &inventory.display().to_string()]);
}

#[test]
fn tours_a_server_on_postgresql() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let home = Home::on_postgres(postgres);
    import_demo(&home);
    let server = home.serve(&[]);

    tell("tour.py", &over_http(&server, "/mcp", "auto"));
    tell(
        "tour.py",
        &over_http(&server, "/servers/homelab/mcp", "legacy"),
    );
    server.stop();
}

#[test]
fn opens_two_stdio_servers_side_by_side() {
    let home = Home::new();
    let one = home.arguments(&["serve", "--stdio", "--server", "homelab"]);

    tell(
        "pair.py",
        &json!({"command": program(), "env": environment(&home), "servers": [one, one]}),
    );
}

#[test]
fn a_cancelled_call_ends_its_work_on_every_transport() {
    let home = Home::new();
    let server = home.serve(&[]);
    let served = [
        ("/mcp", "2026-07-28"),
        ("/mcp", "legacy"),
        ("/sse", "legacy"),
    ];

    for (number, (path, mode)) in served.into_iter().enumerate() {
        let mut spec = over_http(&server, path, mode);
        spec["service"] = format!("slow-{number}").into();
        tell("cancel.py", &spec);
    }
    server.stop();
    for mode in ["2026-07-28", "legacy"] {
        let mut spec = over_stdio(&home, &["serve", "--stdio"], mode);
        spec["service"] = format!("slow-stdio-{mode}").into();
        tell("cancel.py", &spec);
    }
}

#[test]
fn sessions_of_before_a_restart_are_unknown_and_new_ones_work() {
    let Some(python) = Peer::Python.require() else {
        return;
    };
    let home = Home::new();
    let mut server = home.serve(&[]);
    let port = server.port;
    let spec = over_http(&server, "/mcp", "legacy");
    let mut client = command(python);
    client.arg(script("restart.py")).arg(spec.to_string());
    let mut client = Proc::spawn(&mut client).expect("the client starts");

    client
        .wait_for_line("restart", Duration::from_secs(30))
        .expect("the client is connected");
    server.kill();
    let again = home.serve_on(port, &[]);
    client
        .take_stdin()
        .expect("a pipe")
        .write_all(b"restarted\n")
        .expect("the client listens");

    let status = client
        .wait(Duration::from_mins(1))
        .expect("the client ends");
    assert!(status.success(), "{}", client.stderr());
    again.stop();
}

/// Stores a credential for `router` with the command line.
fn store_credential(home: &Home, password: &str) {
    let file = home.file("password", password);
    home.succeed(&[
        "credentials",
        "set",
        "router",
        "--username",
        "admin",
        "--password-file",
        &file.display().to_string(),
    ]);
}

#[test]
fn a_credential_is_given_to_the_role_that_may_have_it_only() {
    let home = Home::new();
    store_credential(&home, "correct horse battery");
    let admin = home.create_key("trusted", "admin");
    let operator = home.create_key("helper", "operator");
    let server = home.serve(&[]);

    let mut spec = over_http(&server, "/mcp", "auto");
    spec["operator_key"] = operator.key.into();
    spec["admin_key"] = admin.key.into();
    spec["target"] = "router".into();
    spec["password"] = "correct horse battery".into();
    tell("credentials.py", &spec);
    server.stop();
}

#[test]
fn pythons_cryptography_reads_what_we_encrypt_and_we_read_what_it_encrypts() {
    let Some(python) = Peer::Python.require() else {
        return;
    };
    let home = Home::new();
    store_credential(&home, "from rust: ü");
    let fernet = |arguments: &[&str]| {
        let mut client = command(&python);
        client
            .arg(script("fernet.py"))
            .arg(arguments[0])
            .arg(home.data_dir().join("homelab.db"))
            .arg(home.data_dir().join("master.key"))
            .args(&arguments[1..]);
        succeeded(client)
    };

    assert_eq!(fernet(&["read", "router"]), "from rust: ü");
    fernet(&["write", "router", "from python: ß"]);
    let given = home.json(&[
        "tools",
        "call",
        "homelab_get_credentials",
        "--args",
        r#"{"target":"router"}"#,
    ]);
    assert!(given.to_string().contains("from python: ß"), "{given}");
}
