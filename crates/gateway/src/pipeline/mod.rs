//! One call from its door to its answer.
