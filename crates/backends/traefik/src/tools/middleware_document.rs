//! The file of a middleware, and the hashes of its users' passwords.

use homelab_backend::Env;
use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::middleware_change::User;
use crate::fields;
use crate::ids::Name;

/// Rounds of bcrypt, as a power of two: what `htpasswd -B` and most libraries take.
const COST: u32 = 10;

/// The types of middleware that a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MiddlewareType {
    AddPrefix,
    StripPrefix,
    StripPrefixRegex,
    ReplacePath,
    ReplacePathRegex,
    Chain,
    IpAllowList,
    Headers,
    EncodedCharacters,
    Errors,
    RateLimit,
    RedirectRegex,
    RedirectScheme,
    BasicAuth,
    DigestAuth,
    ForwardAuth,
    InFlightReq,
    Buffering,
    CircuitBreaker,
    Compress,
    #[serde(rename = "passTLSClientCert")]
    PassTlsClientCert,
    Retry,
    ContentType,
    GrpcWeb,
    Plugin,
}

impl MiddlewareType {
    /// As files spell it.
    pub(super) fn key(self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(key)) => key,
            _ => String::new(),
        }
    }
}

/// The whole file; `users` are written as `name:hash`.
///
/// # Errors
/// `invalid_argument` that names the field of `config`.
pub(super) fn document(
    name: &Name,
    kind: MiddlewareType,
    mut config: Map<String, Value>,
    users: &[String],
) -> ToolResult<Value> {
    if !users.is_empty() {
        if kind != MiddlewareType::BasicAuth {
            let message = "only a `basicAuth` has `users` with passwords";
            return Err(ToolError::invalid("users", message)
                .hint("a `digestAuth` takes hashes in `config.users`"));
        }
        if config.contains_key("users") {
            let message = "users are given twice";
            return Err(ToolError::invalid("users", message).hint("leave `config.users` out"));
        }
        config.insert("users".into(), json!(users));
    }
    refuse_plain_passwords(kind, &config)?;
    let key = kind.key();
    let config = Value::Object(config);
    fields::check_middleware(&key, &config).map_err(|misfit| {
        ToolError::invalid(misfit.path, misfit.message).reason("config_invalid")
    })?;
    let middleware = Map::from_iter([(key, config)]);
    Ok(json!({ "http": { "middlewares": { name.as_str(): middleware } } }))
}

/// A password that is not hashed would lock everybody out, and lie open in the file.
fn refuse_plain_passwords(kind: MiddlewareType, config: &Map<String, Value>) -> ToolResult<()> {
    if kind != MiddlewareType::BasicAuth {
        return Ok(());
    }
    let users = config.get("users").and_then(Value::as_array);
    for (index, user) in users.into_iter().flatten().enumerate() {
        let hash = user.as_str().and_then(|user| Some(user.split_once(':')?.1));
        let known = ["$2a$", "$2b$", "$2y$", "$apr1$", "{SHA}", "-"];
        if !hash.is_some_and(|hash| known.iter().any(|start| hash.starts_with(start))) {
            let message = "this is not `name:hash` with a hash of bcrypt, MD5 (apr1) or SHA1";
            return Err(
                ToolError::invalid(format!("config.users[{index}]"), message)
                    .reason("config_invalid")
                    .hint("give plain passwords in `users`: they are hashed"),
            );
        }
    }
    Ok(())
}

/// Refuses names that a `name:hash` cannot hold.
pub(super) fn check_names(users: &[User]) -> ToolResult<()> {
    let fine = |user: &User| !user.name.contains(':') && !user.name.chars().any(char::is_control);
    if users.iter().all(fine) {
        return Ok(());
    }
    let message = "the name of a user has a colon or a control character in it";
    Err(ToolError::invalid("users", message))
}

/// `name:hash` for each.
pub(super) async fn hashed(users: &[User], env: &Env) -> ToolResult<Vec<String>> {
    let mut all = Vec::new();
    for user in users {
        env.redactor.learn(&user.password);
        let mut salt = [0; 16];
        env.entropy.fill(&mut salt);
        let password = user.password.clone();
        // Tens of milliseconds on purpose: not on a thread that serves others.
        let hash = tokio::task::spawn_blocking(move || {
            bcrypt::hash_with_salt(password.expose(), COST, salt)
        })
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| {
            ToolError::invalid(
                "users",
                "a password cannot be hashed: 72 bytes are the most",
            )
        })?;
        all.push(format!(
            "{}:{}",
            user.name,
            hash.format_for_version(bcrypt::Version::TwoY)
        ));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn name() -> Name {
        "m".parse().unwrap()
    }

    fn config(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn every_type_is_one_that_the_table_has() {
        let Value::Object(schema) =
            serde_json::to_value(schemars::schema_for!(MiddlewareType)).unwrap()
        else {
            panic!("no schema");
        };
        let mut ours: Vec<&str> = schema["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap())
            .collect();
        // They come from other providers' annotations.
        let not_for_files = [
            "ipWhiteList",
            "requestHeaderModifier",
            "responseHeaderModifier",
            "requestRedirect",
            "URLRewrite",
            "authTLSPassCertificateToUpstream",
            "snippet",
            "rewriteTarget",
            "upstreamVHost",
            "appRoot",
        ];
        let mut table: Vec<&str> = fields::all_middleware_types()
            .filter(|name| !not_for_files.contains(name))
            .collect();
        ours.sort_unstable();
        table.sort_unstable();

        assert_eq!(ours, table);
    }

    #[test]
    fn a_middleware_is_one_file() {
        let document = document(
            &name(),
            MiddlewareType::RateLimit,
            config(&json!({ "average": 5 })),
            &[],
        )
        .unwrap();

        assert_eq!(
            document,
            json!({ "http": { "middlewares": { "m": { "rateLimit": { "average": 5 } } } } })
        );
    }

    #[rstest]
    #[case(MiddlewareType::RateLimit, json!({ "averge": 5 }), "config.averge")]
    #[case(MiddlewareType::RateLimit, json!({}), "config")]
    #[case(MiddlewareType::BasicAuth, json!({ "users": ["ops:plain"] }), "config.users[0]")]
    #[case(MiddlewareType::BasicAuth, json!({ "users": ["ops"] }), "config.users[0]")]
    #[case(MiddlewareType::Headers, json!({ "customRequestHeaders": { "a": [] } }), "config.customRequestHeaders.a")]
    fn what_traefik_would_refuse_is_named(
        #[case] kind: MiddlewareType,
        #[case] value: Value,
        #[case] field: &str,
    ) {
        let error = document(&name(), kind, config(&value), &[]).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
        assert!(!error.to_string().contains("plain`"));
    }

    #[rstest]
    #[case(MiddlewareType::DigestAuth, json!({}))]
    #[case(MiddlewareType::BasicAuth, json!({ "users": ["a:{SHA}x"] }))]
    fn users_go_with_one_type_and_are_given_once(
        #[case] kind: MiddlewareType,
        #[case] value: Value,
    ) {
        let error = document(&name(), kind, config(&value), &["a:$2y$x".into()]).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("users"));
    }
}
