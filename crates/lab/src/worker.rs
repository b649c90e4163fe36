//! How long the workers of Proxmox's products take, and how they end.

/// When a task is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It runs for so many looks at its status.
    Polls(u32),
    /// It runs for so many seconds.
    Seconds(i64),
}

/// How the next task ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `OK`, once its work is done.
    Ok,
    /// `WARNINGS: n`: its work is done, with notes.
    Warnings(u32),
    /// With this error, nothing done.
    Error(String),
    /// The worker died, nothing done.
    Died,
}
