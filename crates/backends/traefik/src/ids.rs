//! Names of Traefik's objects.

use homelab_backend::text_id;

text_id! {
    /// A name that we give; it becomes a file's name too.
    Name: "a name (1 to 60 small letters, digits and `-`, with a letter or digit at both ends)", 60,
    "^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$", |text| {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') && !text.ends_with('-')
    }
}
text_id! {
    /// The name of an object of any provider: `app@docker`, or without a provider.
    Ref: "a name such as `app` or `app@docker`", 250, "^[^@\\s/]+(@[a-z0-9]+)?$", |text| {
        let (name, provider) = text.split_once('@').unwrap_or((text, "file"));
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let graphic = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '/';
        !name.is_empty() && name.chars().all(graphic) && !provider.is_empty() && provider.chars().all(plain)
    }
}

/// The provider of what we write.
pub(crate) const FILE: &str = "file";

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the API calls it.
    pub(crate) fn qualified(&self) -> String {
        format!("{self}@{FILE}")
    }
}

impl Ref {
    /// With its provider: without one, the file provider is meant.
    pub(crate) fn qualified(&self) -> String {
        crate::types::qualified(&self.0, FILE)
    }

    /// The name, if it is one that we could have given.
    pub(crate) fn own(&self) -> Option<Name> {
        let name = self.0.strip_suffix("@file").unwrap_or(&self.0);
        name.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("app")]
    #[case("a-1")]
    #[case("7")]
    fn names_are_small_letters_digits_and_dashes(#[case] text: &str) {
        assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case("App")]
    #[case("-a")]
    #[case("a/b")]
    #[case("a.b")]
    #[case("../x")]
    #[case("a@file")]
    fn other_names_are_refused(#[case] text: &str) {
        assert!(text.parse::<Name>().is_err());
    }

    #[test]
    fn a_reference_without_a_provider_is_ours() {
        let own: Ref = "app".parse().unwrap();
        let other: Ref = "app@docker".parse().unwrap();

        assert_eq!(own.qualified(), "app@file");
        assert_eq!(own.own().unwrap().as_str(), "app");
        assert_eq!(other.qualified(), "app@docker");
        assert!(other.own().is_none());
        for wrong in ["", "@file", "a@", "a@b@c", "a b", "a/b"] {
            assert!(wrong.parse::<Ref>().is_err(), "{wrong}");
        }
    }
}
