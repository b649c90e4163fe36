//! Asking whoever sits at the client: by a request of the server's where there is a session, by a
//! result that the client answers in its next call where there is none.
//!
//! Such an answer says that somebody, or some software, at the client agreed. It decides calls that
//! need a confirmation, never those that need an approval.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use homelab_core::approval::Approval;
use homelab_core::call::{Confirm, Confirmation, Confirmer, Principal};
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ElicitRequestParams, ElicitResult,
    ElicitationAction, InputRequiredResult, RequestStateCodec, SealOptions,
};
use rmcp::service::Peer;
use rmcp::{ErrorData, RoleServer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Name of the one question of a round.
const QUESTION: &str = "approval";
/// Longest that a client may take to bring an answer; the approval itself expires earlier.
const ANSWER_WITHIN: Duration = Duration::from_hours(1);
/// Longest comment that is read.
const LONGEST_COMMENT: usize = 500;

/// Seals what a client carries from one round to the next: nobody else can make one, and it is good
/// for one caller.
#[derive(Debug, Clone)]
pub struct Sealer(Arc<RequestStateCodec>);

impl Sealer {
    /// With a key that all replicas share.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(RequestStateCodec::new_unchecked(key)))
    }

    fn seal(&self, round: &Round, principal: &Principal) -> Option<String> {
        let options = SealOptions::default()
            .associated_data(principal.credential.as_bytes())
            .ttl(ANSWER_WITHIN);
        self.0.seal_json_with(round, &options).ok()
    }

    fn open(&self, sealed: &str, principal: &Principal) -> Option<Round> {
        let caller = principal.credential.as_bytes();
        self.0.open_json_with(sealed, caller).ok()
    }
}

/// What a round was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    approval: String,
    digest: String,
}

impl Round {
    fn of(plan: &Approval) -> Self {
        Self {
            approval: plan.id.clone(),
            digest: plan.digest.clone(),
        }
    }
}

/// A question on its way to the handler's own task.
pub(super) struct Asked {
    params: ElicitRequestParams,
    answer: oneshot::Sender<Confirmation>,
}

/// Asks by a request of the server's, and waits.
///
/// The SDK sends a request on the stream of the call that led to it, which it knows by a value of
/// the handler's task. The pipeline runs changes in tasks of their own, so the question is handed
/// back to that task: see [`attend`].
struct Form(mpsc::Sender<Asked>);

#[async_trait]
impl Confirm for Form {
    async fn confirm(&self, plan: &Approval) -> Confirmation {
        let Ok(params) = serde_json::from_value(form(plan)) else {
            return Confirmation::Dismissed;
        };
        let (answer, answered) = oneshot::channel();
        if self.0.send(Asked { params, answer }).await.is_err() {
            return Confirmation::Dismissed;
        }
        answered.await.unwrap_or(Confirmation::Dismissed)
    }
}

/// A way to ask by requests, and where the questions come out.
pub(super) fn by_request() -> (Confirmer, mpsc::Receiver<Asked>) {
    let (sender, questions) = mpsc::channel(1);
    (Confirmer::through(Arc::new(Form(sender))), questions)
}

/// Does the work, and meanwhile asks what it wants to know; the pipeline bounds how long.
pub(super) async fn attend<T>(
    peer: &Peer<RoleServer>,
    mut questions: mpsc::Receiver<Asked>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        let asked = tokio::select! {
            done = &mut work => return done,
            Some(asked) = questions.recv() => asked,
        };
        let answer = tokio::select! {
            done = &mut work => return done,
            answer = peer.create_elicitation(asked.params) => answer,
        };
        let answer = answer.map_or_else(
            |error| {
                tracing::debug!(%error, "the client could not be asked");
                Confirmation::Dismissed
            },
            confirmation,
        );
        // Whoever asked may have run out of time.
        drop(asked.answer.send(answer));
    }
}

/// Whether the client shows forms; one that names no mode does (revision 2025-11-25).
pub(super) fn takes_forms(capabilities: &ClientCapabilities) -> bool {
    let elicitation = capabilities.elicitation.as_ref();
    elicitation.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
}

/// Asks by a result: the first call ends with the question, the next one brings the answer.
#[derive(Default)]
pub(super) struct Rounds {
    answer: Option<(Round, Confirmation)>,
    asked: Mutex<Option<Approval>>,
}

#[async_trait]
impl Confirm for Rounds {
    async fn confirm(&self, plan: &Approval) -> Confirmation {
        if let Some((round, answer)) = &self.answer
            && *round == Round::of(plan)
        {
            return answer.clone();
        }
        // Nothing was answered, or something else: other arguments, an approval that was used.
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan.clone());
        Confirmation::Later
    }
}

impl Rounds {
    /// Reads what the client brings from the round before.
    ///
    /// # Errors
    /// If it brings something that was not sealed here, for this caller; one error for every reason.
    pub(super) fn of(
        request: &CallToolRequestParams,
        sealer: &Sealer,
        principal: &Principal,
    ) -> Result<Arc<Self>, ErrorData> {
        let Some(state) = &request.request_state else {
            return Ok(Arc::default());
        };
        let round = sealer.open(state, principal).ok_or_else(|| {
            ErrorData::invalid_params(
                "the request state was changed, belongs to another caller, or has expired: call the tool again without it",
                None,
            )
        })?;
        let answered = request.input_responses.as_ref();
        let answer = answered
            .and_then(|answers| answers.get(QUESTION))
            .and_then(|answer| serde_json::from_value::<ElicitResult>(answer.clone()).ok())
            .map_or(Confirmation::Dismissed, confirmation);
        Ok(Arc::new(Self {
            answer: Some((round, answer)),
            asked: Mutex::default(),
        }))
    }

    /// The question to end this call with, if one was asked.
    pub(super) fn question(
        &self,
        sealer: &Sealer,
        principal: &Principal,
    ) -> Option<InputRequiredResult> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = asked.as_ref()?;
        let question = json!({
            QUESTION: { "method": "elicitation/create", "params": form(plan) },
        });
        let state = sealer.seal(&Round::of(plan), principal)?;
        let requests = serde_json::from_value(question).ok()?;
        Some(InputRequiredResult::new(Some(requests), Some(state)))
    }
}

/// The parameters of `elicitation/create`.
fn form(plan: &Approval) -> Value {
    json!({
        "mode": "form",
        "message": format!("May this run?\n\n{}", plan.plan()),
        "requestedSchema": {
            "type": "object",
            "properties": {
                "approve": { "type": "boolean", "title": "Run it", "description": "Yes to run it once" },
                "comment": { "type": "string", "title": "Comment", "maxLength": LONGEST_COMMENT },
            },
            "required": ["approve"],
        },
    })
}

/// What an answer means. Software that cannot ask anybody cancels by itself, so that is no refusal.
fn confirmation(answer: ElicitResult) -> Confirmation {
    let content = answer.content.unwrap_or_default();
    let comment = content
        .get("comment")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(|text| text.chars().take(LONGEST_COMMENT).collect());
    match answer.action {
        ElicitationAction::Accept if content.get("approve") == Some(&Value::Bool(true)) => {
            Confirmation::Accepted { comment }
        }
        ElicitationAction::Accept | ElicitationAction::Decline => {
            Confirmation::Declined { comment }
        }
        _ => Confirmation::Dismissed,
    }
}
