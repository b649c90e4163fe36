//! The `netbox` server against one that plays the documented API, and against peers that answer what
//! no server should.
#![cfg(test)]

mod addresses;
mod allocate;
mod cables;
mod credentials;
mod devices;
mod facts;
mod faults;
mod journal;
mod objects;
mod objects_changed;
mod prefixes;
mod search;
mod shape;
mod versions;
mod vlans;
mod whole_api;
mod world;
