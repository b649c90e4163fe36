//! Whether Traefik can read its directory, which only its log would say.

use homelab_core::error::ToolResult;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Traefik;
use crate::directory::{Verdict, duplicates, examine};
use crate::files::MOST_FILES;
use crate::managed::{Kind, Object};

/// Problems that are named.
const NAMED: usize = 50;

/// A file that is wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// The file, below the directory.
    file: String,
    /// Where in it: `http.routers.app.rul`.
    path: Option<String>,
    /// What is wrong.
    message: String,
    /// Traefik reads no change of any file as long as this is so.
    blocks_all: bool,
}

/// Whether the directory can be read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Validated {
    /// Traefik can read all of it, as far as can be told.
    valid: bool,
    /// The directory.
    directory: String,
    /// Files that Traefik reads.
    files: usize,
    /// Routers that this program wrote.
    managed_routers: Vec<String>,
    /// Middlewares that this program wrote.
    managed_middlewares: Vec<String>,
    /// What is wrong, at most 50.
    problems: Vec<Problem>,
    /// What could not be judged.
    notes: Vec<String>,
}

/// Check every file of the file provider's directory: one that cannot be read makes Traefik ignore all later changes without showing it. Finds names defined twice too.
#[tool(
    read,
    open_world,
    permission = "traefik:config:read",
    title = "Check the directory of files",
    timeout = 120
)]
pub(crate) async fn validate_config(traefik: &Traefik, _args: NoArgs) -> ToolResult<Validated> {
    let files = traefik.files()?;
    let all = examine(files).await?;
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    for one in &all {
        match &one.verdict {
            Verdict::Fine => {}
            Verdict::Template => notes.push(format!(
                "`{}` is a template: what comes out of it is not known here",
                one.file
            )),
            Verdict::Broken(misfit) => problems.push(Problem {
                file: one.file.clone(),
                path: Some(misfit.path.clone()).filter(|path| !path.is_empty()),
                message: misfit.message.clone(),
                blocks_all: true,
            }),
        }
    }
    for (name, files) in duplicates(&all) {
        problems.push(Problem {
            file: files.join(", "),
            path: Some(name),
            message: "several files define this name: Traefik takes one of them without a word"
                .to_owned(),
            blocks_all: false,
        });
    }
    let mut managed = (Vec::new(), Vec::new());
    for (kind, names) in [
        (Kind::Router, &mut managed.0),
        (Kind::Middleware, &mut managed.1),
    ] {
        for one in &all {
            let name = one
                .file
                .strip_prefix(&format!("hl-{}-", kind.as_str()))
                .and_then(|rest| rest.strip_suffix(".yml")?.parse().ok());
            let Some(name) = name else {
                continue;
            };
            let object = Object { kind, name };
            let content = files.read(&one.file).await?.unwrap_or_default();
            match object.read(&content) {
                Ok(_) => names.push(object.name.to_string()),
                Err(error) => notes.push(error.envelope().message.clone()),
            }
        }
    }
    if all.len() >= MOST_FILES {
        notes.push(format!("only the first {MOST_FILES} files were looked at"));
    }
    if all.iter().any(|one| one.file.contains('/')) {
        notes.push(
            "Traefik reads directories below its own too, but notices changes there only with the next change of a file in its own".to_owned(),
        );
    }
    let total = problems.len();
    problems.truncate(NAMED);
    if total > NAMED {
        notes.push(format!("{} more problems are not shown", total - NAMED));
    }
    let place = files.place("");
    Ok(Validated {
        valid: total == 0,
        directory: place.trim_end_matches('/').to_owned(),
        files: all.len(),
        managed_routers: managed.0,
        managed_middlewares: managed.1,
        problems,
        notes,
    })
}
