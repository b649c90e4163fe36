//! The data sets: what can be asked of each, and how far back.

use crate::cloudflare::state::Plan;

const DAY: i64 = 86_400;

/// One data set.
pub(super) struct Set {
    pub(super) name: &'static str,
    /// What its filter counts time by: `date` or `datetime`.
    pub(super) time: &'static str,
    pub(super) dimensions: &'static [&'static str],
    pub(super) sums: &'static [&'static str],
    pub(super) uniques: bool,
    pub(super) count: bool,
    /// Whether its rows are what the firewall did.
    pub(super) firewall: bool,
    free: Span,
    paid: Span,
}

/// What a plan may ask for, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) longest: i64,
    pub(super) oldest: i64,
}

/// Most groups in an answer.
pub(super) const MOST_GROUPS: u64 = 10_000;

/// Most fields in a question.
pub(super) const MOST_FIELDS: usize = 30;

const SUMS: &[&str] = &[
    "requests",
    "bytes",
    "cachedRequests",
    "cachedBytes",
    "threats",
    "pageViews",
    "countryMap",
    "responseStatusMap",
];

pub(super) const SETS: [Set; 4] = [
    Set {
        name: "httpRequests1hGroups",
        time: "datetime",
        dimensions: &["date", "datetime"],
        sums: SUMS,
        uniques: true,
        count: false,
        firewall: false,
        free: span(3, 3),
        paid: span(7, 30),
    },
    Set {
        name: "httpRequests1dGroups",
        time: "date",
        dimensions: &["date"],
        sums: SUMS,
        uniques: true,
        count: false,
        firewall: false,
        free: span(365, 365),
        paid: span(365, 365),
    },
    Set {
        name: "httpRequestsAdaptiveGroups",
        time: "datetime",
        dimensions: &[
            "date",
            "datetime",
            "datetimeHour",
            "clientCountryName",
            "clientRequestHTTPHost",
            "clientRequestPath",
            "edgeResponseStatus",
            "cacheStatus",
        ],
        sums: &["edgeResponseBytes", "visits"],
        uniques: false,
        count: true,
        firewall: false,
        free: span(1, 8),
        paid: span(7, 30),
    },
    Set {
        name: "firewallEventsAdaptiveGroups",
        time: "datetime",
        dimensions: &[
            "date",
            "datetime",
            "datetimeHour",
            "action",
            "clientCountryName",
            "clientRequestHTTPHost",
            "clientRequestPath",
        ],
        sums: &[],
        uniques: false,
        count: true,
        firewall: true,
        free: span(1, 14),
        paid: span(3, 30),
    },
];

const fn span(longest: i64, oldest: i64) -> Span {
    Span {
        longest: longest * DAY,
        oldest: oldest * DAY,
    }
}

impl Set {
    pub(super) fn span(&self, plan: Plan) -> Span {
        if plan == Plan::Free {
            self.free
        } else {
            self.paid
        }
    }
}
