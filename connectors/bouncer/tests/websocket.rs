//! A client in a web page: lines as messages of a WebSocket, on the port of the others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Plain, Space};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Page = WebSocketStream<TcpStream>;

/// Maximum time for a test to wait for one thing.
const LIMIT: Duration = Duration::from_secs(40);

async fn open(space: &Space, origin: &str, subprotocol: &str) -> Result<(Page, String), Error> {
    let stream = TcpStream::connect(space.bouncer).await.unwrap();
    let mut request = format!("ws://{}/", space.bouncer)
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("origin", origin.parse().unwrap());
    headers.insert("sec-websocket-protocol", subprotocol.parse().unwrap());
    let (page, response) = timeout(LIMIT, client_async(request, stream))
        .await
        .unwrap()?;
    let chosen = response.headers().get("sec-websocket-protocol");
    let chosen = chosen.map(|name| name.to_str().unwrap().to_owned());
    Ok((page, chosen.unwrap_or_default()))
}

async fn say(page: &mut Page, line: &str) {
    page.send(Message::text(line)).await.unwrap();
}

/// Reads up to a message with a text.
async fn expect(page: &mut Page, text: &str) -> Message {
    loop {
        let message = timeout(LIMIT, page.next()).await.unwrap();
        let message = message
            .unwrap_or_else(|| panic!("it ended before {text:?}"))
            .unwrap();
        if message.to_text().is_ok_and(|line| line.contains(text)) {
            assert!(!message.to_text().unwrap().contains('\n'), "{message:?}");
            return message;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_is_a_client_like_others() {
    let space = Space::start_with(|config| {
        config.origins = vec!["https://irc.example.org".to_owned()];
    })
    .await;
    let mut bob = Plain::connect(space.irc).await;
    bob.register("bob", "CAP END").await;
    bob.say("JOIN #tea").await;
    bob.expect(" 366 ").await;
    let both = "binary.ircv3.net, text.ircv3.net";
    for (origin, subprotocols, chosen) in [
        (
            "https://irc.example.org",
            "text.ircv3.net",
            "text.ircv3.net",
        ),
        ("http://127.0.0.1:8080", both, "binary.ircv3.net"),
    ] {
        let (mut page, agreed) = open(&space, origin, subprotocols).await.unwrap();
        assert_eq!(agreed, chosen);
        say(&mut page, "PASS alice:pw-alice").await;
        say(&mut page, "NICK x").await;
        say(&mut page, "USER x 0 * :x").await;
        let welcome = expect(&mut page, " 001 ").await;
        assert_eq!(welcome.is_binary(), chosen == "binary.ircv3.net");
        expect(&mut page, " 366 ").await;
        say(&mut page, "PRIVMSG #tea :from a page: äöü").await;
        bob.expect("PRIVMSG #tea :from a page: äöü").await;
        bob.say("PRIVMSG #tea :from bob").await;
        expect(&mut page, "PRIVMSG #tea :from bob").await;
        say(&mut page, "QUIT").await;
        expect(&mut page, "ERROR ").await;
    }
    let refused = open(&space, "https://evil.example", "text.ircv3.net").await;
    let Err(Error::Http(response)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(response.status().as_u16(), 403);
    space.stop().await;
}
