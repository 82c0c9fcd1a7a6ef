//! Stories of one connection, driven by bytes.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const HERE: &str = "general.aaaaaaaaaaaaaaaaaaaa@example.org";
const OTHER: &str = "other.bbbbbbbbbbbbbbbbbbbb@example.org";

fn session(change: impl FnOnce(&mut SessionConfig)) -> Session {
    let mut config = SessionConfig {
        hostname: "mx.example.org".to_owned(),
        mail_domain: "example.org".to_owned(),
        starttls: true,
        limits: Limits::default(),
    };
    change(&mut config);
    Session::new(Arc::new(config))
}

/// Runs until bytes are needed; one address exists. Returns what the client sees, and the mails.
fn run(session: &mut Session, input: &[u8]) -> (String, Vec<Mail>) {
    session.receive(input);
    let (mut said, mut mails) = (String::new(), Vec::new());
    loop {
        match session.next_step() {
            Step::Receive => return (said, mails),
            Step::Send(bytes) => said.push_str(std::str::from_utf8(&bytes).unwrap_or("?")),
            Step::StartTls => {
                said.push_str("<TLS>");
                session.secured();
            }
            Step::Lookup(address) => session.recipient(match address.as_str() {
                HERE => Recipient::Known,
                OTHER => Recipient::Unavailable,
                _ => Recipient::Unknown,
            }),
            Step::Deliver(mail) => {
                mails.push(*mail);
                session.delivered(&Verdict::Queued("id".to_owned()));
            }
            Step::Close => {
                said.push_str("<closed>");
                return (said, mails);
            }
        }
    }
}

fn codes(said: &str) -> Vec<&str> {
    said.lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect()
}

#[test]
fn a_mail_without_room_is_refused_before_it_is_given_away() {
    let mut session = session(|_| ());
    let input =
        format!("EHLO a.example\r\nMAIL FROM:<b@a.example> SIZE=5000\r\nRCPT TO:<{HERE}>\r\n");
    session.receive(input.as_bytes());
    loop {
        match session.next_step() {
            Step::Send(_) => {}
            Step::Lookup(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(session.announced(), 5_000);
    session.recipient(Recipient::NoRoom);
    let (said, mails) = run(&mut session, b"DATA\r\n");
    assert_eq!(codes(&said), ["220", "250", "250", "452", "554"], "{said}");
    assert!(said.contains("the disk is full"), "{said}");
    assert!(mails.is_empty());
}

#[test]
fn a_mail_in_one_pipelined_piece() {
    let mut session = session(|_| ());
    let input = format!(
        "EHLO a.example\r\nMAIL FROM:<b@a.example> BODY=8BITMIME SIZE=20\r\nRCPT TO:<{HERE}>\r\n\
         RCPT TO:<General.AAAAAAAAAAAAAAAAAAAA@EXAMPLE.org>\r\nDATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n"
    );
    let (said, mails) = run(&mut session, input.as_bytes());
    assert_eq!(
        codes(&said),
        ["220", "250", "250", "250", "250", "354", "250", "221"],
        "{said}"
    );
    for extension in [
        "PIPELINING",
        "SIZE 26214400",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "STARTTLS",
        "ENHANCEDSTATUSCODES",
    ] {
        assert!(said.contains(extension), "{extension}");
    }
    let [mail] = mails.as_slice() else {
        panic!("{mails:?}");
    };
    assert_eq!(mail.to, [HERE], "each once");
    assert_eq!(
        (mail.from.as_str(), mail.protocol),
        ("b@a.example", "ESMTP")
    );
    assert_eq!(mail.bytes, b"Subject: x\r\n\r\n.\r\n");
}

#[test]
fn nothing_is_relayed_and_nobody_is_named() {
    let mut session = session(|config| config.limits.bad_commands = 100);
    run(&mut session, b"EHLO a\r\nMAIL FROM:<b@a.example>\r\n");
    for (to, code) in [
        ("somebody@elsewhere.example", "550 5.7.1"),
        ("somebody%elsewhere.example@example.org", "550 5.1.1"),
        ("\"somebody@elsewhere.example\"@example.org", "550 5.1.1"),
        ("@example.org:somebody@elsewhere.example", "550 5.7.1"),
        ("elsewhere.example!somebody@example.org", "550 5.1.1"),
        ("general@example.org", "550 5.1.1"),
        ("general.cccccccccccccccccccc@example.org", "550 5.1.1"),
        (OTHER, "451 4.3.0"),
        ("", "550 5.1.1"),
    ] {
        let (said, _) = run(&mut session, format!("RCPT TO:<{to}>\r\n").as_bytes());
        assert!(said.starts_with(code), "{to}: {said}");
    }
    let (said, _) = run(&mut session, b"DATA\r\n");
    assert!(said.starts_with("554 5.5.1"), "{said}");
    let (said, _) = run(
        &mut session,
        b"VRFY general\r\nEXPN general\r\nAUTH PLAIN AGEAYg==\r\n",
    );
    assert_eq!(codes(&said), ["252", "502", "502"], "{said}");
}

#[test]
fn commands_come_in_order() {
    for (input, expected) in [
        ("MAIL FROM:<a@b.c>\r\n", "503"),
        ("EHLO a\r\nRCPT TO:<a@b.c>\r\n", "503"),
        ("EHLO a\r\nDATA\r\n", "503"),
        (
            "EHLO a\r\nMAIL FROM:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n",
            "503",
        ),
        ("EHLO a\r\nMAIL FROM:<a@b.c>\r\nRSET\r\nDATA\r\n", "503"),
        ("EHLO a\r\nMAIL FROM:<a@b.c> SIZE=26214401\r\n", "552"),
        ("EHLO a\r\nMAIL FROM:<a@b.c> BODY=BINARYMIME\r\n", "555"),
        ("EHLO a\r\nMAIL FROM:<a@b.c> RET=FULL\r\n", "555"),
        ("EHLO a\r\nMAIL FROM:<ä@b.c>\r\n", "553"),
        ("EHLO a\r\nMAIL FROM:<ä@b.c> SMTPUTF8\r\n", "250"),
        ("EHLO a\r\nMAIL FROM:<>\r\n", "250"),
        ("HELO a\r\nMAIL FROM:<a@b.c>\r\n", "250"),
        ("NOOP\r\n", "250"),
        ("WHAT\r\n", "500"),
        ("EHLO a\r\nMAIL a@b.c\r\n", "501"),
        ("EHLO\r\n", "501"),
    ] {
        let (said, _) = run(&mut session(|_| ()), input.as_bytes());
        assert_eq!(codes(&said).last(), Some(&expected), "{input}: {said}");
    }
}

#[test]
fn lines_end_in_crlf_only() {
    for smuggled in [
        "EHLO a\nMAIL FROM:<a@b.c>\r\n",
        "EHLO a\rb\r\n",
        "NOOP \0\r\n",
        "NOOP\n",
    ] {
        let (said, _) = run(&mut session(|_| ()), smuggled.as_bytes());
        assert!(
            said.contains("500 5.5.2") && said.ends_with("<closed>"),
            "{said}"
        );
    }
    for end in ["\n.\r\n", "\r\n.\n", "\n.\n", "\r.\r\n"] {
        let input = format!(
            "EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<{HERE}>\r\nDATA\r\nx{end}\
             MAIL FROM:<admin@b.c>\r\nRCPT TO:<{HERE}>\r\nDATA\r\nsmuggled\r\n.\r\n"
        );
        let (said, mails) = run(&mut session(|_| ()), input.as_bytes());
        assert!(mails.is_empty(), "{mails:?}");
        assert!(
            said.contains("550 5.6.0") && said.ends_with("<closed>"),
            "{said}"
        );
    }
}

#[test]
fn the_postmaster_needs_no_domain() {
    let mut session = session(|_| ());
    session.receive(b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<PostMaster>\r\n");
    let asked = loop {
        match session.next_step() {
            Step::Lookup(address) => break address,
            Step::Send(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(asked, "postmaster@example.org");
}

#[test]
fn a_mail_in_chunks() {
    let begin = format!("EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<{HERE}>\r\n");
    let input =
        format!("{begin}BDAT 14\r\nSubject: x\r\n\r\nBDAT 8\r\na\nQUIT\r\nBDAT 0 LAST\r\nNOOP\r\n");
    let (said, mails) = run(&mut session(|_| ()), input.as_bytes());
    assert_eq!(codes(&said)[4..], ["250", "250", "250", "250"], "{said}");
    assert!(said.contains("CHUNKING"), "{said}");
    assert_eq!(
        mails[0].bytes, b"Subject: x\r\n\r\na\r\nQUIT\r\n",
        "a bare LF is a line end"
    );
    assert_eq!(mails.len(), 1);

    // A chunk's bytes are never commands, whatever is wrong with it.
    for (input, expected) in [
        ("EHLO a\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n".to_owned(), "503,250"),
        (
            "EHLO a\r\nMAIL FROM:<a@b.c>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n".to_owned(),
            "554,250",
        ),
        (
            format!("{begin}BDAT 60\r\n{}\r\nNOOP\r\n", "x".repeat(58)),
            "552,250",
        ),
        (
            format!(
                "{begin}BDAT 30\r\n{}BDAT 30 LAST\r\n{}BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
                "x".repeat(30),
                "x".repeat(30)
            ),
            "250,552,503,250",
        ),
        (
            format!("{begin}BDAT 50 LAST\r\n{}NOOP\r\n", "\n".repeat(50)),
            "552,250",
        ),
        (
            format!("{begin}BDAT 2\r\nxxDATA\r\nRCPT TO:<{HERE}>\r\nRSET\r\nBDAT 2 LAST\r\nxx"),
            "250,503,503,250,503",
        ),
        (format!("{begin}BDAT x\r\nQUIT\r\n"), "501"),
        (
            format!("{begin}BDAT 18446744073709551617\r\nQUIT\r\n"),
            "501",
        ),
        (format!("{begin}BDAT 200\r\nQUIT\r\n"), "552"),
    ] {
        let mut session = session(|config| config.limits.size = 50);
        let (said, mails) = run(&mut session, input.as_bytes());
        let codes = codes(&said);
        let count = expected.split(',').count();
        assert_eq!(
            codes[codes.len() - count..].join(","),
            expected,
            "{input}: {said}"
        );
        assert!(mails.is_empty());
        assert_eq!(said.ends_with("<closed>"), count == 1, "{said}");
    }
}

/// However the command is spelled, its sender considers what follows a chunk.
#[test]
fn bytes_of_a_chunk_are_no_commands_however_it_was_announced() {
    let begin = format!("EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<{HERE}>\r\n");
    for before in ["", " ", "  ", "\t", " \t ", "          "] {
        for verb in ["BDAT", "bdat", "BdAt"] {
            for between in [" ", "\t", "   ", " \t"] {
                for after in ["", " ", "\t"] {
                    let input =
                        format!("{begin}{before}{verb}{between}6 LAST{after}\r\nQUIT\r\nNOOP\r\n");
                    let (said, mails) = run(&mut session(|_| ()), input.as_bytes());
                    assert!(!said.contains("221"), "{input:?}: {said}");
                    assert!(!said.ends_with("<closed>"), "{input:?}: {said}");
                    assert_eq!(mails[0].bytes, b"QUIT\r\n", "{input:?}");
                    // It is unknown how much follows one that is not understood.
                    let input =
                        format!("{begin}{before}{verb}{between}six{after}\r\nQUIT\r\nNOOP\r\n");
                    let (said, mails) = run(&mut session(|_| ()), input.as_bytes());
                    assert!(
                        said.contains("501 5.5.4") && said.ends_with("<closed>"),
                        "{input:?}: {said}"
                    );
                    assert!(mails.is_empty() && !said.contains("221"), "{said}");
                }
            }
        }
    }
    // The others begin with spaces as well.
    let input = format!(
        " EHLO a\r\n  mail FROM:<a@b.c>\r\n RCPT TO:<{HERE}>\r\n  data\r\nQUIT\r\n.\r\n NOOP\r\n"
    );
    let (said, mails) = run(&mut session(|_| ()), input.as_bytes());
    assert_eq!(mails[0].bytes, b"QUIT\r\n", "{said}");
    assert!(!said.contains("221"), "{said}");
}

#[test]
fn tls_begins_clean() {
    let mut plain = session(|_| ());
    let (said, _) = run(&mut plain, b"EHLO a\r\nMAIL FROM:<a@b.c>\r\nSTARTTLS\r\n");
    assert!(said.ends_with("220 2.0.0 begin TLS\r\n<TLS>"), "{said}");
    let (said, _) = run(&mut plain, b"RCPT TO:<a@b.c>\r\nMAIL FROM:<a@b.c>\r\n");
    assert_eq!(codes(&said), ["503", "503"], "everything is forgotten");
    let (said, _) = run(&mut plain, b"EHLO a\r\nSTARTTLS\r\n");
    assert!(
        !said.contains("250-STARTTLS") && said.contains("502"),
        "{said}"
    );

    let (said, _) = run(
        &mut session(|_| ()),
        b"EHLO a\r\nSTARTTLS\r\nMAIL FROM:<a@b.c>\r\n",
    );
    assert!(
        said.contains("501 5.5.2") && said.ends_with("<closed>"),
        "{said}"
    );
    let (said, _) = run(
        &mut session(|config| config.starttls = false),
        b"EHLO a\r\nSTARTTLS\r\n",
    );
    assert!(said.contains("502"), "{said}");
}

#[test]
fn everything_has_a_bound() {
    let closed = |config: fn(&mut Limits), input: &str, code: &str| {
        let mut session = session(|session| config(&mut session.limits));
        let (said, _) = run(&mut session, input.as_bytes());
        assert!(said.contains(code), "{code}: {said}");
        said.ends_with("<closed>")
    };
    assert!(closed(|_| (), &"WHAT\r\n".repeat(11), "421 4.7.0"));
    assert!(closed(
        |l| l.commands = 3,
        &"NOOP\r\n".repeat(4),
        "421 4.7.0"
    ));
    assert!(closed(|_| (), &"N".repeat(5_000), "500 5.5.2"));
    let begin = format!("EHLO a\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<{HERE}>\r\n");
    assert!(!closed(
        |l| l.recipients = 1,
        &format!("{begin}RCPT TO:<{OTHER}>\r\n"),
        "452 4.5.3"
    ));
    let long = format!("{begin}DATA\r\n{}\r\n.\r\n", "x".repeat(1 << 20));
    assert!(!closed(|_| (), &long, "250 2.0.0 queued"));
    let large = format!("{begin}DATA\r\n{}.\r\n", "0123456789\r\n".repeat(6));
    assert!(!closed(|l| l.size = 50, &large, "552 5.3.4"));
    assert!(closed(|l| l.size = 20, &large, "552 5.3.4"));
    let mut many = String::from("EHLO a\r\n");
    for _ in 0..3 {
        let _ = write!(
            many,
            "MAIL FROM:<a@b.c>\r\nRCPT TO:<{HERE}>\r\nDATA\r\nx\r\n.\r\n"
        );
    }
    assert!(closed(|l| l.mails = 2, &many, "421 4.7.0"));
}

#[test]
fn an_answer_is_one_line_whatever_was_asked() {
    let mut session = session(|_| ());
    run(&mut session, b"EHLO a\r\nMAIL FROM:<a@b.c> SMTPUTF8\r\n");
    let (said, _) = run(
        &mut session,
        "RCPT TO:<\u{9b}31mä@x.example>\r\n".as_bytes(),
    );
    assert_eq!(said.lines().count(), 1);
    assert!(said.is_ascii(), "{said}");
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(
        input in proptest::collection::vec(
            prop_oneof![
                Just(b"EHLO a\r\n".to_vec()),
                Just(b"MAIL FROM:<a@b.c>\r\n".to_vec()),
                Just(format!("RCPT TO:<{HERE}>\r\n").into_bytes()),
                Just(b"DATA\r\n".to_vec()),
                Just(b".\r\n".to_vec()),
                Just(b"BDAT 6\r\ntext\r\n".to_vec()),
                Just(b"BDAT 7 LAST\r\na\nNOOP\n".to_vec()),
                Just(b"text\r\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..20),
            ],
            0..20,
        ),
        piece in 1_usize..50,
    ) {
        let input = input.concat();
        let whole = run(&mut session(|_| ()), &input);
        let mut session = session(|_| ());
        let (mut said, mut mails) = (String::new(), Vec::new());
        for chunk in input.chunks(piece) {
            let (more, came) = run(&mut session, chunk);
            said.push_str(&more);
            mails.extend(came);
            if said.ends_with("<closed>") {
                break;
            }
        }
        if input.is_empty() {
            said = run(&mut session, b"").0;
        }
        prop_assert_eq!((said, mails), whole);
    }
}
