//! The settings of a section that hold a token or a password.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::secret::SecretRef;

/// Which credentials a section gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    /// An API token.
    Token {
        /// `USER@REALM!TOKENID`.
        id: String,
        /// Its secret.
        secret: SecretRef,
    },
    /// A user.
    Password {
        /// `NAME@REALM`.
        user: String,
        /// The password.
        password: SecretRef,
    },
}

impl Login {
    /// The token's id or the user's name, and whether it is a token.
    pub fn name(&self) -> (String, bool) {
        match self {
            Self::Token { id, .. } => (id.clone(), true),
            Self::Password { user, .. } => (user.clone(), false),
        }
    }
}

/// The settings as they are written.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// `token_id`.
    pub token_id: Option<&'a str>,
    /// `token_name`: the token where `username` holds its user.
    pub token_name: Option<&'a str>,
    /// `token_secret`.
    pub token_secret: Option<&'a SecretRef>,
    /// `username`.
    pub username: Option<&'a str>,
    /// `password`.
    pub password: Option<&'a SecretRef>,
}

/// What a product says of its own credentials.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// Where a token's id is shown.
    pub token_page: &'static str,
    /// A user of a realm of its own, such as `ops@pve`.
    pub user: &'static str,
    /// The command that makes a token.
    pub make_token: &'static str,
    /// Whether a text can be a realm or the name of a token.
    pub is_word: fn(&str) -> bool,
}

impl Credentials<'_> {
    /// The credentials that they give.
    ///
    /// # Errors
    /// The setting that is missing, contradicts another or is not of its form.
    pub fn login(self, advice: Advice) -> ToolResult<Login> {
        let user = self.username.map(str::trim);
        let token_id = match (self.token_id, self.token_name, user) {
            (Some(id), _, _) => Some(id.trim().to_owned()),
            (None, Some(name), Some(user)) => Some(format!("{user}!{}", name.trim())),
            (None, Some(_), None) => {
                let message = "`token_name` needs the user it belongs to";
                return Err(ToolError::invalid("username", message));
            }
            (None, None, _) => None,
        };
        match (token_id, self.token_secret, user, self.password) {
            (Some(_), _, _, Some(_)) => {
                let message = "both a token and a password are set";
                Err(ToolError::invalid("password", message)
                    .hint("remove one of them; the token is preferred"))
            }
            (Some(id), Some(secret), _, None) if advice.is_token_id(&id) => Ok(Login::Token {
                id,
                secret: secret.clone(),
            }),
            (Some(id), Some(_), _, None) => {
                let message = format!("`{id}` is not `USER@REALM!TOKENID`");
                Err(ToolError::invalid("token_id", message)
                    .hint(format!("it is shown under {}", advice.token_page)))
            }
            (Some(_), None, _, None) => {
                let message = "the token's secret is missing";
                Err(ToolError::invalid("token_secret", message))
            }
            (None, Some(_), _, _) => {
                Err(ToolError::invalid("token_id", "the token's id is missing"))
            }
            (None, None, Some(user), Some(password)) if advice.is_user(user) => {
                Ok(Login::Password {
                    user: user.to_owned(),
                    password: password.clone(),
                })
            }
            (None, None, Some(user), Some(_)) => {
                let message = format!("`{user}` is not `NAME@REALM`");
                Err(ToolError::invalid("username", message).hint(format!(
                    "name the realm, such as `root@pam` or `{}`",
                    advice.user
                )))
            }
            (None, None, Some(_), None) => {
                let message = "the user's password is missing";
                Err(ToolError::invalid("password", message))
            }
            (None, None, None, _) => {
                let message = "no credentials are configured";
                Err(ToolError::invalid("token_id", message).hint(format!(
                    "make an API token (`{}`) and set `token_id` and `token_secret`",
                    advice.make_token
                )))
            }
        }
    }
}

impl Advice {
    fn is_user(self, text: &str) -> bool {
        text.split_once('@').is_some_and(|(name, realm)| {
            let plain = |letter: char| letter.is_ascii_graphic() && !":/!=@".contains(letter);
            !name.is_empty() && name.chars().all(plain) && (self.is_word)(realm)
        })
    }

    fn is_token_id(self, text: &str) -> bool {
        text.split_once('!')
            .is_some_and(|(user, name)| self.is_user(user) && (self.is_word)(name))
    }
}

/// Whether all of a word is of letters, digits, `.`, `_` and `-`.
pub fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter))
}

/// Refuses a setting that is out of its bounds.
///
/// # Errors
/// `invalid_argument` that names it.
pub fn within(key: &str, value: u64, least: u64, most: u64) -> ToolResult<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let message = format!("the setting `{key}` is `{value}`, not {least} to {most}");
    Err(ToolError::invalid(key, message))
}
