//! What a raw call may do, told from its method and path alone, so that it can be told before
//! anything was asked.

use homelab_core::tool::Effect;
use serde_json::{Map, Value};

use super::model::Verb;
use super::path;

/// An operation that a tool of the backend covers.
#[derive(Debug, Clone, Copy)]
pub struct Cover {
    /// Bare name of the tool.
    pub tool: &'static str,
    /// Method of the operation.
    pub method: Verb,
    /// Its template.
    pub path: &'static str,
    /// Parameters besides those of the path that do no more than the tool does. With any other, the
    /// call is destructive at least: the tool leaves them out, or looks at their values first.
    pub params: &'static [&'static str],
    /// It is this tool's work only if one of these is given, and then no other's.
    pub needs: &'static [&'static str],
}

impl Cover {
    /// Without parameters besides those of the path.
    pub const fn new(tool: &'static str, method: Verb, path: &'static str) -> Self {
        Self {
            tool,
            method,
            path,
            params: &[],
            needs: &[],
        }
    }

    /// With these parameters.
    #[must_use]
    pub const fn with(self, params: &'static [&'static str]) -> Self {
        Self { params, ..self }
    }

    /// Only with one of these.
    #[must_use]
    pub const fn needing(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }
}

/// Operations that are not to be had this way, with what to do instead.
#[derive(Debug, Clone, Copy)]
pub struct Withheld {
    /// Their method; any of them where there is none.
    pub method: Option<Verb>,
    /// Their pattern.
    pub path: &'static str,
    /// What to do instead.
    pub advice: &'static str,
}

impl Withheld {
    /// By any method.
    pub const fn any(path: &'static str, advice: &'static str) -> Self {
        Self {
            method: None,
            path,
            advice,
        }
    }

    /// By one method.
    pub const fn on(method: Verb, path: &'static str, advice: &'static str) -> Self {
        Self {
            method: Some(method),
            path,
            advice,
        }
    }
}

/// The rules of one kind of upstream. In patterns, `{…}` is any one segment and `**` at the end any
/// rest.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What stands before every path, such as `/api2/json`; callers may write it or not.
    pub base: &'static str,
    /// Operations that tools of the backend cover.
    pub covers: &'static [Cover],
    /// Patterns of the `GET`s that may be called besides. An archive, an export or a list of keys is
    /// a secret although it is only read, so what is not listed is refused.
    pub reads: &'static [&'static str],
    /// What is refused; wins over everything else.
    pub withheld: &'static [Withheld],
    /// Patterns of changes that may take down the lab or lock its owner out.
    pub critical: &'static [&'static str],
    /// Variables of paths whose values hold slashes.
    pub slashes: &'static [&'static str],
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may run as a call of this effect, by the rules of this tool too.
    Open {
        effect: Effect,
        tool: Option<&'static str>,
    },
    /// It is refused, with this advice.
    Withheld(&'static str),
}

const NOT_LISTED: &str = "only reads that are known to reveal no secret are open to `call_api`; \
     use a tool of this server for it if there is one, or look at the upstream's own page";

impl Rules {
    /// The tool that covers an operation with these parameters.
    pub(crate) fn cover(
        &self,
        method: Verb,
        filled: &[String],
        params: &Map<String, Value>,
    ) -> Option<&'static Cover> {
        let given = |name: &&str| params.get(*name).is_some_and(|value| !value.is_null());
        let mut plain = None;
        for cover in self.covers {
            if cover.method != method || !path::matches(cover.path, filled) {
                continue;
            }
            if cover.needs.is_empty() {
                plain = plain.or(Some(cover));
            } else if cover.needs.iter().any(given) {
                return Some(cover);
            }
        }
        plain
    }

    /// What a call may do; the effect of the covering tool itself is not counted in.
    pub(crate) fn judge(
        &self,
        method: Verb,
        filled: &[String],
        params: &Map<String, Value>,
    ) -> Standing {
        let withheld = |one: &&Withheld| {
            one.method.is_none_or(|of| of == method) && path::matches(one.path, filled)
        };
        if let Some(withheld) = self.withheld.iter().find(withheld) {
            return Standing::Withheld(withheld.advice);
        }
        let cover = self.cover(method, filled, params);
        let tool = cover.map(|cover| cover.tool);
        let open = |effect: Effect| Standing::Open { effect, tool };
        if method == Verb::Get {
            let listed = || self.reads.iter().any(|read| path::matches(read, filled));
            return if cover.is_some() || listed() {
                open(Effect::Read)
            } else {
                Standing::Withheld(NOT_LISTED)
            };
        }
        let critical = |pattern: &&str| path::matches(pattern, filled);
        match cover {
            _ if self.critical.iter().any(critical) => open(Effect::Critical),
            Some(cover) if within(cover, params) => open(Effect::Read),
            _ => open(Effect::Destructive),
        }
    }
}

/// Whether a call gives no more than the tool itself would. The path's own may stand among the
/// parameters too.
fn within(cover: &Cover, params: &Map<String, Value>) -> bool {
    let of_path =
        |name: &str| path::segments(cover.path).any(|part| path::named(part) == Some(name));
    params
        .iter()
        .filter(|(_, value)| !value.is_null())
        .all(|(name, _)| cover.params.contains(&name.as_str()) || of_path(name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const RULES: Rules = Rules {
        base: "",
        covers: &[
            Cover::new("start_vm", Verb::Post, "/vms/{vmid}/start").with(&["timeout"]),
            Cover::new("create_vm", Verb::Post, "/vms").with(&["name"]),
            Cover::new("restore_backup", Verb::Post, "/vms").needing(&["archive"]),
            Cover::new("get_vm", Verb::Get, "/vms/{vmid}"),
        ],
        reads: &["/pools/**"],
        withheld: &[Withheld {
            method: None,
            path: "/vms/{vmid}/console",
            advice: "no console",
        }],
        critical: &["/pools/{pool}"],
        slashes: &[],
    };

    fn open(effect: Effect, tool: Option<&'static str>) -> Standing {
        Standing::Open { effect, tool }
    }

    #[rstest]
    #[case(Verb::Get, "/vms/1", json!({}), open(Effect::Read, Some("get_vm")))]
    #[case(Verb::Get, "/pools/a/b", json!({}), open(Effect::Read, None))]
    #[case(Verb::Get, "/export", json!({}), Standing::Withheld(NOT_LISTED))]
    #[case(Verb::Get, "/vms/1/console", json!({}), Standing::Withheld("no console"))]
    #[case(Verb::Post, "/vms/1/console", json!({}), Standing::Withheld("no console"))]
    #[case(Verb::Post, "/vms/1/start", json!({ "timeout": 5 }), open(Effect::Read, Some("start_vm")))]
    #[case(Verb::Post, "/vms/1/start", json!({ "skiplock": 1 }), open(Effect::Destructive, Some("start_vm")))]
    #[case(Verb::Post, "/vms", json!({ "name": "a" }), open(Effect::Read, Some("create_vm")))]
    #[case(Verb::Post, "/vms", json!({ "name": "a", "archive": null }), open(Effect::Read, Some("create_vm")))]
    #[case(Verb::Post, "/vms", json!({ "archive": "b" }), open(Effect::Destructive, Some("restore_backup")))]
    #[case(Verb::Delete, "/anything", json!({}), open(Effect::Destructive, None))]
    #[case(Verb::Put, "/pools/a", json!({}), open(Effect::Critical, None))]
    fn what_a_call_may_do_is_told_from_method_and_path(
        #[case] method: Verb,
        #[case] path: &str,
        #[case] params: serde_json::Value,
        #[case] expected: Standing,
    ) {
        let filled: Vec<String> = path::segments(path).map(str::to_owned).collect();
        let params = params.as_object().unwrap();

        assert_eq!(RULES.judge(method, &filled, params), expected);
    }
}
