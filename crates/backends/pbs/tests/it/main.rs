//! The `pbs` server against one that plays the documented API, and against peers that answer what
//! no server should.
#![cfg(test)]

mod backups;
mod changes;
mod credentials;
mod facts;
mod faults;
mod freshness;
mod gc;
mod health;
mod injection;
mod jobs;
mod namespaces;
mod prune;
mod raw;
mod remotes;
mod shape;
mod sync;
mod tasks;
mod trust;
mod usage;
mod verify;
mod versions;
mod whole_api;
mod world;
