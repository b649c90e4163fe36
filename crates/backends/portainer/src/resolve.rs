//! Stacks and environments by what callers call them.

use homelab_core::error::{Code, ToolError, ToolResult};

use crate::client::Portainer;
use crate::types::{Endpoint, Stack};

/// Names that a hint lists.
const LISTED: usize = 20;

impl Portainer {
    /// The environment of this name or id; without one, the only one there is.
    ///
    /// # Errors
    /// `not_found` with reason `endpoint_not_found`; `invalid_argument` if none is named and there
    /// are several; `conflict` with reason `ambiguous_name`.
    pub(crate) async fn find_endpoint(&self, wanted: Option<&str>) -> ToolResult<Endpoint> {
        pick_endpoint(self.endpoints().await?, wanted)
    }

    /// The stack of this name or id, in an environment if one is given.
    ///
    /// # Errors
    /// `not_found` with reason `stack_not_found`; `conflict` with reason `ambiguous_name`.
    pub(crate) async fn find_stack(
        &self,
        wanted: &str,
        endpoint: Option<&str>,
    ) -> ToolResult<Stack> {
        let within = match endpoint {
            Some(endpoint) => Some(self.find_endpoint(Some(endpoint)).await?),
            None => None,
        };
        let stacks = self.stacks(within.map(|endpoint| endpoint.id)).await?;
        pick_stack(stacks, wanted)
    }
}

fn pick_endpoint(all: Vec<Endpoint>, wanted: Option<&str>) -> ToolResult<Endpoint> {
    let names: Vec<String> = all
        .iter()
        .take(LISTED)
        .map(|one| format!("`{}` ({})", one.name, one.id))
        .collect();
    let hint = if names.is_empty() {
        "the user of the access token can see no environment".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    let Some(wanted) = wanted else {
        let mut all = all.into_iter();
        return match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => {
                let message = "which environment is meant is not clear";
                Err(ToolError::invalid("endpoint", message).hint(hint))
            }
        };
    };
    let id: Option<u64> = wanted.parse().ok();
    let mut found = all
        .into_iter()
        .filter(|one| Some(one.id) == id || one.name.eq_ignore_ascii_case(wanted));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(ambiguous("environments", wanted).field("endpoint")),
        (None, _) => Err(
            ToolError::not_found(format!("there is no environment `{wanted}`"))
                .reason("endpoint_not_found")
                .field("endpoint")
                .hint(hint),
        ),
    }
}

fn pick_stack(all: Vec<Stack>, wanted: &str) -> ToolResult<Stack> {
    let id: Option<u64> = wanted.parse().ok();
    let names: Vec<String> = all
        .iter()
        .take(LISTED)
        .map(|one| format!("`{}`", one.name))
        .collect();
    let mut found = all
        .into_iter()
        .filter(|one| Some(one.id) == id || one.name.eq_ignore_ascii_case(wanted));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(ambiguous("stacks", wanted)
            .field("stack")
            .hint("name the `endpoint` too, or give the stack's id")),
        (None, _) => {
            let hint = if names.is_empty() {
                "there are none; stacks made outside of Portainer cannot be changed here".to_owned()
            } else {
                format!(
                    "there are {}; stacks made outside of Portainer cannot be changed here",
                    names.join(", ")
                )
            };
            Err(
                ToolError::not_found(format!("there is no stack `{wanted}`"))
                    .reason("stack_not_found")
                    .field("stack")
                    .hint(hint),
            )
        }
    }
}

fn ambiguous(what: &str, wanted: &str) -> ToolError {
    let message = format!("several {what} are called `{wanted}`");
    ToolError::new(Code::Conflict, message)
        .reason("ambiguous_name")
        .hint("give the id instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(id: u64, name: &str) -> Endpoint {
        Endpoint {
            id,
            name: name.into(),
            ..Endpoint::default()
        }
    }

    #[test]
    fn an_environment_is_found_by_name_or_id() {
        let all = || vec![endpoint(1, "local"), endpoint(2, "nas")];

        assert_eq!(pick_endpoint(all(), Some("NAS")).unwrap().id, 2);
        assert_eq!(pick_endpoint(all(), Some("1")).unwrap().name, "local");
        assert_eq!(
            pick_endpoint(vec![endpoint(7, "only")], None).unwrap().id,
            7
        );
        assert_eq!(
            pick_endpoint(all(), None).unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            pick_endpoint(all(), Some("x")).unwrap_err().code(),
            Code::NotFound
        );
        let twice = vec![endpoint(1, "a"), endpoint(2, "a")];
        assert_eq!(
            pick_endpoint(twice, Some("a")).unwrap_err().code(),
            Code::Conflict
        );
    }

    #[test]
    fn a_stack_is_found_by_name_or_id() {
        let stack = |id, name: &str| Stack {
            id,
            name: name.into(),
            ..Stack::default()
        };
        let all = || vec![stack(1, "blog"), stack(2, "blog"), stack(3, "wiki")];

        assert_eq!(pick_stack(all(), "wiki").unwrap().id, 3);
        assert_eq!(pick_stack(all(), "2").unwrap().name, "blog");
        assert_eq!(
            pick_stack(all(), "blog").unwrap_err().code(),
            Code::Conflict
        );
        assert_eq!(pick_stack(all(), "x").unwrap_err().code(), Code::NotFound);
    }
}
