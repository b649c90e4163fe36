//! Tests of the public surface of the domain.

mod error_pages;
mod render;
mod tool_attribute;
