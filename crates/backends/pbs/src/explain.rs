//! Failed requests in words: what the server refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::{Method, Response};

use crate::call::Call;
use crate::known::known;

/// Characters kept of what the server says.
const LONGEST: usize = 300;

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
    /// The answer if it is a success.
    pub(crate) fn accepted(
        &self,
        response: Response,
        call: &Call,
        redactor: &Redactor,
    ) -> Result<Response, ToolError> {
        let status = response.status.as_u16();
        let text = said(&response.text(), redactor);
        match response.checked() {
            Ok(response) => Ok(response),
            Err(error) => Err(self
                .refused(status, &text, &ToolError::from(error), call)
                .upstream_status(status)
                .instance(self.instance.clone())),
        }
    }

    fn refused(&self, status: u16, text: &str, error: &ToolError, call: &Call) -> ToolError {
        let instance = &self.instance;
        match status {
            401 => self.not_accepted(text),
            403 => self.not_allowed(text, call),
            // Most errors have no status of their own and come with this one.
            400 | 404 | 500 | 503 => {
                match known(text) {
                    Some(known) => known.error(format!("`{instance}` refuses: {text}")),
                    None if text.contains("parameter verification") => self.parameter(text),
                    None if status == 404 => {
                        let message =
                            format!("`{instance}` does not know this call (404){}", behind(text));
                        ToolError::new(Code::UpstreamRejected, message)
                        .reason("not_supported")
                        .hint(format!(
                            "this release may lack it: see `get_node_status` for the version; else check the path in `{}.url`",
                            self.section
                        ))
                    }
                    None if status == 400 => {
                        let message = format!("`{instance}` refuses (400){}", behind(text));
                        ToolError::new(Code::UpstreamRejected, message)
                        .reason("refused_by_server")
                        .hint("the message is the server's own; its task log or journal may say more")
                    }
                    None => telling(error, text),
                }
            }
            _ => telling(error, text),
        }
    }

    /// 400: which parameter, and why.
    fn parameter(&self, text: &str) -> ToolError {
        let message = format!("`{}` refuses a parameter: {text}", self.instance);
        let error = ToolError::new(Code::InvalidArgument, message).reason("parameter_refused");
        let error = if text.contains("additional properties") {
            error.hint(
                "this release does not know the parameter: leave it out, or update the server",
            )
        } else {
            error.hint("correct the argument that this parameter comes from")
        };
        match parameter_in(text) {
            Some(name) => error.field(name.replace('-', "_")),
            None => error,
        }
    }

    /// 401.
    pub(crate) fn not_accepted(&self, detail: &str) -> ToolError {
        let (instance, name, section) = (&self.instance, &self.name, &self.section);
        let behind = behind(detail);
        if self.is_token {
            let message = format!("`{instance}` does not accept the API token `{name}`{behind}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("token_refused")
                .hint(format!(
                    "check `{section}.token_id` (`USER@REALM!TOKENID`) and `{section}.token_secret`, and whether the token is enabled and not expired; \
                     a new one is made with `proxmox-backup-manager user generate-token USER@REALM TOKENID`"
                ));
        }
        let message = format!("`{instance}` does not accept the password of `{name}`{behind}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("login_refused")
            .hint(format!(
                "check `{section}.username` (with its realm) and `{section}.password`; better, make an API token: \
                 `proxmox-backup-manager user generate-token {name} homelab`"
            ))
    }

    /// 403: the server does not say what is missing; the call tells where it would be.
    fn not_allowed(&self, detail: &str, call: &Call) -> ToolError {
        let name = &self.name;
        let (path, role) = needed(call);
        let behind = behind(detail);
        let both = if self.is_token {
            " A token never has more rights than its user, and none of its own at first."
        } else {
            ""
        };
        ToolError::new(
            Code::UpstreamUnauthorized,
            format!("`{name}` lacks a right on `{path}`{behind}"),
        )
        .reason("privilege_missing")
        .hint(format!(
            "`proxmox-backup-manager acl update {path} {role} --auth-id '{name}'`.{both} A new right takes some seconds to count."
        ))
    }
}

/// What the server says, behind what we say.
fn behind(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

/// Where a call needs a right, and a role that has it.
fn needed(call: &Call) -> (String, &'static str) {
    let first = call.path.first().map_or("", String::as_str);
    let reads = call.method == Method::GET;
    let object = |store: &str, ns: Option<&str>| match ns {
        Some(ns) if !ns.is_empty() => format!("/datastore/{store}/{ns}"),
        _ => format!("/datastore/{store}"),
    };
    let datastore_role = if reads {
        "DatastoreAudit"
    } else {
        "DatastoreAdmin"
    };
    match call.template {
        template if template.starts_with("/admin/datastore/{}") => {
            let ns = call.text("ns").or(call.text("parent"));
            (object(first, ns), datastore_role)
        }
        "/push" => {
            let part = |name| call.text(name).unwrap_or_default();
            let path = format!("/remote/{}/{}", part("remote"), part("remote-store"));
            // Removing what vanished needs more than adding.
            let role = if call.parameters.has("remove-vanished") {
                "RemoteDatastorePowerUser"
            } else {
                "RemoteSyncPushOperator"
            };
            (path, role)
        }
        template if template.starts_with("/config/remote/{}") => {
            (format!("/remote/{first}"), "RemoteAudit")
        }
        template if template.starts_with("/config/remote") => ("/remote".to_owned(), "RemoteAudit"),
        template if template.starts_with("/admin/") => ("/datastore".to_owned(), datastore_role),
        template if template.contains("/tasks") => {
            let role = if reads { "Audit" } else { "Admin" };
            ("/system/tasks".to_owned(), role)
        }
        template if template.starts_with("/nodes") => ("/system".to_owned(), "Audit"),
        _ => ("/".to_owned(), "Audit"),
    }
}

/// What the server says: plain text, whatever its content type claims. A page of HTML comes from
/// something in between and says nothing.
fn said(body: &str, redactor: &Redactor) -> String {
    let body = body.trim();
    if body.starts_with('<') {
        return String::new();
    }
    let clean = printable(body);
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redactor.text(&line).into_owned();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

/// The error with what the server says: the HTTP client does not look for plain text in an answer
/// that claims to be JSON.
fn telling(error: &ToolError, text: &str) -> ToolError {
    let mut envelope = error.envelope().clone();
    if !text.is_empty() && envelope.message.ends_with(')') {
        envelope.message = format!("{}: {text}", envelope.message);
    }
    envelope.into()
}

/// The first quoted name, as in `parameter verification failed - 'ns': …`.
fn parameter_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('\'')?;
    let (name, _) = rest.split_once('\'')?;
    let plain = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    (!name.is_empty() && name.len() <= 40 && name.chars().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::call::Naming as _;
    use crate::ids::{Datastore, Namespace};

    #[rstest]
    #[case(
        "parameter verification failed - 'backup-id': value does not match",
        Some("backup-id")
    )]
    #[case("parameter verification failed: - 'ns': x - 'store': y", Some("ns"))]
    #[case("parameter verification failed - 'A; rm': x", None)]
    #[case("no parameter", None)]
    fn the_parameter_is_read(#[case] text: &str, #[case] name: Option<&str>) {
        assert_eq!(parameter_in(text), name);
    }

    #[test]
    fn a_missing_right_is_named_by_the_call() {
        let store: Datastore = "main".parse().unwrap();
        let ns: Namespace = "home/lab".parse().unwrap();
        let list = Call::get("groups", "/admin/datastore/{}/groups", &[&store]).ns(&ns);
        let push = Call::post("push", "/push", &[])
            .with("remote", "offsite")
            .with("remote-store", "copy");

        assert_eq!(
            needed(&list),
            ("/datastore/main/home/lab".to_owned(), "DatastoreAudit")
        );
        assert_eq!(
            needed(&push),
            ("/remote/offsite/copy".to_owned(), "RemoteSyncPushOperator")
        );
        assert_eq!(
            needed(&push.with("remove-vanished", true)),
            (
                "/remote/offsite/copy".to_owned(),
                "RemoteDatastorePowerUser"
            )
        );
    }

    #[test]
    fn a_page_of_html_says_nothing() {
        assert_eq!(said("<html>x</html>", &Redactor::default()), "");
        assert_eq!(
            said(" no such\n thing ", &Redactor::default()),
            "no such thing"
        );
    }
}
