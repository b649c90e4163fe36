//! What comes first.

use crate::ccpm::{Importance, MessagePriority, TaskPriority};

/// Place of a message among others: 0 comes first. What another service calls otherwise comes with
/// the normal ones.
pub const fn message_rank(priority: MessagePriority) -> i64 {
    match priority {
        MessagePriority::Urgent => 0,
        MessagePriority::High => 1,
        MessagePriority::Normal | MessagePriority::Foreign(_) => 2,
        MessagePriority::Low => 3,
    }
}

/// Place of a task among others: 0 comes first.
pub const fn task_rank(priority: TaskPriority) -> i64 {
    match priority {
        TaskPriority::Critical => 0,
        TaskPriority::High => 1,
        TaskPriority::Medium | TaskPriority::Foreign(_) => 2,
        TaskPriority::Low => 3,
    }
}

/// Place of a context item among others: 0 comes first.
pub const fn importance_rank(importance: Importance) -> i64 {
    match importance {
        Importance::High => 0,
        Importance::Normal | Importance::Foreign(_) => 1,
        Importance::Low => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_lists_values_from_the_last_to_the_first() {
        let rising = |ranks: Vec<i64>| ranks.is_sorted_by(|one, next| one > next);

        let messages = MessagePriority::ALL.iter().map(|one| message_rank(*one));
        let tasks = TaskPriority::ALL.iter().map(|one| task_rank(*one));
        let items = Importance::ALL.iter().map(|one| importance_rank(*one));

        assert!(rising(messages.collect()));
        assert!(rising(tasks.collect()));
        assert!(rising(items.collect()));
    }
}
