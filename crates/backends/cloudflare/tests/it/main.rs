//! The `cloudflare` server against one that plays the documented API.
#![cfg(test)]

mod access;
mod analytics;
mod cache;
mod faults;
mod records;
mod rules;
mod settings;
mod shape;
mod tunnels;
mod undo;
mod world;
mod zones;
