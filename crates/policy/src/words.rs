//! What a judgement is called and why it was made, in words for callers and approvers. Made only for
//! calls that do not simply run.

use std::sync::Arc;

use homelab_core::error::{Code, ToolError};
use homelab_core::policy::{Question, Verdict};

use crate::rules::{By, Judgement, RuleSet, Side};

impl By {
    /// The kind of maker, for explanations.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "role_default",
            Self::Secret => "secret",
            Self::Viewer => "viewer",
            Self::ReadOnly => "read_only",
            Self::Rule(_) => "rule",
            Self::Broken(..) => "policy_error",
            Self::Protected(..) => "protected",
            Self::Window(..) => "window",
        }
    }
}

impl RuleSet {
    /// The judgement as it is handed to the pipeline.
    ///
    /// # Errors
    /// `permission_denied` with reason `policy_error` if a condition could not be evaluated.
    pub(crate) fn verdict(
        &self,
        judgement: &Judgement,
        question: &Question<'_>,
    ) -> Result<Verdict, ToolError> {
        if let By::Broken(place, failure) = judgement.by {
            let name = self.name(By::Broken(place, failure));
            let name = name.as_deref().unwrap_or_default();
            return Err(ToolError::new(
                Code::PermissionDenied,
                format!(
                    "the condition of rule `{name}` cannot be evaluated for this call: {}",
                    failure.as_str()
                ),
            )
            .reason("policy_error")
            .hint("the owner finds out with `homelab-mcp policy test`"));
        }
        Ok(Verdict {
            decision: judgement.decision,
            rule: self.name(judgement.by),
            reason: self.reason(judgement.by, question),
            approvers: judgement.approvers,
            expires_after: judgement.expires_after,
        })
    }

    /// Name of the rule, window or list of protected objects.
    pub(crate) fn name(&self, by: By) -> Option<Arc<str>> {
        match by {
            By::Default | By::Secret | By::Viewer | By::ReadOnly => None,
            By::Rule(place) | By::Broken(place, _) => self
                .rules
                .get(place as usize)
                .map(|one| Arc::clone(&one.name)),
            By::Protected(place, _) => {
                let found = self.protected.get(place as usize);
                found.map(|one| Arc::clone(&one.name))
            }
            By::Window(place, _) => self
                .windows
                .get(place as usize)
                .map(|one| Arc::clone(&one.name)),
        }
    }

    /// Why.
    pub(crate) fn reason(&self, by: By, question: &Question<'_>) -> Option<String> {
        match by {
            By::Default | By::Broken(..) => None,
            By::Secret => {
                Some("its result holds secrets, which only the role `admin` may read".to_owned())
            }
            By::Viewer => Some("the role `viewer` may only read".to_owned()),
            By::ReadOnly => Some(
                "this server is read-only: nothing may be changed until the owner takes \
                 `policy.read_only` or `--read-only` away"
                    .to_owned(),
            ),
            By::Rule(place) => self.rules.get(place as usize)?.reason.clone(),
            By::Protected(place, target) => {
                let target = question.targets.get(target)?;
                let named = match &target.name {
                    Some(name) if *name != target.id => format!(" ({name})"),
                    _ => String::new(),
                };
                let own = self.protected.get(place as usize)?.reason.as_deref();
                Some(format!(
                    "{} `{}`{named} is protected: {}",
                    target.kind,
                    target.id,
                    own.unwrap_or("only `admin` may change it, with an approval")
                ))
            }
            By::Window(place, side) => {
                let window = self.windows.get(place as usize)?;
                Some(match (&window.reason, side) {
                    (Some(reason), _) => reason.clone(),
                    (None, Side::Inside) => format!("it is within `{}`", window.name),
                    (None, Side::Outside) => format!("it is outside of `{}`", window.name),
                })
            }
        }
    }
}
