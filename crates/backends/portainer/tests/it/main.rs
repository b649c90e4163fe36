//! The `portainer` server against one that plays the documented API, and against peers that answer
//! what it does not.
#![cfg(test)]

mod deploy;
mod endpoints;
mod facts;
mod faults;
mod health;
mod kubernetes;
mod shape;
mod stacks;
mod usage;
mod whole_api;
mod world;
