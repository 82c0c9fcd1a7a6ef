//! `/connector/addresses` and `/connector/mail`: mail becomes documents and lines in a channel.
//!
//! A mail lies in `/mail/<address>/<year>/<month>/<day>/<id>/`: `message.eml` is the whole of it, attachments lie
//! beside, and `mail.json` says what it is. `mail.json` comes last, after the lines are in the queue, so it tells
//! a repeat that there is nothing left to do.

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use protocol::{
    Connection, MAIL_SUMMARY, MAX_MAIL_FILES, MAX_MAIL_TEXT, MailAddress, MailAddressAnswer,
    MailArrival, Say, Task, Timestamp,
};
use sha2::{Digest, Sha256};
use storage_adapter::{Change, DocumentPath, ObjectStore, TreeError, WriteCondition};

use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, parse_json, query};
use crate::kernel::text::plain;
use crate::mail::Mail;

/// Lines of the text that are shown.
const TEXT_LINES: usize = 2;
/// Longest line that is shown, in characters.
const MAX_LINE: usize = 300;
/// Who speaks.
const SPEAKER: &str = "Mail";

impl<S: ObjectStore, H: Host> Mail<S, H> {
    /// `GET /connector/addresses?address=…`.
    pub(crate) async fn get_mail_address(&self, parts: &Parts) -> Answer {
        let address = query(parts, "address").unwrap_or_default();
        let known = self.find_address(&address).await?.is_some();
        Ok(answer(StatusCode::OK, &MailAddressAnswer { known }))
    }

    /// `POST /connector/mail/document?address=…&id=…&received=…&name=…&type=…`.
    pub(crate) async fn post_mail_document(&self, parts: &Parts, body: Bytes) -> Answer {
        let given = |name: &str| query(parts, name).unwrap_or_default();
        let (account, address) = self.addressed(&given("address")).await?;
        let received = given("received").parse().map_err(|_| {
            Failure::unprocessable("received is not a number of milliseconds".to_owned())
        })?;
        let received = Timestamp::from_millis(received);
        let path = path(&address, received, &given("id"), &given("name"))?;
        let content_type = given("type");
        let put = Change::Put {
            path,
            content_type,
            body,
            condition: WriteCondition::IfAbsent,
        };
        // What was accepted must be kept, so mail does not count against the account being full.
        match self
            .files
            .tree(&account)
            .await?
            .commit(&account, vec![put], None)
            .await
        {
            Ok(_) | Err(TreeError::Precondition { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(answer(StatusCode::OK, &serde_json::json!({})))
    }

    /// `POST /connector/mail`.
    pub(crate) async fn post_mail(&self, body: &Bytes) -> Answer {
        let mail: MailArrival = parse_json(body)?;
        let (account, address) = self.addressed(&mail.address).await?;
        check(&mail)?;
        let path = path(&address, mail.received, &mail.id, MAIL_SUMMARY)?;
        let done = || Ok(answer(StatusCode::OK, &serde_json::json!({})));
        match self
            .files
            .tree(&account)
            .await?
            .document_info(&account, &path)
            .await
        {
            Ok(_) => return done(),
            Err(TreeError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let key = keys::connection(&account, &address.connection);
        let connector = match self.kernel.load::<Connection>(&key).await? {
            Some((connection, _)) => {
                self.connectors
                    .find_connector(&connection.connector)
                    .await?
            }
            None => None,
        };
        // Whose connection is gone has the mail in the storage.
        if let Some(connector) = connector {
            let segments = path.segments();
            let folder = segments.get(1..segments.len() - 1).unwrap_or_default();
            let link = format!(
                "{}/#/mail/{}",
                self.kernel.config().origin,
                folder.join("/")
            );
            let say = Say {
                account: account.clone(),
                connection: address.connection.clone(),
                target: address.channel.clone(),
                from: SPEAKER.to_owned(),
                lines: lines(&mail, &link),
                notice: false,
                source: None,
            };
            self.connectors
                .deliver(&connector, &task_id(&mail), Task::Say(say))
                .await?;
        }
        let summary = Change::Put {
            path,
            content_type: "application/json; charset=UTF-8".to_owned(),
            body: Bytes::from(serde_json::to_vec(&mail).unwrap_or_default()),
            condition: WriteCondition::IfAbsent,
        };
        match self
            .files
            .tree(&account)
            .await?
            .commit(&account, vec![summary], None)
            .await
        {
            Ok(_) | Err(TreeError::Precondition { .. }) => done(),
            Err(error) => Err(error.into()),
        }
    }

    async fn addressed(
        &self,
        address: &str,
    ) -> Result<(protocol::AccountName, MailAddress), Failure> {
        self.find_address(address).await?.ok_or_else(|| {
            Failure::not_found("there is no such mail address (any more); the mail has no reader")
        })
    }
}

/// Names the task of a mail: the same for the same mail at the same address.
fn task_id(mail: &MailArrival) -> String {
    let mut hash = Sha256::new();
    hash.update(mail.address.to_ascii_lowercase());
    hash.update([0]);
    hash.update(&mail.id);
    let hash: String = hash.finalize()[..16]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let millis = u64::try_from(mail.received.millis()).unwrap_or_default();
    format!("{millis:012x}-{hash}")
}

fn check(mail: &MailArrival) -> Result<(), Failure> {
    let too_much = mail.text.len() > MAX_MAIL_TEXT
        || mail.attachments.len() > MAX_MAIL_FILES
        || [&mail.subject, &mail.from, &mail.to, &mail.sender]
            .iter()
            .any(|line| line.len() > 4 * 1024);
    if too_much {
        return Err(Failure::unprocessable(
            "a part of the mail's summary is too long",
        ));
    }
    Ok(())
}

fn path(
    address: &MailAddress,
    received: Timestamp,
    id: &str,
    name: &str,
) -> Result<DocumentPath, Failure> {
    let is_id = (16..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !is_id {
        return Err(Failure::unprocessable(
            "id takes 16 to 64 of the characters a-z and 0-9",
        ));
    }
    let day = received.day();
    let segments = [
        "mail".to_owned(),
        address.local.clone(),
        format!("{:04}", day.year),
        format!("{:02}", day.month),
        format!("{:02}", day.day),
        id.to_owned(),
        name.to_owned(),
    ];
    DocumentPath::from_segments(segments.into()).map_err(|error| {
        Failure::unprocessable(format!("name cannot be that of a document: {error}"))
    })
}

/// One to four lines that read well everywhere: who and what, how the text begins, where the rest is.
fn lines(mail: &MailArrival, link: &str) -> Vec<String> {
    let from = match plain(&mail.from, MAX_LINE / 2) {
        from if from.is_empty() => plain(&mail.sender, MAX_LINE / 2),
        from => from,
    };
    let from = if from.is_empty() {
        "somebody".to_owned()
    } else {
        from
    };
    let mark = if mail.checks.verified {
        ""
    } else {
        " (unverified)"
    };
    let subject = match plain(&mail.subject, MAX_LINE) {
        subject if subject.is_empty() => "(no subject)".to_owned(),
        subject => subject,
    };
    let mut lines = vec![format!("Mail from {from}{mark}: {subject}")];
    let said = mail
        .text
        .lines()
        .take_while(|line| line.trim_end() != "--")
        .filter(|line| !line.trim_start().starts_with('>'))
        .map(|line| plain(line, MAX_LINE))
        .filter(|line| !line.is_empty());
    // The mark keeps a line from being a command to a bot.
    lines.extend(said.take(TEXT_LINES).map(|line| format!("> {line}")));
    let files = match mail.attachments.len() {
        0 => String::new(),
        1 => " with 1 attachment".to_owned(),
        count => format!(" with {count} attachments"),
    };
    lines.push(format!("Full mail{files}: {link}"));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use storage_adapter::Host as _;

    use super::*;
    use crate::kernel::config::MailService;
    use crate::testing::{Reply, TestFunctions, functions_with};

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
        // Also when the lines were said and the confirmation got lost.
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
        let api =
            |method: &str, target: &str, body| s.functions.api(method, target, &s.session, body);
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
        // Nobody else's business.
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

    #[test]
    fn lines_are_bounded() {
        let mail = MailArrival {
            subject: "ä".repeat(5_000),
            text: format!("{}\n{}", "x".repeat(5_000), "y ".repeat(5_000)),
            ..MailArrival::default()
        };
        let lines = lines(&mail, "https://x");
        assert_eq!(lines.len(), 4);
        assert!(
            lines.iter().all(|line| line.len() <= Say::MAX_LINE),
            "{lines:?}"
        );
        assert!(lines[0].starts_with("Mail from somebody (unverified): ää"));
    }
}
