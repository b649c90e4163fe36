//! Changes of the configuration while the server runs.

use homelab_testkit::{Proc, Signal};
use serde_json::json;

use crate::cli_support::{PATIENCE, Place};
use crate::clients_http::McpConnection;

fn logged(server: &Proc, text: &str) {
    server
        .wait_for_line(text, PATIENCE)
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_new_server_is_there_without_a_restart_and_a_session_goes_on() {
    let place = Place::new();
    place.write("homelab.toml", "[servers.homelab]\n");
    let (agent, _) = place.init();
    let (server, port) = place.serve(&[], &[]);
    let mut session = McpConnection::open(port, &agent).expect("a session");
    session
        .success("homelab_list_devices", &json!({}))
        .expect("a result");

    place.write(
        "homelab.toml",
        "[servers.homelab]\n[servers.cellar]\nkind = \"homelab\"\n",
    );
    logged(&server, "took up the configuration");

    let cellar = json!({ "instance": "cellar" });
    session
        .success("homelab_list_devices", &cellar)
        .expect("the new server answers");
}

#[test]
fn a_broken_file_is_refused_with_the_reason_and_the_old_one_stays() {
    let place = Place::new();
    place.write("homelab.toml", "[servers.cellar]\nkind = \"homelab\"\n");
    let (agent, _) = place.init();
    let (server, port) = place.serve(&[], &[]);

    place.write("homelab.toml", "[servers.celar]\nkind = \"homlab\"\n");
    server.signal(Signal::HUP).expect("a child");
    logged(&server, "was not taken up");

    let log = server.stderr();
    assert!(log.contains("did you mean `homelab`?"), "{log}");
    let mut session = McpConnection::open(port, &agent).expect("a session");
    session
        .success("homelab_list_devices", &json!({}))
        .expect("the old server answers");
}

#[test]
fn the_level_of_the_log_changes_at_once_and_other_sections_ask_for_a_restart() {
    let place = Place::new();
    place.write("homelab.toml", "[log]\nlevel = \"info\"\n");
    place.init();
    let (server, port) = place.serve(&[], &[]);

    place.write(
        "homelab.toml",
        "[log]\nlevel = \"debug\"\n[limits]\nmax_sessions = 5\n",
    );
    server.signal(Signal::HUP).expect("a child");
    logged(&server, "changes of `[limits]` need a restart");

    // Only told at this level: that a connection without TLS bytes came and went.
    let mut connection = crate::clients_http::Connection::open(port).expect("a connection");
    connection
        .request("GET", "/healthz", &[], b"")
        .expect("an answer");
    assert!(
        !server.stderr().contains("\"level\":\"ERROR\""),
        "{}",
        server.stderr()
    );
}

#[test]
fn a_file_that_appears_later_is_found() {
    let place = Place::new();
    place.init();
    let (server, _) = place.serve(&[], &[]);

    place.write(
        ".config/homelab-mcp/homelab.toml",
        "[servers.attic]\nkind = \"homelab\"\n",
    );

    logged(&server, "attic");
}
