//! The `homelab` server against a real store on SQLite, the lab's upstreams, and real instruments.

mod addresses;
mod backend;
mod changes;
mod credentials;
mod devices;
mod health;
mod impact;
mod networks;
mod overview;
mod registers;
mod remembered;
mod routes;
mod scpi;
mod scpi_peer;
mod services;
mod shape;
mod sync;
mod tls;
mod topology;
mod whatis;
mod world;
