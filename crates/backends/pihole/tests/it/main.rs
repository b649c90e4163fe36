//! The `pihole` server against ones that play FTL 6, and one that plays version 5.
#![cfg(test)]

mod blocking;
mod facts;
mod faults;
mod gravity;
mod groups;
mod lists;
mod local_dns;
mod replicas;
mod rules;
mod sessions;
mod shape;
mod stats;
mod teleporter;
mod upstreams;
mod versions;
mod whole_api;
mod world;
