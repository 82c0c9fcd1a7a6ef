//! Who may connect to the space's own server.

use irc_connector::{AddressPolicy, Irc, IrcConfig};
use protocol::PRIVATE_CONNECTION;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::client::{Client, assignment};
use crate::servers::PATIENCE;

#[tokio::test]
async fn the_own_server_is_for_the_built_in_connection_only() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for (configured, addresses) in [
        (vec![address], AddressPolicy::Public { except: Vec::new() }),
        (vec![address], AddressPolicy::Any),
        // Learned from the first built-in connection.
        (Vec::new(), AddressPolicy::Any),
    ] {
        let irc = Irc::new(IrcConfig {
            addresses,
            own_server: configured,
            ..IrcConfig::default()
        });
        let mut built_in = assignment("alice", address.port());
        built_in.connection.id = PRIVATE_CONNECTION.to_owned();
        let built_in = Client::start_with(&irc, built_in).await;
        let accepted = timeout(PATIENCE, listener.accept()).await.unwrap();
        let (mut stream, _) = accepted.unwrap();
        // It speaks once it knows that it is connected.
        let first = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        assert_eq!(first.unwrap(), b'C', "CAP LS");
        for host in ["127.0.0.1", "localhost", "0.0.0.0", "::ffff:127.0.0.1"] {
            let mut own = assignment("github", address.port());
            own.connection.set("host", host);
            let mut own = Client::start_with(&irc, own).await;
            let sentence = own.state("offline").await;
            assert!(
                sentence.contains("this space's own server"),
                "{host}: {sentence}"
            );
            own.stop().await;
        }
        drop(stream);
        built_in.stop().await;
    }
}
