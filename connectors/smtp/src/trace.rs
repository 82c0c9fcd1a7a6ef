//! Header fields: counting a mail's hops, adding fields on arrival, removing forged ones.

use std::net::IpAddr;

use protocol::Timestamp;

use crate::session::Mail;

/// The header's fields, each with its line ends, and the start of the body.
fn fields(bytes: &[u8]) -> (Vec<&[u8]>, usize) {
    let mut fields: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let length = rest
            .iter()
            .position(|&b| b == b'\n')
            .map_or(rest.len(), |n| n + 1);
        let line = rest.get(..length).unwrap_or_default();
        if line.is_empty() || line == b"\r\n" {
            break;
        }
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        match fields.last_mut() {
            Some(last) if continues => last.1 = at + length,
            _ => fields.push((at, at + length)),
        }
        at += length;
    }
    let fields = fields
        .into_iter()
        .map(|(start, end)| bytes.get(start..end).unwrap_or_default())
        .collect();
    (fields, at)
}

/// Returns whether a field has this name, given in lower case.
fn is_named(field: &[u8], name: &str) -> bool {
    field
        .split_at_checked(name.len())
        .is_some_and(|(start, rest)| {
            start.eq_ignore_ascii_case(name.as_bytes())
                && rest.iter().find(|b| !matches!(b, b' ' | b'\t')) == Some(&b':')
        })
}

/// Counts the fields with a name, given in lower case.
pub(crate) fn count(bytes: &[u8], name: &str) -> usize {
    fields(bytes)
        .0
        .iter()
        .filter(|field| is_named(field, name))
        .count()
}

/// Returns whether the mail has a `Message-ID`: if so, the same bytes twice are the same mail twice.
pub(crate) fn has_message_id(bytes: &[u8]) -> bool {
    count(bytes, "message-id") > 0
}

/// Adds the fields for the arrival (RFC 5321 section 4.4) and removes those that claim to be ours (RFC 8601 section
/// 5).
pub(crate) fn stamp(
    mail: &Mail,
    peer: IpAddr,
    hostname: &str,
    id: &str,
    results: &str,
    now: Timestamp,
) -> Vec<u8> {
    let (fields, body) = fields(&mail.bytes);
    let literal = match peer {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    };
    let mut out = format!(
        "Return-Path: <{}>\r\nReceived: from {} ({literal})\r\n\tby {hostname} with {} id {id};\r\n\t{}\r\n\
         Authentication-Results: {hostname};\r\n\t{results}\r\n",
        token(&mail.from),
        token(&mail.helo),
        mail.protocol,
        now.to_http_date().replace("GMT", "+0000"),
    )
    .into_bytes();
    for field in fields {
        let forged = is_named(field, "return-path")
            || (is_named(field, "authentication-results") && is_ours(field, hostname));
        if !forged {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(mail.bytes.get(body..).unwrap_or_default());
    out
}

/// Returns whether results claim to come from this server.
fn is_ours(field: &[u8], hostname: &str) -> bool {
    let text = String::from_utf8_lossy(field).to_ascii_lowercase();
    let value = text.split_once(':').map_or("", |(_, value)| value);
    let name: String = value
        .trim_start()
        .chars()
        .take_while(|c| !c.is_whitespace() && *c != ';')
        .collect();
    // Comments may precede the name; a sender that adds them has something to hide.
    name.eq_ignore_ascii_case(hostname) || name.starts_with('(')
}

/// Characters allowed in our fields.
fn token(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && !"<>();".contains(*c))
        .take(255)
        .collect();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(bytes: &str) -> Mail {
        Mail {
            helo: "a.example (evil)\u{1b}".to_owned(),
            protocol: "ESMTPS",
            from: "b@a.example".to_owned(),
            to: vec!["x".to_owned()],
            bytes: bytes.as_bytes().to_vec(),
        }
    }

    #[test]
    fn hops_are_counted_in_the_header_only() {
        let text = "Received: a\r\n\tReceived: b\r\nRECEIVED : c\r\nX: d\r\n\r\nReceived: e\r\n";
        assert_eq!(count(text.as_bytes(), "received"), 2);
        assert!(!has_message_id(text.as_bytes()));
        assert!(has_message_id(b"message-id: <a@b>\r\n"));
        assert_eq!(count(b"", "received"), 0);
    }

    #[test]
    fn forged_results_go_and_others_stay() {
        let text = "Authentication-Results: mx.example.org;\r\n spf=pass\r\nReturn-Path: <x@y>\r\n\
                    Authentication-Results: other.example; spf=pass\r\nSubject: s\r\n\r\nbody\r\n";
        let now = "2026-01-15T10:00:00Z".parse().unwrap();
        let stamped = stamp(
            &mail(text),
            "2001:db8::1".parse().unwrap(),
            "mx.example.org",
            "id",
            "spf=fail",
            now,
        );
        assert_eq!(
            String::from_utf8(stamped).unwrap(),
            "Return-Path: <b@a.example>\r\n\
             Received: from a.exampleevil ([IPv6:2001:db8::1])\r\n\tby mx.example.org with ESMTPS id id;\r\n\
             \tThu, 15 Jan 2026 10:00:00 +0000\r\n\
             Authentication-Results: mx.example.org;\r\n\tspf=fail\r\n\
             Authentication-Results: other.example; spf=pass\r\nSubject: s\r\n\r\nbody\r\n"
        );
    }
}
