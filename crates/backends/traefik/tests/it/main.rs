//! The `traefik` server against one that plays the documented API, and against the real Traefik.
#![cfg(test)]

mod certificates;
mod changes;
mod create;
mod facts;
mod faults;
mod health;
mod lists;
mod middlewares;
mod pages;
mod real;
mod remote;
mod shape;
mod validate;
mod world;
