//! The rules of the `[policy]` section: who may call what, when and how often.
//!
//! [`RuleSet::compile`] checks a [`PolicyConfig`] against a [`Catalogue`] of the real tools and
//! indexes it by tool; an [`Engine`] decides with it as the pipeline's
//! [`Decide`](homelab_core::policy::Decide) and can be given another set while it runs.
//!
//! How one call is decided, in this order:
//! 1. rate limits;
//! 2. bounds that no rule loosens: a tool with secrets is for `admin`, a viewer only reads, and
//!    nothing is changed while the server is read-only;
//! 3. the strictest matching rule, which takes the place of the role's default; without one the
//!    default stands;
//! 4. protected objects and windows, which only make it stricter.
//!
//! Budgets are taken right before a call runs, after any approval.
//!
//! # Adding a matcher
//! Add the field to `with_matchers!` in `config.rs` with its documentation, and to
//! `matcher.rs`: its check against the catalogue, and whether it depends on the tool (index) or on the
//! caller (each call).

mod budget;
mod catalogue;
mod compile;
mod condition;
mod config;
mod engine;
mod explain;
mod limit;
mod listing;
mod matcher;
mod memory;
mod problem;
mod rules;
mod window;
mod words;

pub use catalogue::Catalogue;
pub use config::{
    BudgetConfig, Day, LimitConfig, Per, PolicyConfig, ProtectedConfig, Raise, RuleConfig,
    WindowConfig,
};
pub use engine::Engine;
pub use explain::{Asked, Bound, BudgetState, Explanation, LimitState};
pub use listing::Listed;
pub use memory::MemoryBudgets;
pub use problem::Problem;
pub use rules::RuleSet;

#[cfg(test)]
mod tests;
