//! Which database the configuration means.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use homelab_core::secret::{Secret, SecretRef};
use homelab_core::store::StoreError;
use homelab_store::Target;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Config;
use crate::data_dir::{DATABASE, DataDir};
use crate::exit::Failure;

/// The database of this configuration: PostgreSQL if a server is named, else a SQLite file.
pub(crate) fn target(config: &Config, data: &DataDir) -> Result<Target> {
    let database = &config.database;
    if let Some(SecretRef::Plain(url)) = &database.url {
        return of_url(url);
    }
    if let Some(host) = &database.host {
        return Ok(Target::Postgres {
            url: Secret::new(postgres_url(host, config)),
        });
    }
    let path = database.file.clone().unwrap_or_else(|| data.file(DATABASE));
    Ok(Target::Sqlite { path })
}

/// Why a database cannot be opened, and where it was looked for.
pub(crate) fn unopened(target: &Target, error: StoreError) -> Error {
    let Target::Postgres { url } = target else {
        return Error::from(error).context("opening the database");
    };
    let place = server(url.expose()).unwrap_or("the configured address");
    let opening = format!("opening the database on {place}");
    match error {
        StoreError::Unavailable(_) => Failure::new(format!("{opening}: {error}"))
            .hint(
                "check that PostgreSQL runs and can be reached there; `homelab-mcp config show` \
                 says which settings named it",
            )
            .into(),
        _ => Error::from(error).context(opening),
    }
}

/// Host and port of a URL, if it can be told for certain that no part of a password is taken for
/// them: people do not always encode what is special in theirs.
fn server(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (before_query, _) = rest.split_once('?').unwrap_or((rest, ""));
    let after_login = match rest.matches('@').count() {
        0 => before_query,
        1 => before_query.split_once('@')?.1,
        _ => return None,
    };
    let (server, _) = after_login.split_once('/').unwrap_or((after_login, ""));
    // `user:password` without a host looks like a host and a port.
    let port_is_one = match server.rsplit_once(':') {
        Some((_, port)) => port.ends_with(']') || port.parse::<u16>().is_ok(),
        None => true,
    };
    (!server.is_empty() && port_is_one).then_some(server)
}

/// The SQLite file, where there is one.
pub(crate) fn sqlite_file(target: &Target) -> Option<&Path> {
    match target {
        Target::Sqlite { path } => Some(path),
        Target::Postgres { .. } => None,
    }
}

fn of_url(url: &Secret) -> Result<Target> {
    let text = url.expose();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Target::Postgres { url: url.clone() });
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Ok(Target::Sqlite {
            path: PathBuf::from(path),
        });
    }
    Err(
        Failure::usage("`database.url` is neither a PostgreSQL nor a SQLite URL")
            .hint("write `postgres://user:password@host:5432/name` or `sqlite:/path/to/homelab.db`")
            .into(),
    )
}

fn postgres_url(host: &str, config: &Config) -> String {
    let database = &config.database;
    let password = match &database.password {
        Some(SecretRef::Plain(password)) => format!(":{}", encoded(password.expose())),
        _ => String::new(),
    };
    // An IPv6 address needs brackets in a URL.
    let host = if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let (user, name) = (encoded(&database.user), encoded(&database.name));
    format!(
        "postgres://{user}{password}@{host}:{}/{name}",
        database.port
    )
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn url(database: &serde_json::Value) -> String {
        let config: Config = serde_json::from_value(json!({ "database": database })).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::open(temporary.path().to_owned()).unwrap();
        match target(&config, &data).unwrap() {
            Target::Postgres { url } => url.expose().to_owned(),
            Target::Sqlite { path } => path.display().to_string(),
        }
    }

    #[test]
    fn single_settings_become_a_url_whatever_they_contain() {
        let found = url(&json!({
            "host": "2001:db8::5", "port": 5433, "user": "a b", "password": "p@ss:/%", "name": "lab",
        }));

        assert_eq!(
            found,
            "postgres://a%20b:p%40ss%3A%2F%25@[2001:db8::5]:5433/lab"
        );
    }

    #[rstest]
    #[case("postgres://lab:pw@db.example:5433/lab", Some("db.example:5433"))]
    #[case("postgres://db.example/lab?sslmode=require", Some("db.example"))]
    #[case(
        "postgres://lab:pa/ss@[2001:db8::5]:5432/lab",
        Some("[2001:db8::5]:5432")
    )]
    #[case("postgres://lab:p?ss@db.example/lab", None)]
    #[case("postgres://lab:pass", None)]
    #[case("postgres://lab:p@ss@db.example/lab", None)]
    #[case("postgres:///lab?host=/run&password=p@ss", None)]
    fn the_server_of_a_url_is_named_without_its_login(
        #[case] url: &str,
        #[case] named: Option<&str>,
    ) {
        assert_eq!(server(url), named);
    }

    #[test]
    fn a_url_may_name_a_file() {
        assert_eq!(
            url(&json!({ "url": "sqlite:///srv/lab.db" })),
            "/srv/lab.db"
        );
        assert_eq!(url(&json!({ "file": "/srv/lab.db" })), "/srv/lab.db");
    }
}
