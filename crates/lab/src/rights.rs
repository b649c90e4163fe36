//! Users, tokens and what they were granted, as Proxmox's products keep it.

use std::collections::{BTreeMap, BTreeSet};

/// The one whom nothing is refused.
pub(crate) const ROOT: &str = "root@pam";

pub(crate) struct Token {
    pub(crate) secret: String,
    /// Whether it has rights of its own, within its user's.
    pub(crate) separate: bool,
}

/// Users, their tokens, and grants.
#[derive(Default)]
pub(crate) struct Rights {
    /// Passwords by user.
    pub(crate) users: BTreeMap<String, String>,
    pub(crate) tokens: BTreeMap<String, Token>,
    grants: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Rights {
    pub(crate) fn grant(&mut self, who: &str, path: &str, privileges: &[&str]) {
        let place = (who.to_owned(), path.to_owned());
        let privileges = privileges.iter().map(|&one| one.to_owned());
        self.grants.entry(place).or_default().extend(privileges);
    }

    pub(crate) fn add_token(&mut self, id: &str, secret: &str, separate: bool) {
        let token = Token {
            secret: secret.to_owned(),
            separate,
        };
        self.tokens.insert(id.to_owned(), token);
    }

    /// Whether this user or token has the privilege there.
    pub(crate) fn has(&self, who: &str, path: &str, privilege: &str) -> bool {
        if who == ROOT {
            return true;
        }
        match who.split_once('!') {
            None => self.granted(who, path, privilege),
            Some((user, _)) => {
                let separate = self.tokens.get(who).is_none_or(|token| token.separate);
                let own = !separate || self.granted(who, path, privilege);
                own && self.has(user, path, privilege)
            }
        }
    }

    /// Whether it has one of them.
    pub(crate) fn has_any(&self, who: &str, path: &str, privileges: &[&str]) -> bool {
        privileges.iter().any(|one| self.has(who, path, one))
    }

    /// A grant on a path holds below it, unless there is another one further down.
    fn granted(&self, who: &str, path: &str, privilege: &str) -> bool {
        let mine = self.grants.iter().filter(|((of, _), _)| of == who);
        let nearest = mine
            .filter(|((_, on), _)| covers(on, path))
            .max_by_key(|((_, on), _)| on.len());
        nearest.is_some_and(|(_, privileges)| privileges.contains(privilege))
    }

    /// Paths that somebody was granted something on.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.grants.keys().map(|(_, path)| path.as_str())
    }
}

fn covers(on: &str, path: &str) -> bool {
    on == "/"
        || path
            .strip_prefix(on)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_what_it_and_its_user_have() {
        let mut rights = Rights::default();
        rights.add_token("a@pve!own", "", true);
        rights.add_token("a@pve!all", "", false);
        rights.grant("a@pve", "/", &["VM.Audit", "VM.PowerMgmt"]);
        rights.grant("a@pve!own", "/vms/100", &["VM.Audit", "VM.Backup"]);

        assert!(rights.has("a@pve!own", "/vms/100", "VM.Audit"));
        assert!(!rights.has("a@pve!own", "/vms/100", "VM.Backup"));
        assert!(!rights.has("a@pve!own", "/vms/101", "VM.Audit"));
        assert!(rights.has("a@pve!all", "/vms/101", "VM.PowerMgmt"));
    }

    #[test]
    fn a_grant_further_down_replaces_the_one_above() {
        let mut rights = Rights::default();
        rights.grant("a@pve", "/", &["VM.Audit"]);
        rights.grant("a@pve", "/vms/100", &["VM.Console"]);

        assert!(!rights.has("a@pve", "/vms/100", "VM.Audit"));
        assert!(rights.has("a@pve", "/vms/1000", "VM.Audit"));
    }
}
