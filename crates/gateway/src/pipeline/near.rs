//! Finding the name that was probably meant.

/// Names more different than this are no help.
const SIMILAR: f64 = 0.6;

/// Up to three candidates that look like `name`, the nearest first.
pub(super) fn near<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_ascii_lowercase();
    let mut found: Vec<(f64, &str)> = candidates
        .filter_map(|candidate| {
            let likeness = likeness(&name, candidate);
            (likeness >= SIMILAR).then_some((likeness, candidate))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    found.dedup_by_key(|(_, candidate)| *candidate);
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

fn likeness(name: &str, candidate: &str) -> f64 {
    // A long name costs its square to compare, and resembles nothing of ours.
    if name.is_empty() || name.len() > 80 {
        return 0.0;
    }
    let contained = candidate.contains(name) || name.contains(candidate);
    let distance = strsim::normalized_damerau_levenshtein(name, candidate);
    if contained {
        distance.max(0.7)
    } else {
        distance
    }
}

/// `` `a`, `b` or `c` ``.
pub(super) fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("list_devcies", &["list_devices"])]
    #[case("LIST_DEVICES", &["list_devices"])]
    #[case("devices", &["list_devices"])]
    #[case("reboot", &[])]
    #[case("", &[])]
    fn only_similar_names_are_offered(#[case] name: &str, #[case] expected: &[&str]) {
        let found = near(name, ["list_devices", "get_weather"].into_iter());

        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(&[], "")]
    #[case(&["a"], "`a`")]
    #[case(&["a", "b", "c"], "`a`, `b` or `c`")]
    fn names_are_listed_as_in_a_sentence(#[case] names: &[&str], #[case] expected: &str) {
        assert_eq!(either(names), expected);
    }
}
