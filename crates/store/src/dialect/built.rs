//! Statements that are put together: text from literals, everything else bound.

use crate::db::{Arg, Batch};

/// Which engine a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A statement in the making. Only literals of ours are pushed; values go through [`Built::bind`].
pub(crate) struct Built {
    /// For which engine.
    pub(crate) engine: Engine,
    text: String,
    args: Vec<Bound>,
    is_kept: bool,
}

/// A bound value.
enum Bound {
    Text(String),
    Int(i64),
    Rows(Batch),
}

impl Built {
    /// Begins with a literal.
    pub(crate) fn new(engine: Engine, text: &str) -> Self {
        Self {
            engine,
            text: text.to_owned(),
            args: Vec::new(),
            is_kept: engine == Engine::Sqlite,
        }
    }

    /// Has PostgreSQL keep it prepared. Otherwise it is planned for its values each time, and not kept: it would
    /// rarely be asked for again.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Whether the connection keeps it prepared.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Asks how it would be carried out instead.
    #[cfg(test)]
    pub(crate) fn explain(&mut self) {
        let explain = match self.engine {
            Engine::Sqlite => "EXPLAIN QUERY PLAN ",
            Engine::Postgres => "EXPLAIN ",
        };
        self.text.insert_str(0, explain);
    }

    /// Adds a literal.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds the place of a text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        let place = self.bind(text);
        self.push(&place)
    }

    /// Adds the place of a number.
    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        self.args.push(Bound::Int(number));
        let place = format!("${}", self.args.len());
        self.push(&place)
    }

    /// Adds the place of rows, for `jsonb_each`.
    pub(crate) fn rows(&mut self, rows: Batch) -> &mut Self {
        self.args.push(Bound::Rows(rows));
        let place = format!("${}", self.args.len());
        self.push(&place)
    }

    /// Binds a text and returns its place, which may stand in several spots.
    pub(crate) fn bind(&mut self, text: &str) -> String {
        self.args.push(Bound::Text(text.to_owned()));
        format!("${}", self.args.len())
    }

    /// The values, as they are bound.
    pub(crate) fn args(&self) -> Vec<Arg<'_>> {
        self.args
            .iter()
            .map(|bound| match bound {
                Bound::Text(text) => Arg::from(text),
                Bound::Int(number) => Arg::from(*number),
                Bound::Rows(rows) => Arg::Rows(rows),
            })
            .collect()
    }

    /// The text, for the driver.
    #[expect(
        clippy::disallowed_types,
        reason = "no value becomes part of the text: conditions on memories have too many shapes to be literals"
    )]
    pub(crate) fn sql(&self) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(self.text.clone())
    }
}
