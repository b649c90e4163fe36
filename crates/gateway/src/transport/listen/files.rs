//! How many files this process may have open; every connection is one.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any home needs, and few enough for programs that loop over all of them.
const ENOUGH: u64 = 65_536;

/// Raises the soft limit on open files towards the hard one, and returns it.
///
/// Shells and systemd give 1024, which is fewer than [`Limits::max_connections`] and leaves nothing
/// for the database.
///
/// # Errors
/// The system does not let it be raised; the old limit holds then.
///
/// [`Limits::max_connections`]: super::Limits::max_connections
pub fn raise_open_files() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(ENOUGH);
    let soft = limit.current.unwrap_or(hard);
    let wanted = soft.max(hard.min(ENOUGH));
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_what_was_said_afterwards() {
        let raised = raise_open_files().unwrap();

        assert_eq!(getrlimit(Resource::Nofile).current, Some(raised));
    }
}
