//! Limits that a mail must not exceed, checked before anything else processes it.

use super::excess::{Excess, MAX_STRICT_FIELD};
use super::header::Field;
use super::people::MAX_ADDRESSES;
use super::tree::Tree;

/// The fields that the sender checks read.
const STRICT: &[&str] = &[
    "from",
    "dkim-signature",
    "dkim2-signature",
    "message-instance",
];
/// Fields that name people.
const PEOPLE: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
];

/// Why a mail is not accepted: code with enhanced code, and a sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) String);

/// Checks whether a mail can be parsed; linear in its length.
///
/// # Errors
/// It cannot.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Refusal> {
    let excess = |excess: Excess| {
        let code = if excess == Excess::Header {
            "552 5.3.4"
        } else {
            "554 5.6.0"
        };
        Refusal(code, format!("the mail cannot be accepted: {excess}"))
    };
    let tree = Tree::of(bytes).map_err(excess)?;
    let Some(root) = tree.parts.first() else {
        return Ok(());
    };
    let count = |name: &str| tree.fields(root).filter(|field| field.is(name)).count();
    for (name, shown) in [("from", "From"), ("subject", "Subject")] {
        if count(name) > 1 {
            let sentence = format!("the mail has several {shown} fields (RFC 5322 section 3.6)");
            return Err(Refusal("554 5.6.0", sentence));
        }
    }
    let is_one = |field: &Field<'_>, names: &[&str]| names.iter().any(|name| field.is(name));
    let mut people = 0;
    for field in tree.fields(root) {
        if is_one(&field, STRICT) && field.value.len() > MAX_STRICT_FIELD {
            return Err(excess(Excess::Field));
        }
        if is_one(&field, PEOPLE) {
            people += 1 + field
                .value
                .iter()
                .filter(|b| matches!(b, b',' | b';'))
                .count();
        }
    }
    if people > MAX_ADDRESSES {
        return Err(excess(Excess::Addresses));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::excess::{MAX_FIELDS, MAX_HEADER, MAX_NESTING, MAX_PARTS};
    use super::*;

    fn code(mail: &str) -> &'static str {
        match check(mail.as_bytes()) {
            Ok(()) => "250",
            Err(Refusal(code, sentence)) => {
                assert!(sentence.len() < 200, "{sentence}");
                code
            }
        }
    }

    fn parts(count: usize) -> String {
        let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        format!("{head}{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(count))
    }

    fn nested(count: usize) -> String {
        (0..count).fold(String::new(), |mail, level| {
            format!("{mail}Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
        })
    }

    #[test]
    fn what_is_in_bounds_is_taken_and_what_is_over_them_is_not() {
        let forwarded = |count: usize| "Content-Type: message/rfc822\r\n\r\n".repeat(count);
        let to = |count: usize| format!("To: {}\r\n\r\n", vec!["a@b.example"; count].join(", "));
        for (over, mail, expected) in [
            (false, forwarded(MAX_NESTING), "554 5.6.0"),
            (true, forwarded(MAX_NESTING + 1), "554 5.6.0"),
            (true, forwarded(40_000), "554 5.6.0"),
            (false, nested(MAX_NESTING), "554 5.6.0"),
            (true, nested(MAX_NESTING + 1), "554 5.6.0"),
            (false, parts(MAX_PARTS - 1), "554 5.6.0"),
            (true, parts(MAX_PARTS), "554 5.6.0"),
            (
                true,
                format!(
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
                    "--b\r\n".repeat(100_000)
                ),
                "554 5.6.0",
            ),
            (false, "a:\r\n".repeat(MAX_FIELDS), "554 5.6.0"),
            (true, "a:\r\n".repeat(MAX_FIELDS + 1), "554 5.6.0"),
            (
                true,
                format!("a:{}\r\n", "\r\n b".repeat(MAX_HEADER / 4)),
                "552 5.3.4",
            ),
            (true, "a".repeat(MAX_HEADER + 1), "552 5.3.4"),
            (
                false,
                format!("Content-Type: text/plain{}\r\n\r\n", ";a*1*=b".repeat(100)),
                "554 5.6.0",
            ),
            (
                true,
                format!("Content-Type: text/plain{}\r\n\r\n", ";a*1*=b".repeat(101)),
                "554 5.6.0",
            ),
            (
                true,
                format!("Content-Disposition: inline{}\r\n\r\n", ";a=b".repeat(101)),
                "554 5.6.0",
            ),
            (
                true,
                format!(
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b{}\r\n\r\n",
                    ";a=b".repeat(101)
                ),
                "554 5.6.0",
            ),
            (false, to(MAX_ADDRESSES), "554 5.6.0"),
            (true, to(MAX_ADDRESSES + 1), "554 5.6.0"),
            (
                true,
                format!("From: {}\r\n\r\n", "=?a?q?".repeat(3_000)),
                "554 5.6.0",
            ),
            (
                true,
                "From: a@b\r\nFROM : c@d\r\n\r\n".to_owned(),
                "554 5.6.0",
            ),
            (
                true,
                "Subject: a\r\nTo: x\r\nsubject: b\r\n\r\n".to_owned(),
                "554 5.6.0",
            ),
            (
                false,
                "Subject: a\r\n\r\nSubject: b\r\nFrom: a\r\nFrom: b\r\n".to_owned(),
                "",
            ),
            (false, String::new(), ""),
        ] {
            let shown: String = mail.chars().take(60).collect();
            assert_eq!(code(&mail), if over { expected } else { "250" }, "{shown}");
        }
    }
}
