//! A client's connection: incoming bytes, rate limited, become lines for the engine; outgoing bytes are written.

use std::sync::Arc;
use std::time::Duration;

use connector_kit::{TokenBucket, read_some};
use irc_codec::LineBuffer;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::engine::Input;
use super::outgoing::Outgoing;
use crate::config::Limits;
use crate::server::{ClientId, Departure, Peer};

/// Maximum length of tags a client may send, including `@` and the space (IRCv3 message-tags).
const MAX_TAGS: usize = 4096;

/// Maximum length of a line without tags.
const MAX_BODY: usize = 512;

/// Lines per client that may be queued for the engine.
const CREDITS: usize = 16;

/// A client that accepts no byte for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Everything still queued for a closed client must be accepted within this time.
const LAST: Duration = Duration::from_secs(30);

/// How long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes per read.
const READ: usize = 4096;

/// Serves a client until either side ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin>(
    id: ClientId,
    peer: Peer,
    stream: S,
    engine: mpsc::Sender<Input>,
    outgoing: Outgoing,
    limits: &Limits,
) {
    let outgoing = Arc::new(outgoing);
    let credits = Arc::new(Semaphore::new(CREDITS));
    let connected = Input::Connected {
        id,
        peer,
        outgoing: Arc::clone(&outgoing),
        credits: Arc::clone(&credits),
    };
    if engine.send(connected).await.is_err() {
        return;
    }
    let (reader, mut writer) = tokio::io::split(stream);
    let how = tokio::select! {
        how = read(id, reader, &engine, &credits, limits) => how,
        how = write(id, &mut writer, &engine, &outgoing, limits.sendq) => how,
    };
    // The engine is told first: others should see the end of a connection immediately.
    let _ = engine.send(Input::Closed { id, how }).await;
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, writer.shutdown()).await;
}

async fn read<R: AsyncRead + Unpin>(
    id: ClientId,
    mut reader: R,
    engine: &mpsc::Sender<Input>,
    credits: &Semaphore,
    limits: &Limits,
) -> Departure {
    let start = Instant::now();
    let mut bucket = TokenBucket::new(limits.line_burst, limits.lines_per_second, Duration::ZERO);
    let mut lines = LineBuffer::new(MAX_TAGS, MAX_BODY);
    loop {
        while let Some(line) = lines.next_line() {
            let wait = bucket.take(start.elapsed());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            // The engine returns the credit when it has taken the line.
            let Ok(credit) = credits.acquire().await else {
                return lost("The server stopped");
            };
            credit.forget();
            if engine
                .send(Input::Line {
                    id,
                    line: line.ok(),
                })
                .await
                .is_err()
            {
                return lost("The server stopped");
            }
        }
        match read_some::<READ>(&mut reader, |bytes| lines.push(bytes)).await {
            Ok(0) => return Departure::Closed,
            Ok(_) => {}
            Err(error) => return lost(format!("Read error: {}", error.kind())),
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    id: ClientId,
    writer: &mut W,
    engine: &mpsc::Sender<Input>,
    outgoing: &Outgoing,
    sendq: usize,
) -> Departure {
    let mut closed = None;
    while let Some(bytes) = outgoing.take().await {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            // A client that reads a byte now and then must not hold a closed connection open for ever.
            let patience = if outgoing.is_closed() {
                LAST.saturating_sub(closed.get_or_insert_with(Instant::now).elapsed())
            } else {
                WRITE_TIMEOUT
            };
            let count = match tokio::time::timeout(patience, writer.write(rest)).await {
                Ok(Ok(count)) if count > 0 => count,
                Ok(_) => return discard(outgoing).await,
                Err(_) => return lost("Write timeout"),
            };
            rest = &rest[count..];
            if outgoing.is_aborted() {
                return lost("SendQ exceeded");
            }
            if outgoing.written(count, sendq / 8)
                && engine.send(Input::Drained { id }).await.is_err()
            {
                return lost("The server stopped");
            }
        }
        if writer.flush().await.is_err() {
            return discard(outgoing).await;
        }
    }
    lost("Closed")
}

fn lost(reason: impl Into<String>) -> Departure {
    Departure::Lost(reason.into())
}

/// Discards what can no longer be written. What the client sent before it closed is still read; the end of that ends
/// the connection.
async fn discard(outgoing: &Outgoing) -> Departure {
    while let Some(bytes) = outgoing.take().await {
        outgoing.written(bytes.len(), 0);
    }
    lost("Connection closed")
}
