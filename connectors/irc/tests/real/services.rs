//! Atheme: what it repeats, and what it takes away.

use std::io::Write;
use std::sync::{Arc, Mutex};

use irc_connector::{Irc, IrcConfig, Pace};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::client::{Client, SERVER, assignment};
use crate::servers::Server;

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_password_is_archived_or_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    registered(&mut alice, "hunter-22").await;
    alice.join("#team").await.unwrap();
    let mut told = Vec::new();
    for (service, command, answer) in [
        ("NickServ", "SET PASSWORD hunter-33", "password"),
        (
            "NickServ@services.example.test",
            "IDENTIFY alice hunter-33",
            "logged in",
        ),
        ("NickServ", "IDENTIFY alice hunter-44", ""),
        ("NickServ", "GHOST nobody hunter-55", "nobody"),
        ("NickServ", "SET hunter-66 hunter-77", ""),
        ("ChanServ", "REGISTER #team hunter-88", "#team"),
        ("ChanServ", "SET #team MLOCK +k hunter-99", "MLOCK"),
    ] {
        alice.say(service, command).await.unwrap();
        let name = service.split('@').next().unwrap();
        let heard = alice
            .activity(command, |a| {
                let from = a.actor.as_ref().and_then(|actor| actor.name.as_deref());
                from == Some(name) && a.content().is_some_and(|text| text.contains(answer))
            })
            .await;
        told.push(heard.content().unwrap().to_owned());
    }
    // Atheme does repeat what it was sent.
    assert!(told.iter().any(|text| text.contains("hunter-")), "{told:?}");
    let kept: Vec<String> = alice
        .records()
        .iter()
        .map(|body| format!("{body:?}"))
        .collect();
    assert!(
        kept.iter().any(|body| body.contains("NickServ")),
        "{kept:#?}"
    );
    let secrets: Vec<&String> = kept
        .iter()
        .filter(|body| body.contains("hunter-"))
        .collect();
    // The channel's key is needed to rejoin, and is only in the connection's record.
    assert!(
        secrets.iter().all(|body| body.starts_with("Joined")),
        "{secrets:#?}"
    );
    alice.stop().await;
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(!logged.contains("hunter-"), "{logged}");
}

#[tokio::test]
async fn channels_wait_for_services_that_are_not_there() {
    let mut server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    registered(&mut alice, "hunter-22").await;
    alice.stop().await;
    server.stop_services().await;
    let mut record = assignment("alice", server.port);
    record.connection.set("sasl", true);
    record.connection.password = Some("hunter-22".to_owned());
    record.connection.channels = vec!["#team".to_owned()];
    let mut alice = Client::start(record).await;
    let sentence = alice.state("online").await;
    assert!(sentence.contains("your channels are waiting"), "{sentence}");
    server.start_services();
    let joined = alice
        .activity("the join", |a| a.kind == "join" && a.error.is_none())
        .await;
    assert_eq!(joined.target.unwrap().name.as_deref(), Some("#team"));
    let whois = json!({"type": "query", "target": {"id": format!("alice@{SERVER}")}, "object": {"type": "whois"}});
    let answer = alice.ask(whois).await.unwrap();
    assert_eq!(answer.object.unwrap().to_value()["account"], "alice");
    alice.stop().await;
}

#[tokio::test]
async fn a_nickname_that_is_enforced_is_left_to_its_owner() {
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    registered(&mut alice, "hunter-22").await;
    alice.say("NickServ", "SET ENFORCE ON").await.unwrap();
    alice
        .activity("that it is on", |a| {
            a.content()
                .is_some_and(|text| text.to_uppercase().contains("ENFORCE"))
        })
        .await;
    alice.stop().await;
    let mut other = Client::start(assignment("alice", server.port)).await;
    assert!(other.state("online").await.ends_with("as alice."));
    let sentence = other.state("online").await;
    assert!(
        sentence.contains("took the nickname alice away: sign in there"),
        "{sentence}"
    );
    other.stop().await;
}

#[tokio::test]
async fn a_crowd_waits_for_its_turn() {
    let server = Server::inspircd(false).await;
    let irc = Irc::new(IrcConfig {
        pace: Pace {
            burst: 1,
            interval: std::time::Duration::from_secs(3600),
            ..Pace::default()
        },
        ..IrcConfig::default()
    });
    let mut first = Client::start_with(&irc, assignment("alice", server.port)).await;
    first.state("online").await;
    let mut second = Client::start_with(&irc, assignment("bob", server.port)).await;
    second.state("connecting").await;
    let sentence = second.state("connecting").await;
    assert!(sentence.contains("in about"), "{sentence}");
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_certificate_is_added_to_the_account_and_signs_in_from_then_on() {
    let server = Server::inspircd(true).await;
    let folder = tempfile::tempdir().unwrap();
    let pem = server.log("cert.pem");
    let der: rustls::pki_types::CertificateDer<'static> =
        rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    let irc = || {
        Irc::new(IrcConfig {
            roots: vec![der.clone()],
            folder: Some(folder.path().to_owned()),
            key: b"the connector's key".to_vec(),
            ..IrcConfig::default()
        })
    };
    let mut record = assignment("alice", server.tls_port);
    record.connection.set("secure", true);
    record.connection.set("host", "localhost");
    record.connection.set("sasl", true);
    record.connection.set("client_certificate", true);
    // Without an account it is presented, and adds nothing.
    let mut alice = Client::start_with(&irc(), record.clone()).await;
    alice.state("online").await;
    registered(&mut alice, "hunter-22").await;
    // Registering signs in, after which it is added.
    alice
        .activity("that it is added", |a| {
            a.content().is_some_and(|text| {
                text.contains("fingerprint") && text.to_lowercase().contains("added")
            })
        })
        .await;
    alice.stop().await;
    // After a restart of the connector, without any password.
    let mut again = Client::start_with(&irc(), record).await;
    again.state("online").await;
    let whois = json!({"type": "query", "target": {"id": format!("alice@{SERVER}")}, "object": {"type": "whois"}});
    let answer = again.ask(whois).await.unwrap();
    assert_eq!(answer.object.unwrap().to_value()["account"], "alice");
    again.stop().await;
}

/// Asks for an account, or confirms it; the answer's object.
async fn account(client: &mut Client, object: Value) -> Result<Value, String> {
    let mut object = object;
    object["type"] = "account".into();
    loop {
        let ask = json!({"type": "update", "object": object.clone()});
        match client.ask(ask).await {
            Ok(answer) => return Ok(answer.object.unwrap().to_value()),
            // NickServ comes when the services are linked.
            Err(sentence) if sentence.contains("no NickServ") => {}
            Err(sentence) => return Err(sentence),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Signs in with SASL; the account as others see it.
async fn signed_in(nick: &str, port: u16, password: &str) -> Value {
    let mut record = assignment(nick, port);
    record.connection.set("sasl", true);
    record.connection.password = Some(password.to_owned());
    let mut client = Client::start(record).await;
    let sentence = client.state("online").await;
    assert!(!sentence.contains("channels wait"), "{sentence}");
    let whois = json!({"type": "query", "target": {"id": format!("{nick}@{SERVER}")}, "object": {"type": "whois"}});
    let answer = client.ask(whois).await.unwrap();
    client.stop().await;
    answer.object.unwrap().to_value()["account"].clone()
}

#[tokio::test]
async fn a_nickname_is_registered_and_signed_in_with() {
    let server = Server::inspircd(false).await;
    let mut alice = Client::online("alice", server.port).await;
    let wish = json!({"email": "a@example.test", "password": "hunter-22"});
    let refused = account(&mut alice, json!({"email": "a@example", "password": "x"}));
    let refused = refused.await.unwrap_err();
    assert!(refused.contains("did not register"), "{refused}");
    let answer = account(&mut alice, wish.clone()).await.unwrap();
    assert_eq!(answer["status"], "registered", "{answer}");
    assert_eq!(answer["name"], "alice");
    assert!(!answer.to_string().contains("hunter-22"), "{answer}");
    let twice = account(&mut alice, wish.clone()).await.unwrap_err();
    assert!(twice.contains("have an account"), "{twice}");
    let kept = format!("{:?}", alice.records());
    assert!(!kept.contains("hunter-22"), "{kept}");
    alice.stop().await;
    assert_eq!(signed_in("alice", server.port, "hunter-22").await, "alice");
    // To somebody else who has the nickname at the moment it is not given.
    let mut other = Client::online("alice", server.port).await;
    let taken = account(&mut other, wish).await.unwrap_err();
    assert!(taken.contains("already registered"), "{taken}");
    other.stop().await;
}

#[tokio::test]
async fn a_code_that_comes_by_mail_confirms_the_account() {
    let server = Server::inspircd_with_mail().await;
    let mut alice = Client::online("alice", server.port).await;
    let wish = json!({"email": "a@example.test", "password": "hunter-22"});
    let answer = account(&mut alice, wish).await.unwrap();
    assert_eq!(answer["status"], "unconfirmed", "{answer}");
    let said = answer["content"].as_str().unwrap();
    assert!(said.contains("a@example.test"), "{said}");
    let confirm = |code: &str| json!({"name": "alice", "password": "hunter-22", "code": code});
    let wrong = account(&mut alice, confirm("0000")).await.unwrap_err();
    assert!(wrong.contains("Invalid key"), "{wrong}");
    let mail = tokio::time::timeout(crate::servers::PATIENCE, async {
        loop {
            let mail = server.log("sent");
            if mail.contains("VERIFY REGISTER alice ") {
                return mail;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let mail = mail.await.unwrap();
    let (_, code) = mail.split_once("VERIFY REGISTER alice ").unwrap();
    let code = code.split_whitespace().next().unwrap();
    let answer = account(&mut alice, confirm(code)).await.unwrap();
    assert_eq!(answer["status"], "registered", "{answer}");
    alice.stop().await;
    assert_eq!(signed_in("alice", server.port, "hunter-22").await, "alice");
}

/// Registers the nickname once the services are there.
async fn registered(client: &mut Client, password: &str) {
    loop {
        let register = format!("REGISTER {password} a@example.test");
        match client.say("NickServ", &register).await {
            Ok(_) => break,
            Err(sentence) => assert!(sentence.contains("nobody called NickServ"), "{sentence}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    client
        .activity("NickServ's answer", |a| {
            a.content().is_some_and(|text| text.contains("registered"))
        })
        .await;
}
