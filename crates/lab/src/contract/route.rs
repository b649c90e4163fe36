//! Routes of a table.

use super::form::decode_segment;
use super::param::Param;

/// One row of a contract table.
#[derive(Clone, Copy)]
pub(crate) struct Route<H: 'static> {
    pub(crate) method: &'static str,
    /// The path with `{name}` for one segment and, at its end, `{name*}` for the rest.
    pub(crate) path: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) run: H,
}

/// The variable parts of a path, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathArgs(Vec<(&'static str, String)>);

impl PathArgs {
    /// The part of this name; empty where the route has none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value.as_str())
    }
}

/// What a table holds for a request.
pub(crate) enum Found<H: 'static> {
    /// This route.
    Route(&'static Route<H>, PathArgs),
    /// The path, under other methods.
    OtherMethod,
    /// Nothing.
    Nothing,
}

/// Looks up a request; the first route that fits wins.
pub(crate) fn find<H>(tables: &[&'static [Route<H>]], method: &str, path: &str) -> Found<H> {
    let mut found = Found::Nothing;
    for route in tables.iter().flat_map(|table| table.iter()) {
        let Some(args) = fit(route.path, path) else {
            continue;
        };
        if route.method == method {
            return Found::Route(route, args);
        }
        found = Found::OtherMethod;
    }
    found
}

fn fit(pattern: &'static str, path: &str) -> Option<PathArgs> {
    let mut args = Vec::new();
    let mut rest = path;
    for part in pattern.split('/').skip(1) {
        rest = rest.strip_prefix('/')?;
        let variable = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        if let Some(name) = variable.and_then(|name| name.strip_suffix('*')) {
            args.push((name, decode_segment(rest)?));
            return Some(PathArgs(args));
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (segment, after) = rest.split_at(end);
        match variable {
            Some(_) if segment.is_empty() => return None,
            Some(name) => args.push((name, decode_segment(segment)?)),
            None if segment == part => {}
            None => return None,
        }
        rest = after;
    }
    rest.is_empty().then_some(PathArgs(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_takes_one_decoded_segment() {
        let args = fit(
            "/storage/{store}/content/{volume}",
            "/storage/local/content/local%3Aiso%2Fa.iso",
        )
        .unwrap();

        assert_eq!(args.get("store"), "local");
        assert_eq!(args.get("volume"), "local:iso/a.iso");
        assert_eq!(fit("/a/{b}", "/a/"), None);
        assert_eq!(fit("/a/{b}", "/a/b/c"), None);
        assert_eq!(fit("/a/b", "/a"), None);
    }

    #[test]
    fn a_starred_variable_takes_the_rest() {
        assert_eq!(fit("/a/{rest*}", "/a/b/c").unwrap().get("rest"), "b/c");
    }
}
