//! Failed requests in words: what Pi-hole refused, and what its owner has to do.

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::Redactor;
use homelab_core::render::printable;
use homelab_upstream::Response;
use serde::Deserialize;

use crate::call::Call;

/// Characters kept of what Pi-hole says.
const LONGEST: usize = 300;
/// Seconds after which a login may be tried again that came too fast.
const RATE_LIMIT_S: u64 = 5;

/// Which Pi-hole is spoken of, and by which settings.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    /// Its name.
    pub(crate) host: String,
    /// `servers.<instance>`.
    pub(crate) section: String,
    pub(crate) instance: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    key: String,
    message: String,
    hint: Option<String>,
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
        let said = serde_json::from_slice::<Refusal>(&response.body);
        let said = said.ok().map(|refusal| Said {
            message: clean(&refusal.error.message, redactor),
            hint: refusal.error.hint.map(|hint| clean(&hint, redactor)),
            ..refusal.error
        });
        match response.checked() {
            Ok(response) => Ok(response),
            Err(error) => {
                let error = match said {
                    Some(said) => self.refused(status, &said, call),
                    None if status == 401 => self.not_accepted(),
                    None => error.into(),
                };
                Err(error
                    .upstream_status(status)
                    .instance(self.instance.clone()))
            }
        }
    }

    fn refused(&self, status: u16, said: &Said, call: &Call) -> ToolError {
        let host = &self.host;
        let hint = said.hint.as_deref().unwrap_or_default();
        let text = if hint.is_empty() {
            said.message.clone()
        } else {
            format!("{} ({hint})", said.message)
        };
        let refuses = format!("`{host}` refuses: {text}");
        match (status, said.key.as_str()) {
            (429, "api_seats_exceeded") => {
                ToolError::new(Code::RateLimited, format!("all sessions of `{host}` are taken"))
                    .reason("no_free_session")
                    .hint(
                        "log out elsewhere (Settings, Web interface / API, Active sessions), raise `webserver.api.max_sessions`, \
                         or wait until the sessions of others have run out",
                    )
            }
            (429, _) => ToolError::new(Code::RateLimited, refuses)
                .retry_after_s(RATE_LIMIT_S)
                .hint("logins came too fast: wait, and check the password"),
            (_, "bad_request" | "unauthorized") if text.contains("2FA") => self.second_factor(),
            (401, _) => self.not_accepted(),
            (403, _) => {
                let setting = if hint.contains("app_sudo") || text.contains("read-only") {
                    "set `webserver.api.app_sudo` to true on it, or use the password of the web interface instead of an application password"
                } else {
                    "set `webserver.api.allow_destructive` to true on it"
                };
                ToolError::new(Code::UpstreamUnauthorized, refuses)
                    .reason("setting_forbids")
                    .hint(setting)
            }
            (404, _) if call.template.starts_with("/api/config/") => {
                ToolError::new(Code::UpstreamRejected, refuses)
                    .reason("not_supported")
                    .hint("this release may lack the setting: update Pi-hole")
            }
            (404, _) => ToolError::new(Code::UpstreamRejected, refuses)
                .reason("not_supported")
                .hint("this release may lack the call: update Pi-hole"),
            (400, _) if text.contains("environment") => {
                ToolError::new(Code::UpstreamRejected, refuses)
                    .reason("setting_forced")
                    .hint("an environment variable of the container sets this: change it there")
            }
            (400, _) => ToolError::new(Code::InvalidArgument, refuses)
                .reason("refused_by_server")
                .hint("correct the argument that the message is about"),
            (_, "dns_failure") => ToolError::new(Code::UpstreamRejected, refuses)
                .reason("resolver_down")
                .retryable(true)
                .hint("its resolver does not run: see `get_diagnosis_messages`"),
            (500.., _) => ToolError::new(Code::UpstreamRejected, refuses)
                .reason("server_error")
                .hint("the message is Pi-hole's own; `get_diagnosis_messages` may say more"),
            _ => ToolError::new(Code::UpstreamRejected, refuses)
                .reason("refused_by_server")
                .hint("the message is Pi-hole's own"),
        }
    }

    /// 401 to a login, or to a session that was just opened.
    pub(crate) fn not_accepted(&self) -> ToolError {
        let Self { host, section, .. } = self;
        let message = format!("`{host}` does not accept the password");
        ToolError::new(Code::UpstreamUnauthorized, message)
            .reason("login_refused")
            .hint(format!(
                "check `{section}.password`; an application password is made under Settings, Web interface / API"
            ))
    }

    /// It has a password and none is configured.
    pub(crate) fn no_password(&self) -> ToolError {
        let Self { host, section, .. } = self;
        let message = format!("`{host}` asks for a password, and none is configured");
        ToolError::new(Code::NotConfigured, message)
            .field(format!("{section}.password"))
            .reason("password_missing")
            .hint("set it to an application password, made under Settings, Web interface / API")
    }

    fn second_factor(&self) -> ToolError {
        let Self { host, section, .. } = self;
        let message = format!("`{host}` asks for a second factor, which a service cannot give");
        ToolError::new(Code::NotConfigured, message)
            .field(format!("{section}.password"))
            .reason("second_factor")
            .hint(format!(
                "make an application password (Settings, Web interface / API) and set it as `{section}.password`"
            ))
    }

    /// Version 5, which has another API.
    pub(crate) fn too_old(&self) -> ToolError {
        let Self { host, .. } = self;
        let message = format!("`{host}` is Pi-hole version 5, which has no such API");
        ToolError::new(Code::UpstreamRejected, message)
            .reason("unsupported_version")
            .hint("upgrade to v6 (`pihole -up`); version 5 is no longer supported upstream")
            .instance(self.instance.clone())
    }

    /// Something answers, and it is no Pi-hole.
    pub(crate) fn not_pihole(&self, status: u16) -> ToolError {
        let Self { host, section, .. } = self;
        let message = format!("what answers as `{host}` has no Pi-hole API ({status})");
        ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint(format!("check address, port and path in `{section}.url`"))
            .upstream_status(status)
            .instance(self.instance.clone())
    }
}

/// One line of what Pi-hole says, without secrets.
pub(crate) fn clean(text: &str, redactor: &Redactor) -> String {
    let text = printable(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = redactor.text(&line).into_owned();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}
