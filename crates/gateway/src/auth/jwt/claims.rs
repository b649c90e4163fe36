//! What a verified token says: until when, for whom, about whom, with which rights.

use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::policy::{Role, Scope};
use serde_json::{Map, Value};

use crate::auth::fault::Fault;
use crate::auth::names::is_usable;
use crate::auth::resource::ScopeNames;
use crate::auth::roles::RoleMap;

/// Which claims say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user's name for rules; `sub` stands in where it is missing.
    pub name: String,
    /// The groups: a list, or a text with spaces.
    pub groups: String,
    /// A role by its name here, or a group's; none is read if absent.
    pub role: Option<String>,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            name: "preferred_username".to_owned(),
            groups: "groups".to_owned(),
            role: None,
        }
    }
}

/// Checks times and audience. An empty list of audiences accepts a token that names none.
pub(super) fn check(
    claims: &Map<String, Value>,
    audiences: &[String],
    now: Micros,
    leeway: Duration,
) -> Result<(), Fault> {
    let now = now.0.div_euclid(1_000_000);
    let leeway = i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX);
    let ends = time(claims, "exp")?.ok_or(Fault::WrongClaims)?;
    if now >= ends.saturating_add(leeway) {
        return Err(Fault::Expired);
    }
    for start in ["nbf", "iat"] {
        if time(claims, start)?.is_some_and(|at| at.saturating_sub(leeway) > now) {
            return Err(Fault::NotYetValid);
        }
    }
    let named = texts(claims.get("aud")).ok_or(Fault::WrongAudience)?;
    let is_ours = if audiences.is_empty() {
        named.is_empty()
    } else {
        named
            .iter()
            .any(|name| audiences.iter().any(|own| own == name))
    };
    is_ours.then_some(()).ok_or(Fault::WrongAudience)
}

/// A time in seconds; an error if it is there and is none.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .or_else(|| {
                let seconds = value.as_f64()?;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the range is checked, fractions do not matter"
                )]
                (seconds.abs() < 1e15).then_some(seconds as i64)
            })
            .map(Some)
            .ok_or(Fault::WrongClaims),
    }
}

/// A text or a list of texts; none if it is anything else. Absent is an empty list.
fn texts(value: Option<&Value>) -> Option<Vec<&str>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
        Some(_) => None,
    }
}

/// The claim of this name; dots lead into objects where no claim has the whole name.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// Words of a list, or of a text with spaces in between.
fn words(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Who the token is about: the name for rules, and what never changes.
pub(super) fn user<'a>(
    claims: &'a Map<String, Value>,
    names: &ClaimNames,
) -> Result<(&'a str, &'a str), Fault> {
    let usable = |value: Option<&'a Value>| value?.as_str().filter(|text| is_usable(text));
    let subject = usable(claims.get("sub"));
    let name = usable(claim(claims, &names.name));
    match (name.or(subject), subject.or(name)) {
        (Some(name), Some(subject)) => Ok((name, subject)),
        _ => Err(Fault::WrongClaims),
    }
}

/// The role: the highest that the groups or the role claim give.
pub(super) fn role(
    claims: &Map<String, Value>,
    names: &ClaimNames,
    roles: &RoleMap,
) -> Option<Role> {
    let stated = names
        .role
        .as_ref()
        .map(|name| words(claim(claims, name)))
        .unwrap_or_default();
    let literal = stated.iter().filter_map(|name| name.parse().ok()).max();
    let groups = words(claim(claims, &names.groups));
    let mapped = roles.of(groups.into_iter().chain(stated));
    literal.max(mapped)
}

/// The highest of our scopes that was granted.
pub(super) fn scope(claims: &Map<String, Value>, names: &ScopeNames) -> Option<Scope> {
    let granted = words(claims.get("scope"))
        .into_iter()
        .chain(words(claims.get("scp")));
    names.highest(granted)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn checked(claims: &Value) -> Result<(), Fault> {
        let audiences = ["https://lab.example/mcp".to_owned()];
        let now = Micros(NOW * 1_000_000);
        check(
            claims.as_object().unwrap(),
            &audiences,
            now,
            Duration::from_mins(1),
        )
    }

    #[rstest]
    #[case(json!({ "exp": NOW + 1 }), Ok(()))]
    #[case(json!({ "exp": NOW - 59 }), Ok(()))]
    #[case(json!({ "exp": NOW - 60 }), Err(Fault::Expired))]
    #[case(json!({ "exp": 0 }), Err(Fault::Expired))]
    #[case(json!({ "exp": -1 }), Err(Fault::Expired))]
    #[case(json!({}), Err(Fault::WrongClaims))]
    #[case(json!({ "exp": null }), Err(Fault::WrongClaims))]
    #[case(json!({ "exp": "1900000000" }), Err(Fault::WrongClaims))]
    #[case(json!({ "exp": 1e300 }), Err(Fault::WrongClaims))]
    #[case(json!({ "exp": NOW + 1, "nbf": NOW + 60 }), Ok(()))]
    #[case(json!({ "exp": NOW + 99, "nbf": NOW + 61 }), Err(Fault::NotYetValid))]
    #[case(json!({ "exp": NOW + 99, "iat": NOW + 61 }), Err(Fault::NotYetValid))]
    #[case(json!({ "exp": NOW + 99, "nbf": "soon" }), Err(Fault::WrongClaims))]
    fn times_hold_within_the_leeway(
        #[case] mut claims: Value,
        #[case] expected: Result<(), Fault>,
    ) {
        claims["aud"] = json!("https://lab.example/mcp");

        assert_eq!(checked(&claims), expected);
    }

    #[rstest]
    #[case(json!("https://lab.example/mcp"), true)]
    #[case(json!(["account", "https://lab.example/mcp"]), true)]
    #[case(json!("https://lab.example"), false)]
    #[case(json!("https://lab.example/mcp/"), false)]
    #[case(json!([]), false)]
    #[case(json!(["account", 1]), false)]
    #[case(json!({ "https://lab.example/mcp": true }), false)]
    #[case(json!(null), false)]
    fn the_audience_must_be_one_of_ours_to_the_letter(#[case] aud: Value, #[case] ours: bool) {
        let claims = json!({ "exp": NOW + 1, "aud": aud });

        assert_eq!(checked(&claims).is_ok(), ours);
    }

    #[test]
    fn without_audiences_only_a_token_without_one_is_accepted() {
        let now = Micros(NOW * 1_000_000);
        let accepted =
            |claims: Value| check(claims.as_object().unwrap(), &[], now, Duration::ZERO).is_ok();

        assert!(accepted(json!({ "exp": NOW + 1 })));
        assert!(!accepted(json!({ "exp": NOW + 1, "aud": "somebody" })));
    }

    #[rstest]
    #[case(json!({ "sub": "42", "preferred_username": "alice" }), Ok(("alice", "42")))]
    #[case(json!({ "sub": "42" }), Ok(("42", "42")))]
    #[case(json!({ "sub": "42", "preferred_username": "a/b" }), Ok(("42", "42")))]
    #[case(json!({ "preferred_username": "alice" }), Ok(("alice", "alice")))]
    #[case(json!({ "sub": 42 }), Err(Fault::WrongClaims))]
    #[case(json!({ "sub": "a:b" }), Err(Fault::WrongClaims))]
    #[case(json!({}), Err(Fault::WrongClaims))]
    fn a_user_has_a_name_and_what_never_changes(
        #[case] claims: Value,
        #[case] expected: Result<(&str, &str), Fault>,
    ) {
        let names = ClaimNames::default();

        assert_eq!(user(claims.as_object().unwrap(), &names), expected);
    }

    #[test]
    fn roles_come_from_groups_and_from_the_role_claim() {
        let roles = RoleMap {
            groups: [("lab".to_owned(), Role::Operator)].into(),
            default: Some(Role::Viewer),
        };
        let names = ClaimNames {
            groups: "realm_access.roles".to_owned(),
            role: Some("homelab_role".to_owned()),
            ..ClaimNames::default()
        };
        let role = |claims: Value| role(claims.as_object().unwrap(), &names, &roles);

        assert_eq!(role(json!({})), Some(Role::Viewer));
        assert_eq!(
            role(json!({ "realm_access": { "roles": ["lab"] } })),
            Some(Role::Operator)
        );
        assert_eq!(role(json!({ "homelab_role": "admin" })), Some(Role::Admin));
        assert_eq!(role(json!({ "homelab_role": "root" })), Some(Role::Viewer));
        // A group is not a role because of its name.
        assert_eq!(
            role(json!({ "realm_access": { "roles": ["admin"] } })),
            Some(Role::Viewer)
        );
    }

    #[test]
    fn the_highest_scope_counts() {
        let names = ScopeNames::default();
        let scope = |claims: Value| scope(claims.as_object().unwrap(), &names);

        assert_eq!(scope(json!({ "scope": "openid" })), None);
        assert_eq!(
            scope(json!({ "scope": "openid homelab:read homelab:write" })),
            Some(Scope::Write)
        );
        assert_eq!(
            scope(json!({ "scp": ["homelab:admin"] })),
            Some(Scope::Admin)
        );
        assert_eq!(scope(json!({ "scope": "homelab:admins" })), None);
    }
}
