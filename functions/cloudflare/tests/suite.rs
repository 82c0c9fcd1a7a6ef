//! The suite of all hosts, over workerd.
//!
//! Two things cannot be tested here: the platform normalises addresses before the Worker sees them, and wrangler's
//! imitation of Cloudflare compresses texts although the response forbids it. `worker.rs` tests both separately.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::net::SocketAddr;

use common::{FUNCTIONS, Worker, free_address};
use functions_suite::{Server, Settings};
use tokio::net::{TcpListener, TcpStream};

functions_suite::suite!(
    start:
    a_bucket_in_a_private_network_is_refused,
    an_account_from_set_up_to_archive,
    an_upload_that_breaks_off_stores_nothing,
    a_folder_of_more_than_a_thousand_documents,
    chunked_uploads_of_unknown_length,
    every_origin_may_ask,
    large_documents_stream_both_ways,
    of_writers_with_one_condition_exactly_one_wins,
    one_connection_serves_many_requests,
    remotestorage_js_keeps_two_devices_in_step,
    writers_of_one_module_at_once,
    wrong_passwords_and_revoked_sessions
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_over_the_limit_are_refused_announced_or_not() {
    let server = start(Settings {
        max_document_size: Some(100_000),
        ..Settings::default()
    })
    .await;
    functions_suite::bodies_over_the_limit_are_refused_announced_or_not(server).await;
}

async fn start(settings: Settings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let variables = settings.variables(&format!("http://{address}"));
    let worker = tokio::task::spawn_blocking(move || {
        let behind = free_address();
        (Worker::start(FUNCTIONS, behind, &variables, &[]), behind)
    });
    let (worker, behind) = worker.await.unwrap();
    tokio::spawn(pass_on(listener, behind));
    Server::ready(address, worker).await
}

/// Forwards connections except TLS ones: workerd leaves those waiting instead of closing them, and remotestorage.js
/// tries https first.
async fn pass_on(listener: TcpListener, behind: SocketAddr) {
    const TLS_HANDSHAKE: u8 = 22;
    while let Ok((mut client, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut first = [0];
            if client.peek(&mut first).await.is_err() || first[0] == TLS_HANDSHAKE {
                return;
            }
            let mut server = TcpStream::connect(behind).await.unwrap();
            // Either side may disconnect.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
}
