//! A description that the user configures, for upstreams that serve none.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::Path;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_upstream::{Client, Overflow, Request, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Document;
use super::read::MOST_BYTES;

/// Where the description of an API is: the absolute path of a file, or an address of `http` or
/// `https`. `{version}` stands for the version of the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Source(String);

impl Source {
    /// Refuses what is neither; no I/O. `key` is the setting.
    ///
    /// # Errors
    /// `invalid_argument` on the setting.
    pub fn check(&self, key: &str) -> ToolResult<()> {
        let is_address = Url::parse(&self.0.replace("{version}", "1"))
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if is_address || Path::new(&self.0).is_absolute() {
            return Ok(());
        }
        let message = format!("`{key}` is neither an absolute path nor an address");
        Err(ToolError::invalid(key, message)
            .hint("write it like `/etc/homelab-mcp/docker.yaml` or `https://…/v{version}.yaml`"))
    }

    /// The version by which it is cached: the upstream's, and what tells another file or address,
    /// or the file's next state, from this one.
    pub async fn version(&self, version: &str) -> String {
        let mut hasher = DefaultHasher::new();
        let place = self.place(version);
        place.hash(&mut hasher);
        let found = tokio::task::spawn_blocking(move || std::fs::metadata(place)).await;
        if let Ok(Ok(file)) = found {
            file.len().hash(&mut hasher);
            file.modified().ok().hash(&mut hasher);
        }
        format!("{version}-{:08x}", hasher.finish() >> 32)
    }

    /// The description. `setting` is the full name of the setting.
    ///
    /// # Errors
    /// `not_configured` if the file cannot be read, else what the request ends with.
    pub async fn document(
        &self,
        client: &Client,
        version: &str,
        setting: &str,
    ) -> ToolResult<Document> {
        let place = self.place(version);
        if let Ok(url) = Url::parse(&place) {
            let request =
                Request::get_url("api_description", url).max_body(MOST_BYTES, Overflow::Fail);
            let response = client.send(request).await?.checked()?;
            return Ok(Document::Text(response.body.to_vec()));
        }
        let read = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(place)?;
            let mut text = Vec::new();
            file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text)?;
            Ok::<_, std::io::Error>(text)
        });
        match read.await {
            Ok(Ok(text)) => Ok(Document::Text(text)),
            Ok(Err(error)) => {
                let message = format!("the file that `{setting}` names cannot be read: {error}");
                Err(ToolError::new(Code::NotConfigured, message)
                    .reason("description_missing")
                    .field(setting)
                    .hint("correct the path, or leave the setting out"))
            }
            Err(_) => Err(ToolError::internal("reading a file failed")),
        }
    }

    fn place(&self, version: &str) -> String {
        self.0.replace("{version}", version)
    }
}

/// The version of a description that has none, because its upstream changes it from day to day: the
/// Monday (UTC) before `now`, such as `2026-11-16`, so that it is read anew each week.
pub fn edition(now: Micros) -> String {
    const DAY: i64 = 86_400_000_000;
    let days = now.0.div_euclid(DAY);
    // Day 0 was a Thursday.
    let monday = days - (days + 3).rem_euclid(7);
    let text = Micros(monday * DAY).to_rfc3339();
    text.get(..10).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-11-15T23:59:59Z", "2026-11-09")]
    #[case("2026-11-16T00:00:00Z", "2026-11-16")]
    #[case("2026-11-20T02:00:00Z", "2026-11-16")]
    fn an_edition_lasts_from_monday_to_sunday(#[case] now: &str, #[case] monday: &str) {
        assert_eq!(edition(Micros::from_rfc3339(now).unwrap()), monday);
    }

    #[rstest]
    #[case("/etc/docker.yaml", true)]
    #[case("https://docs.example/v{version}.yaml", true)]
    #[case("docker.yaml", false)]
    #[case("ftp://docs.example/x", false)]
    #[case("https://", false)]
    fn it_is_a_file_or_an_address(#[case] text: &str, #[case] fits: bool) {
        assert_eq!(Source(text.to_owned()).check("api_schema").is_ok(), fits);
    }

    #[tokio::test]
    async fn the_next_state_of_a_file_has_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.47.json");
        std::fs::write(&path, "{}").unwrap();
        let name = folder.path().join("{version}.json");
        let source = Source(name.to_str().unwrap().to_owned());

        let before = source.version("1.47").await;
        assert_eq!(source.version("1.47").await, before);
        std::fs::write(&path, "{ }").unwrap();

        assert_ne!(source.version("1.47").await, before);
        assert!(before.starts_with("1.47-"));
    }
}
