//! The `memory` server: its settings, the models behind it, and its tools over a real database.

mod models;
mod providers;
mod settings;
mod shape;
mod tools;
mod world;
