//! Conditions in CEL: parsed and checked against the tools' schemas at load, evaluated within bounds.
//!
//! Arguments may be hostile, expressions are the owner's. So what bounds an evaluation is settled at
//! load (length, depth, no loop in a loop, no regular expressions), and a loop does not run over
//! arguments larger than [`MOST_LOOPED`].

mod check;
mod facts;
mod types;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, IdedExpr};
use cel::parser::Parser;
use cel::{Context, Env, Value};

pub(crate) use check::Fault;
pub(crate) use facts::Facts;
pub(crate) use types::Object;

/// Longest expression, bytes.
pub(crate) const LONGEST: usize = 2_000;
/// Deepest nesting of brackets.
const DEEPEST: u16 = 24;
/// Stack of the thread that parses: the generated parser recurses for each bracket and each member,
/// and a stack that overflows ends the whole program. Only what is used becomes real memory.
const PARSER_STACK: usize = 64 * 1024 * 1024;
/// Deepest tree. A chain such as `a + b + c` is as deep as it is long.
const DEEPEST_TREE: usize = 64;
/// Most values in the arguments that a loop may see, and most bytes of text in them.
const MOST_LOOPED: Size = Size {
    values: 2_000,
    bytes: 65_536,
};

/// The standard functions; made once because it is large.
static STANDARD: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// How much there is in a JSON value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    values: usize,
    bytes: usize,
}

/// Why a condition could not be evaluated; for logs and explanations, without any argument's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// An operation does not go with the values at hand, or a member is not there.
    Values,
    /// It loops, and the arguments are too large for that.
    TooLarge,
    /// It gave something else than true or false.
    NotTruth,
}

impl Failure {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Values => "it does not go with the values of this call",
            Self::TooLarge => "the arguments are too large for a condition with a loop",
            Self::NotTruth => "it gives neither true nor false",
        }
    }
}

/// A parsed condition.
pub(crate) struct Condition {
    expression: IdedExpr,
    has_loop: bool,
}

impl std::fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Condition")
    }
}

impl Condition {
    /// Parses an expression.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!(
                "the condition is longer than {LONGEST} bytes: split the rule"
            ));
        }
        let expression = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(PARSER_STACK)
                .spawn_scoped(scope, || parse(text))
                .map_err(|error| format!("no thread to read it: {error}"))?
                .join()
                .unwrap_or_else(|_| Err("not valid CEL".to_owned()))
        })?;
        let loops = loops(&expression);
        if loops > 1 {
            return Err(
                "a loop within a loop may take too long: use `in`, or two rules".to_owned(),
            );
        }
        Ok(Self {
            expression,
            has_loop: loops > 0,
        })
    }

    /// What is wrong with it for a tool with these arguments.
    pub(crate) fn check(&self, arguments: &Object) -> Vec<Fault> {
        check::faults(&self.expression, arguments)
    }

    /// Whether it holds for a call.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> Result<bool, Failure> {
        if self.has_loop && facts.is_larger_than(MOST_LOOPED) {
            return Err(Failure::TooLarge);
        }
        // Fails closed even if the interpreter has a fault of its own.
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(Arc::clone(&STANDARD));
            context.set_variable_resolver(facts);
            Value::resolve(&self.expression, &context)
        }));
        match evaluated {
            Ok(Ok(Value::Bool(truth))) => Ok(truth),
            Ok(Ok(_)) => Err(Failure::NotTruth),
            Ok(Err(_)) | Err(_) => Err(Failure::Values),
        }
    }
}

fn parse(text: &str) -> Result<IdedExpr, String> {
    let parser = Parser::new().max_recursion_depth(DEEPEST);
    let expression = parser.parse(text).map_err(|errors| {
        errors.errors.first().map_or_else(
            || "not valid CEL".to_owned(),
            |error| {
                let message = error.msg.lines().next().unwrap_or_default();
                format!("not valid CEL: {message} (column {})", error.pos.1)
            },
        )
    })?;
    if depth(&expression) > DEEPEST_TREE {
        return Err("the condition is too deeply nested: split the rule".to_owned());
    }
    Ok(expression)
}

/// How deep loops are nested.
fn loops(expression: &IdedExpr) -> usize {
    match &expression.expr {
        // What is looped over is worked out once, outside of the loop.
        Expr::Comprehension(each) => {
            let parts = [
                &each.accu_init,
                &each.loop_cond,
                &each.loop_step,
                &each.result,
            ];
            let inner = parts.into_iter().map(loops).max().unwrap_or(0);
            (inner + 1).max(loops(&each.iter_range))
        }
        _ => children(expression)
            .into_iter()
            .map(loops)
            .max()
            .unwrap_or(0),
    }
}

/// How deep the tree is.
fn depth(expression: &IdedExpr) -> usize {
    let inner = children(expression).into_iter().map(depth).max();
    inner.unwrap_or(0) + 1
}

fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Comprehension(each) => vec![
            &each.iter_range,
            &each.accu_init,
            &each.loop_cond,
            &each.loop_step,
            &each.result,
        ],
        Expr::Call(call) => call.args.iter().chain(call.target.as_deref()).collect(),
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Select(select) => vec![&select.operand],
        // The check refuses tables (`Map`, `Struct`) unseen.
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
