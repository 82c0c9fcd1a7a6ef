//! Bodies that are read into memory, piece by piece.

use bytes::Bytes;

/// A first piece of so many bytes is kept as it is. A smaller one may be a view of a buffer that is much larger than it.
const LARGE_PIECE: usize = 64 * 1024;

/// Bytes of a body, put together as they come. Whoever sends half a body and waits costs what was sent: it never holds more
/// than nine eighths of its bytes, and growing to any length copies each byte about eight times at most.
#[derive(Debug, Default)]
pub struct Gathered {
    /// All there is, as it came; empty once there is more.
    first: Bytes,
    all: Vec<u8>,
}

impl Gathered {
    /// Makes it for a part of a body of which as much came before.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            first: Bytes::new(),
            all: Vec::with_capacity(capacity),
        }
    }

    /// Adds a piece. No buffer that the piece is a view of is kept, unless the piece is large and alone.
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

    /// Returns how many bytes came.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// Returns whether nothing came yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what came.
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
        // What is small and alone lets go of the buffer it came in, what is large is not copied.
        let mut one = Gathered::default();
        one.push(block.slice(..10));
        assert_ne!(one.finish().as_ptr(), block.as_ptr());
        let mut one = Gathered::default();
        one.push(block.clone());
        assert_eq!(one.finish().as_ptr(), block.as_ptr());
    }
}
