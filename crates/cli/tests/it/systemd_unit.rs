//! The unit file: systemd finds nothing wrong with it, and little that it leaves open.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use homelab_testkit::command;

/// The exposure, in tenths, that the unit must stay below.
const EXPOSURE_BUDGET: &str = "24";
const INSTALLED: &str = "/usr/local/bin/homelab-mcp";

fn unit() -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd/homelab-mcp.service");
    std::fs::read_to_string(path).expect("the unit file")
}

/// What `systemd-analyze` says of the unit, with the program where the build has put it. Nothing
/// where there is no such tool: containers have none, and nothing else here needs systemd.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let tool = Path::new("/usr/bin/systemd-analyze");
    if !tool.exists() {
        // No peer of `scripts/install-peers`, so it is never required.
        let line = format!("SKIPPED: systemd unit: there is no {}", tool.display());
        writeln!(std::io::stderr(), "{line}").expect("stderr");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join("homelab-mcp.service");
    let text = unit().replace(INSTALLED, env!("CARGO_BIN_EXE_homelab-mcp"));
    std::fs::write(&path, text).expect("a copy of the unit");
    let output = command(tool).args(arguments).arg(&path).output();
    Some(output.expect("systemd-analyze runs"))
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let Some(output) = analyze(&["verify", "--man=no"]) else {
        return;
    };

    let said = said(&output);
    // It also speaks of other units of the machine.
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("homelab-mcp"))
        .collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

#[test]
fn the_service_is_exposed_less_than_its_budget() {
    let threshold = format!("--threshold={EXPOSURE_BUDGET}");
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager", &threshold]) else {
        return;
    };

    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_unit_starts_what_the_guide_installs() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/service.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");

    let unit = unit();

    assert!(unit.contains(&format!("ExecStart={INSTALLED} serve\n")));
    assert!(unit.contains("Type=notify\n") && unit.contains("WatchdogSec="));
    for shared in ["/usr/local/bin/", "/var/lib/homelab-mcp", "/etc/credstore"] {
        assert!(guide.contains(shared) && unit.contains(shared), "{shared}");
    }
}
