//! The account a PostgreSQL server runs as: it refuses to run as root.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Context;
use crate::{Error, Result};

/// Accounts to take when the tests run as root: the one Debian's package makes, else the one that owns nothing.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// User and group ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account to run as; nothing where the present one will do.
    pub(super) fn choose() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd =
            fs::read_to_string("/etc/passwd").context(|| "cannot read /etc/passwd".to_owned())?;
        CANDIDATES
            .iter()
            .find_map(|name| Self::in_passwd(&passwd, name))
            .map(Some)
            .ok_or_else(|| Error::new("PostgreSQL does not run as root, and there is no account `postgres` or `nobody`"))
    }

    /// Reads one line of passwd(5): `name:password:uid:gid:…`.
    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let (uid, gid) = (fields.nth(1)?, fields.next()?);
            Some(Self {
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
            })
        })
    }

    /// Gives a file or folder to the account.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).context(|| {
            format!(
                "cannot give `{}` to the account of the server",
                path.display()
            )
        })
    }

    /// Has the command run as the account; the standard library drops root's other groups with it.
    pub(super) fn run_as(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_account_by_its_whole_name() {
        let passwd =
            "postgres-old:x:7:8::/:/bin/sh\npostgres:x:110:118:PostgreSQL,,,:/var/lib:/bin/bash\n";

        assert_eq!(
            Account::in_passwd(passwd, "postgres"),
            Some(Account { uid: 110, gid: 118 })
        );
        assert_eq!(Account::in_passwd(passwd, "nobody"), None);
    }
}
