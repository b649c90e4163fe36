//! SQLite and PostgreSQL behind the store traits of homelab-core.
