//! Names of images, as engines and registries read them: `[registry/]repository[:tag][@digest]`.

use std::fmt;

/// The registry of names without one.
pub(crate) const HUB: &str = "docker.io";
/// Longest name that engines take.
pub(crate) const LONGEST: usize = 512;

/// A name of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Registry and path, as they were written.
    pub(crate) repository: String,
    /// Tag, if one was written.
    pub(crate) tag: Option<String>,
    /// Digest, if one was written.
    pub(crate) digest: Option<String>,
}

impl Reference {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("`{}` {what}", text.escape_debug()));
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!(
                "the name of an image has 1 to {LONGEST} characters"
            ));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let after_slash = name.rfind('/').map_or(0, |slash| slash + 1);
        let colon = name.rfind(':').filter(|colon| *colon >= after_slash);
        let (repository, tag) = match colon {
            Some(colon) => (name.get(..colon).unwrap_or_default(), name.get(colon + 1..)),
            None => (name, None),
        };
        if !is_repository(repository) {
            return wrong("is no name of an image");
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return wrong("has a tag that is none");
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return wrong("has a digest that is none");
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The registry: the first part, if it looks like a host.
    pub(crate) fn domain(&self) -> &str {
        match self.repository.split_once('/') {
            Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => match first {
                "index.docker.io" | "registry-1.docker.io" => HUB,
                first => first,
            },
            _ => HUB,
        }
    }

    /// What engines take as `tag`: a digest wins, and without either it is `latest`. Without this
    /// parameter they would fetch every tag there is.
    pub(crate) fn version(&self) -> &str {
        self.digest
            .as_deref()
            .or(self.tag.as_deref())
            .unwrap_or("latest")
    }

    /// The name with its tag or digest written out.
    pub(crate) fn complete(&self) -> Self {
        let mut complete = self.clone();
        if complete.digest.is_none() {
            complete.tag.get_or_insert_with(|| "latest".to_owned());
        }
        complete
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Whether it is the id of an image, or the beginning of one.
pub(crate) fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let long_enough = digits.len() >= 12 || text.starts_with("sha256:") && !digits.is_empty();
    long_enough && digits.len() <= 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
    };
    let last = text.rsplit('/').next().unwrap_or_default();
    text.split('/').all(part)
        && last
            .bytes()
            .all(|byte| !byte.is_ascii_uppercase() && !b":[]".contains(&byte))
        && last
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
}

fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = text.bytes().next();
    text.len() <= 128
        && text.bytes().all(plain)
        && first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(kind, digits)| {
        matches!(kind, "sha256" | "sha512")
            && digits.len() >= 32
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:08300b612b82b01c9de1ed5bdc5fa9e357e14122c66da521ba45b3f8f85388a7";

    #[rstest]
    #[case("nginx", "docker.io", "nginx", "latest")]
    #[case("library/nginx:1.27", "docker.io", "library/nginx", "1.27")]
    #[case(
        "reg.example:5000/a/b",
        "reg.example:5000",
        "reg.example:5000/a/b",
        "latest"
    )]
    #[case(
        "reg.example:5000/a/b:2",
        "reg.example:5000",
        "reg.example:5000/a/b",
        "2"
    )]
    #[case("localhost/x:1", "localhost", "localhost/x", "1")]
    #[case("ghcr.io/o/r", "ghcr.io", "ghcr.io/o/r", "latest")]
    fn a_name_is_taken_apart_as_engines_do(
        #[case] text: &str,
        #[case] domain: &str,
        #[case] repository: &str,
        #[case] version: &str,
    ) {
        let reference = Reference::parse(text).unwrap();

        assert_eq!(reference.domain(), domain);
        assert_eq!(reference.repository, repository);
        assert_eq!(reference.version(), version);
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let reference = Reference::parse(&format!("nginx:1.27@{DIGEST}")).unwrap();

        assert_eq!(reference.version(), DIGEST);
        assert_eq!(reference.tag.as_deref(), Some("1.27"));
    }

    #[rstest]
    #[case("")]
    #[case("Nginx")]
    #[case("a//b")]
    #[case("../x")]
    #[case("a/../b")]
    #[case("nginx:")]
    #[case("nginx:a b")]
    #[case("nginx?x=1")]
    #[case("nginx@sha256:12")]
    #[case("-x")]
    fn what_is_no_name_is_refused(#[case] text: &str) {
        assert!(Reference::parse(text).is_err());
    }

    #[rstest]
    #[case(DIGEST, true)]
    #[case("08300b612b82", true)]
    #[case("sha256:0830", true)]
    #[case("cafe", false)]
    #[case("nginx", false)]
    fn ids_are_told_from_names(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_id(text), expected);
    }
}
