//! The `cloudflare` server against one that plays the documented API.
#![cfg(test)]

mod access;
mod analytics;
mod batch;
mod cache;
mod facts;
mod faults;
mod records;
mod rules;
mod settings;
mod shape;
mod tunnels;
mod undo;
mod whole_api;
mod world;
mod zones;
