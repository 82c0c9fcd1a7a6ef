//! `/connector/addresses` and `/connector/mail`: mail becomes documents and lines in a channel.
//!
//! A mail is stored in `/mail/<address>/<year>/<month>/<day>/<id>/`: `message.eml` is the original, attachments are
//! next to it, and `mail.json` is a summary. `mail.json` is written last, after the lines have been queued, so its
//! presence tells a repeat that nothing is left to do.

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use protocol::{
    Connection, MAIL_SUMMARY, MAX_MAIL_FILES, MAX_MAIL_TEXT, MailAddress, MailAddressAnswer,
    MailArrival, OutboxTask, Say, Timestamp,
};
use sha2::{Digest, Sha256};
use storage_adapter::{Change, DocumentPath, ObjectStore, TreeError, WriteCondition};

use crate::kernel::host::Host;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, parse_json, query};
use crate::mail::Mail;
use crate::mail::announcement::lines;

/// The name under which it is posted.
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
        let _room = self.files.make_room(&account, body.len() as u64).await;
        let put = Change::Put {
            path,
            content_type,
            body,
            condition: WriteCondition::IfAbsent,
        };
        // What was accepted must be kept, so a full account does not prevent mail from being stored.
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
        // If the connection is gone, the mail is in the storage only.
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
                .deliver(&connector, &task_id(&mail), OutboxTask::Say(say))
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
        self.find_address(address)
            .await?
            .ok_or_else(|| Failure::not_found("there is no such mail address, or it was deleted"))
    }
}

/// Names the task of a mail: the same for the same mail to the same address.
fn task_id(mail: &MailArrival) -> String {
    let mut hash = Sha256::new();
    hash.update(mail.address.to_ascii_lowercase());
    hash.update([0]);
    hash.update(&mail.id);
    let hash = protocol::hex(&hash.finalize()[..16]);
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
