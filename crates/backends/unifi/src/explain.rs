//! Failed requests in words: what the console refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::Response;
use serde_json::Value;

use crate::call::{Call, Part};

/// Characters kept of what the console says.
const LONGEST: usize = 300;
/// Seconds after which a locked login may be tried again.
pub(crate) const LOCKED_S: u64 = 60;

/// With what a request was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Key,
    Session,
}

/// For which section requests are made, for the texts of errors.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) instance: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
    /// The administrator's name.
    pub(crate) user: Option<String>,
}

/// What a refusal says, whichever of the console's four forms it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// `api.err.NoPermission`, `api.authentication.missing-credentials` and the like.
    pub(crate) code: String,
    pub(crate) message: String,
    /// Whether the console answered, rather than the application behind it.
    pub(crate) console: bool,
}

impl Said {
    pub(crate) fn read(body: &[u8], redactor: &Redactor) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::String(text) => clean(text, redactor),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if body["meta"]["msg"].is_string() {
            return Self {
                code: text(&body["meta"]["msg"]),
                ..Self::default()
            };
        }
        if body["error"].is_object() {
            return Self {
                code: String::new(),
                message: text(&body["error"]["message"]),
                console: true,
            };
        }
        Self {
            code: text(&body["code"]),
            message: text(&body["message"]),
            console: false,
        }
    }

    /// The message, or the code where there is none.
    fn text(&self) -> &str {
        if self.message.is_empty() {
            &self.code
        } else {
            &self.message
        }
    }

    fn is(&self, code: &str) -> bool {
        self.code == format!("api.err.{code}")
    }

    /// Whether the token against forged requests was refused, before anything was done.
    pub(crate) fn is_csrf(&self) -> bool {
        self.message.to_ascii_lowercase().contains("csrf")
    }

    pub(crate) fn needs_login(&self) -> bool {
        self.is("LoginRequired")
    }

    pub(crate) fn needs_second_factor(&self) -> bool {
        self.is("Ubic2faTokenRequired") || self.code.contains("MFA_AUTH_REQUIRED")
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.code.contains("LIMIT_REACHED")
    }
}

/// One line, without secrets, not long.
fn clean(text: &str, redactor: &Redactor) -> String {
    let line = printable(text);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redactor.text(&line).into_owned();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

fn behind(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl Who {
    /// What a refusal means.
    pub(crate) fn refused(
        &self,
        response: Response,
        said: &Said,
        call: &Call,
        by: By,
    ) -> ToolError {
        let status = response.status.as_u16();
        let error = match status {
            401 => self.not_accepted(said, by),
            403 if !said.is_locked() => self.not_allowed(said, by),
            _ if said.needs_login() => self.not_accepted(said, by),
            _ if said.is("NoPermission") => self.not_allowed(said, by),
            404 | 200 | 400 | 405 | 422 => self.by_code(status, said, call),
            _ => match response.checked() {
                Ok(_) => self.by_code(status, said, call),
                Err(error) => telling(&ToolError::from(error), said.text()),
            },
        };
        error
            .upstream_status(status)
            .instance(self.instance.clone())
    }

    fn by_code(&self, status: u16, said: &Said, call: &Call) -> ToolError {
        let instance = &self.instance;
        let text = said.text();
        let not_found = |what: &str, reason: &'static str, field: &str, hint: &str| {
            ToolError::not_found(format!("`{instance}` knows no such {what}{}", behind(text)))
                .reason(reason)
                .field(field)
                .hint(hint)
        };
        if said.is("UnknownStation") || said.is("UnknownUser") {
            let hint = "call `list_clients` with `status` `known` to see all clients";
            return not_found("client", "client_not_found", "client", hint);
        }
        if said.is("UnknownDevice") {
            let hint = "call `list_devices` to see what is adopted";
            return not_found("device", "device_not_found", "device", hint);
        }
        if said.is("NoSiteContext") {
            let hint = "leave `site` out for the configured one";
            return not_found("site", "site_not_found", "site", hint);
        }
        let lacks_object = said.is("IdInvalid") || said.is("NotFound");
        if lacks_object || (status == 404 && !said.console && !said.code.is_empty()) {
            return ToolError::not_found(format!(
                "`{instance}` has no such object{}",
                behind(text)
            ))
            .reason("object_not_found")
            .hint("list the objects again: it may have been deleted meanwhile");
        }
        if status == 404 || status == 405 {
            let api = match call.part {
                Part::Integration => "its official API",
                Part::Legacy | Part::V2 => "its old API",
            };
            let message = format!(
                "`{instance}` does not know this call of {api}{}",
                behind(text)
            );
            return ToolError::new(Code::UpstreamRejected, message)
                .reason("not_supported")
                .hint("this release of the Network application may lack it: see its version, and update it if it is old");
        }
        let message = format!("`{instance}` refuses{}", behind(text));
        ToolError::new(Code::UpstreamRejected, message)
            .reason("refused_by_console")
            .hint("the message is the console's own; correct what it names")
    }

    /// 401.
    pub(crate) fn not_accepted(&self, said: &Said, by: By) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let behind = behind(said.text());
        if by == By::Key {
            let message = format!("`{instance}` does not accept the API key{behind}");
            return ToolError::new(Code::UpstreamUnauthorized, message)
                .reason("key_refused")
                .field(format!("{section}.api_key"))
                .hint(format!(
                    "check `{section}.api_key`; a new one is made under Network, Settings, Control Plane, Integrations, of this console"
                ));
        }
        let user = self.user.as_deref().unwrap_or_default();
        let message = format!("`{instance}` does not accept the login of `{user}`{behind}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("login_refused")
            .field(format!("{section}.password"))
            .hint(format!(
                "check `{section}.username` and `{section}.password`; it must be a local administrator, not a cloud account"
            ))
    }

    /// 403.
    fn not_allowed(&self, said: &Said, by: By) -> ToolError {
        let (instance, section) = (&self.instance, &self.section);
        let behind = behind(said.text());
        let (whose, hint) = match by {
            By::Key => (
                "the API key".to_owned(),
                format!(
                    "the key of `{section}.api_key` may only read: make one of an administrator"
                ),
            ),
            By::Session => (
                format!("`{}`", self.user.as_deref().unwrap_or_default()),
                "give it the role Site Admin for Network under Admins & Users".to_owned(),
            ),
        };
        let message = format!("{whose} may not do this on `{instance}`{behind}");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("permission_missing")
            .hint(hint)
    }

    /// 499 and its like.
    pub(crate) fn second_factor(&self) -> ToolError {
        let user = self.user.as_deref().unwrap_or_default();
        let message = format!("`{user}` needs a second factor, which nobody can give here");
        ToolError::new(Code::NotConfigured, message)
            .reason("second_factor")
            .field(format!("{}.username", self.section))
            .hint("make a local-only administrator without a second factor and set its name and password")
            .instance(self.instance.clone())
    }

    /// 429 of a login.
    pub(crate) fn locked(&self) -> ToolError {
        let message = format!(
            "`{}` takes no logins for now: there were too many wrong ones",
            self.instance
        );
        ToolError::new(Code::RateLimited, message)
            .reason("login_locked")
            .retry_after_s(LOCKED_S)
            .hint("each further try makes it longer: correct the password first, then wait")
            .instance(self.instance.clone())
    }

    /// What only a local administrator can do.
    pub(crate) fn needs_local_account(&self, why: &str) -> ToolError {
        let section = &self.section;
        let message = format!(
            "this needs a local administrator of `{}`: {why}",
            self.instance
        );
        ToolError::new(Code::NotConfigured, message)
            .reason("needs_local_account")
            .field(format!("{section}.username"))
            .hint(format!(
                "make an administrator under Admins & Users that is restricted to local access, without a second factor, with the role Site Admin, and set `{section}.username` and `{section}.password`"
            ))
            .instance(self.instance.clone())
    }

    /// A page where data should be: the application starts, or something else is there.
    pub(crate) fn starting(&self, status: u16) -> ToolError {
        let message = format!("`{}` answers with a page instead of data", self.instance);
        ToolError::new(Code::UpstreamRejected, message)
            .reason("starting")
            .retryable(true)
            .upstream_status(status)
            .hint(format!(
                "the Network application may be starting: try again in a minute; else check `{}.url`",
                self.section
            ))
            .instance(self.instance.clone())
    }
}

/// Whether a call failed because the release does not have it, in whichever words.
pub(crate) fn is_absent(error: &ToolError) -> bool {
    error.envelope().upstream_status == Some(404)
}

/// The error with what the console says.
fn telling(error: &ToolError, text: &str) -> ToolError {
    let mut envelope = error.envelope().clone();
    if !text.is_empty() && envelope.message.ends_with(')') {
        envelope.message = format!("{}: {text}", envelope.message);
    }
    envelope.into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        r#"{"meta":{"rc":"error","msg":"api.err.NoPermission"},"data":[]}"#,
        "api.err.NoPermission",
        "",
        false
    )]
    #[case(
        r#"{"errorCode":400,"message":"no such zone","code":"api.err.FirewallZoneNotFound"}"#,
        "api.err.FirewallZoneNotFound",
        "no such zone",
        false
    )]
    #[case(r#"{"statusCode":401,"code":"api.authentication.missing-credentials","message":"Missing credentials"}"#, "api.authentication.missing-credentials", "Missing credentials", false)]
    #[case(
        r#"{"error":{"code":401,"message":"Unauthorized"}}"#,
        "",
        "Unauthorized",
        true
    )]
    #[case("<html>", "", "", false)]
    fn a_refusal_is_read_in_each_of_its_forms(
        #[case] body: &str,
        #[case] code: &str,
        #[case] message: &str,
        #[case] console: bool,
    ) {
        let said = Said::read(body.as_bytes(), &Redactor::default());

        assert_eq!(
            (said.code.as_str(), said.message.as_str(), said.console),
            (code, message, console)
        );
    }
}
