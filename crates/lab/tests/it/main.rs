//! Tests of the upstreams themselves: a fake that is wrong makes every test above it worthless.

mod demo;
mod instrument;
mod ollama;
mod services;
mod wire;
