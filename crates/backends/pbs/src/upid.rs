//! Ids of tasks.

use homelab_backend::text_id;

text_id! {
    /// A task's id as the server prints it. It has one field more than Proxmox VE's.
    Upid: "a task id (`UPID:…:user@realm:`)", 512, "^UPID:[!-~]+:$", upid
}

/// Parts of a task's id that the server does not tell otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpidParts<'a> {
    /// Seconds since 1970.
    pub(crate) started: i64,
    pub(crate) kind: &'a str,
    pub(crate) user: &'a str,
}

impl<'a> UpidParts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [
            "UPID",
            node,
            pid,
            process_start,
            task,
            started,
            kind,
            id,
            user,
            "",
        ] = parts[..]
        else {
            return None;
        };
        let hex = |part: &str| {
            (8..=16).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
        let fits = [pid, process_start, task, started].into_iter().all(hex)
            && [node, kind, id, user].into_iter().all(plain)
            && !node.is_empty()
            && !kind.is_empty()
            && !user.is_empty();
        fits.then_some(Self {
            started: i64::from_str_radix(started, 16).ok()?,
            kind,
            user,
        })
    }
}

impl Upid {
    /// Its parts; the text was checked when it was made.
    pub(crate) fn parts(&self) -> UpidParts<'_> {
        UpidParts::of(&self.0).unwrap_or(UpidParts {
            started: 0,
            kind: "",
            user: "",
        })
    }
}

fn upid(text: &str) -> bool {
    // The server refuses shorter ones.
    text.len() >= 36 && UpidParts::of(text).is_some()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_task_tells_its_type_and_user() {
        let upid: Upid = "UPID:pbs:0003A5C9:02F3A1B4:00000007:6740A1B2:verify_group:main\\x3avm-100:root@pam!lab:"
            .parse()
            .unwrap();

        let parts = upid.parts();
        assert_eq!(
            (parts.kind, parts.user, parts.started),
            ("verify_group", "root@pam!lab", 0x6740_A1B2)
        );
    }

    #[rstest]
    #[case::of_the_other_product("UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:")]
    #[case("UPID:pbs:0003A5C9:02F3A1B4:00000007:6740A1B2:verify:main:root@pam")]
    #[case("UPID:pbs:zz:02F3A1B4:00000007:6740A1B2:verify:main:root@pam:")]
    #[case("UPID:pbs:0003A5C9:02F3A1B4:00000007:6740A1B2:ver ify:main:root@pam:")]
    fn what_is_no_task_is_refused(#[case] text: &str) {
        assert!(text.parse::<Upid>().is_err());
    }
}
