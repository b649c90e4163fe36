//! The whisper server against a real OpenSSH server and a stand-in for Ollama.

#![cfg(test)]

mod commands;
mod files;
mod fleet;
mod generate;
mod gpu;
mod hosts;
mod models;
mod pull;
mod services;
mod shape;
mod undo;
mod world;
