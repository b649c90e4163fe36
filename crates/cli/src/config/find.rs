//! Finds the configuration file.

use std::path::PathBuf;

use super::problem::Problem;
use crate::environment::Environment;

/// Name of the file in every place.
pub(crate) const FILE_NAME: &str = "homelab.toml";

/// Where a file is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// Everywhere.
    All,
    /// Not in the working directory: a client that starts us by stdio does so from wherever it
    /// happens to be, possibly from a directory that somebody else filled.
    NotWorkingDirectory,
    /// Nowhere; the defaults and the environment are used.
    Nowhere,
}

/// The file to read: `--config`, `$HOMELAB_CONFIG`, the working directory, XDG, `/etc`; `None` if
/// there is none, which is fine. A file that was named must exist.
pub(crate) fn find(
    option: Option<&PathBuf>,
    environment: &Environment,
    places: Places,
) -> Result<Option<PathBuf>, Problem> {
    if places == Places::Nowhere {
        return Ok(None);
    }
    let named = option
        .map(|path| ("--config", environment.directory.join(path)))
        .or_else(|| Some(("$HOMELAB_CONFIG", environment.path("HOMELAB_CONFIG")?)));
    if let Some((by, path)) = named {
        if path.is_file() {
            return Ok(Some(path));
        }
        let text = format!("there is no configuration file `{}` ({by})", path.display());
        return Err(Problem::new("", text)
            .hint("make one with `homelab-mcp config init`, or correct the path"));
    }
    Ok(candidates(environment, places)
        .into_iter()
        .find(|path| path.is_file()))
}

/// The places that are looked in when no file was named.
pub(crate) fn candidates(environment: &Environment, places: Places) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if places == Places::All {
        found.push(environment.directory.join(FILE_NAME));
    }
    if let Some(home) = environment.config_home() {
        found.push(home.join("homelab-mcp").join(FILE_NAME));
    }
    found.push(PathBuf::from("/etc/homelab-mcp").join(FILE_NAME));
    found
}
