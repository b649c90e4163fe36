//! The doors, from outside: what goes in and comes out, byte by byte where that matters.

pub(crate) mod support;

mod asking;
mod edge;
mod fuzz;
mod listen;
mod modern;
mod rest;
mod sessions;
mod sse;
mod stdio;
