//! The model that runs inside this process: [`MiniLm`]. It is in the binary and needs nothing.

mod minilm;
mod vocabulary;
mod wordpiece;

pub use minilm::MiniLm;
