//! Vectors: how they are kept, and the nearest of them.
//!
//! Each is kept as one signed byte for each dimension and a scale, which costs nothing that could be measured in
//! what is found. They are compared in this process, or by pgvector where PostgreSQL has it ([`Space`]).

mod ask;
mod code;
mod index;
mod late;
mod nearest;
mod shelf;
mod space;

pub(super) use code::coded;
pub(super) use late::put_vectors;
pub(crate) use shelf::Shelves;
pub(crate) use space::Space;

#[cfg(test)]
pub(super) use nearest::those_that_meet;
pub(super) use nearest::{by_vector, standing};
pub(super) use shelf::Standing;
