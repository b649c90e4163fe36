//! The `unifi` server against a console that plays both documented APIs.
#![cfg(test)]

mod access;
mod adoption;
mod blocking;
mod clients;
mod devices;
mod dns;
mod facts;
mod faults;
mod firewall;
mod guests;
mod log;
mod networks;
mod power;
mod shape;
mod stats;
mod trust;
mod versions;
mod vouchers;
mod whole_api;
mod world;
