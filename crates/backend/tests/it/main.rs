//! Tests of what all backends share.

mod settings;
mod shape;
