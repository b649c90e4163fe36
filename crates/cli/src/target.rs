//! Which database the configuration means.

use std::path::{Path, PathBuf};

use anyhow::Result;
use homelab_core::secret::{Secret, SecretRef};
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

    #[test]
    fn a_url_may_name_a_file() {
        assert_eq!(
            url(&json!({ "url": "sqlite:///srv/lab.db" })),
            "/srv/lab.db"
        );
        assert_eq!(url(&json!({ "file": "/srv/lab.db" })), "/srv/lab.db");
    }
}
