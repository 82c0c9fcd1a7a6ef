//! Network failures.

use irc_connector::{AddressPolicy, Irc, IrcConfig};

use crate::client::{Client, assignment, irc};
use crate::servers::{Server, free_port};

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = free_port();
    let mut alice = Client::start(assignment("alice", port)).await;
    let sentence = alice.state("offline").await;
    assert!(
        sentence.starts_with(&format!("127.0.0.1 refuses the connection on port {port}")),
        "{sentence}"
    );
    alice.stop().await;
    let mut record = assignment("alice", port);
    record.connection.set("host", "no-such-host.invalid");
    let mut lost = Client::start(record).await;
    let sentence = lost.state("offline").await;
    assert!(
        sentence.starts_with("There is no server called no-such-host.invalid"),
        "{sentence}"
    );
    lost.stop().await;
}

#[tokio::test]
async fn a_certificate_of_its_own_making_is_refused_in_words() {
    let server = Server::inspircd(true).await;
    let mut record = assignment("alice", server.tls_port);
    record.connection.set("secure", true);
    record.connection.set("host", "localhost");
    let mut alice = Client::start(record).await;
    let sentence = alice.state("offline").await;
    assert!(
        sentence.starts_with("The certificate of localhost is not accepted: "),
        "{sentence}"
    );
    alice.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_trusted_is_taken() {
    let server = Server::inspircd(true).await;
    let pem = server.log("cert.pem");
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    let irc = Irc::new(IrcConfig {
        roots: vec![der],
        ..IrcConfig::default()
    });
    let mut record = assignment("alice", server.tls_port);
    record.connection.set("secure", true);
    record.connection.set("host", "localhost");
    let mut alice = Client::start_with(&irc, record.clone()).await;
    alice.state("online").await;
    alice.stop().await;
    // The same certificate is not valid for another name.
    record.connection.set("host", "127.0.0.1");
    let mut other = Client::start_with(&irc, record).await;
    let sentence = other.state("offline").await;
    assert!(sentence.contains("it is for another host"), "{sentence}");
    other.stop().await;
}

#[tokio::test]
async fn tls_with_a_server_that_speaks_none_fails_in_words() {
    let server = Server::ngircd().await;
    let mut record = assignment("alice", server.port);
    record.connection.set("secure", true);
    let mut alice = Client::start_with(&irc(), record).await;
    let sentence = alice.state("offline").await;
    assert!(sentence.contains("TLS"), "{sentence}");
    alice.stop().await;
}

#[tokio::test]
async fn inner_addresses_may_be_forbidden() {
    let irc = Irc::new(IrcConfig {
        addresses: AddressPolicy::Public { except: vec![] },
        ..IrcConfig::default()
    });
    let mut alice = Client::start_with(&irc, assignment("alice", free_port())).await;
    let sentence = alice.state("offline").await;
    assert!(
        sentence.contains("not on the public internet"),
        "{sentence}"
    );
    alice.stop().await;
}
