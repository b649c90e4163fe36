//! In-process upstreams with state, for tests and the demo.
