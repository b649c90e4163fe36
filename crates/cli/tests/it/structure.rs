//! The rules that keep the tree in shape: crate arrows, file sizes, one folder set for each backend.
//!
//! The arrows are read from the table in `ARCHITECTURE.md`, so the page cannot drift from the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Libraries with one home each, and the crates that may name them outside of tests. The testkit
/// stands for the real peers and may use what it likes; benches measure.
const HOMES: [(&str, &[&str]); 4] = [
    ("rmcp", &["homelab-gateway"]),
    ("axum", &["homelab-gateway", "homelab-lab"]),
    ("sqlx", &["homelab-store"]),
    ("reqwest", &["homelab-upstream"]),
];

/// Lines of a source file, and of a test file, above which it has found its second subject.
const LONGEST_SOURCE: usize = 500;
const LONGEST_TEST: usize = 800;

/// What every backend's folder holds; `tools.rs` may be a folder instead.
const BACKEND_FILES: [&str; 5] = [
    "Cargo.toml",
    "src/lib.rs",
    "src/client.rs",
    "src/types.rs",
    "tests/it/main.rs",
];

/// One workspace crate with its dependencies by kind.
struct Package {
    name: String,
    folder: PathBuf,
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
}

impl Package {
    fn read(package: &Value) -> Self {
        let names = |dev: bool| {
            package["dependencies"]
                .as_array()
                .expect("a list of dependencies")
                .iter()
                .filter(|dependency| (dependency["kind"] == "dev") == dev)
                .map(|dependency| text(&dependency["name"]))
                .collect()
        };
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        Self {
            name: text(&package["name"]),
            folder: manifest.parent().expect("a manifest's folder").to_owned(),
            normal: names(false),
            dev: names(true),
        }
    }

    /// How the table of `ARCHITECTURE.md` calls it: its folder below `crates/`, or `benches`.
    fn row(&self) -> String {
        let below = self
            .folder
            .strip_prefix(root().join("crates"))
            .or_else(|_| self.folder.strip_prefix(root()))
            .expect("a crate inside the workspace");
        let below = below.to_str().expect("a UTF-8 path");
        if below.starts_with("backends/") {
            "backends/*".to_owned()
        } else {
            below.to_owned()
        }
    }

    fn is_bench(&self) -> bool {
        self.row() == "benches"
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn root() -> &'static Path {
    static ROOT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    ROOT.get_or_init(|| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .canonicalize()
            .expect("the workspace's root")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo itself knows the arrows best"
)]
fn packages() -> Vec<Package> {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON from cargo metadata");
    metadata["packages"]
        .as_array()
        .expect("a list of packages")
        .iter()
        .map(Package::read)
        .collect()
}

/// What each row of the table under "## Crates" may use; `None` is everything.
fn arrows() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, rest) = page.split_once("\n## Crates\n").expect("a section Crates");
    rest.lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, uses] = cells[..] else {
                panic!("three cells in: {line}");
            };
            let uses = match uses {
                "all of them" => None,
                "–" => Some(BTreeSet::new()),
                list => Some(list.split(',').map(code).collect()),
            };
            (code(name), uses)
        })
        .collect()
}

/// The text of a table cell without its backticks.
fn code(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

/// Rust files below a folder, those of `target` and of Cargo's build folders left out.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn crates_depend_on_each_other_only_along_the_arrows_of_the_architecture_page() {
    let packages = packages();
    let arrows = arrows();
    let rows: BTreeMap<&str, String> = packages
        .iter()
        .map(|package| (package.name.as_str(), package.row()))
        .collect();

    let mut wrong = Vec::new();
    for package in &packages {
        let row = package.row();
        let Some(allowed) = arrows.get(&row) else {
            wrong.push(format!(
                "`{row}` has no row in the table of ARCHITECTURE.md"
            ));
            continue;
        };
        let Some(allowed) = allowed else { continue };
        for dependency in package
            .normal
            .iter()
            .filter_map(|name| rows.get(name.as_str()))
        {
            if !allowed.contains(dependency) {
                wrong.push(format!("`{row}` must not use `{dependency}`"));
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_row_of_the_architecture_page_names_a_crate_that_is_gone() {
    let rows: BTreeSet<String> = packages().iter().map(Package::row).collect();

    for (row, uses) in arrows() {
        assert!(rows.contains(&row), "`{row}` is in the table only");
        for used in uses.into_iter().flatten() {
            assert!(
                rows.contains(&used),
                "`{row}` may use `{used}`, which is gone"
            );
        }
    }
}

/// A crate that reaches itself through a dev-dependency is compiled twice, and its types differ.
#[test]
fn no_crate_reaches_itself_through_a_dev_dependency() {
    let packages = packages();
    let by_name: BTreeMap<&str, &Package> = packages
        .iter()
        .map(|package| (package.name.as_str(), package))
        .collect();

    for package in &packages {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = package.dev.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            let Some(dependency) = by_name.get(name) else {
                continue;
            };
            if reached.insert(name) {
                next.extend(dependency.normal.iter().map(String::as_str));
            }
        }
        assert!(
            !reached.contains(package.name.as_str()),
            "`{}` is reached by its own dev-dependencies",
            package.name
        );
    }
}

#[test]
fn protocol_web_database_and_client_libraries_have_one_home_each() {
    let packages = packages();

    let mut wrong = Vec::new();
    for package in packages
        .iter()
        .filter(|package| !package.is_bench() && package.name != "homelab-testkit")
    {
        for (library, homes) in HOMES {
            if package.normal.contains(library) && !homes.contains(&package.name.as_str()) {
                wrong.push(format!("`{}` must not use `{library}`", package.name));
            }
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_longer_than_one_subject_needs() {
    let mut files = Vec::new();
    rust_files(&root().join("crates"), &mut files);
    rust_files(&root().join("benches"), &mut files);
    assert!(files.len() > 50, "only {} files were found", files.len());

    let mut wrong = Vec::new();
    for file in files {
        let lines = std::fs::read_to_string(&file)
            .expect("a readable source file")
            .lines()
            .count();
        let is_test = file.components().any(|part| part.as_os_str() == "tests");
        let longest = if is_test {
            LONGEST_TEST
        } else {
            LONGEST_SOURCE
        };
        if lines > longest {
            wrong.push(format!("{} has {lines} lines", file.display()));
        }
    }

    assert!(wrong.is_empty(), "split by subject: {wrong:#?}");
}

/// Looking for examples costs as much as checking the crate once more.
#[test]
fn examples_in_documentation_are_run_and_looked_for_only_where_there_are_some() {
    let mut wrong = Vec::new();
    for package in packages() {
        let mut files = Vec::new();
        rust_files(&package.folder.join("src"), &mut files);
        let has_examples = files.iter().any(|file| {
            let text = std::fs::read_to_string(file).expect("a readable source file");
            text.lines()
                .map(str::trim_start)
                .any(|line| line.starts_with("/// ```") || line.starts_with("//! ```"))
        });
        let manifest = std::fs::read_to_string(package.folder.join("Cargo.toml"));
        let is_off = manifest.expect("a manifest").contains("doctest = false");
        let is_library = package.folder.join("src/lib.rs").exists();
        if is_library && has_examples == is_off {
            wrong.push(package.name);
        }
    }

    assert!(wrong.is_empty(), "`doctest` is set wrongly in {wrong:?}");
}

#[test]
fn every_crate_folder_is_a_member_of_the_workspace() {
    let members: BTreeSet<PathBuf> = packages()
        .into_iter()
        .map(|package| package.folder)
        .collect();

    for parent in ["crates", "crates/backends"] {
        for entry in std::fs::read_dir(root().join(parent)).expect("a folder of crates") {
            let folder = entry.expect("a readable folder").path();
            if folder.is_dir() && folder.file_name().is_some_and(|name| name != "backends") {
                assert!(
                    members.contains(&folder),
                    "{} is no workspace member",
                    folder.display()
                );
            }
        }
    }
}

#[test]
fn every_backend_is_listed_and_has_the_same_files() {
    let listed = std::fs::read_to_string(root().join("crates/cli/src/servers.rs"))
        .expect("the list of kinds");

    let mut wrong = Vec::new();
    let mut backends = 0;
    for entry in std::fs::read_dir(root().join("crates/backends")).expect("the backends") {
        let folder = entry.expect("a readable folder").path();
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a UTF-8 folder name")
            .to_owned();
        backends += 1;
        if !listed.contains(&format!("homelab_backend_{}::kind", name.replace('-', "_"))) {
            wrong.push(format!("`{name}` is missing from servers.rs"));
        }
        for file in BACKEND_FILES {
            if !folder.join(file).is_file() {
                wrong.push(format!("`{name}` has no {file}"));
            }
        }
        if !folder.join("src/tools.rs").is_file() && !folder.join("src/tools").is_dir() {
            wrong.push(format!("`{name}` has neither src/tools.rs nor src/tools/"));
        }
    }

    assert!(backends > 0, "no backends were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
