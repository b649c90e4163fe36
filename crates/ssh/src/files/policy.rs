//! Which files may be touched.

use homelab_core::error::{Code, ToolError, ToolResult};

use super::path::{absolute, is_below};
use crate::config::HostConfig;
use crate::known_hosts::glob;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// Directories below which files may be touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// Below these, files may be read.
    pub read: Vec<String>,
    /// Below these, files may be read and written.
    pub write: Vec<String>,
    /// Paths (`*` stands for any text) of files that may be touched although their names speak of
    /// secrets.
    pub permitted: Vec<String>,
}

/// Files that hold secrets, wherever they are: names, and parts of paths. `*` stands for any text.
const SECRET_NAMES: [&str; 21] = [
    "shadow",
    "shadow-",
    "gshadow",
    "gshadow-",
    ".env",
    ".env.*",
    "*.env",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".my.cnf",
    "id_rsa",
    "id_dsa",
    "id_ecdsa*",
    "id_ed25519*",
    "ssh_host_*_key",
    "*.key",
    "privkey*.pem",
    "*.p12",
    "*.pfx",
    "acme.json",
];
const SECRET_PATHS: [&str; 6] = [
    "*/.ssh/*",
    "*/.gnupg/*",
    "/proc/*/environ",
    "/proc/*/mem",
    "/proc/kcore",
    "/dev/*",
];

impl Roots {
    /// Those of a host's settings.
    pub fn of(settings: &HostConfig) -> Self {
        Self {
            read: settings.read_roots.clone(),
            write: settings.write_roots.clone(),
            permitted: settings.permitted_files.clone(),
        }
    }

    pub(super) fn allowed(&self, access: Access) -> impl Iterator<Item = String> {
        let read: &[String] = match access {
            Access::Read => &self.read,
            Access::Write => &[],
        };
        // They were checked with the settings; a caller's own that is no path permits nothing.
        let roots = self.write.iter().chain(read);
        roots.filter_map(|root| absolute(root).ok())
    }

    /// Refuses a clean path outside of the roots, or one that speaks of secrets.
    pub(super) fn check(&self, access: Access, path: &str) -> ToolResult<()> {
        if !self.allowed(access).any(|root| is_below(path, &root)) {
            return Err(self.outside(access, path));
        }
        self.check_secret(path)
    }

    /// Refuses what the host made of a path, against what it made of the roots.
    pub(super) fn check_real(
        &self,
        access: Access,
        path: &str,
        real: &str,
        real_roots: &[String],
    ) -> ToolResult<()> {
        if !real_roots.iter().any(|root| is_below(real, root)) {
            return Err(self.outside(access, path).reason("file_link_outside"));
        }
        self.check_secret(real)
    }

    fn check_secret(&self, path: &str) -> ToolResult<()> {
        let matches = |pattern: &str, text: &str| glob(pattern.as_bytes(), text.as_bytes());
        let name = path.rsplit('/').next().unwrap_or_default();
        let secret = SECRET_NAMES.iter().any(|one| matches(one, name))
            || SECRET_PATHS.iter().any(|one| matches(one, path))
            || path.ends_with("/.ssh");
        // What `ssh-keygen` writes beside a private key is for everybody.
        let public = name.ends_with(".pub");
        let permitted = || self.permitted.iter().any(|one| matches(one, path));
        if secret && !public && !permitted() {
            return Err(ToolError::new(
                Code::PermissionDenied,
                format!("`{path}` is a file that usually holds secrets"),
            )
            .reason("file_secret")
            .hint("the owner can list it in `permitted_files` of the host"));
        }
        Ok(())
    }

    /// Refuses content that is a private key after all.
    pub(super) fn check_content(&self, path: &str, content: &[u8]) -> ToolResult<()> {
        const BEGIN: &[u8] = b"PRIVATE KEY-----";
        let permitted = || {
            let mut patterns = self.permitted.iter();
            patterns.any(|one| glob(one.as_bytes(), path.as_bytes()))
        };
        let found = content.windows(BEGIN.len()).any(|window| window == BEGIN);
        if found && !permitted() {
            return Err(ToolError::new(
                Code::PermissionDenied,
                format!("`{path}` holds a private key"),
            )
            .reason("file_secret")
            .hint("the owner can list it in `permitted_files` of the host"));
        }
        Ok(())
    }

    fn outside(&self, access: Access, path: &str) -> ToolError {
        let (verb, setting) = match access {
            Access::Read => ("read", "read_roots"),
            Access::Write => ("written", "write_roots"),
        };
        let roots: Vec<String> = self
            .allowed(access)
            .map(|root| format!("`{root}`"))
            .collect();
        let hint = if roots.is_empty() {
            format!("nothing may be {verb} there until the owner sets `{setting}` of the host")
        } else {
            format!("files may be {verb} below {}", roots.join(", "))
        };
        ToolError::new(
            Code::PermissionDenied,
            format!("`{path}` is outside of what may be {verb}"),
        )
        .reason("file_outside_roots")
        .hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn roots() -> Roots {
        Roots {
            read: vec!["/etc".into(), "/home/lab".into()],
            write: vec!["/srv/".into()],
            permitted: vec!["/srv/app/.env".into()],
        }
    }

    #[rstest]
    #[case(Access::Read, "/etc/hosts")]
    #[case(Access::Read, "/srv/app/compose.yaml")]
    #[case(Access::Write, "/srv/app/compose.yaml")]
    #[case(Access::Read, "/srv/app/.env")]
    #[case(Access::Read, "/srv/id_ed25519.pub")]
    fn files_below_the_roots_may_be_touched(#[case] access: Access, #[case] path: &str) {
        assert_eq!(roots().check(access, path), Ok(()));
    }

    #[rstest]
    #[case(Access::Write, "/etc/hosts")]
    #[case(Access::Read, "/etcetera")]
    #[case(Access::Read, "/")]
    #[case(Access::Read, "/root/x")]
    fn files_elsewhere_may_not(#[case] access: Access, #[case] path: &str) {
        let error = roots().check(access, path).unwrap_err();

        assert_eq!(error.code(), Code::PermissionDenied);
        assert_eq!(
            error.envelope().reason.as_deref(),
            Some("file_outside_roots")
        );
    }

    #[rstest]
    #[case("/etc/shadow")]
    #[case("/home/lab/.ssh/config")]
    #[case("/home/lab/.ssh")]
    #[case("/srv/other/.env")]
    #[case("/srv/app/.env.local")]
    #[case("/srv/app/.env/.ssh/x")]
    #[case("/etc/ssh/ssh_host_rsa_key")]
    #[case("/srv/tls/site.key")]
    #[case("/srv/traefik/acme.json")]
    fn files_with_secrets_may_not_unless_permitted(#[case] path: &str) {
        let error = roots().check(Access::Read, path).unwrap_err();

        assert_eq!(error.envelope().reason.as_deref(), Some("file_secret"));
    }

    #[test]
    fn without_roots_nothing_may_be_touched() {
        assert!(Roots::default().check(Access::Read, "/etc/hosts").is_err());
    }

    #[test]
    fn what_the_host_makes_of_a_path_counts_too() {
        let real_roots = ["/data/srv".to_owned()];
        let check = |real: &str| roots().check_real(Access::Write, "/srv/x", real, &real_roots);

        assert_eq!(check("/data/srv/x"), Ok(()));
        assert_eq!(
            check("/etc/passwd")
                .unwrap_err()
                .envelope()
                .reason
                .as_deref(),
            Some("file_link_outside")
        );
        assert!(check("/data/srv/.ssh/authorized_keys").is_err());
    }

    #[test]
    fn a_private_key_is_known_by_its_content() {
        let key = b"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc";

        assert!(roots().check_content("/srv/notes", key).is_err());
        assert_eq!(roots().check_content("/srv/app/.env", key), Ok(()));
        assert_eq!(roots().check_content("/srv/notes", b"PRIVATE KEY"), Ok(()));
    }
}
