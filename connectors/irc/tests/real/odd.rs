//! Server behaviour outside the specifications, scripted here.

use irc_connector::{Irc, IrcConfig};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::client::{Client, assignment};
use crate::scram::Services;
use crate::servers::PATIENCE;

/// Reads lines until one has this prefix; returns it.
async fn line<R: AsyncRead + Unpin>(reader: &mut BufReader<R>, start: &str) -> String {
    let search = async {
        loop {
            let mut line = String::new();
            let count = reader.read_line(&mut line).await.unwrap();
            assert!(count > 0, "the client closed before {start}");
            if line.starts_with(start) {
                return line;
            }
        }
    };
    let found = timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("the client never sent {start}"))
}

#[tokio::test]
async fn tls_that_ends_without_a_word_is_an_end_like_any_other() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let acceptor = TlsAcceptor::from(tls::server_config(&certificate, &key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let irc = Irc::new(IrcConfig {
        roots: vec![made.cert.der().clone()],
        ..IrcConfig::default()
    });
    let mut record = assignment("alice", port);
    record.connection.set("secure", true);
    record.connection.set("host", "localhost");
    let mut alice = Client::start_with(&irc, record).await;
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut stream = BufReader::new(acceptor.accept(stream).await.unwrap());
    line(&mut stream, "USER ").await;
    // The socket is closed without closing TLS.
    drop(stream);
    let sentence = alice.state("offline").await;
    assert!(
        sentence.starts_with("The server closed the connection. "),
        "{sentence}"
    );
    alice.stop().await;
}

#[tokio::test]
async fn the_first_line_may_be_longer_than_any_may_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let alice = Client::start(assignment("alice", port)).await;
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    line(&mut reader, "USER ").await;
    let others: String = (0..100).map(|n| format!("example.org/cap{n} ")).collect();
    let offer = format!(":irc.test CAP * LS :{others}server-time\r\n");
    assert!(offer.len() > 1000);
    writer.write_all(offer.as_bytes()).await.unwrap();
    let asked = line(&mut reader, "CAP ").await;
    assert_eq!(asked.trim_end(), "CAP REQ server-time");
    drop(stream);
    alice.stop().await;
}

#[tokio::test]
async fn keys_are_computed_while_the_connection_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut record = assignment("alice", listener.local_addr().unwrap().port());
    record.connection.set("sasl", true);
    record.connection.password = Some("sesame".to_owned());
    let mut alice = Client::start(record).await;
    let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut services = Services::of("sesame");
    services.iterations = 20_000;
    line(&mut reader, "USER ").await;
    let say = |text: &str| format!("{text}\r\n").into_bytes();
    let offer = say(":irc.test CAP * LS :sasl=SCRAM-SHA-256");
    writer.write_all(&offer).await.unwrap();
    line(&mut reader, "CAP REQ sasl").await;
    let granted = say(":irc.test CAP * ACK :sasl");
    writer.write_all(&granted).await.unwrap();
    line(&mut reader, "AUTHENTICATE SCRAM-SHA-256").await;
    writer.write_all(&say("AUTHENTICATE +")).await.unwrap();
    let first = line(&mut reader, "AUTHENTICATE ").await;
    let challenge = services.challenge(first.trim_end());
    let challenge = say(&format!("AUTHENTICATE {challenge}\r\nPING :there?"));
    writer.write_all(&challenge).await.unwrap();
    // Whatever the server sends is read and answered at once.
    line(&mut reader, "PONG ").await;
    let proof = line(&mut reader, "AUTHENTICATE ").await;
    let answer = services.check(proof.trim_end()).unwrap();
    let answer = say(&format!("AUTHENTICATE {answer}"));
    writer.write_all(&answer).await.unwrap();
    line(&mut reader, "AUTHENTICATE +").await;
    let welcome = say(
        ":irc.test 903 alice :ok\r\n:irc.test 001 alice :Welcome\r\n:irc.test 422 alice :No MOTD",
    );
    writer.write_all(&welcome).await.unwrap();
    assert!(alice.state("online").await.ends_with("as alice."));
    alice.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_is_shown_and_may_be_accepted() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["elsewhere.test".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let acceptor = TlsAcceptor::from(tls::server_config(&certificate, &key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut record = assignment("alice", port);
    record.connection.set("secure", true);
    record.connection.set("host", "localhost");
    let fingerprint = protocol::hex(&<[u8; 32]>::from(Sha256::digest(made.cert.der())));
    for (accepted, about) in [
        (None, "is not accepted"),
        (Some("00".repeat(32)), "not the one that you accepted"),
    ] {
        if let Some(accepted) = accepted {
            record.connection.set("certificate", accepted);
        }
        let mut alice = Client::start(record.clone()).await;
        let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        assert!(acceptor.accept(stream).await.is_err());
        let state = alice.activity("why not", |a| {
            let object = a.object.as_ref().map(protocol::ActivityObject::to_value);
            object.is_some_and(|object| object["status"] == "offline")
        });
        let object = state.await.object.unwrap().to_value();
        assert_eq!(object["certificate"], fingerprint, "{object}");
        let sentence = object["content"].as_str().unwrap();
        assert!(
            sentence.contains(about) && sentence.contains("Nothing was sent"),
            "{sentence}"
        );
        alice.stop().await;
    }
    record.connection.set("certificate", fingerprint);
    let alice = Client::start(record).await;
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let mut stream = BufReader::new(acceptor.accept(stream).await.unwrap());
    line(&mut stream, "USER ").await;
    drop(stream);
    alice.stop().await;
}
