//! Where a task can go from where it stands.

use crate::ccpm::TaskStatus::{
    self, Backlog, Blocked, Cancelled, Done, InProgress, InReview, Todo,
};
use crate::ccpm::{CcpmCode, CcpmError, CcpmResult, Choice};

/// Whether work has to be reviewed before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// It goes by `in_review`.
    Required,
    /// It may be done at once.
    Optional,
}

/// Where a task can go.
pub const fn allowed(from: TaskStatus, review: Review) -> &'static [TaskStatus] {
    match (from, review) {
        (Backlog, _) => &[Todo, Cancelled],
        (Todo, _) => &[InProgress, Blocked, Backlog, Cancelled],
        (InProgress, Review::Required) => &[Blocked, InReview, Todo, Cancelled],
        (InProgress, Review::Optional) => &[Blocked, InReview, Todo, Done, Cancelled],
        (Blocked, _) => &[InProgress, Todo, Cancelled],
        (InReview, _) => &[Done, InProgress, Blocked, Cancelled],
        (Done, _) => &[InProgress],
        (Cancelled, _) => &[Backlog],
        (TaskStatus::Foreign(_), _) => &[],
    }
}

/// Whether a move has to be explained: into `blocked` and `cancelled`, and out of what was over.
pub const fn needs_reason(from: TaskStatus, to: TaskStatus) -> bool {
    matches!(to, Blocked | Cancelled) || matches!(from, Done | Cancelled)
}

/// The status that a caller's word means: one of ours, or a word of other services.
///
/// # Errors
/// `validation_failed` on `status`.
pub fn synonym(status: TaskStatus) -> CcpmResult<TaskStatus> {
    let TaskStatus::Foreign(text) = status else {
        return Ok(status);
    };
    let word = text.as_str().to_ascii_lowercase().replace(['-', ' '], "_");
    Ok(match word.as_str() {
        "pending" | "open" => Todo,
        "started" | "wip" => InProgress,
        "review" => InReview,
        "complete" | "completed" | "closed" => Done,
        "canceled" => Cancelled,
        other => return TaskStatus::parse(other).unwrap_or(status).known("status"),
    })
}

/// Whether a task may move; staying where it is counts as no move and is always legal.
///
/// # Errors
/// `illegal_transition` with `details.current` and `details.allowed`; `validation_failed` on
/// `reason` where one is needed.
pub fn check_transition(
    from: TaskStatus,
    to: TaskStatus,
    reason: Option<&str>,
    review: Review,
) -> CcpmResult<()> {
    if from == to {
        return Ok(());
    }
    let ways = allowed(from, review);
    if !ways.contains(&to) {
        let list: Vec<&str> = ways.iter().map(Choice::as_str).collect();
        let list = list.join("`, `");
        return Err(CcpmError::new(
            CcpmCode::IllegalTransition,
            format!("a task cannot go from `{from}` to `{to}`"),
        )
        .hint(format!("from `{from}` it can go to `{list}`"))
        .detail("current", from)
        .detail("allowed", ways));
    }
    if needs_reason(from, to) && reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(CcpmError::invalid(
            "reason",
            format!("moving a task from `{from}` to `{to}` needs a reason"),
        )
        .hint("say why in `reason`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::ccpm::Foreign;

    /// Rows are where it stands, columns where it goes, in the contract's order; `*` only without
    /// required review, `=` stays.
    const TABLE: [(&str, &str); 7] = [
        ("backlog", "=x....x"),
        ("todo", "x=xx..x"),
        ("in_progress", ".x=xx*x"),
        ("blocked", ".xx=..x"),
        ("in_review", "..xx=xx"),
        ("done", "..x..=."),
        ("cancelled", "x.....="),
    ];

    #[rstest]
    #[case(Review::Required)]
    #[case(Review::Optional)]
    fn tasks_move_as_the_contract_says(#[case] review: Review) {
        for (from, marks) in TABLE {
            let from = TaskStatus::parse(from).unwrap();
            for (to, mark) in TaskStatus::ALL.iter().zip(marks.chars()) {
                let legal = match mark {
                    'x' | '=' => true,
                    '*' => review == Review::Optional,
                    _ => false,
                };

                let checked = check_transition(from, *to, Some("because"), review);

                assert_eq!(checked.is_ok(), legal, "{from} to {to}");
                if let Err(error) = checked {
                    assert_eq!(error.code(), CcpmCode::IllegalTransition);
                    assert_eq!(error.status(), 422);
                    assert_eq!(error.details()["current"], from.as_str());
                    let count = error.details()["allowed"].as_array().unwrap().len();
                    assert_eq!(count, allowed(from, review).len());
                }
            }
        }
    }

    #[rstest]
    #[case(Todo, Blocked, true)]
    #[case(Backlog, Cancelled, true)]
    #[case(Done, InProgress, true)]
    #[case(Cancelled, Backlog, true)]
    #[case(Todo, InProgress, false)]
    #[case(InReview, Done, false)]
    #[case(Blocked, Blocked, false)]
    fn what_stops_or_reopens_needs_a_reason(
        #[case] from: TaskStatus,
        #[case] to: TaskStatus,
        #[case] needed: bool,
    ) {
        for silent in [None, Some("  ")] {
            let checked = check_transition(from, to, silent, Review::Required);

            assert_eq!(checked.is_err(), needed, "{from} to {to}");
            if let Err(error) = checked {
                assert_eq!(error.details()["field"], "reason");
            }
        }
    }

    #[rstest]
    #[case("pending", "todo")]
    #[case("open", "todo")]
    #[case("started", "in_progress")]
    #[case("WIP", "in_progress")]
    #[case("in-progress", "in_progress")]
    #[case("review", "in_review")]
    #[case("complete", "done")]
    #[case("completed", "done")]
    #[case("Closed", "done")]
    #[case("canceled", "cancelled")]
    #[case("blocked", "blocked")]
    fn other_services_words_are_understood(#[case] word: &str, #[case] status: &str) {
        let given =
            TaskStatus::parse(word).unwrap_or_else(|| TaskStatus::Foreign(Foreign::new(word)));

        assert_eq!(synonym(given).unwrap().as_str(), status);
    }

    #[test]
    fn a_word_that_nobody_uses_is_refused() {
        let refused = synonym(TaskStatus::Foreign(Foreign::new("parked"))).unwrap_err();

        assert_eq!(refused.details()["field"], "status");
    }
}
