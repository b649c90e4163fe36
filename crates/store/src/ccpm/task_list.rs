//! The list of tasks: many filters, and an index for each order.

use std::collections::BTreeSet;

use homelab_core::ccpm::rules::task_rank;
use homelab_core::ccpm::{AgentId, Choice, SprintId, Task, TaskSort, TaskStatus};
use homelab_core::store::{Numbered, StoreResult, TaskQuery, Wanted};

use super::numbered;
use super::tasks::or_none;
use crate::db::{Arg, Conn};
use crate::text::{contains, flat, tag_pattern};

const ENTITY: &str = "ccpm_tasks";

/// Rows behind sort key and number `$1`, `$2`. `$17` is what the index that leads begins with; the
/// other conditions are looked at row by row. Each stands in a `CASE`, which no other index can
/// answer, and of which PostgreSQL expects every second row to match: if it expected few, as of an
/// equation of things it knows nothing of, it would read and sort the whole range rather than walk
/// the index to the end of the page.
macro_rules! list {
    ($led_by:literal, $key:literal, $behind:literal, $order:literal) => {
        concat!(
            "SELECT number, body FROM ccpm_tasks t WHERE ",
            $led_by,
            " AND (",
            $key,
            ", number) ",
            $behind,
            " ($1, $2) \
             AND ($4 = '*' OR CASE WHEN status IN ($4, $5, $6, $7, $8, $9, $10) \
             THEN TRUE ELSE FALSE END) \
             AND ($11 = '*' OR CASE WHEN sprint_id = $11 THEN TRUE ELSE FALSE END) \
             AND ($12 = '*' OR CASE WHEN assignee_id = $12 THEN TRUE ELSE FALSE END) \
             AND ($13 < 0 OR CASE WHEN rank = $13 THEN TRUE ELSE FALSE END) \
             AND ($14 = '' OR CASE WHEN labels LIKE $14 ESCAPE '\\' THEN TRUE ELSE FALSE END) \
             AND ($15 = '' OR CASE WHEN search_text LIKE $15 ESCAPE '\\' \
             THEN TRUE ELSE FALSE END) \
             AND ($16 < 0 OR CASE WHEN EXISTS (SELECT 1 FROM ccpm_dependencies d \
             JOIN ccpm_tasks o ON o.id = d.depends_on \
             WHERE d.task_id = t.id AND o.status <> 'done') \
             THEN $16 = 0 ELSE $16 = 1 END) \
             ORDER BY ",
            $key,
            " ",
            $order,
            ", number ",
            $order,
            " LIMIT $3"
        )
    };
}

const BY_RANK: &str = list!("$17 = ''", "rank", ">", "ASC");
const BY_RANK_OF_STATUS: &str = list!("status = $17", "rank", ">", "ASC");
const BY_RANK_OF_SPRINT: &str = list!("sprint_id = $17", "rank", ">", "ASC");
const BY_RANK_OF_ASSIGNEE: &str = list!("assignee_id = $17", "rank", ">", "ASC");
const BY_CHANGE: &str = list!("$17 = ''", "updated_at", "<", "DESC");
const BY_CREATION: &str = list!("$17 = ''", "created_at", "<", "DESC");
const BY_DUE: &str = list!("$17 = ''", "due_at", ">", "ASC");

/// What a column must hold; `*` for anything.
fn column<'a, T>(wanted: Wanted<'a, T>, id: impl Fn(&'a T) -> &'a str) -> &'a str {
    match wanted {
        Wanted::Any => "*",
        Wanted::Nothing => or_none(None),
        Wanted::This(one) => id(one),
    }
}

pub(super) async fn list(
    conn: &mut Conn<'_>,
    query: &TaskQuery<'_>,
) -> StoreResult<Vec<Numbered<Task>>> {
    let texts = Texts::of(query);
    let led = led(query);
    let is_merged = led.len() > 1;
    let mut found: Vec<Numbered<Task>> = Vec::new();
    for (sql, led_by) in led {
        let args = args(query, &texts, led_by);
        found.extend(conn.all(ENTITY, sql, &args, numbered).await?);
    }
    if is_merged {
        found.sort_by_key(|row| (task_rank(row.value.priority), row.number));
        found.truncate(query.limit as usize);
    }
    Ok(found)
}

/// The statements that make up a list, each with what leads it. Several statuses are read one by
/// one, each by its own range of the index, so that what is done, soon most of it, is not read.
pub(super) fn led<'a>(query: &TaskQuery<'a>) -> Vec<(&'static str, &'a str)> {
    let sprint = column(query.sprint, SprintId::as_str);
    let assignee = column(query.assignee, AgentId::as_str);
    match query.sort {
        TaskSort::UpdatedAt => vec![(BY_CHANGE, "")],
        TaskSort::CreatedAt => vec![(BY_CREATION, "")],
        TaskSort::DueAt => vec![(BY_DUE, "")],
        TaskSort::Priority | TaskSort::Foreign(_) => {
            // Somebody's tasks are fewer than nobody's.
            if assignee != "*" && !assignee.is_empty() {
                vec![(BY_RANK_OF_ASSIGNEE, assignee)]
            } else if sprint != "*" && !sprint.is_empty() {
                vec![(BY_RANK_OF_SPRINT, sprint)]
            } else if query.statuses.is_empty() {
                vec![(BY_RANK, "")]
            } else {
                let statuses: BTreeSet<&str> = query.statuses.iter().map(Choice::as_str).collect();
                statuses
                    .into_iter()
                    .map(|status| (BY_RANK_OF_STATUS, status))
                    .collect()
            }
        }
    }
}

/// What is searched for, as patterns.
pub(super) struct Texts {
    label: String,
    text: String,
}

impl Texts {
    pub(super) fn of(query: &TaskQuery<'_>) -> Self {
        Self {
            label: query.label.map(tag_pattern).unwrap_or_default(),
            text: query
                .text
                .map(|text| contains(&flat(text)))
                .unwrap_or_default(),
        }
    }
}

/// The arguments of any of the statements.
pub(super) fn args<'a>(query: &TaskQuery<'a>, texts: &'a Texts, led_by: &'a str) -> Vec<Arg<'a>> {
    let first = match query.sort {
        TaskSort::Priority | TaskSort::DueAt | TaskSort::Foreign(_) => [i64::MIN, i64::MIN],
        TaskSort::UpdatedAt | TaskSort::CreatedAt => [i64::MAX, i64::MAX],
    };
    let [key, number] = query.after.unwrap_or(first);
    let mut args: Vec<Arg<'a>> = vec![key.into(), number.into(), i64::from(query.limit).into()];
    // What leads is not asked for again, as nobody would see that both are one condition. Statuses
    // have seven places, some of them the same.
    let is_status = query.statuses.iter().any(|one| one.as_str() == led_by);
    let statuses = if is_status { &[] } else { query.statuses };
    args.extend((0..TaskStatus::ALL.len()).map(|place| {
        let status = statuses.get(place).or(statuses.first());
        Arg::from(status.map_or("*", Choice::as_str))
    }));
    let unless_led = |wanted: &'a str| {
        let is_led = wanted == led_by && !wanted.is_empty();
        Arg::from(if is_led { "*" } else { wanted })
    };
    args.extend([
        unless_led(column(query.sprint, SprintId::as_str)),
        unless_led(column(query.assignee, AgentId::as_str)),
        query.rank.unwrap_or(-1).into(),
        (&texts.label).into(),
        (&texts.text).into(),
        query.ready.map_or(-1, i64::from).into(),
        led_by.into(),
    ]);
    args
}
