//! The seam between whoever talks to an upstream and whoever counts: [`Observer`].

use std::time::Duration;

/// How a request to an upstream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A status of 100 to 299.
    Success,
    /// A status of 300 to 399.
    Redirect,
    /// A status of 400 to 499.
    ClientError,
    /// A status of 500 or more.
    ServerError,
    /// No connection, or it was lost.
    Unreachable,
    /// Took longer than its limit.
    Timeout,
    /// An answer that cannot be used: cut, too long, not HTTP, redirects without end.
    Unusable,
    /// The request could not be made from what the caller gave or what is configured.
    Invalid,
    /// The caller went away.
    Cancelled,
}

impl Outcome {
    /// The outcome in a log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Unusable => "unusable",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome as a metric's label `status_class`: the class of the status, or `error` where
    /// there was none.
    pub const fn status_class(self) -> &'static str {
        match self {
            Self::Success | Self::Redirect | Self::ClientError | Self::ServerError => self.as_str(),
            Self::Unreachable
            | Self::Timeout
            | Self::Unusable
            | Self::Invalid
            | Self::Cancelled => "error",
        }
    }
}

/// One finished request, all attempts and redirects together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation<'a> {
    /// Name of the instance.
    pub service: &'a str,
    /// The request's operation: one of a fixed set in the code.
    pub operation: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, waits included.
    pub duration: Duration,
    /// How often it was repeated.
    pub retries: u32,
}

/// Counts requests; called once for each, also when its caller went away. Must not block.
pub trait Observer: Send + Sync {
    /// A request ended.
    fn observe(&self, observation: &Observation<'_>);
}

/// Counts nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Observation<'_>) {}
}
