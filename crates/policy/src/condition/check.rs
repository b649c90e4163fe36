//! Checks an expression against the arguments of one tool: names, types, and arguments that may be
//! absent. The interpreter itself knows no types before it runs.

use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::types::{Object, Type};
use crate::problem::did_you_mean;

/// Functions that conditions may use; none of them takes long, whatever it is given.
const FUNCTIONS: [&str; 7] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "int",
    "double",
    "string",
];

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The tool has no such argument; `guarded` by `has(…)`.
    Unknown {
        path: String,
        name: String,
        guarded: bool,
    },
    /// The argument may be absent, and that is not asked.
    MayBeAbsent { path: String },
    /// Anything else.
    Wrong {
        message: String,
        hint: Option<String>,
    },
}

/// Everything that is wrong.
pub(crate) fn faults(expression: &IdedExpr, arguments: &Object) -> Vec<Fault> {
    let mut check = Check {
        variables: variables(arguments),
        present: Vec::new(),
        faults: Vec::new(),
    };
    let found = check.infer(expression);
    check.expect(&found, &Type::Truth, "the condition");
    check.faults
}

fn variables(arguments: &Object) -> Vec<(String, Type)> {
    let target = Object::with(&[
        ("kind", Type::Text),
        ("id", Type::Text),
        ("name", Type::Text),
        ("tags", Type::List(Arc::new(Type::Text))),
    ]);
    let target = Type::Object(Arc::new(target));
    [
        ("args", Type::Object(Arc::new(arguments.clone()))),
        ("principal", Type::Text),
        ("role", Type::Text),
        ("instance", Type::Text),
        ("tool", Type::Text),
        ("targets", Type::List(Arc::new(target))),
        ("hour", Type::Whole),
        ("weekday", Type::Text),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into()
}

struct Check {
    /// Later ones hide earlier ones.
    variables: Vec<(String, Type)>,
    /// Paths that are known to be there at this point of the expression.
    present: Vec<String>,
    faults: Vec<Fault>,
}

impl Check {
    fn wrong(&mut self, message: impl Into<String>, hint: Option<String>) -> Type {
        let message = message.into();
        self.faults.push(Fault::Wrong { message, hint });
        Type::Any
    }

    fn expect(&mut self, found: &Type, wanted: &Type, what: &str) {
        if *found != Type::Any && found != wanted {
            let text = format!(
                "{what} must be {}, not {}",
                wanted.describe(),
                found.describe()
            );
            self.wrong(text, None);
        }
    }

    /// Infers with more paths known to be there.
    fn knowing(&mut self, facts: Vec<String>, expression: &IdedExpr) -> Type {
        let before = self.present.len();
        self.present.extend(facts);
        let found = self.infer(expression);
        self.present.truncate(before);
        found
    }

    fn infer(&mut self, expression: &IdedExpr) -> Type {
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Truth,
                LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Whole,
                LiteralValue::Double(_) => Type::Number,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Null => Type::Null,
                LiteralValue::Bytes(_) => self.wrong("arguments hold no bytes", None),
            },
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                let of = self.infer(&select.operand);
                let path = path(&select.operand);
                let found = self.member(&of, path.as_deref(), &select.field, select.test);
                if select.test { Type::Truth } else { found }
            }
            Expr::List(list) => {
                let kinds: Vec<Type> = list.elements.iter().map(|one| self.infer(one)).collect();
                Type::List(Arc::new(common(kinds)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(each) => self.each(each),
            Expr::Map(_) | Expr::Struct(_) => self.wrong("tables cannot be written out", None),
            Expr::Unspecified => Type::Any,
        }
    }

    fn variable(&mut self, name: &str) -> Type {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        if let Some((_, kind)) = found {
            return kind.clone();
        }
        let known = self.variables.iter().map(|(name, _)| name.as_str());
        let hint = did_you_mean(name, known.filter(|name| !name.starts_with('@')));
        self.wrong(format!("there is no `{name}`"), hint)
    }

    fn member(&mut self, of: &Type, path: Option<&str>, name: &str, is_test: bool) -> Type {
        let whole = path.map(|path| format!("{path}.{name}"));
        let shown = whole.as_deref().unwrap_or(name);
        let is_present = self.present.iter().any(|known| known == shown);
        let object = match of {
            Type::Any => return Type::Any,
            Type::Object(object) => Arc::clone(object),
            other => {
                let of = path.unwrap_or("this");
                let text = format!("`{of}` is {} and has no member `{name}`", other.describe());
                return self.wrong(text, None);
            }
        };
        match object.members.get(name) {
            Some((kind, is_there)) => {
                if !is_there && !is_test && !is_present {
                    self.faults.push(Fault::MayBeAbsent {
                        path: shown.to_owned(),
                    });
                }
                kind.clone()
            }
            None if object.is_open => Type::Any,
            None => {
                let is_argument = path == Some("args");
                if is_argument {
                    self.faults.push(Fault::Unknown {
                        path: shown.to_owned(),
                        name: name.to_owned(),
                        guarded: is_test || is_present,
                    });
                    return Type::Any;
                }
                let known: Vec<&str> = object.members.keys().map(String::as_str).collect();
                let hint = did_you_mean(name, known);
                self.wrong(format!("there is no `{shown}`"), hint)
            }
        }
    }

    fn each(&mut self, each: &ComprehensionExpr) -> Type {
        let item = match self.infer(&each.iter_range) {
            Type::List(item) => (*item).clone(),
            Type::Any => Type::Any,
            Type::Object(_) => Type::Text,
            other => {
                let text = format!("only a list can be looped over, not {}", other.describe());
                self.wrong(text, None)
            }
        };
        let sum = match self.infer(&each.accu_init) {
            Type::List(_) => Type::List(Arc::new(Type::Any)),
            other => other,
        };
        let before = self.variables.len();
        self.variables.push((each.iter_var.clone(), item));
        if let Some(second) = &each.iter_var2 {
            self.variables.push((second.clone(), Type::Any));
        }
        self.variables.push((each.accu_var.clone(), sum));
        self.infer(&each.loop_step);
        let result = self.infer(&each.result);
        self.variables.truncate(before);
        result
    }

    fn call(&mut self, call: &CallExpr) -> Type {
        let operands: Vec<&IdedExpr> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        match (call.func_name.as_str(), operands.as_slice()) {
            (name @ (operators::LOGICAL_AND | operators::LOGICAL_OR), [left, right]) => {
                let found = self.infer(left);
                self.expect(&found, &Type::Truth, "each side of `&&` and `||`");
                let facts = known(left, name == operators::LOGICAL_AND);
                let found = self.knowing(facts, right);
                self.expect(&found, &Type::Truth, "each side of `&&` and `||`");
                Type::Truth
            }
            (operators::LOGICAL_NOT, [one]) => {
                let found = self.infer(one);
                self.expect(&found, &Type::Truth, "what follows `!`");
                Type::Truth
            }
            (operators::NOT_STRICTLY_FALSE, [one]) => {
                self.infer(one);
                Type::Truth
            }
            (operators::CONDITIONAL, [asked, then, otherwise]) => {
                let found = self.infer(asked);
                self.expect(&found, &Type::Truth, "what stands before `?`");
                let one = self.knowing(known(asked, true), then);
                let other = self.knowing(known(asked, false), otherwise);
                common(vec![one, other])
            }
            (_, operands) => {
                let found: Vec<Type> = operands.iter().map(|one| self.infer(one)).collect();
                self.operator(call, &found)
            }
        }
    }

    fn operator(&mut self, call: &CallExpr, found: &[Type]) -> Type {
        let name = call.func_name.as_str();
        let is_member = call.target.is_some();
        match (name, found) {
            (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
                self.compared(one, other);
                Type::Truth
            }
            (
                operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [one, other],
            ) => {
                self.compared(one, other);
                if let Some(odd) = [one, other]
                    .into_iter()
                    .find(|kind| !kind.is_number() && !matches!(kind, Type::Text | Type::Any))
                {
                    self.wrong(format!("{} has no order", odd.describe()), None);
                }
                Type::Truth
            }
            (operators::IN, [item, list]) => {
                match list {
                    Type::List(items) => self.compared(item, items),
                    Type::Any | Type::Object(_) => {}
                    other => {
                        let text = format!("`in` needs a list, not {}", other.describe());
                        self.wrong(text, Some("for part of a text use `contains`".to_owned()));
                    }
                }
                Type::Truth
            }
            (operators::ADD, [Type::Text, Type::Text | Type::Any] | [Type::Any, Type::Text]) => {
                Type::Text
            }
            (operators::ADD, [Type::List(_), Type::List(_)]) => Type::List(Arc::new(Type::Any)),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                [one, other],
            ) => match (one, other) {
                (Type::Any, _) | (_, Type::Any) => Type::Any,
                (one, other) if one.is_number() && one == other => one.clone(),
                (one, other) => {
                    let text = format!(
                        "{} and {} cannot be added or otherwise combined",
                        one.describe(),
                        other.describe()
                    );
                    self.wrong(
                        text,
                        Some("convert with `int(…)` or `double(…)`".to_owned()),
                    )
                }
            },
            (operators::NEGATE, [one]) if one.is_number() || *one == Type::Any => one.clone(),
            (operators::INDEX, [Type::List(item), index]) => {
                self.expect(index, &Type::Whole, "the place in a list");
                (**item).clone()
            }
            (operators::INDEX, [Type::Any | Type::Object(_), _]) => Type::Any,
            ("size", [Type::Text | Type::List(_) | Type::Object(_) | Type::Any]) => Type::Whole,
            ("contains" | "startsWith" | "endsWith", [of, part]) if is_member => {
                self.expect(of, &Type::Text, &format!("what `{name}` is asked of"));
                self.expect(part, &Type::Text, &format!("what `{name}` looks for"));
                Type::Truth
            }
            ("int", [_]) if !is_member => Type::Whole,
            ("double", [_]) if !is_member => Type::Number,
            ("string", [_]) if !is_member => Type::Text,
            _ => self.no_function(name),
        }
    }

    fn no_function(&mut self, name: &str) -> Type {
        let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic());
        if FUNCTIONS.contains(&name) || !is_word {
            let shown = if is_word {
                name
            } else {
                name.trim_matches(['_', '@'])
            };
            return self.wrong(format!("`{shown}` cannot be used like this"), None);
        }
        let hint = match name {
            "matches" => Some("use `startsWith`, `endsWith` or `contains`".to_owned()),
            _ => did_you_mean(name, FUNCTIONS.into_iter().chain(["has", "all", "exists"])),
        };
        self.wrong(format!("there is no function `{name}`"), hint)
    }

    fn compared(&mut self, one: &Type, other: &Type) {
        let alike = one == other
            || *one == Type::Any
            || *other == Type::Any
            || one.is_number() && other.is_number()
            || matches!((one, other), (Type::List(_), Type::List(_)));
        if alike {
            return;
        }
        let is_null = *one == Type::Null || *other == Type::Null;
        let hint = is_null.then(|| "what is absent is asked with `has(args.…)`".to_owned());
        let text = format!("{} is compared with {}", one.describe(), other.describe());
        self.wrong(text, hint);
    }
}

/// The one type of all, if there is one.
fn common(kinds: Vec<Type>) -> Type {
    let mut kinds = kinds.into_iter();
    let Some(first) = kinds.next() else {
        return Type::Any;
    };
    if kinds.all(|kind| kind == first) {
        first
    } else {
        Type::Any
    }
}

/// `args.a.b` as text, if the expression is that.
fn path(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", path(&select.operand)?, select.field))
        }
        _ => None,
    }
}

/// The paths that are there if the expression is `truth`.
fn known(expression: &IdedExpr, truth: bool) -> Vec<String> {
    match &expression.expr {
        Expr::Select(select) if select.test && truth => path(&select.operand)
            .map(|of| format!("{of}.{}", select.field))
            .into_iter()
            .collect(),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [one]) => known(one, !truth),
            (operators::LOGICAL_AND, [one, other]) if truth => both(one, other, truth),
            (operators::LOGICAL_OR, [one, other]) if !truth => both(one, other, truth),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn both(one: &IdedExpr, other: &IdedExpr, truth: bool) -> Vec<String> {
    let mut paths = known(one, truth);
    paths.extend(known(other, truth));
    paths
}
