//! The processes below a server: each connection's have a process group of their own.

use std::fs;

use rustix::process::{Signal, kill_process};

use crate::Result;
use crate::process::pid;

/// Kills the processes of this name below another, children of children included. Others on the way (shells, what
/// they run) are left alone, as they would be if their server died.
pub(super) fn kill_below(id: u32, name: &str) -> Result<()> {
    let mut found = Vec::new();
    collect(id, name, &mut found);
    for id in found {
        // One that has ended meanwhile needs no killing.
        kill_process(pid(id)?, Signal::KILL).unwrap_or_default();
    }
    Ok(())
}

fn collect(id: u32, name: &str, found: &mut Vec<u32>) {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
        let comm = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
        if comm.trim_end().starts_with(name) {
            found.push(child);
            collect(child, name, found);
        }
    }
}
