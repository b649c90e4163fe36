//! Tests of the public surface of the domain.

mod render;
mod tool_attribute;
