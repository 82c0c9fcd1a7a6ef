//! What holds for every accepted connection of a protocol of lines.

use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::TcpStream;

/// What the kernel may hold for a client that does not read, in bytes; Linux counts twice that, with its own records of
/// it. Without a limit it grows to some megabytes for each client, which no limit of ours knows about.
const SEND_BUFFER: usize = 128 << 10;

/// Prepares a connection: small writes leave at once, and the kernel holds little for a client that does not read.
pub fn accepted(stream: &TcpStream) {
    // Lines are short, and people wait for them.
    let _ = stream.set_nodelay(true);
    let _ = set_socket_send_buffer_size(stream, SEND_BUFFER);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may fail")]
mod tests {
    use rustix::net::sockopt::socket_send_buffer_size;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_kernel_holds_little_for_who_does_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, taken) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, (stream, _)) = (client.unwrap(), taken.unwrap());
        accepted(&stream);
        assert!(stream.nodelay().unwrap());
        assert!(socket_send_buffer_size(&stream).unwrap() <= 2 * SEND_BUFFER);
        drop(client);
    }
}
