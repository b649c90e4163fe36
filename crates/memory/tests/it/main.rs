//! Stories about the service over a real database, with a small embedder of the tests' own.
#![cfg(test)]

mod adding;
mod changing;
mod isolation;
mod lab;
mod learning;
mod searching;
mod summing_up;
mod working;
