//! Tests of the public surface of the domain.

mod tool_attribute;
