//! Reading from connections that are idle most of the time.

use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, ReadBuf};

/// Reads once, at most `SIZE` bytes, through a buffer that exists only while there is something to read, so that an idle connection holds
/// none. Returns how many bytes `take` got; none at the end.
///
/// # Errors
///
/// Those of the reader.
pub async fn read_some<const SIZE: usize>(
    reader: &mut (impl AsyncRead + Unpin + ?Sized),
    mut take: impl FnMut(&[u8]),
) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let mut bytes = [0; SIZE];
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(&mut *reader).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) => {
                take(buffer.filled());
                Poll::Ready(Ok(buffer.filled().len()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
