//! The bytes queued for one client.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Bytes that wait to be written. When empty it uses no memory.
#[derive(Debug, Default)]
pub(super) struct Outgoing(VecDeque<u8>);

impl Outgoing {
    pub(super) fn line(&mut self, line: &str) {
        self.0.extend(line.as_bytes());
        self.0.extend(b"\r\n");
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes some of it; returns how much. Dropping the future loses nothing.
    pub(super) async fn write<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> io::Result<()> {
        let count = writer.write(self.0.as_slices().0).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.drain(..count);
        if self.0.is_empty() {
            self.0 = VecDeque::new();
            writer.flush().await?;
        }
        Ok(())
    }
}
