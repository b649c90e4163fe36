//! Names of models: `[host/][namespace/]model[:tag]`, compared without regard to case.

/// Most characters of a name.
const MAX: usize = 255;

/// The name with its tag; `None` where it is not one.
pub(super) fn full(name: &str) -> Option<String> {
    let (path, tag) = match name.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (name, "latest"),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let valid = name.len() <= MAX
        && parts.len() <= 3
        && part(tag)
        && parts
            .iter()
            .enumerate()
            .all(|(n, one)| part(one) || (n == 0 && parts.len() == 3 && host(one)));
    valid.then(|| format!("{path}:{tag}"))
}

/// What two names of one model have in common.
pub(super) fn key(name: &str) -> Option<String> {
    let full = full(name)?.to_lowercase();
    let short = full
        .strip_prefix("registry.ollama.ai/library/")
        .or_else(|| full.strip_prefix("library/"));
    Some(short.map_or(full.clone(), str::to_owned))
}

fn part(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(allowed)
        && text.len() <= 80
}

fn host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "1"));
    part(name) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_added_where_there_is_none() {
        assert_eq!(full("llama3.1").unwrap(), "llama3.1:latest");
        assert_eq!(full("a/b:7B").unwrap(), "a/b:7B");
        assert_eq!(
            full("h.example:5000/a/b").unwrap(),
            "h.example:5000/a/b:latest"
        );
        assert_eq!(key("library/Llama3.1"), key("llama3.1:LATEST"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "a b",
            "../x",
            "http://h/a/b",
            "a:b:c",
            "a/",
            ":7b",
            "a/b/c/d",
        ] {
            assert_eq!(full(name), None, "{name}");
        }
    }
}
