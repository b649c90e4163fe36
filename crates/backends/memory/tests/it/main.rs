//! The `memory` server: its settings, the models behind it, and its tools over a real database.

mod providers;
mod world;
