//! Each peer, run once in the way the tests of other crates will use it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use homelab_testkit::{Peer, Proc, command};

/// Node reads hundreds of files on its first start.
const PATIENCE: Duration = Duration::from_mins(1);

fn run(program: &PathBuf, arguments: &[&str], stdin: &str) -> (ExitStatus, String) {
    let mut process = Proc::spawn(command(program).args(arguments)).unwrap();
    process
        .take_stdin()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    let status = process.wait(PATIENCE).unwrap();
    (status, process.stdout() + &process.stderr())
}

#[test]
fn every_peer_is_found_or_named_in_a_skip() {
    for peer in Peer::ALL {
        if let Some(path) = peer.require() {
            assert!(path.is_absolute(), "{}", path.display());
            assert!(path.ends_with(peer.name()), "{}", path.display());
        }
    }
}

#[test]
fn python_has_the_sdk_with_its_three_transports_and_fernet() {
    let Some(python) = Peer::Python.require() else {
        return;
    };
    let script = "
import mcp.client.stdio, mcp.client.streamable_http, mcp.client.sse
import pyvisa, pyvisa_py, scpipy
from cryptography.fernet import Fernet
fernet = Fernet(Fernet.generate_key())
print(fernet.decrypt(fernet.encrypt(b'round trip')).decode())
";

    let (status, output) = run(&python, &["-"], script);

    assert!(status.success(), "{output}");
    assert_eq!(output, "round trip\n");
}

#[test]
fn node_is_recent_enough_for_the_suite() {
    let Some(node) = Peer::Node.require() else {
        return;
    };

    let (status, output) = run(
        &node,
        &["--print", "process.versions.node.split('.')[0] >= 22"],
        "",
    );

    assert!(status.success(), "{output}");
    assert_eq!(output, "true\n");
}

#[test]
fn the_conformance_suite_knows_the_current_revision() {
    let Some(conformance) = Peer::Conformance.require() else {
        return;
    };

    let (status, output) = run(&conformance, &["list", "--server"], "");

    assert!(status.success(), "{output}");
    assert!(
        output.contains("server-stateless"),
        "only 2026-07-28 has this scenario: {output}"
    );
}

#[test]
fn the_inspector_talks_to_a_server_of_the_python_sdk_over_stdio() {
    let (Some(inspector), Some(python)) = (Peer::Inspector.require(), Peer::Python.require())
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("server.py");
    std::fs::write(&server, SERVER).unwrap();
    let [python, server] = [python, server].map(|path| path.to_str().unwrap().to_owned());

    let (status, output) = run(
        &inspector,
        &["--cli", &python, &server, "--method", "tools/list"],
        "",
    );

    assert!(status.success(), "{output}");
    assert!(output.contains("\"name\": \"look_up\""), "{output}");
}

/// A server of the SDK's own, so that a failure here is about the peers and not about us.
const SERVER: &str = "
from mcp.server.mcpserver import MCPServer

server = MCPServer('peer')

@server.tool()
def look_up(ip: str) -> str:
    return ip

server.run('stdio')
";

#[test]
fn promtool_tells_good_metrics_from_bad() {
    let Some(promtool) = Peer::Promtool.require() else {
        return;
    };
    let good = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 1\n";

    let (accepted, output) = run(&promtool, &["check", "metrics"], good);
    let (refused, _) = run(&promtool, &["check", "metrics"], "calls_total one\n");

    assert!(accepted.success(), "{output}");
    assert!(!refused.success());
}

#[test]
fn sshd_prints_its_version() {
    let Some(sshd) = Peer::Sshd.require() else {
        return;
    };

    // `-V` came with OpenSSH 9.2; older ones refuse it and print the version in their usage.
    let (_, output) = run(&sshd, &["-V"], "");

    assert!(output.contains("OpenSSH"), "{output}");
}
