//! Files and variables: found, and private where they hold secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Findings;
use crate::config::{Loaded, Schemas, known_variables, nearest};
use crate::data_dir::{AUDIT_KEY, AUDIT_SIGNING_KEY, DATABASE, MASTER_KEY, OWNER_HASH};
use crate::environment::Environment;
use crate::servers;

/// Variables that look like ours and are not.
pub(super) fn environment(environment: &Environment, findings: &mut Findings) {
    let known = known_variables(&servers::kinds());
    for (name, _) in environment.iter() {
        let ours = name.starts_with("HOMELAB_") && !name.starts_with("HOMELAB__");
        let base = name.strip_suffix("_FILE").unwrap_or(name);
        if !ours || name.starts_with("HOMELAB_TEST_") || known.iter().any(|known| known == base) {
            continue;
        }
        if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
            let text = format!("nothing reads the variable `{name}`");
            findings.warning("environment", text, format!("did you mean `{near}`?"));
        }
    }
}

/// The configuration file and the `.env` beside it.
pub(super) fn configuration(loaded: &Loaded, findings: &mut Findings) {
    let check = "configuration";
    match &loaded.file {
        None => findings.ok(check, "no file; the defaults and the environment are used"),
        Some(path) => {
            let secrets = loaded.file_holds_secrets(&Schemas::new(&servers::kinds()));
            if secrets && is_open(path) {
                let text = format!("`{}` holds secrets, and others can read it", path.display());
                findings.broken(check, text, format!("chmod 600 {}", path.display()));
            } else {
                findings.ok(check, format!("read {}", path.display()));
            }
        }
    }
    if let Some(path) = loaded.dotenv.as_deref().filter(|path| is_open(path)) {
        let text = format!("others can read `{}`", path.display());
        findings.warning(check, text, format!("chmod 600 {}", path.display()));
    }
}

/// The data directory and the files in it.
pub(super) fn data_dir(path: &Path, findings: &mut Findings) {
    let check = "data directory";
    if is_open(path) {
        let text = format!("others can look into `{}`", path.display());
        findings.warning(check, text, format!("chmod 700 {}", path.display()));
    } else {
        findings.ok(check, path.display().to_string());
    }
    for name in [
        DATABASE,
        MASTER_KEY,
        AUDIT_KEY,
        AUDIT_SIGNING_KEY,
        OWNER_HASH,
    ] {
        let file = path.join(name);
        if file.exists() && is_open(&file) {
            let text = format!("others can read `{}`", file.display());
            findings.broken(check, text, format!("chmod 600 {}", file.display()));
        }
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            let text = format!("cannot list `{}`: {error}", path.display());
            return findings.broken(check, text, "correct its owner and permissions");
        }
    };
    for entry in entries.flatten() {
        // Left by a process that ended while it wrote.
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "new")
        {
            let text = format!("`{}` is a leftover", entry.path().display());
            findings.warning(check, text, format!("rm {}", entry.path().display()));
        }
    }
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}
