//! Benchmarks, run by hand.
