//! Tools that are driven by the description: they call what `call_api` would, with the same checks,
//! and read what the description says of it.

use std::marker::PhantomData;
use std::sync::Arc;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Effect;

use super::book::Described;
use super::call::{self, CallApi};
use super::model::{Operation, Verb};
use super::rules::Standing;
use super::{ApiCall, WholeApi, check, path};

/// What a call may do by the rules, told from its method and path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// What it does at least, as a raw call; that of the covering tool is not counted in.
    pub effect: Effect,
    /// The tool that covers the operation, for [`Tool::stands_for`](homelab_core::tool::Tool::stands_for).
    pub tool: Option<&'static str>,
}

/// What `call_api` would let the call do. No I/O.
///
/// # Errors
/// `permission_denied` with reason `operation_withheld` where it would refuse the call, or
/// `invalid_argument` where the path is none.
pub fn admitted<B: WholeApi>(args: &CallApi) -> ToolResult<Admitted> {
    match call::standing::<B>(args)? {
        Standing::Open { effect, tool } => Ok(Admitted { effect, tool }),
        Standing::Withheld(advice) => {
            let message = format!("`{} {}` is not to be had this way", args.method, args.path);
            Err(ToolError::new(Code::PermissionDenied, message)
                .reason("operation_withheld")
                .hint(advice))
        }
    }
}

/// The description of the upstream's API at hand, for all that one call of a tool asks of it.
pub struct Description<B> {
    described: Arc<Described>,
    _backend: PhantomData<fn(&B)>,
}

impl<B: WholeApi> Description<B> {
    /// Reads it, or what is kept of it for this version.
    ///
    /// # Errors
    /// What asking for it ends with.
    pub async fn of(backend: &B, place: &B::Place) -> ToolResult<Self> {
        Ok(Self {
            described: call::described(backend, place).await?,
            _backend: PhantomData,
        })
    }

    /// Templates of its operations that fit, in their order, each once.
    pub fn paths(&self, fits: impl Fn(&str) -> bool) -> Vec<&str> {
        let rows = self.described.rows.iter().map(|row| row.path.as_str());
        let mut paths: Vec<&str> = rows.filter(|path| fits(path)).collect();
        paths.dedup();
        paths
    }

    /// An operation by its template; `None` where there is none of that.
    ///
    /// # Errors
    /// `internal` if what is kept of the description cannot be read any more.
    pub async fn operation(&self, method: Verb, path: &str) -> ToolResult<Option<Operation>> {
        let mut rows = self.described.rows.iter();
        let row = rows.find(|row| row.method == method && row.path == path);
        match row {
            Some(row) => self.described.operation(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The operation and the checked call, as `call_api` would make it.
    ///
    /// # Errors
    /// As [`admitted`]; else `invalid_argument` with the parameter in `field`, as `params.<name>`.
    pub async fn resolve(&self, args: &CallApi) -> ToolResult<(Operation, ApiCall)> {
        admitted::<B>(args)?;
        let (written, filled) = call::written::<B>(args)?;
        let params = call::without_named(&args.params, &written);
        let row = call::row(&self.described, args.method, &written, &args.path)?;
        // What was decided on was told from the path alone: it must be the operation that is called.
        let cover = B::RULES.cover(args.method, &filled, &params);
        if cover.is_some_and(|cover| !path::within(cover.path, &row.path)) {
            let message = format!("`{}` may mean two operations", args.path);
            return Err(ToolError::invalid("path", message)
                .reason("operation_unclear")
                .hint(format!(
                    "write it as `{}` and give its variables in `params`",
                    row.path
                )));
        }
        let operation = self.described.operation(row).await?;
        let values = path::values(&operation.path, &filled, B::RULES.slashes)?;
        let checked = check::check(&operation, &values, &params)?;
        let call = ApiCall {
            method: operation.method,
            operation: operation.path.clone(),
            segments: filled,
            path: values,
            query: checked.query,
            arguments: checked.arguments,
            body: checked.body,
        };
        Ok((operation, call))
    }
}
