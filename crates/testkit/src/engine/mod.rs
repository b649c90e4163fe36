//! Engines that run containers: Docker's, and Podman's with the same API.

mod docker;
mod podman;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::geteuid;

pub use docker::DockerEngine;
pub use podman::PodmanEngine;

use crate::error::Context as _;
use crate::peers::{find_program, is_program};
use crate::process::command;
use crate::{Error, Result};

/// For a start on a busy machine; usually three seconds.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks whether it answers.
const POLL: Duration = Duration::from_millis(50);
/// Name of the image that every engine has.
const IMAGE: &str = "lab/busybox:1";
/// Docker's own command line, which speaks to Podman too.
const CLIENT: &str = "/usr/bin/docker";

/// Runs Docker's command line against the engine behind a socket.
fn cli(socket: &Path, arguments: &[&str]) -> Result<String> {
    let host = format!("unix://{}", socket.display());
    run(command(CLIENT).args(["--host", &host]).args(arguments))
}

/// Waits until an engine answers.
fn settled(socket: &Path) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = cli(socket, &["version"]) {
        if Instant::now() > deadline {
            return Err(error);
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Gives an engine an image made from nothing: a file system with one program under many names.
fn import_image(cli: &dyn Fn(&[&str]) -> Result<String>, folder: &Path) -> Result<()> {
    let root = folder.join("image");
    let write = || -> std::io::Result<()> {
        for folder in ["bin", "etc", "tmp", "proc", "sys", "dev", "data"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
        fs::copy(busybox().unwrap_or_default(), root.join("bin/busybox")).map(drop)
    };
    write().context(|| "cannot make the image".to_owned())?;
    let archive = folder.join("image.tar");
    let pack = "for name in $(\"$1/bin/busybox\" --list); do [ \"$name\" = busybox ] || ln -sf busybox \"$1/bin/$name\"; done
        tar -C \"$1\" -cf \"$2\" .";
    run(command("sh")
        .args(["-c", pack, "image"])
        .arg(&root)
        .arg(&archive))?;
    let archive = archive.to_string_lossy();
    let changes = ["--change", "CMD [\"/bin/sh\"]", "--change", "ENV PATH=/bin"];
    let mut import = vec!["import"];
    import.extend(changes);
    import.extend([archive.as_ref(), IMAGE]);
    cli(&import).map(drop)
}

/// Runs a program to its end and returns its stdout; a failure shows both streams.
fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .context(|| format!("cannot start {command:?}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!(
        "{command:?}: {}\n{stdout}{stderr}",
        output.status
    )))
}

/// Removes control groups of this name in every hierarchy.
fn remove_groups(name: &str) {
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        remove_group(&hierarchy.path().join(name));
    }
    remove_group(&Path::new("/sys/fs/cgroup").join(name));
}

/// Removes a control group with those in it, the innermost first; nobody is in them any more.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    fs::remove_dir(group).unwrap_or_default();
}

fn busybox() -> Option<PathBuf> {
    find_program("busybox", &["/bin", "/usr/bin"])
}

/// Why there can be no engine here that needs these: `(program, package)`.
fn lacks(programs: &[(&str, &str)]) -> Option<String> {
    if !geteuid().is_root() {
        return Some("an engine for containers needs root".to_owned());
    }
    if !is_program(Path::new(CLIENT)) {
        return Some("`docker` is not installed; run scripts/install-peers".to_owned());
    }
    programs
        .iter()
        .find(|(program, _)| find_program(program, &["/usr/sbin", "/sbin"]).is_none())
        .map(|(program, package)| {
            format!("`{program}` (package {package}) is not installed; run scripts/install-peers")
        })
}
