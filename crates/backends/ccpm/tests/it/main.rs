//! The `ccpm` server, embedded and remote.
