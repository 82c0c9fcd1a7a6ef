//! What services say about the registration of an account: Atheme, Anope and ergo, in English.
//!
//! Their sentences are for people and differ from version to version, so what is known of them is some words of each.
//! Networks translate and reword them: what is not known here is shown to the person, who decides.

/// Whose words services speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// `VERIFY REGISTER <account> <code>`
    Atheme,
    /// `CONFIRM <code>`, of somebody who has identified.
    Anope,
    /// `VERIFY <account> <code>`
    Ergo,
}

/// What a sentence of services means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Meaning {
    /// The account is registered, or confirmed.
    Done,
    /// A code was sent by mail; who says it in that way speaks this dialect.
    Sent(Option<Dialect>),
    /// It is not to be.
    Refused,
    /// They do not know the command.
    Unknown,
    /// Nothing that is known.
    Other,
}

/// Words by which refusals are known.
const REFUSALS: &[&str] = &[
    "already registered",
    "already logged in",
    "awaiting authorization",
    "cannot be registered",
    "cannot use your nick",
    "could not send",
    "couldn't send",
    "disabled",
    "do not accept registrations",
    "does not match",
    "incorrect",
    "insufficient parameters",
    "invalid code",
    "invalid e-mail",
    "invalid email",
    "invalid key",
    "invalid parameters",
    "invalid passcode",
    "is invalid",
    "may not be registered",
    "more obscure password",
    "must have been using",
    "not a valid",
    "not enough parameters",
    "password is too",
    "reserved",
    "second(s) before",
    "seconds before",
    "sending email failed",
    "too many",
    "verification failed",
];

/// Words by which it is known that a code was sent.
const SENT: &[(&str, Option<Dialect>)] = &[
    ("activation instructions", Some(Dialect::Atheme)),
    ("passcode has been sent", Some(Dialect::Anope)),
    ("confirm <passcode>", Some(Dialect::Anope)),
    ("email address is not confirmed", Some(Dialect::Anope)),
    ("pending verification", Some(Dialect::Ergo)),
    ("verification code", None),
];

/// Words by which success is known.
const DONE: &[&str] = &[
    "account created",
    "account verified",
    "has been confirmed",
    "has been registered",
    "has been verified",
    "is now registered",
    "now been verified",
    "now verified",
    "registered successfully",
    "registered under your",
    "successfully registered",
    "successfully verified",
];

/// Words by which it is known that there is no such command.
const UNKNOWN: &[&str] = &["invalid command", "unknown command"];

/// Returns what a sentence means.
pub(crate) fn meaning(text: &str) -> Meaning {
    let text = plain(text).to_lowercase();
    let has = |words: &&str| text.contains(words);
    if UNKNOWN.iter().any(has) {
        return Meaning::Unknown;
    }
    if let Some((_, dialect)) = SENT.iter().find(|(words, _)| has(words)) {
        return Meaning::Sent(*dialect);
    }
    // "If it is incorrect, DROP then REGISTER again" comes after the first sentence of Atheme.
    let advice = text.starts_with("please check");
    if !advice && REFUSALS.iter().any(has) {
        return Meaning::Refused;
    }
    let registered = text.starts_with("nickname ")
        && text.trim_end_matches('.').ends_with(" registered")
        && !text.contains(" not ");
    if registered || DONE.iter().any(has) {
        return Meaning::Done;
    }
    Meaning::Other
}

/// A text without the signs of bold, colours and the like.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{3}' {
            let mut digits = 0;
            while digits < 2 && chars.next_if(char::is_ascii_digit).is_some() {
                digits += 1;
            }
        } else if !c.is_control() {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_atheme_anope_and_ergo_say_is_understood() {
        use Meaning::{Done, Other, Refused, Sent, Unknown};
        for (text, expected) in [
            // Atheme.
            (
                "\u{2}alice\u{2} is now registered to \u{2}a@b.example\u{2}.",
                Done,
            ),
            (
                "An email containing nickname activation instructions has been sent to \u{2}a@b.example\u{2}.",
                Sent(Some(Dialect::Atheme)),
            ),
            (
                "Please check the address if you don't receive it. If it is incorrect, DROP then REGISTER again.",
                Other,
            ),
            (
                "If you do not complete registration within one day, your nickname will expire.",
                Other,
            ),
            ("\u{2}alice\u{2} is already registered.", Refused),
            ("\u{2}a@b\u{2} is not a valid email address.", Refused),
            ("Insufficient parameters for \u{2}REGISTER\u{2}.", Refused),
            (
                "Sending email failed, sorry! Registration aborted.",
                Refused,
            ),
            ("You are already logged in as \u{2}alice\u{2}.", Refused),
            ("\u{2}alice\u{2} has now been verified.", Done),
            (
                "Verification failed. Invalid key for \u{2}alice\u{2}.",
                Refused,
            ),
            ("\u{2}alice\u{2} is not awaiting authorization.", Refused),
            (
                "Invalid command. Use \u{2}/msg NickServ help\u{2} for a command listing.",
                Unknown,
            ),
            // Anope.
            ("Nickname \u{2}alice\u{2} registered.", Done),
            (
                "Nickname alice registered under your user@host-mask: *@host",
                Done,
            ),
            ("Nickname \u{2}alice\u{2} is already registered!", Refused),
            ("Nickname \u{2}alice\u{2} may not be registered.", Refused),
            (
                "A passcode has been sent to a@b.example, please type \u{2}/msg NickServ CONFIRM <passcode>\u{2} to confirm your email address.",
                Sent(Some(Dialect::Anope)),
            ),
            (
                "Your email address is not confirmed. To confirm it, follow the instructions that were emailed to you.",
                Sent(Some(Dialect::Anope)),
            ),
            (
                "Please wait 30 seconds before using the REGISTER command again.",
                Refused,
            ),
            ("Please try again with a more obscure password.", Refused),
            (
                "Your email address of \u{2}a@b.example\u{2} has been confirmed.",
                Done,
            ),
            ("Invalid passcode.", Refused),
            (
                "Unknown command \u{2}VERIFY\u{2}. \"/msg NickServ HELP\" for help.",
                Unknown,
            ),
            ("Password accepted - you are now recognized.", Other),
            // Ergo.
            (
                "Account created, pending verification; verification code has been sent to a@b.example",
                Sent(Some(Dialect::Ergo)),
            ),
            ("Account created", Done),
            ("Account verified", Done),
            // Neither.
            ("Nickname alice is not registered", Other),
            ("\u{3}04Votre pseudo\u{3} est maintenant enregistré.", Other),
            ("", Other),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }

    #[test]
    fn signs_of_colours_are_left_out() {
        assert_eq!(plain("\u{3}04,12x\u{2}y\u{f} 5"), ",12xy 5");
        assert_eq!(plain("\u{3}123"), "3");
    }
}
