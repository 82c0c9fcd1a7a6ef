//! Addresses and mails, through the API and the connector.

use serde_json::{Value, json};
use storage_adapter::Host as _;

use crate::kernel::config::MailService;
use crate::testing::{Reply, TestFunctions, functions_with};
use protocol::{MAX_MAIL_TEXT, MailArrival};

const ID: &str = "0123456789abcdef0123456789abcdef";
const NOTHING: Value = Value::Null;

struct Setup {
    functions: TestFunctions,
    session: String,
    address: String,
    connection: String,
}

fn setup() -> Setup {
    let functions = functions_with(|config| {
        config.mail = Some(MailService {
            domain: "chat.example.org".to_owned(),
            connector: "smtp-1".to_owned(),
            sends: false,
        });
    });
    let session = functions.sign_up("alice");
    let connections = functions
        .api("GET", "/api/connections", &session, NOTHING)
        .json();
    let connection = connections["connections"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({"connection": connection, "channel": "#lobby"});
    let made = functions.api("POST", "/api/addresses", &session, body);
    assert_eq!(made.status, 201, "{made:?}");
    let address = made.json()["address"].as_str().unwrap().to_owned();
    Setup {
        functions,
        session,
        address,
        connection,
    }
}

impl Setup {
    fn signed(&self, method: &str, target: &str, body: &str) -> Reply {
        let id = if target == "/connector/outbox" {
            "irc-1"
        } else {
            "smtp-1"
        };
        self.functions.signed(id, method, target, body.to_owned())
    }

    fn signed_as_gateway(&self, registration: &str) -> Reply {
        let body = registration.to_owned();
        self.functions
            .signed("irc-1", "POST", "/connector/register", body)
    }

    fn known(&self, address: &str) -> Value {
        let address = address.replace('@', "%40");
        let reply = self.signed(
            "GET",
            &format!("/connector/addresses?address={address}"),
            "",
        );
        assert_eq!(reply.status, 200);
        reply.json()["known"].clone()
    }

    fn mail(&self) -> MailArrival {
        MailArrival {
            id: ID.to_owned(),
            address: self.address.clone(),
            received: self.functions.host().now(),
            from: "Bob\u{7} \u{202e}<bob@b.example>".to_owned(),
            subject: "Hello\r\nPRIVMSG #lobby :evil".to_owned(),
            text: "\n!op me\n> quoted\nsecond\nthird\n-- \nBob".to_owned(),
            ..MailArrival::default()
        }
    }

    fn outbox(&self) -> Value {
        self.signed("GET", "/connector/outbox", "").json()["items"].clone()
    }
}

#[test]
fn a_mail_is_stored_and_announced_once() {
    let s = setup();
    let document = format!(
        "/connector/mail/document?address={}&id={ID}&received={}&name=message.eml&type=message%2Frfc822",
        s.address.replace('@', "%40"),
        s.functions.host().now().millis(),
    );
    for _ in 0..2 {
        let reply = s.signed("POST", &document, "Subject: x\r\n\r\n");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let body = serde_json::to_string(&s.mail()).unwrap();
    for _ in 0..2 {
        let reply = s.signed("POST", "/connector/mail", &body);
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let items = s.outbox();
    let local = s.address.split('@').next().unwrap();
    let folder = format!("mail/{local}/2026/01/15/{ID}");
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["target"], "#lobby");
    assert_eq!(
        items[0]["lines"],
        json!([
            "Mail from Bob <bob@b.example> (unverified): Hello PRIVMSG #lobby :evil",
            "> !op me",
            "> second",
            format!("Full mail: https://chat.example.org/#/{folder}"),
        ])
    );
    let token = format!("Bearer {}", s.functions.grant("alice", "mail:r"));
    let get = |name: &str| {
        let target = format!("/storage/alice/{folder}/{name}");
        s.functions
            .request("GET", &target, &[("authorization", &token)], "")
    };
    assert_eq!(get("message.eml").text(), "Subject: x\r\n\r\n");
    assert_eq!(get("message.eml").header("content-type"), "message/rfc822");
    assert_eq!(get("mail.json").json()["id"], ID);
    // Also when the lines were posted and the confirmation got lost.
    let done = json!({"done": [items[0]["id"]]}).to_string();
    assert_eq!(s.signed("POST", "/connector/outbox", &done).status, 204);
    assert_eq!(s.signed("POST", "/connector/mail", &body).status, 200);
    assert_eq!(s.outbox(), json!([]));
}

#[test]
fn addresses_are_made_changed_and_deleted() {
    let s = setup();
    assert_eq!(s.known(&s.address), true);
    assert_eq!(s.known(&s.address.to_uppercase()), true);
    assert_eq!(
        s.known(&s.address.replace("chat.example.org", "other.example")),
        false
    );
    assert_eq!(
        s.known("lobby.aaaaaaaaaaaaaaaaaaaa@chat.example.org"),
        false
    );
    let api = |method: &str, target: &str, body| s.functions.api(method, target, &s.session, body);
    let again = api(
        "POST",
        "/api/addresses",
        json!({"connection": s.connection, "channel": "#Lobby"}),
    );
    assert_eq!(
        (again.status.as_u16(), &again.json()["address"]),
        (200, &json!(s.address))
    );
    let id = again.json()["id"].as_str().unwrap().to_owned();
    for wrong in [
        json!({"connection": "other", "channel": "#lobby"}),
        json!({"connection": s.connection, "channel": "no channel"}),
    ] {
        assert_eq!(api("POST", "/api/addresses", wrong).status, 422);
    }
    // Other members cannot see it.
    let bob = s.functions.sign_up("bob");
    let target = format!("/api/addresses/{id}");
    assert_eq!(
        s.functions.api("DELETE", &target, &bob, NOTHING).status,
        404
    );
    assert_eq!(s.functions.api("POST", &target, &bob, NOTHING).status, 404);
    let rotated = api("POST", &target, NOTHING).json()["address"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(rotated, s.address);
    assert_eq!(
        (s.known(&s.address), s.known(&rotated)),
        (json!(false), json!(true))
    );
    let listed = api("GET", "/api/addresses", NOTHING).json();
    assert_eq!(listed["domain"], "chat.example.org");
    assert_eq!(listed["addresses"][0]["address"], json!(rotated));
    assert_eq!(api("DELETE", &target, NOTHING).status, 204);
    assert_eq!(s.known(&rotated), false);
    assert_eq!(api("DELETE", &target, NOTHING).status, 404);
    let body = serde_json::to_string(&s.mail()).unwrap();
    assert_eq!(s.signed("POST", "/connector/mail", &body).status, 404);
}

#[test]
fn without_a_mail_domain_there_are_no_addresses() {
    let functions = functions_with(|_| ());
    let session = functions.sign_up("alice");
    let listed = functions.api("GET", "/api/addresses", &session, NOTHING);
    assert_eq!(
        (listed.status.as_u16(), &listed.json()["domain"]),
        (200, &NOTHING)
    );
    let body = json!({"connection": "c", "channel": "#lobby"});
    assert_eq!(
        functions
            .api("POST", "/api/addresses", &session, body)
            .status,
        409
    );
}

#[test]
fn what_is_no_mail_is_refused() {
    let s = setup();
    let sent = |change: fn(&mut MailArrival)| {
        let mut mail = s.mail();
        change(&mut mail);
        let body = serde_json::to_string(&mail).unwrap();
        s.signed("POST", "/connector/mail", &body).status
    };
    assert_eq!(sent(|mail| mail.id = "../../x".to_owned()), 422);
    assert_eq!(sent(|mail| mail.text = "x".repeat(MAX_MAIL_TEXT + 1)), 422);
    assert_eq!(
        s.functions
            .request("POST", "/connector/mail", &[], "{}")
            .status,
        401
    );
}

/// Mail goes to channels, so a platform without them has no addresses. Connectors of earlier versions did not say what
/// IRC supports.
#[test]
fn a_platform_without_channels_has_no_addresses() {
    let s = setup();
    let mut descriptor = json!({
        "id": "irc", "label": "IRC", "names": {"compare": "exact"}, "conversations": {"channels": "#"},
        "fields": [{"name": "nick", "kind": "own-name", "label": "Name"}],
    });
    for (supports, status) in [
        (None, 201),
        (Some(json!(["channels"])), 201),
        (Some(json!(["calls"])), 422),
    ] {
        if let Some(supports) = &supports {
            descriptor["supports"] = supports.clone();
        }
        let told = json!({"platforms": ["irc"], "descriptors": [descriptor]}).to_string();
        assert_eq!(s.signed_as_gateway(&told).status, 204);
        let channel = format!("#of-{}", supports.unwrap_or_default().to_string().len());
        let body = json!({"connection": s.connection, "channel": channel});
        let made = s.functions.api("POST", "/api/addresses", &s.session, body);
        assert_eq!(made.status, status, "{made:?}");
        if status == 422 {
            assert_eq!(made.detail(), "IRC has no channels");
        }
    }
}

/// Old versions give way to a mail, too.
#[test]
fn a_mail_finds_room_where_old_versions_are() {
    let s = setup();
    let token = format!("Bearer {}", s.functions.grant("alice", "*:rw"));
    let headers = [("authorization", &*token), ("content-type", "text/plain")];
    for _ in 0..3 {
        let body = vec![b'x'; 1 << 20];
        let put = s
            .functions
            .request("PUT", "/storage/alice/notes/a", &headers, body);
        assert!(put.status.is_success(), "{put:?}");
        s.functions.host().advance(6 * 60 * 1000);
    }
    let memory = s.functions.memory();
    memory.set_capacity(Some(u64::MAX));
    let used = u64::MAX - storage_adapter::ObjectStore::room(memory).unwrap();
    memory.set_capacity(Some(used));
    let document = format!(
        "/connector/mail/document?address={}&id={ID}&received={}&name=message.eml&type=message%2Frfc822",
        s.address.replace('@', "%40"),
        s.functions.host().now().millis(),
    );
    let reply = s.signed("POST", &document, "Subject: x\r\n\r\n");
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn one_account_that_cannot_be_read_leaves_the_postmaster_to_the_others() {
    use storage_adapter::StoreError;
    use storage_adapter::memory::ObjectFault;

    let s = setup();
    s.functions.sign_up("bob");
    let postmaster = "postmaster@chat.example.org";
    assert_eq!(s.known(postmaster), true);
    let key = "accounts/bob/account.json";
    for error in [
        StoreError::denied("Permission denied (os error 13)"),
        StoreError::Unavailable("Input/output error".to_owned()),
    ] {
        let fault = ObjectFault::Unreadable(error);
        s.functions.memory().set_fault_of(key, Some(fault));
        assert_eq!(s.known(postmaster), true);
        s.functions.memory().set_fault_of(key, None);
    }
}
