//! The `proxmox` server against a cluster that plays the documented API, and against peers that
//! answer what no cluster should.
#![cfg(test)]

mod agent;
mod backup_jobs;
mod backups;
mod changes;
mod cluster;
mod config;
mod containers;
mod credentials;
mod facts;
mod failover;
mod fakepve;
mod faults;
mod guests;
mod injection;
mod machines;
mod migration;
mod power;
mod raw;
mod restore;
mod restore_test;
mod scale;
mod shape;
mod snapshots;
mod storage;
mod tasks;
mod templates;
mod trust;
mod versions;
mod whole_api;
mod world;
