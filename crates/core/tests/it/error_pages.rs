//! Every error code has a help page, and the pages say what the code does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use homelab_core::error::{Code, Envelope};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    let path = root().join("docs/reference/errors").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages() -> String {
    Code::ALL.map(|code| page(&format!("{code}.md"))).concat()
}

#[test]
fn each_code_has_a_page_with_an_example_of_its_own() {
    let overview = page("README.md");

    for code in Code::ALL {
        let text = page(&format!("{code}.md"));
        assert!(text.starts_with(&format!("# `{code}`\n")), "{code}");
        for heading in ["## Common causes\n", "## How to fix\n", "## Example\n"] {
            assert!(text.contains(heading), "{code} has no {heading}");
        }
        let example = text
            .split("```json\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap_or_else(|| panic!("{code} has no example"));
        let envelope: Envelope = serde_json::from_str(example).expect(example);
        assert_eq!(envelope.code, code);
        assert!(
            overview.contains(&format!("[`{code}`]({code}.md)")),
            "{code}"
        );
    }
}

#[test]
fn no_page_is_left_of_a_code_that_is_gone() {
    let known: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    let folder = fs::read_dir(root().join("docs/reference/errors")).expect("the folder");

    for entry in folder {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy().into_owned();
        assert!(name == "README.md" || known.contains(&name), "{name}");
    }
}

#[test]
fn each_reason_in_the_code_is_documented() {
    let documented = pages();
    let mut reasons = BTreeSet::new();
    collect(&root().join("crates"), &mut reasons);

    assert!(
        reasons.contains("kill_switch"),
        "nothing was found: {reasons:?}"
    );
    reasons.retain(|reason| !documented.contains(&format!("| `{reason}` |")));
    assert!(
        reasons.is_empty(),
        "these reasons are on no page of docs/reference/errors: {reasons:?}"
    );
}

/// The literals of `.reason("…")` in the sources below a folder, tests left out.
fn collect(folder: &Path, reasons: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if !path.ends_with("tests") && !path.ends_with("target") {
                collect(&path, reasons);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let literals = code.split(".reason(\"").skip(1);
            reasons.extend(literals.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}
