//! Composes a mail (RFC 5322, MIME) from its content.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use protocol::{EmailAddress, OutgoingMail};

/// Creates the mail of a task. The same task yields the same `Message-ID` and `Date`.
///
/// # Errors
/// One sentence: what cannot be in a mail.
pub(crate) fn compose(
    mail: &OutgoingMail,
    id: &str,
    from: &EmailAddress,
    domain: &str,
) -> Result<Vec<u8>, String> {
    if mail.text.len() > OutgoingMail::MAX_TEXT || mail.subject.len() > OutgoingMail::MAX_SUBJECT {
        return Err("the mail is too long to be sent".to_owned());
    }
    let mailbox = |name: Option<String>, address: &EmailAddress| {
        let address = address
            .as_str()
            .parse()
            .map_err(|error| format!("{address}: {error}"))?;
        Ok::<_, String>(Mailbox::new(name, address))
    };
    let name = Some(line(&mail.from)).filter(|name| !name.is_empty());
    let millis = u64::try_from(mail.created.millis()).unwrap_or_default();
    let mut builder = Message::builder()
        .from(mailbox(name, from)?)
        .to(mailbox(None, &mail.to)?)
        .subject(line(&mail.subject))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
        .message_id(Some(format!("<{}@{domain}>", token(id))))
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        // RFC 3834 section 5: automatic replies are not sent to it.
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned())?);
    if let Some(link) = &mail.unsubscribe {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'<' && b != b'>';
        if !link.bytes().all(plain) {
            return Err("the unsubscribe address is not valid".to_owned());
        }
        builder = builder
            .raw_header(raw("List-Unsubscribe", format!("<{link}>"))?)
            .raw_header(raw(
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            )?);
    }
    let mut text = String::with_capacity(mail.text.len() + 64);
    for line in mail.text.lines() {
        let kept = line.chars().filter(|c| *c == '\t' || !c.is_control());
        text.extend(kept);
        text.push_str("\r\n");
    }
    let message = builder.body(text).map_err(|error| error.to_string())?;
    Ok(message.formatted())
}

fn raw(name: &str, value: String) -> Result<HeaderValue, String> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
    Ok(HeaderValue::new(name, value))
}

/// One line without control characters: a name must not become a field.
fn line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().to_owned()
}

/// Characters allowed in a `Message-ID`.
fn token(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect()
}

#[cfg(test)]
mod tests {
    use mail_parser::{HeaderValue, MessageParser};
    use proptest::prelude::*;
    use protocol::Timestamp;

    use super::*;

    fn mail(from: &str, subject: &str, text: &str) -> OutgoingMail {
        OutgoingMail {
            account: "alice".parse().unwrap(),
            to: "bob@example.org".parse().unwrap(),
            from: from.to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            unsubscribe: Some(format!(
                "https://chat.example.org/notifications/{}",
                "x".repeat(80)
            )),
            source: "notifications".to_owned(),
            created: "2026-01-15T10:00:00Z".parse().unwrap(),
            expires: Timestamp::from_millis(i64::MAX / 2),
        }
    }

    fn composed(mail: &OutgoingMail) -> String {
        let from = "subspace@chat.example.org".parse().unwrap();
        String::from_utf8(compose(mail, "0123-ab", &from, "chat.example.org").unwrap()).unwrap()
    }

    #[test]
    fn every_field_that_a_mail_needs_is_there() {
        let text = composed(&mail("Home", "Hello", "one\ntwo\n"));
        for field in [
            "From: Home <subspace@chat.example.org>\r\n",
            "To: bob@example.org\r\n",
            "Subject: Hello\r\n",
            "Date: Thu, 15 Jan 2026 10:00:00 +0000\r\n",
            "Message-ID: <0123-ab@chat.example.org>\r\n",
            "MIME-Version: 1.0\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "\r\n\r\none\r\ntwo\r\n",
        ] {
            assert!(text.contains(field), "{field}: {text}");
        }
        let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
        let link = match parsed.header("List-Unsubscribe") {
            Some(HeaderValue::Address(address)) => {
                address.first().unwrap().address().unwrap().to_owned()
            }
            Some(other) => other.as_text().unwrap_or_default().to_owned(),
            None => String::new(),
        };
        assert!(link.contains(&"x".repeat(80)), "{link} {text}");
        assert_eq!(composed(&mail("Home", "Hello", "one\ntwo\n")), text);
    }

    #[test]
    fn other_alphabets_and_long_lines_arrive_as_they_were() {
        let long = "Grüße, 東京. ".repeat(200);
        let text = composed(&mail("Büro 東京", &"Grüße aus 東京 ".repeat(8), &long));
        assert!(text.is_ascii(), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 998), "{text}");
        let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(
            parsed.subject().unwrap().trim(),
            "Grüße aus 東京 ".repeat(8).trim()
        );
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), long.trim_end());
        assert_eq!(
            parsed.from().unwrap().first().unwrap().name().unwrap(),
            "Büro 東京"
        );
        let ascii = "x".repeat(5_000);
        let text = composed(&mail("Home", "Hello", &ascii));
        assert!(text.split("\r\n").all(|line| line.len() <= 998), "{text}");
        let parsed = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), ascii);
    }

    #[test]
    fn nothing_becomes_a_field() {
        let text = composed(&mail(
            "Eve\r\nBcc: victim@example.org\r\n\r\nbody",
            "hi\r\nBcc: victim@example.org\n\rX: y\u{85}\u{2028}Z: z",
            "text\r.\r\nBcc: none",
        ));
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_ascii_lowercase().contains("\r\nbcc:"), "{text}");
        assert!(
            !head.contains("\r\nX:") && !head.contains("\r\nZ:"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_head_has_only_our_fields(from in "(.|\\r|\\n){0,60}", subject in "(.|\\r|\\n){0,200}", body in "(.|\\r|\\n){0,200}") {
            let bytes = composed(&mail(&from, &subject, &body));
            let head = bytes.split("\r\n\r\n").next().unwrap();
            for line in head.split("\r\n") {
                let known = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
                    "Content-Transfer-Encoding", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"];
                let name = line.split(':').next().unwrap();
                prop_assert!(line.starts_with(' ') || known.contains(&name), "{}", line);
            }
            prop_assert!(!bytes.replace("\r\n", "").contains(['\r', '\n']));
            prop_assert!(bytes.split("\r\n").all(|line| line.len() <= 998));
        }
    }
}
