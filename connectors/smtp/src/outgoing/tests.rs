//! What is remembered of mails while the functions' queue is looked through.

use connector_kit::now;
use protocol::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::checks::resolver;

/// Longer ago than anything is remembered.
const LONG_AGO: i64 = 61 * 24 * 60 * 60 * 1000;

/// Notes that a mail was sent long ago, which the functions were never told.
fn sent(store: &Store, id: &str) {
    let envelope = Envelope {
        id: id.to_owned(),
        account: "alice".parse().unwrap(),
        to: "bob@b.example".parse().unwrap(),
        source: "notifications".to_owned(),
        return_path: format!("{id}@chat.example"),
        bounce: None,
        accepted: Timestamp::from_millis(1),
        expires: Timestamp::from_millis(2),
    };
    let done = Done {
        envelope,
        result: MailResult::Sent,
        reason: String::new(),
        at: now().plus_millis(-LONG_AGO),
        told: false,
    };
    store.finish(&done).unwrap();
}

/// Reads a request to its end; returns whether it asks for a page of the queue.
async fn asks(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap()) {
                return head.starts_with("get ");
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
}

/// A mail connector, and functions whose queue has these pages; what is asked for after them has no answer. While the last
/// page is fetched, another mail is sent.
async fn fetched(folder: &Path, pages: &'static [&'static str]) -> Arc<Outgoing> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let config = OutgoingConfig {
        route: Route::Direct {
            port: 25,
            private: false,
        },
        from: "subspace@chat.example".parse().unwrap(),
        dkim: None,
    };
    let client = FunctionsClient::new(&origin, "mail", b"key").unwrap();
    let (outgoing, _work) = Outgoing::open(
        folder,
        config,
        "mx.chat.example",
        "chat.example",
        resolver(Some("127.0.0.1:9".parse().unwrap())).unwrap(),
        client,
        &Limits::default(),
    )
    .unwrap();
    sent(&outgoing.store, "before");
    let store = Arc::clone(&outgoing.store);
    tokio::spawn(async move {
        let mut left = pages.iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = match asks(&mut stream).await {
                false => "null",
                true => match left.next() {
                    Some(page) => *page,
                    None => continue,
                },
            };
            if left.len() == 0 && !store.knows("meanwhile") {
                sent(&store, "meanwhile");
            }
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let whole = pages.last().unwrap().contains("false");
    assert_eq!(outgoing.fetch().await.is_ok(), whole);
    outgoing.store.clean(Duration::from_secs(60)).unwrap();
    outgoing
}

#[tokio::test]
async fn what_became_of_a_mail_is_kept_until_the_whole_queue_was_looked_through() {
    const HALF: &str = r#"{"items":[{"id":"1","task":"publish","account":"alice"}],"more":true}"#;
    const WHOLE: &str = r#"{"items":[],"more":false}"#;
    for (pages, known) in [(&[HALF][..], true), (&[HALF, WHOLE][..], false)] {
        let folder = tempfile::tempdir().unwrap();
        let outgoing = fetched(folder.path(), pages).await;
        assert_eq!(outgoing.store.knows("before"), known, "{pages:?}");
        assert!(outgoing.store.knows("meanwhile"), "{pages:?}");
    }
}
