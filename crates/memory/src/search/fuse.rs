//! Reciprocal rank fusion of the two halves of a search.

use std::collections::HashMap;

use homelab_core::memory::Hit;

use crate::service::Weights;

/// One revision that at least one half found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) version: u32,
    /// The joined score, 0 to 1: 1 is the first place in both halves.
    pub(super) score: f64,
    pub(super) rank_text: Option<u32>,
    pub(super) rank_vector: Option<u32>,
    pub(super) cosine: Option<f64>,
    pub(super) exact: u32,
}

/// All that either half found, best first; ties go by id, newest first.
pub(super) fn fuse(by_text: &[Hit], by_vector: &[Hit], weights: &Weights) -> Vec<Candidate> {
    // A half that was not used takes nothing away.
    let used = |hits: &[Hit], weight: f64| if hits.is_empty() { 0.0 } else { weight };
    let best = (used(by_text, weights.text) + used(by_vector, weights.vector)) / (weights.k + 1.0);
    let mut found: HashMap<(&str, u32), Candidate> = HashMap::new();
    for (hits, is_text, weight) in [
        (by_text, true, weights.text),
        (by_vector, false, weights.vector),
    ] {
        for (rank, hit) in (1_u32..).zip(hits) {
            let one = found
                .entry((hit.id.as_str(), hit.version))
                .or_insert_with(|| Candidate {
                    id: hit.id.clone(),
                    version: hit.version,
                    score: 0.0,
                    rank_text: None,
                    rank_vector: None,
                    cosine: None,
                    exact: 0,
                });
            one.score += weight / (weights.k + f64::from(rank)) / best;
            if is_text {
                one.rank_text = Some(rank);
                one.exact = hit.exact;
            } else {
                one.rank_vector = Some(rank);
                one.cosine = Some(hit.score);
            }
        }
    }
    let mut all: Vec<Candidate> = found.into_values().collect();
    all.sort_by(|left, right| {
        (right.exact.cmp(&left.exact))
            .then(right.score.total_cmp(&left.score))
            .then_with(|| right.id.cmp(&left.id))
            .then(right.version.cmp(&left.version))
    });
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hit(id: &str, score: f64, exact: u32) -> Hit {
        Hit {
            id: id.into(),
            version: 1,
            score,
            exact,
        }
    }

    fn ids(found: &[Candidate]) -> Vec<&str> {
        found.iter().map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn what_both_halves_found_goes_before_what_one_found() {
        let text = [hit("a", 9.0, 0), hit("b", 8.0, 0)];
        let vector = [hit("c", 0.9, 0), hit("b", 0.8, 0)];

        let found = fuse(&text, &vector, &Weights::default());

        assert_eq!(found[0].id, "b");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].cosine, Some(0.8));
        assert_eq!(found[0].rank_text, Some(2));
    }

    #[test]
    fn a_whole_token_goes_before_everything_else() {
        let text = [hit("a", 1.0, 1)];
        let vector = [hit("b", 0.99, 0), hit("c", 0.98, 0)];

        assert_eq!(
            ids(&fuse(&text, &vector, &Weights::default())),
            ["a", "b", "c"]
        );
    }

    proptest! {
        #[test]
        fn scores_lie_between_0_and_1(text in 0_usize..20, vector in 0_usize..20) {
            let text: Vec<Hit> = (0..text).map(|n| hit(&format!("{n:02}"), 1.0, 0)).collect();
            let vector: Vec<Hit> = (0..vector).map(|n| hit(&format!("{:02}", n * 2), 0.5, 0)).collect();

            for one in fuse(&text, &vector, &Weights::default()) {
                prop_assert!(one.score > 0.0 && one.score <= 1.0 + 1e-9);
            }
        }

        #[test]
        fn one_half_alone_keeps_its_order(count in 0_usize..30) {
            let text: Vec<Hit> = (0..count).map(|n| hit(&format!("{n:02}"), 1.0, 0)).collect();
            let order: Vec<String> = text.iter().map(|one| one.id.clone()).collect();

            let found = fuse(&text, &[], &Weights::default());

            prop_assert_eq!(ids(&found), order);
        }
    }
}
