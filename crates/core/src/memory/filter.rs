//! Conditions on memories, as mem0 writes them.

use serde_json::Value;

/// A condition, or several joined.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Self>),
    /// Any of them.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// One field.
    Field(Condition),
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// `category`, `source`, `importance`, `created_at`, `updated_at`, `user_id`, `agent_id`, `run_id`, `about`, or
    /// a key of the metadata (a dotted path into it; `null` there is absent). Times compare with RFC 3339 or a day.
    /// `about` is a list of texts, each thing as its name and as `kind/name`; to equal it is to be in it.
    pub key: String,
    /// How it is compared.
    pub op: Op,
    /// With what; a list for [`Op::In`] and [`Op::NotIn`], ignored by [`Op::Exists`].
    pub value: Value,
}

/// How a field is compared. A field that is absent satisfies [`Op::Ne`] and [`Op::NotIn`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater; numbers with numbers, text with text.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// One of a list.
    In,
    /// None of a list.
    NotIn,
    /// Text that holds this text, or a list that holds this element.
    Contains,
    /// The same, whatever the case.
    IContains,
    /// There is such a field: mem0's `*`.
    Exists,
}
