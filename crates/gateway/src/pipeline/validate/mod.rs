//! A tool's arguments against its input schema: brought into one form first, then checked, and
//! every fault said in words a model can act on.
//!
//! serde alone enforces no bounds, and its messages name neither the path nor what is accepted.

mod normalise;
mod problems;

use homelab_core::error::ToolResult;
use homelab_core::tool::ToolInfo;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use normalise::Shape;

/// The compiled rules for one tool's arguments.
pub(super) struct Rules {
    shape: Shape,
    validator: Validator,
    sensitive: &'static [&'static str],
}

impl Rules {
    /// Compiles the input schema; nothing outside of it is ever fetched.
    pub(super) fn compile(info: &ToolInfo) -> Result<Self, String> {
        let schema = Value::Object((*info.input_schema).clone());
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            // Linear time whatever the caller sends; a pattern with look-around does not compile.
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(&schema)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            shape: Shape::of(&schema),
            validator,
            sensitive: info.spec.sensitive_args,
        })
    }

    /// Brings the arguments into canonical form in place (no nulls, `"100"` as 100 where a number is
    /// wanted, defaults filled in) and checks them.
    ///
    /// # Errors
    /// `invalid_argument` naming the JSON path at fault, what is wrong, and what is accepted.
    pub(super) fn prepare(&self, arguments: &mut Value) -> ToolResult<()> {
        self.shape.normalise(arguments);
        if self.validator.is_valid(arguments) {
            return Ok(());
        }
        let errors = self.validator.iter_errors(arguments);
        Err(problems::describe(errors, &self.shape, self.sensitive))
    }

    /// Whether the schema knows a top-level argument of this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.shape.member(name).is_some()
    }
}
