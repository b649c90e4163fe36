//! Dependencies of tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::ccpm::TaskId;

/// A way from a task back to itself, if there is one: the task, what it depends on, and so on, and
/// the task again. `depends_on` holds what is reachable from it.
pub fn cycle(start: &TaskId, depends_on: &BTreeMap<TaskId, Vec<TaskId>>) -> Option<Vec<TaskId>> {
    let mut seen = BTreeSet::new();
    let mut way = vec![start.clone()];
    // For each task on the way, which of its dependencies to look at next.
    let mut next = vec![0];
    while let (Some(task), Some(place)) = (way.last(), next.last_mut()) {
        let dependency = depends_on.get(task).and_then(|list| list.get(*place));
        *place += 1;
        match dependency {
            None => {
                way.pop();
                next.pop();
            }
            Some(found) if found == start => {
                way.push(found.clone());
                return Some(way);
            }
            Some(found) => {
                if seen.insert(found.clone()) {
                    way.push(found.clone());
                    next.push(0);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn graph(edges: &str) -> BTreeMap<TaskId, Vec<TaskId>> {
        let mut graph: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        for edge in edges.split_whitespace() {
            let (from, to) = edge.split_once('>').unwrap();
            graph
                .entry(TaskId::new(from))
                .or_default()
                .push(TaskId::new(to));
        }
        graph
    }

    #[rstest]
    #[case("", None)]
    #[case("a>a", Some("a a"))]
    #[case("a>b b>a", Some("a b a"))]
    #[case("a>b a>c b>d c>d", None)]
    #[case("a>b b>c c>d d>a", Some("a b c d a"))]
    #[case("a>x x>y y>x a>b b>a", Some("a b a"))]
    #[case("b>c c>b a>b", None)]
    fn a_way_back_is_found(#[case] edges: &str, #[case] expected: Option<&str>) {
        let found = cycle(&TaskId::new("a"), &graph(edges));

        let found = found.map(|way| {
            let names: Vec<_> = way.iter().map(TaskId::as_str).collect();
            names.join(" ")
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let edges: Vec<String> = (0..50_000).map(|n| format!("{n}>{}", n + 1)).collect();

        assert_eq!(cycle(&TaskId::new("0"), &graph(&edges.join(" "))), None);
    }
}
