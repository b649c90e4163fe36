//! The JSON in what a language model says.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::Prompt;
use serde_json::Value;

use super::endpoint::unusable;

/// Sub-code of every error about an answer that cannot be used.
pub(super) const UNUSABLE: &str = "llm_answer_unusable";

/// The instruction with the form of the answer in words: servers that cannot force a form ignore the schema.
pub(super) fn instruction(prompt: &Prompt) -> String {
    format!(
        "{}\n\nAnswer with one JSON value and nothing else. It must fit this JSON Schema:\n{}",
        prompt.system, prompt.schema
    )
}

/// The JSON of a text: as it is, in a code fence, or behind thoughts that a model wrote down.
///
/// # Errors
/// `upstream_rejected` with reason `llm_answer_unusable`.
pub(super) fn json(text: &str) -> ToolResult<Value> {
    let said = text.rsplit("</think>").next().unwrap_or(text).trim();
    let fenced = said.split_once("```").map(|(_, rest)| {
        let rest = rest.strip_prefix("json").unwrap_or(rest);
        rest.split("```").next().unwrap_or(rest)
    });
    let candidates = [Some(said), fenced, between(said, '{', '}')];
    candidates
        .into_iter()
        .flatten()
        .find_map(|one| serde_json::from_str(one.trim()).ok())
        .ok_or_else(|| {
            unusable(UNUSABLE, "the language model answered no JSON")
                .retryable(true)
                .hint("try again; where it happens often, use a larger model")
        })
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    text.get(text.find(open)?..=text.rfind(close)?)
}

/// The model stopped because it had no more room.
pub(super) fn cut() -> ToolError {
    unusable(
        UNUSABLE,
        "the language model's answer was cut at its longest length",
    )
    .hint("give it fewer memories or messages at a time")
}

/// The model said that it will not.
pub(super) fn refused() -> ToolError {
    unusable(UNUSABLE, "the language model refused to answer")
        .hint("leave `infer` out to keep the text as it is")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(r#"{"a":1}"#)]
    #[case("  {\"a\": 1}\n")]
    #[case("```json\n{\"a\": 1}\n```")]
    #[case("```\n{\"a\": 1}\n```\nDone.")]
    #[case("Here you are:\n```json\n{\"a\": 1}\n```")]
    #[case("Sure! {\"a\": 1} is it.")]
    #[case("<think>{\"a\": 2}?</think>{\"a\": 1}")]
    fn json_is_found_in_what_a_model_says(#[case] text: &str) {
        assert_eq!(json(text).unwrap(), json!({ "a": 1 }));
    }

    #[rstest]
    #[case("")]
    #[case("I cannot do that.")]
    #[case("{\"a\": ")]
    #[case("}{")]
    fn what_holds_no_json_is_an_error_that_repeats_nothing(#[case] text: &str) {
        let error = super::json(text).unwrap_err();

        assert_eq!(error.envelope().reason.as_deref(), Some(UNUSABLE));
        assert!(!error.to_string().contains("cannot do that"));
    }
}
