//! Which step may follow which.

use std::time::Duration;

use super::{Approval, Refusal, State, USABLE_FOR, Vote};
use crate::call::CredentialKind;
use crate::clock::Micros;
use crate::policy::Decision;

impl Approval {
    /// The approval as it stands at this time: what is stored says `pending` until somebody looks.
    #[must_use]
    pub fn as_of(mut self, now: Micros) -> Self {
        if now < self.until {
            return self;
        }
        let next = self.state.lapsed();
        if next != self.state {
            self.state = next;
            self.updated_at = self.until;
        }
        self
    }

    /// Counts a person's word. `digest` is that of what they were shown.
    ///
    /// # Errors
    /// [`Refusal`], with nothing changed.
    pub fn vote(self, vote: Vote, digest: &str) -> Result<Self, Refusal> {
        let now = vote.at;
        let mut after = self.as_of(now);
        if after.state != State::Pending {
            return Err(Refusal::State(after.state));
        }
        if after.digest != digest {
            return Err(Refusal::Digest);
        }
        after.may_vote(&vote)?;
        let approve = vote.approve;
        after.votes.push(vote);
        after.updated_at = now;
        if !approve {
            after.state = State::Denied;
        } else if after.yes_votes() >= after.approvers {
            after.state = State::Approved;
            after.until = now.later(USABLE_FOR);
        }
        Ok(after)
    }

    fn may_vote(&self, vote: &Vote) -> Result<(), Refusal> {
        let is_requester = vote.credential == self.requester.credential;
        // Four eyes: a form in the client is the requester's own, so it never counts as another's.
        if self.needs == Decision::Confirm && self.approvers <= 1 && !vote.channel.is_the_owners() {
            return if is_requester {
                Ok(())
            } else {
                Err(Refusal::OtherCaller)
            };
        }
        // A refusal is always welcome, also the requester's own.
        if is_requester && vote.approve {
            return Err(Refusal::SelfApproval);
        }
        if vote.kind != CredentialKind::Owner || !vote.channel.is_the_owners() {
            return Err(Refusal::NotAnOwner);
        }
        let same = |earlier: &Vote| {
            earlier.approve
                && (earlier.credential == vote.credential || earlier.principal == vote.principal)
        };
        if vote.approve && self.votes.iter().any(same) {
            return Err(Refusal::SamePerson);
        }
        Ok(())
    }

    fn yes_votes(&self) -> u32 {
        let yes = self.votes.iter().filter(|vote| vote.approve).count();
        u32::try_from(yes).unwrap_or(u32::MAX)
    }

    /// Begins the run: of all who try, one succeeds. `run` is the request that runs it, `limit` how
    /// long it may take.
    ///
    /// # Errors
    /// [`Refusal`], with nothing changed.
    pub fn begin(
        self,
        digest: &str,
        credential: &str,
        run: &str,
        limit: Duration,
        now: Micros,
    ) -> Result<Self, Refusal> {
        let mut after = self.as_of(now);
        if after.requester.credential != credential {
            return Err(Refusal::OtherCaller);
        }
        if after.digest != digest {
            return Err(Refusal::Digest);
        }
        if after.state != State::Approved {
            return Err(Refusal::State(after.state));
        }
        after.state = State::Executing;
        after.run = Some(run.to_owned());
        after.until = now.later(limit);
        after.updated_at = now;
        Ok(after)
    }

    /// Ends the run; `outcome` is `ok` or an error code. A run that came back after it was given up
    /// still says how it ended.
    ///
    /// # Errors
    /// [`Refusal::State`] if this run is not the one under way.
    pub fn end(mut self, run: &str, outcome: &str, now: Micros) -> Result<Self, Refusal> {
        let is_this_run = self.run.as_deref() == Some(run);
        if !is_this_run || !matches!(self.state, State::Executing | State::Unknown) {
            return Err(Refusal::State(self.state));
        }
        self.state = match outcome {
            "ok" => State::Executed,
            // Nobody knows whether a call that ran out of time had its effect.
            "timeout" => State::Unknown,
            _ => State::Failed,
        };
        self.outcome = Some(outcome.to_owned());
        self.updated_at = now;
        Ok(self)
    }

    /// Withdraws it; only its caller may.
    ///
    /// # Errors
    /// [`Refusal`], with nothing changed.
    pub fn cancel(self, credential: &str, now: Micros) -> Result<Self, Refusal> {
        let mut after = self.as_of(now);
        if after.requester.credential != credential {
            return Err(Refusal::OtherCaller);
        }
        if !matches!(after.state, State::Pending | State::Approved) {
            return Err(Refusal::State(after.state));
        }
        after.state = State::Cancelled;
        after.updated_at = now;
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::approval::{Action, Binding, Channel, Requester};
    use crate::tool::Effect;

    const MINUTE: i64 = 60_000_000;

    fn digest_of(arguments: &serde_json::Value) -> String {
        let binding = Binding {
            credential: "agent-1",
            kind: "proxmox",
            instance: "pve",
            tool: "delete_vm",
            arguments,
            needs: Decision::Approve,
            approvers: 1,
        };
        binding.digest()
    }

    fn held(needs: Decision, approvers: u32) -> Approval {
        let arguments = json!({ "vmid": 105 });
        Approval {
            id: "a-1".into(),
            state: State::Pending,
            needs,
            approvers,
            digest: digest_of(&arguments),
            requester: Requester {
                principal: "claude".into(),
                credential: "agent-1".into(),
                session: None,
                transport: "http".into(),
                request_id: "r-1".into(),
            },
            action: Action {
                kind: "proxmox".into(),
                instance: "pve".into(),
                tool: "delete_vm".into(),
                effect: Effect::Critical,
                arguments,
            },
            preview: None,
            rule: None,
            reason: None,
            read_before: Vec::new(),
            votes: Vec::new(),
            created_at: Micros(0),
            until: Micros(15 * MINUTE),
            run: None,
            outcome: None,
            updated_at: Micros(0),
        }
    }

    fn vote(credential: &str, kind: CredentialKind, channel: Channel, approve: bool) -> Vote {
        Vote {
            principal: credential.into(),
            credential: credential.into(),
            kind,
            channel,
            approve,
            comment: None,
            at: Micros(MINUTE),
        }
    }

    fn owner(credential: &str) -> Vote {
        vote(credential, CredentialKind::Owner, Channel::Cli, true)
    }

    fn cast(approval: Approval, vote: Vote) -> Result<Approval, Refusal> {
        let digest = approval.digest.clone();
        approval.vote(vote, &digest)
    }

    fn begin(approval: Approval, now: i64) -> Result<Approval, Refusal> {
        let digest = approval.digest.clone();
        approval.begin(
            &digest,
            "agent-1",
            "r-2",
            Duration::from_mins(1),
            Micros(now),
        )
    }

    #[test]
    fn an_approved_call_runs_once() {
        let approved = cast(held(Decision::Approve, 1), owner("anna")).unwrap();
        assert_eq!(approved.state, State::Approved);

        let running = begin(approved, 2 * MINUTE).unwrap();

        assert_eq!(running.state, State::Executing);
        let again = begin(running.clone(), 2 * MINUTE);
        assert_eq!(again, Err(Refusal::State(State::Executing)));
        let done = running.end("r-2", "ok", Micros(3 * MINUTE)).unwrap();
        assert_eq!(done.state, State::Executed);
        assert_eq!(
            begin(done, 3 * MINUTE),
            Err(Refusal::State(State::Executed))
        );
    }

    #[rstest]
    #[case::own(
        vote("agent-1", CredentialKind::Owner, Channel::Web, true),
        Refusal::SelfApproval
    )]
    #[case::agent(
        vote("agent-2", CredentialKind::Agent, Channel::Rest, true),
        Refusal::NotAnOwner
    )]
    #[case::in_the_client(
        vote("agent-1", CredentialKind::Agent, Channel::Elicitation, true),
        Refusal::SelfApproval
    )]
    #[case::owner_in_a_client(
        vote("anna", CredentialKind::Owner, Channel::Elicitation, true),
        Refusal::NotAnOwner
    )]
    fn a_call_that_needs_approval_is_the_owners_to_decide(
        #[case] vote: Vote,
        #[case] refusal: Refusal,
    ) {
        assert_eq!(cast(held(Decision::Approve, 1), vote), Err(refusal));
    }

    #[test]
    fn a_call_that_needs_confirmation_is_decided_in_its_own_client_or_by_an_owner() {
        let form = |credential| {
            vote(
                credential,
                CredentialKind::Agent,
                Channel::Elicitation,
                true,
            )
        };

        let own = cast(held(Decision::Confirm, 1), form("agent-1")).unwrap();
        let other = cast(held(Decision::Confirm, 1), form("agent-2"));
        let by_owner = cast(held(Decision::Confirm, 1), owner("anna")).unwrap();

        assert_eq!(
            (own.state, by_owner.state),
            (State::Approved, State::Approved)
        );
        assert_eq!(other, Err(Refusal::OtherCaller));
        // Four eyes are more than a form in the caller's own client.
        let four_eyes = cast(held(Decision::Confirm, 2), form("agent-1"));
        assert_eq!(four_eyes, Err(Refusal::SelfApproval));
    }

    #[test]
    fn four_eyes_are_two_people() {
        let first = cast(held(Decision::Approve, 2), owner("anna")).unwrap();
        assert_eq!(first.state, State::Pending);
        assert_eq!(cast(first.clone(), owner("anna")), Err(Refusal::SamePerson));
        let same_person = Vote {
            credential: "annas-phone".into(),
            channel: Channel::Chat,
            ..owner("anna")
        };
        assert_eq!(cast(first.clone(), same_person), Err(Refusal::SamePerson));

        let second = cast(first, owner("ben")).unwrap();

        assert_eq!(second.state, State::Approved);
    }

    #[test]
    fn a_denial_is_final() {
        let no = Vote {
            approve: false,
            ..owner("anna")
        };
        let denied = cast(held(Decision::Approve, 2), no).unwrap();

        assert_eq!(denied.state, State::Denied);
        assert_eq!(
            cast(denied.clone(), owner("ben")),
            Err(Refusal::State(State::Denied))
        );
        assert_eq!(begin(denied, MINUTE), Err(Refusal::State(State::Denied)));
    }

    #[test]
    fn other_arguments_or_another_caller_need_another_approval() {
        let approved = cast(held(Decision::Approve, 1), owner("anna")).unwrap();
        let other = digest_of(&json!({ "vmid": 106 }));
        let minute = Duration::from_mins(1);

        let changed = approved
            .clone()
            .begin(&other, "agent-1", "r", minute, Micros(MINUTE));
        let digest = approved.digest.clone();
        let foreign = approved.begin(&digest, "agent-2", "r", minute, Micros(MINUTE));

        assert_eq!(changed, Err(Refusal::Digest));
        assert_eq!(foreign, Err(Refusal::OtherCaller));
        assert_eq!(
            held(Decision::Approve, 1).vote(owner("anna"), &other),
            Err(Refusal::Digest)
        );
    }

    #[test]
    fn time_runs_out_before_the_decision_before_the_run_and_during_it() {
        let late = Vote {
            at: Micros(15 * MINUTE),
            ..owner("anna")
        };
        let undecided = cast(held(Decision::Approve, 1), late);
        assert_eq!(undecided, Err(Refusal::State(State::Expired)));

        let approved = cast(held(Decision::Approve, 1), owner("anna")).unwrap();
        let unused = begin(approved.clone(), 16 * MINUTE);
        assert_eq!(unused, Err(Refusal::State(State::Expired)));

        let running = begin(approved, 2 * MINUTE).unwrap();
        let lost = running.clone().as_of(Micros(3 * MINUTE));
        assert_eq!(lost.state, State::Unknown);
        assert_eq!(begin(lost, 3 * MINUTE), Err(Refusal::State(State::Unknown)));
        // It was slow, not lost: what is known about it is better than nothing.
        let late = running.end("r-2", "ok", Micros(4 * MINUTE)).unwrap();
        assert_eq!(late.state, State::Executed);
    }

    #[test]
    fn only_its_run_ends_it_and_a_timeout_leaves_it_unknown() {
        let approved = cast(held(Decision::Approve, 1), owner("anna")).unwrap();
        let running = begin(approved, 2 * MINUTE).unwrap();

        let foreign = running.clone().end("r-9", "ok", Micros(2 * MINUTE));
        let timed_out = running
            .clone()
            .end("r-2", "timeout", Micros(2 * MINUTE))
            .unwrap();
        let failed = running.end("r-2", "conflict", Micros(2 * MINUTE)).unwrap();

        assert_eq!(foreign, Err(Refusal::State(State::Executing)));
        assert_eq!(
            (timed_out.state, failed.state),
            (State::Unknown, State::Failed)
        );
    }

    #[test]
    fn its_caller_withdraws_it_and_nobody_else() {
        let other = held(Decision::Approve, 1).cancel("agent-2", Micros(MINUTE));
        let own = held(Decision::Approve, 1)
            .cancel("agent-1", Micros(MINUTE))
            .unwrap();

        assert_eq!(other, Err(Refusal::OtherCaller));
        assert_eq!(own.state, State::Cancelled);
        assert_eq!(
            cast(own, owner("anna")),
            Err(Refusal::State(State::Cancelled))
        );
    }
}
