//! The `ccpm` server over a real database: embedded, and as a client of our own REST routes.

mod agents;
mod legacy;
mod messages;
mod sessions;
mod settings;
mod shape;
mod tasks;
mod world;
