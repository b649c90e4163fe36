//! Places where a process may die that matter for calls which run at most once.

/// One such place; a test kills the process at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// The held call is kept and waits.
    Asked,
    /// Somebody's word is kept.
    Voted,
    /// The intent of an approved call is on disk; it has not begun.
    Intended,
    /// The approval is used up; the call has not run.
    Begun,
    /// The call ran; its outcome is nowhere yet.
    Ran,
    /// The outcome is in the audit; the approval does not know it.
    Recorded,
}

impl FaultPoint {
    /// Every place, in the order of a call.
    pub const ALL: [Self; 6] = [
        Self::Asked,
        Self::Voted,
        Self::Intended,
        Self::Begun,
        Self::Ran,
        Self::Recorded,
    ];

    /// The place of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.as_str() == text)
    }

    /// The place's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Voted => "voted",
            Self::Intended => "intended",
            Self::Begun => "begun",
            Self::Ran => "ran",
            Self::Recorded => "recorded",
        }
    }
}

/// Where a test ends the process; nowhere except in tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults(Option<FaultPoint>);

impl Faults {
    /// Aborts the process at this place.
    pub fn abort_at(point: FaultPoint) -> Self {
        Self(Some(point))
    }

    /// This place was reached.
    pub(crate) fn at(self, point: FaultPoint) {
        if self.0 == Some(point) {
            std::process::abort();
        }
    }
}
