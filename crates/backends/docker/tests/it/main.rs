//! The `docker` server against a real engine, and against what is no engine at all.
#![cfg(test)]

mod changes;
mod connection;
mod create;
mod exec;
mod facts;
mod images;
mod lifecycle;
mod logs;
mod networks;
mod podman;
mod prune;
mod recreate;
mod shape;
mod ssh;
mod system;
mod tls;
mod whole_api;
mod world;
