//! What one request may do at most, by its own wish.

use std::sync::Arc;

use crate::tool::{Effect, ToolSpec};

use super::Pattern;

/// Bounds that a request sets for itself, through headers such as `X-MCP-Readonly`. They are applied
/// on top of role, patterns and rules, so they can only tighten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tightening {
    /// Reads alone, and none that reveals a secret.
    pub read_only: bool,
    /// Tools of these kinds or instances alone; absent sets no bound.
    pub toolsets: Option<Vec<String>>,
    /// Tools with these names alone; absent sets no bound.
    pub tools: Option<Vec<Pattern>>,
    /// No tools with these names.
    pub exclude: Vec<Pattern>,
    /// Other bounds that hold as well, such as those that an event stream was opened with.
    pub within: Option<Arc<Self>>,
}

impl Tightening {
    /// Whether the tool is within the bounds. `names` are all names it goes by.
    pub fn permits(&self, spec: &ToolSpec, kind: &str, instance: &str, names: &[&str]) -> bool {
        let any = |patterns: &[Pattern]| {
            patterns
                .iter()
                .any(|pattern| names.iter().any(|name| pattern.matches(name)))
        };
        let in_toolsets = |toolsets: &Vec<String>| {
            toolsets
                .iter()
                .any(|toolset| toolset == kind || toolset == instance || toolset == "all")
        };
        (!self.read_only || spec.effect == Effect::Read && !spec.secret)
            && self.toolsets.as_ref().is_none_or(in_toolsets)
            && self.tools.as_deref().is_none_or(any)
            && !any(&self.exclude)
            && self
                .within
                .as_ref()
                .is_none_or(|outer| outer.permits(spec, kind, instance, names))
    }

    /// Both bounds at once.
    pub fn both(one: Option<Arc<Self>>, other: Option<Arc<Self>>) -> Option<Arc<Self>> {
        match (one, other) {
            (Some(one), Some(other)) if one == other => Some(one),
            (Some(one), Some(other)) => {
                let mut innermost = Self::clone(&one);
                // A chain of its own must not be lost.
                innermost.within = Self::both(innermost.within.take(), Some(other));
                Some(Arc::new(innermost))
            }
            (one, other) => one.or(other),
        }
    }

    /// Whether it sets no bound at all.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_tightens() {
        let read = ToolSpec::read("list_vms", "", "", "proxmox:guest:read");
        let stop = ToolSpec::destructive("stop_vm", "", "", "proxmox:guest:power");
        let permits = |bounds: &Tightening, spec: &ToolSpec| {
            bounds.permits(spec, "proxmox", "pve-2", &[spec.name, spec.permission])
        };
        let only = |names: &[&str]| Some(names.iter().map(|name| Pattern::new(*name)).collect());

        let open = Tightening::default();
        assert!(permits(&open, &stop));
        let read_only = Tightening {
            read_only: true,
            ..open.clone()
        };
        assert!(permits(&read_only, &read) && !permits(&read_only, &stop));
        let secret = ToolSpec {
            secret: true,
            ..read
        };
        assert!(!permits(&read_only, &secret));
        let toolsets = Tightening {
            toolsets: Some(vec!["pve-2".into()]),
            ..open.clone()
        };
        assert!(permits(&toolsets, &stop));
        let none = Tightening {
            toolsets: Some(Vec::new()),
            ..open.clone()
        };
        assert!(!permits(&none, &read));
        let tools = Tightening {
            tools: only(&["list_*"]),
            ..open.clone()
        };
        assert!(permits(&tools, &read) && !permits(&tools, &stop));
        let exclude = Tightening {
            exclude: vec![Pattern::new("*:power")],
            ..open
        };
        assert!(permits(&exclude, &read) && !permits(&exclude, &stop));
        let (one, other) = (Arc::new(exclude), Arc::new(none));
        let both = Tightening::both(Some(one.clone()), Some(other)).unwrap();
        assert!(!permits(&both, &read) && !permits(&both, &stop));
        let thrice = Tightening::both(Some(both), Some(one)).unwrap();
        assert!(!permits(&thrice, &read));
    }
}
