//! What callers and voters are told.

use homelab_core::approval::{Approval, Refusal, State};
use homelab_core::error::{Code, ToolError};
use homelab_core::policy::Decision;
use homelab_core::store::StoreError;
use thiserror::Error;

/// Longest text of a caller or voter that is kept.
const LONGEST: usize = 500;

/// Why a word did not count.
#[derive(Debug, Error)]
pub enum VoteError {
    /// There is no such approval.
    #[error("no approval `{0}`")]
    NotFound(String),
    /// It may not be decided like this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<VoteError> for ToolError {
    fn from(error: VoteError) -> Self {
        match error {
            VoteError::NotFound(_) => Self::not_found(error.to_string())
                .hint("`homelab-mcp approvals list` shows what is waiting"),
            VoteError::Refused(refusal) => refused(refusal),
            VoteError::Store(error) => error.into(),
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> ToolError {
    let code = match refusal {
        Refusal::State(_) | Refusal::Digest => Code::Conflict,
        _ => Code::PermissionDenied,
    };
    ToolError::new(code, refusal.to_string()).reason(match refusal {
        Refusal::State(_) => "approval_state",
        Refusal::Digest => "approval_changed",
        Refusal::SelfApproval => "self_approval",
        Refusal::NotAnOwner => "not_an_owner",
        Refusal::SamePerson => "same_person",
        Refusal::OtherCaller => "other_caller",
    })
}

/// No such approval, or none that this caller may know of.
pub(super) fn unknown(id: &str) -> ToolError {
    VoteError::NotFound(clipped(id)).into()
}

/// Somebody's text, as it may be kept and shown.
pub(super) fn clipped(text: &str) -> String {
    homelab_core::render::printable(text)
        .chars()
        .take(LONGEST)
        .collect()
}

/// The call was refused by a person.
pub(crate) fn denied(approval: &Approval) -> ToolError {
    let by = approval.votes.iter().rev().find(|vote| !vote.approve);
    let mut message = format!("`{}` was refused", approval.action.tool);
    if let Some(vote) = by {
        message = format!("{message} by {}", vote.principal);
        if let Some(comment) = &vote.comment {
            message = format!("{message}: {comment}");
        }
    }
    ToolError::new(Code::ApprovalDenied, message)
        .approval_id(&*approval.id)
        .retryable(false)
        .hint("do not repeat it; ask the user what they want instead")
}

/// The call waits.
pub(crate) fn waiting(approval: &Approval, listed_name: &str) -> ToolError {
    let who = match approval.needs {
        Decision::Confirm => "a person has to confirm it",
        _ => "an owner has to approve it",
    };
    let id = &approval.id;
    let mut message = format!("`{listed_name}` was not run yet: {who}");
    if let Some(reason) = &approval.reason {
        message = format!("{message} ({reason})");
    }
    ToolError::new(Code::ApprovalRequired, message)
        .approval_id(&**id)
        .retryable(false)
        .hint(format!(
            "tell the user that approval {id} is waiting until {until} (owners decide with \
             `homelab-mcp approvals approve {id}`), call `approval_wait` with it, and when it says \
             `approved`, repeat this call with the same arguments",
            until = approval.until,
        ))
}

/// It cannot be used any more.
pub(super) fn not_usable(id: &str, state: State) -> ToolError {
    let error = ToolError::new(
        Code::Conflict,
        format!("approval {id} cannot be used: it is {}", state.as_str()),
    )
    .reason("approval_state")
    .approval_id(id)
    .retryable(false);
    match state {
        State::Unknown => error.hint(
            "its run was cut off and may have had its effect: read the state before you ask again",
        ),
        State::Executing => error.hint("it is running now; see `approval_status`"),
        _ => error.hint("call the tool again to ask anew"),
    }
}
