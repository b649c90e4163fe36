//! Tests of the gateway through its public doors.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod auth;
mod auth_matrix;
mod auth_tokens;
mod conformance;
mod logs;
mod metrics;
mod pipeline_access;
mod pipeline_answers;
mod pipeline_arguments;
mod pipeline_beside;
mod pipeline_effect;
mod pipeline_facts;
mod pipeline_held;
mod pipeline_instances;
mod pipeline_recording;
mod pipeline_running;
mod support;
mod transport;
