//! The client against a real OpenSSH server.
#![cfg(test)]

mod connection;
mod ends;
mod exec;
mod files;
mod host_keys;
mod jump;
mod password;
mod replace;
mod sign_in;
mod stream;
mod world;
