//! The policy file: changing it. What others wrote in between is never overwritten.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::acl::Verdict;
use crate::call::{Call, HUJSON};
use crate::client::{Policy, Tailscale};
use crate::diff::unified;
use crate::explain::policy_changed;
use crate::hujson;

/// A text that takes the place of another.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Text that occurs exactly once in the policy.
    #[schemars(length(min = 1, max = 20_000))]
    old: String,
    /// What takes its place; may be empty.
    #[schemars(length(max = 20_000))]
    new: String,
}

/// The change: exactly one of `acl` and `edits`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdateAcl {
    /// The whole new policy as HuJSON; write back the text that `get_tailscale_acl` gave, with its comments.
    #[schemars(length(min = 1, max = 500_000))]
    acl: Option<String>,
    /// Changes of the text, one after the other; everything else stays, comments too.
    #[schemars(length(min = 1, max = 50))]
    edits: Option<Vec<Edit>>,
    /// `etag` of the version that this changes, as `get_tailscale_acl` gave it. If the policy is another by now, nothing is written. Needed unless `dry_run`.
    #[schemars(length(min = 1, max = 200))]
    if_match: Option<String>,
    /// Only check the new policy and show what would change.
    dry_run: bool,
    /// Write it although the server warns.
    allow_warnings: bool,
}

/// What a change of the policy did, or would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AclUpdated {
    /// Whether it was written.
    written: bool,
    /// Tag of the policy that is in force now.
    etag: String,
    /// Lines that differ, as `diff -u` shows them; empty if nothing does.
    diff: String,
    /// Keys at the top that differ.
    sections: Vec<String>,
    /// Whether the server checked it; a Headscale does not.
    validated: bool,
    /// What is doubtful about it.
    warnings: Vec<String>,
    #[serde(skip)]
    digest: String,
}

/// Replace or edit the tailnet's policy file (ACL), after the server has checked it. Comments stay, and a version that somebody else changed in between is never overwritten.
#[tool(
    critical,
    idempotent,
    open_world,
    permission = "tailscale:policy:write",
    title = "Update the policy file",
    timeout = 120,
    effect = update_effect,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_tailscale_acl(
    tailscale: &Tailscale,
    args: UpdateAcl,
) -> ToolResult<AclUpdated> {
    let plan = tailscale.plan(&args).await?;
    if !plan.verdict.errors.is_empty() {
        return Err(refused(&plan.verdict.errors));
    }
    let unchanged = plan.before.text == plan.text;
    if !args.dry_run && !unchanged {
        if !plan.verdict.warnings.is_empty() && !args.allow_warnings {
            let message = format!("the server warns: {}", plan.verdict.warnings.join("; "));
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("policy_warnings")
                .hint("correct the policy, or set `allow_warnings`; nothing was written"));
        }
        let call = set_call(&tailscale.tailnet, &plan.text, &plan.before.etag);
        tailscale.api.done(&call).await?;
    }
    let written = !args.dry_run && !unchanged;
    let etag = if written {
        tailscale.policy().await?.etag
    } else {
        plan.before.etag.clone()
    };
    Ok(AclUpdated {
        written,
        etag,
        diff: unified(&plan.before.text, &plan.text),
        sections: plan.sections(),
        validated: !tailscale.is_headscale(),
        digest: Policy::digest(&plan.text),
        warnings: plan.notes(),
    })
}

fn update_effect(_: &Tailscale, args: &UpdateAcl) -> Effect {
    if args.dry_run {
        Effect::Read
    } else {
        Effect::Critical
    }
}

/// `POST …/acl`, done only while the policy has this tag; never sent twice, because a second time
/// would look like somebody else's change.
fn set_call(tailnet: &str, text: &str, etag: &str) -> Call {
    Call::post("policy_set", "/tailnet/{}/acl", &[&tailnet])
        .policy(text)
        .accept(HUJSON)
        .if_match(etag)
        .scope("policy_file")
}

fn refused(errors: &[String]) -> ToolError {
    let message = format!(
        "the server does not take this policy: {}",
        errors.join("; ")
    );
    ToolError::new(Code::InvalidArgument, message)
        .reason("policy_invalid")
        .field("acl")
        .hint("nothing was written; correct it, and see `validate_tailscale_acl`")
}

/// A change that was looked at.
struct Plan {
    before: Policy,
    text: String,
    verdict: Verdict,
    /// Where the policy is kept, if that is elsewhere.
    kept_in: Option<String>,
}

impl Plan {
    fn sections(&self) -> Vec<String> {
        match (hujson::value(&self.before.text), hujson::value(&self.text)) {
            (Ok(before), Ok(after)) => hujson::changed_sections(&before, &after),
            _ => Vec::new(),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.verdict.warnings.clone();
        if let Some(place) = &self.kept_in {
            notes.push(format!(
                "the policy is managed in {place}, which will overwrite what is changed here"
            ));
        }
        notes
    }
}

impl Tailscale {
    /// Reads the policy, applies the change, and has the server check what comes of it.
    async fn plan(&self, args: &UpdateAcl) -> ToolResult<Plan> {
        let before = self.policy().await?;
        match &args.if_match {
            Some(tag) if is_version(&before, tag) => {}
            Some(_) => return Err(policy_changed()),
            None if args.dry_run => {}
            None => {
                return Err(ToolError::invalid(
                    "if_match",
                    "it is not said which version of the policy this changes",
                )
                .reason("base_missing")
                .hint("pass the `etag` that `get_tailscale_acl`, or a dry run, gave"));
            }
        }
        let text = args.applied(&before.text)?;
        hujson::value(&text).map_err(|what| {
            ToolError::invalid(args.field(), format!("this is no HuJSON: {what}"))
                .reason("policy_invalid")
        })?;
        let verdict = if self.is_headscale() || text == before.text {
            Verdict::default()
        } else {
            self.verdict(&self.validate_call(&text)).await?
        };
        let settings = self.settings_if_allowed().await.unwrap_or_default();
        let kept_in = (settings.acls_externally_managed_on == Some(true)).then(|| {
            let link = settings.acls_external_link.filter(|link| !link.is_empty());
            link.unwrap_or_else(|| "a repository".to_owned())
        });
        Ok(Plan {
            before,
            text,
            verdict,
            kept_in,
        })
    }
}

/// Whether a policy is the version that was meant: by the server's tag, or by its text.
fn is_version(policy: &Policy, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_matches('"').to_owned();
    if tag.starts_with("sha256:") {
        return Policy::digest(&policy.text) == tag;
    }
    bare(&policy.etag) == bare(tag)
}

impl UpdateAcl {
    /// The argument that a wrong text comes from.
    fn field(&self) -> &'static str {
        if self.acl.is_some() { "acl" } else { "edits" }
    }

    /// The new text.
    fn applied(&self, before: &str) -> ToolResult<String> {
        match (&self.acl, &self.edits) {
            (Some(text), None) => Ok(text.clone()),
            (None, Some(edits)) => {
                let mut text = before.to_owned();
                for (index, edit) in edits.iter().enumerate() {
                    let times = text.matches(edit.old.as_str()).count();
                    if times != 1 {
                        let field = format!("edits[{index}].old");
                        let message = format!("this text occurs {times} times, not once");
                        return Err(ToolError::invalid(field, message)
                            .hint("copy it from `get_tailscale_acl`, with enough around it"));
                    }
                    text = text.replacen(edit.old.as_str(), &edit.new, 1);
                }
                Ok(text)
            }
            _ => {
                let message = "exactly one of `acl` and `edits` is to be given";
                Err(ToolError::invalid("acl", message))
            }
        }
    }
}

async fn preview_update(tailscale: &Tailscale, args: &UpdateAcl) -> ToolResult<Preview> {
    let plan = tailscale.plan(args).await?;
    if !plan.verdict.errors.is_empty() {
        return Err(refused(&plan.verdict.errors));
    }
    let mut impact = plan.notes();
    if tailscale.is_headscale() {
        impact.push("Headscale does not check it beforehand".to_owned());
    }
    impact.push("a wrong policy can cut off everybody, us included".to_owned());
    Ok(Preview {
        summary: format!(
            "change the tailnet's policy: {}",
            plan.sections().join(", ")
        ),
        changes: vec![Change {
            field: "acl".to_owned(),
            from: None,
            to: Some(unified(&plan.before.text, &plan.text)),
        }],
        impact,
    })
}

async fn update_targets(tailscale: &Tailscale, _: &UpdateAcl) -> ToolResult<Vec<Target>> {
    Ok(vec![Target {
        kind: "policy".to_owned(),
        id: tailscale.tailnet.clone(),
        name: None,
        tags: Vec::new(),
    }])
}

/// The text before, to be written only over the text that this call writes.
async fn undo_update(tailscale: &Tailscale, args: &UpdateAcl) -> ToolResult<Option<Inverse>> {
    let before = tailscale.policy().await?;
    let text = args.applied(&before.text)?;
    Ok((!args.dry_run && text != before.text).then(|| Inverse {
        tool: "update_tailscale_acl".to_owned(),
        arguments: json!({
            "acl": before.text,
            "if_match": Policy::digest(&text),
            "allow_warnings": true,
        }),
    }))
}

async fn check_update(
    tailscale: &Tailscale,
    _: &UpdateAcl,
    done: &AclUpdated,
) -> ToolResult<Vec<Mismatch>> {
    if !done.written {
        return Ok(Vec::new());
    }
    let found = Policy::digest(&tailscale.policy().await?.text);
    let mismatch = (found != done.digest).then(|| Mismatch {
        field: "acl",
        wanted: done.digest.clone(),
        found,
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(edits: &[(&str, &str)]) -> UpdateAcl {
        let edit = |(old, new): &(&str, &str)| Edit {
            old: (*old).to_owned(),
            new: (*new).to_owned(),
        };
        UpdateAcl {
            edits: Some(edits.iter().map(edit).collect()),
            ..UpdateAcl::default()
        }
    }

    #[test]
    fn an_edit_leaves_the_rest_as_it_is() {
        let before = "{\n  // who\n  \"a\": 1,\n}\n";

        let after = edits(&[("\"a\": 1", "\"a\": 2")]).applied(before).unwrap();

        assert_eq!(after, "{\n  // who\n  \"a\": 2,\n}\n");
    }

    #[test]
    fn an_edit_that_is_not_plain_is_refused_by_its_place() {
        for (text, times) in [("aa", "2 times"), ("b", "0 times")] {
            let old = if times == "2 times" { "a" } else { "x" };
            let error = edits(&[(old, "c")]).applied(text).unwrap_err();

            assert_eq!(error.envelope().field.as_deref(), Some("edits[0].old"));
            assert!(error.envelope().message.contains(times), "{error}");
        }
    }

    #[test]
    fn a_version_is_known_by_its_tag_or_its_text() {
        let policy = Policy {
            text: "{}".into(),
            etag: "\"abc\"".into(),
        };

        assert!(is_version(&policy, "abc") && is_version(&policy, "\"abc\""));
        assert!(is_version(&policy, &Policy::digest("{}")));
        assert!(!is_version(&policy, "abd") && !is_version(&policy, &Policy::digest("{ }")));
    }
}
