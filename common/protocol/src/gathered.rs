//! Bodies that are read into memory, piece by piece.

use bytes::Bytes;

/// A first piece of this size is kept as it is. A smaller one may be a view of a much larger buffer.
const LARGE_PIECE: usize = 64 * 1024;

/// Bytes of a body, collected as they arrive. A client that sends half a body and waits only costs what was sent: this
/// never holds more than nine eighths of its bytes, and copies each byte about eight times at most, however large it
/// grows.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Everything, unchanged; empty once there is more.
    first: Bytes,
    all: Vec<u8>,
}

impl Gathered {
    /// Creates it for a part of a body that was preceded by as much.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            first: Bytes::new(),
            all: Vec::with_capacity(capacity),
        }
    }

    /// Adds a piece. The buffer behind the piece is not kept, unless the piece is large and the only one.
    pub fn push(&mut self, piece: Bytes) {
        if self.is_empty() && piece.len() >= LARGE_PIECE {
            self.first = piece;
            return;
        }
        let first = std::mem::take(&mut self.first);
        let more = first.len() + piece.len();
        if self.all.capacity() - self.all.len() < more {
            self.all.reserve_exact(more.max(self.all.len() / 8));
        }
        self.all.extend_from_slice(&first);
        self.all.extend_from_slice(&piece);
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// Returns whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes.
    #[must_use]
    pub fn finish(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_a_body_takes_an_eighth_more_memory_at_most() {
        let block = Bytes::from(vec![7; 64 * 1024]);
        for step in [1, 1_000, 1_460, 8 * 1024, 40_000, LARGE_PIECE] {
            let (mut all, mut copied) = (Gathered::default(), 0);
            while all.len() < 300_000 {
                let before = all.all.capacity();
                all.push(block.slice(..step));
                let (capacity, came) = (all.all.capacity(), all.len());
                copied += if capacity > before { came } else { 0 };
                assert!(all.first.is_empty() || all.first.len() >= LARGE_PIECE);
                let held = all.first.len() + capacity;
                assert!(held <= came + came / 8, "{held} for {came} by {step}");
            }
            let length = all.len();
            assert!(
                copied <= 10 * length,
                "{copied} bytes were copied by {step}"
            );
            let bytes = all.finish();
            assert!(bytes.len() == length && bytes.iter().all(|byte| *byte == 7));
        }
        // A small single piece releases its buffer, a large one is not copied.
        let mut one = Gathered::default();
        one.push(block.slice(..10));
        assert_ne!(one.finish().as_ptr(), block.as_ptr());
        let mut one = Gathered::default();
        one.push(block.clone());
        assert_eq!(one.finish().as_ptr(), block.as_ptr());
    }
}
