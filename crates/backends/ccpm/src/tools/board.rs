//! Tasks side by side by their status.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{Board, Choice as _};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::team::Team;
use crate::types::{BoardView, SprintRow, Told};

/// Which board.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichBoard {
    /// UUID of a sprint, `active` (default), or `none` for tasks without one.
    #[schemars(length(max = 64))]
    sprint_id: Option<String>,
    /// Tasks shown of each status; default 10.
    #[schemars(range(min = 1, max = 50))]
    per_column: Option<u32>,
    /// As one Markdown text instead of rows, to show to people.
    #[serde(default)]
    markdown: bool,
}

/// Show the task board of a sprint: how many tasks stand where, the first of each status, and who has how many.
#[tool(
    read,
    permission = "ccpm:task:read",
    title = "Show the board",
    untrusted("columns.tasks.title", "sprint.goal", "markdown")
)]
pub(crate) async fn ccpm_board(
    team: &Team,
    args: WhichBoard,
    ctx: &CallContext,
) -> ToolResult<Told<BoardView>> {
    let asked = team.asked(ctx).await?;
    let sprint = args.sprint_id.as_deref().unwrap_or("active");
    let per_column = args.per_column.unwrap_or(10);
    let board = asked.service().board(&asked.call, sprint, per_column).await;
    let as_markdown = args.markdown;
    asked
        .tell(board.map(|board| {
            if as_markdown {
                BoardView {
                    markdown: Some(markdown(&board)),
                    sprint: board.sprint.map(SprintRow::from),
                    columns: None,
                    open_by_assignee: None,
                }
            } else {
                BoardView::columns(board)
            }
        }))
        .await
}

fn markdown(board: &Board) -> String {
    let mut lines = Vec::new();
    lines.push(match &board.sprint {
        Some(sprint) => format!("# {}", one_line(&sprint.name)),
        None => "# Tasks without a sprint".to_owned(),
    });
    if let Some(goal) = board
        .sprint
        .as_ref()
        .and_then(|sprint| sprint.goal.as_ref())
    {
        lines.push(format!("\n{}", one_line(goal)));
    }
    for column in &board.columns {
        if column.count == 0 {
            continue;
        }
        lines.push(format!(
            "\n## {} ({})",
            column.status.as_str(),
            column.count
        ));
        for task in &column.tasks {
            let who = task.assignee_name.as_deref().unwrap_or("nobody");
            lines.push(format!(
                "- **{}** {} ({}, {})",
                task.key,
                one_line(&task.title),
                task.priority.as_str(),
                one_line(who),
            ));
        }
        let more = column.count.saturating_sub(column.tasks.len() as u64);
        if more > 0 {
            lines.push(format!("- … and {more} more"));
        }
    }
    lines.join("\n")
}

/// A text that stays where it is put: no line of its own, no markup.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars() {
        match letter {
            '\n' | '\r' | '\t' => line.push(' '),
            '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '|' | '\\' | '!' => {
                line.push('\\');
                line.push(letter);
            }
            other => line.push(other),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_board_in_markdown_has_a_list_for_each_status_and_no_markup_of_others() {
        let board: Board = serde_json::from_value(json!({
            "sprint": { "id": "s", "name": "June", "goal": "no\nfires", "status": "active" },
            "columns": [
                { "status": "todo", "count": 3, "tasks": [{
                    "id": "t", "key": "TASK-1", "title": "<b>x</b> [y](http://z)", "status": "todo",
                    "priority": "high", "assignee_name": "scout",
                }] },
                { "status": "done", "count": 0, "tasks": [] },
            ],
            "open_by_assignee": {},
        }))
        .unwrap();

        assert_eq!(
            markdown(&board),
            "# June\n\nno fires\n\n## todo (3)\n- **TASK-1** \\<b\\>x\\</b\\> \\[y\\](http://z) \
             (high, scout)\n- … and 2 more"
        );
    }
}
