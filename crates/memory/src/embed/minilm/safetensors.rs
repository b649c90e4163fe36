//! The file format of the weights: a length, a JSON header, then the numbers.
//!
//! Source: the format description of Hugging Face's `safetensors`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::Value;

use super::ModelError;

/// Longest header that is read; that of MiniLM has 11 kB.
const MAX_HEADER: u64 = 1024 * 1024;
const FLOAT: usize = size_of::<f32>();

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// An open file of tensors.
#[derive(Debug)]
pub(super) struct Tensors {
    file: Mutex<File>,
    entries: HashMap<String, Entry>,
    /// Where the numbers begin.
    start: u64,
}

impl Tensors {
    /// Reads the header.
    pub(super) fn read(mut file: File) -> Result<Self, ModelError> {
        file.seek(SeekFrom::Start(0))?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(ModelError::Damaged(format!(
                "its header has {length} bytes"
            )));
        }
        let mut header = Vec::new();
        Read::by_ref(&mut file)
            .take(length)
            .read_to_end(&mut header)?;
        let header: HashMap<String, Value> = serde_json::from_slice(&header)
            .map_err(|error| ModelError::Damaged(format!("its header is no JSON: {error}")))?;
        let entries = header
            .into_iter()
            .filter(|(name, _)| name != "__metadata__")
            .map(|(name, value)| match serde_json::from_value(value) {
                Ok(entry) => Ok((name, entry)),
                Err(error) => Err(ModelError::Damaged(format!("`{name}`: {error}"))),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            file: Mutex::new(file),
            entries,
            start: 8 + length,
        })
    }

    /// A whole tensor, which must have this shape.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let start = self.find(name, shape)?;
        self.floats(start, shape.iter().product())
    }

    /// A matrix whose rows are read one at a time.
    pub(super) fn rows(&self, name: &str, count: usize, width: usize) -> Result<Rows, ModelError> {
        Ok(Rows {
            start: self.find(name, &[count, width])?,
            count,
            width,
        })
    }

    /// One row of a matrix.
    pub(super) fn row(&self, rows: &Rows, index: usize) -> Result<Vec<f32>, ModelError> {
        if index >= rows.count {
            return Err(ModelError::Damaged(format!("it has no row {index}")));
        }
        let before = (index * rows.width * FLOAT) as u64;
        self.floats(rows.start + before, rows.width)
    }

    /// Where a tensor begins in the file.
    fn find(&self, name: &str, shape: &[usize]) -> Result<u64, ModelError> {
        let entry = self
            .entries
            .get(name)
            .ok_or_else(|| ModelError::Damaged(format!("it has no `{name}`")))?;
        let bytes = (shape.iter().product::<usize>() * FLOAT) as u64;
        let (from, to) = entry.data_offsets;
        if entry.dtype != "F32" || entry.shape != shape || to.checked_sub(from) != Some(bytes) {
            return Err(ModelError::Damaged(format!(
                "`{name}` is {} {:?}, not F32 {shape:?}",
                entry.dtype, entry.shape
            )));
        }
        self.start
            .checked_add(from)
            .ok_or_else(|| ModelError::Damaged(format!("`{name}` lies nowhere")))
    }

    fn floats(&self, start: u64, count: usize) -> Result<Vec<f32>, ModelError> {
        let mut bytes = vec![0; count * FLOAT];
        {
            let mut file = self
                .file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut bytes)?;
        }
        let (floats, _) = bytes.as_chunks::<FLOAT>();
        Ok(floats
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect())
    }
}

/// Where the rows of a matrix are.
#[derive(Debug)]
pub(super) struct Rows {
    start: u64,
    count: usize,
    width: usize,
}
