//! The lines that announce a mail in its channel.

use protocol::MailArrival;

use crate::kernel::text::plain;
use crate::mail::preview::beginning;

/// The most lines of the text that are shown.
const TEXT_LINES: usize = 2;
/// The longest line that is shown, in characters.
const MAX_LINE: usize = 300;

/// One to four lines that are readable everywhere: sender and subject, the beginning of the text, and where the rest
/// is.
pub(super) fn lines(mail: &MailArrival, link: &str) -> Vec<String> {
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
    let said = beginning(&mail.text, TEXT_LINES, MAX_LINE);
    // The mark prevents a line from being a command to a bot.
    lines.extend(said.iter().map(|line| format!("> {line}")));
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
    use protocol::Say;

    use super::*;

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
