//! Failed requests in words: what Proxmox refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_upstream::{Fault, Response, UpstreamError};
use serde::Deserialize;
use serde_json::Value;

use crate::call::Call;
use crate::known::known;

/// As whom and for which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
    /// The token's id or the user's name.
    pub(crate) name: String,
    pub(crate) is_token: bool,
}

impl Who {
    /// An error without an answer of Proxmox.
    pub(crate) fn unanswered(&self, error: UpstreamError) -> ToolError {
        let mut error = ToolError::from(error);
        // The HTTP client knows one address; here there is a list of them.
        let (one, list) = (
            format!("{}.url", self.section),
            format!("{}.hosts", self.section),
        );
        error.map_text(|text| text.contains(&one).then(|| text.replace(&one, &list)));
        error
    }

    /// The answer if it is a success.
    pub(crate) fn accepted(&self, response: Response, call: &Call) -> Result<Response, ToolError> {
        let status = response.status.as_u16();
        let body = response.body.clone();
        let error = match response.checked() {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let detail = match error.fault() {
            Fault::Status(fault) => fault.detail.clone(),
            _ => None,
        };
        let detail = detail.unwrap_or_default();
        Err(self.refused(status, &detail, &body, error, call))
    }

    fn refused(
        &self,
        status: u16,
        detail: &str,
        body: &[u8],
        error: UpstreamError,
        call: &Call,
    ) -> ToolError {
        match status {
            400 => self.parameters(detail, body),
            401 => self.not_accepted(detail),
            403 => self.not_allowed(detail),
            595..=599 => self.node_unreachable(status, detail, call),
            500 | 501 => match known(detail) {
                Some(known) => known.error(format!("`{}` refuses: {detail}", self.instance)),
                None if status == 501 => {
                    let message = format!("`{}` does not know this call (501)", self.instance);
                    ToolError::new(Code::UpstreamRejected, message)
                        .reason("not_supported")
                        .hint("this version of Proxmox VE lacks it; see `get_node_status` for the version")
                }
                None => self.unanswered(error).retryable(false),
            },
            _ => self.unanswered(error),
        }
        .upstream_status(status)
        .instance(self.instance.clone())
    }

    /// 400: which parameters, and why.
    fn parameters(&self, detail: &str, body: &[u8]) -> ToolError {
        #[derive(Deserialize)]
        struct Refusal {
            #[serde(default)]
            errors: serde_json::Map<String, Value>,
        }
        let errors = serde_json::from_slice::<Refusal>(body)
            .map(|refusal| refusal.errors)
            .unwrap_or_default();
        let error = ToolError::new(
            Code::InvalidArgument,
            format!("`{}` refuses a parameter: {detail}", self.instance),
        )
        .reason("parameter_refused")
        .hint("correct the argument that this parameter comes from");
        match errors.keys().next() {
            Some(name) => error.field(name.replace('-', "_")),
            None => error,
        }
    }

    /// 401.
    pub(crate) fn not_accepted(&self, detail: &str) -> ToolError {
        let (instance, name, section) = (&self.instance, &self.name, &self.section);
        let behind = if detail.is_empty() {
            String::new()
        } else {
            format!(": {detail}")
        };
        if self.is_token {
            let message = format!("`{instance}` does not accept the API token `{name}`{behind}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("token_refused")
                .hint(format!(
                    "check `{section}.token_id` (`USER@REALM!TOKENID`) and `{section}.token_secret`, and whether the token has expired; \
                     a new one is made with `pveum user token add USER@REALM TOKENID --privsep 1`, and rights of its own with \
                     `pveum acl modify / --tokens 'USER@REALM!TOKENID' --roles PVEAuditor`"
                ));
        }
        let message = format!("`{instance}` does not accept the password of `{name}`{behind}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("login_refused")
            .hint(format!(
                "check `{section}.username` (with its realm) and `{section}.password`; better, make an API token: \
                 `pveum user token add {name} homelab --privsep 1`"
            ))
    }

    /// 403: which privilege on which path.
    fn not_allowed(&self, detail: &str) -> ToolError {
        let (instance, name) = (&self.instance, &self.name);
        if let Some(known) = known(detail).filter(|known| known.reason == "root_only") {
            return known.error(format!("`{instance}` refuses: {detail}"));
        }
        let Some((path, privileges)) = missing_privilege(detail) else {
            let message = format!("`{instance}` does not allow this to `{name}`: {detail}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("privilege_missing")
                .hint(format!(
                    "compare `pveum user permissions '{name}'` with what the message asks for"
                ));
        };
        let message = format!("`{name}` lacks the privilege `{privileges}` on `{path}`");
        let separation = if self.is_token {
            " A token with privilege separation has only rights that are given to itself."
        } else {
            ""
        };
        let whom = if self.is_token { "--tokens" } else { "--users" };
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("privilege_missing")
            .hint(format!(
                "give a role that has it: `pveum acl modify {path} {whom} '{name}' --roles ROLE`.{separation}"
            ))
    }

    /// 595 to 599: a node that answered could not reach the one the call is about.
    fn node_unreachable(&self, status: u16, detail: &str, call: &Call) -> ToolError {
        let node = match call.template.strip_prefix("/nodes/{}") {
            Some(_) => call.path.first().map_or("", String::as_str),
            None => "",
        };
        let message = if node.is_empty() {
            format!(
                "`{}` cannot reach a node of its cluster ({status}): {detail}",
                self.instance
            )
        } else {
            format!("the node `{node}` cannot be reached through the cluster ({status}): {detail}")
        };
        let hint = if call.idempotent {
            "see `list_nodes`: the node may be down or restarting"
        } else {
            "the request may have had its effect: see `list_nodes`, then look before repeating it"
        };
        ToolError::new(Code::UpstreamUnreachable, message)
            .reason("node_unreachable")
            .hint(hint)
            .retryable(call.idempotent)
    }
}

/// `Permission check failed (/vms/100, VM.PowerMgmt)`, also with `A|B` for "any of".
fn missing_privilege(detail: &str) -> Option<(&str, String)> {
    let (_, rest) = detail.split_once("ermission check failed (")?;
    let (inside, _) = rest.split_once(')')?;
    let (path, privileges) = inside.split_once(',')?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    (path.starts_with('/') && path.chars().all(plain))
        .then(|| (path, privileges.trim().replace('|', "` or `")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_privilege_and_its_path_are_read() {
        assert_eq!(
            missing_privilege("Permission check failed (/vms/100, VM.PowerMgmt)"),
            Some(("/vms/100", "VM.PowerMgmt".to_owned()))
        );
        assert_eq!(
            missing_privilege(
                "403 Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)"
            ),
            Some((
                "/storage/local",
                "Datastore.Audit` or `Datastore.AllocateSpace".to_owned()
            ))
        );
        assert_eq!(
            missing_privilege("Permission check failed (/x'; rm, A)"),
            None
        );
        assert_eq!(missing_privilege("Permission denied"), None);
    }
}
