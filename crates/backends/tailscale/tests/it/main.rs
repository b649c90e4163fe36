//! The `tailscale` server against a control server that plays the documented API, and a Headscale
//! that speaks its part of it.
#![cfg(test)]

mod credentials;
mod devices;
mod dns;
mod facts;
mod faults;
mod headscale;
mod keys;
mod policy;
mod routes;
mod services;
mod shape;
mod tailnet;
mod whole_api;
mod world;
