//! Mails as they occur.

use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Content {
    super::read(bytes).unwrap()
}

#[test]
fn a_mail_with_text_and_an_attachment() {
    let content = read(
        b"From: =?utf-8?q?J=C3=B6rg?= <joerg@a.example>\r\nTo: a@b.example, Bea <b@b.example>\r\n\
          Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n two\r\nDate: Thu, 15 Jan 2026 10:00:00 +0100\r\n\
          MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
          Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
          \r\n\r\nf=FCr dich\x1b[31m=0D=0Azwei\r\n--x\r\nContent-Type: image/png\r\n\
          Content-Disposition: attachment; filename=\"../a:b.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
          AAEC\r\n--x--\r\n",
    );
    assert_eq!(content.from, "Jörg <joerg@a.example>");
    assert_eq!(content.to, "a@b.example, Bea <b@b.example>");
    assert_eq!(content.subject, "Grüße two");
    assert_eq!(content.date, Some("2026-01-15T09:00:00Z".parse().unwrap()));
    assert_eq!(content.text, "für dich[31m\nzwei");
    let [(file, bytes)] = content.files.as_slice() else {
        panic!("{content:?}");
    };
    assert_eq!(
        (file.name.as_str(), file.document.as_str()),
        ("../a:b.png", "1-_a_b.png")
    );
    assert_eq!((file.content_type.as_str(), file.size), ("image/png", 3));
    assert_eq!(bytes, &[0, 1, 2]);
}

#[test]
fn html_alone_is_read_as_text() {
    let content = read(
        b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
          <style>p{}</style><p>Hello <b>you</b> &amp; me</p><script>alert(1)</script>\r\n",
    );
    assert!(content.text.contains("Hello you & me"), "{}", content.text);
    assert!(!content.text.contains('<'), "{}", content.text);
}

/// The text and the attachments' names of a mail given by its lines.
fn said(mail: &[u8]) -> (String, Vec<String>) {
    let content = read(mail);
    let names = content.files.into_iter().map(|(file, _)| file.name);
    (content.text, names.collect())
}

#[test]
fn text_is_what_people_read() {
    let alternative = |plain: &str, html: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n\
             --x\r\nContent-Type: text/html\r\n\r\n{html}\r\n--x--\r\n"
        )
    };
    let mixed = |parts: &[&str]| {
        let parts: String = parts
            .iter()
            .map(|part| format!("--y\r\n{part}\r\n"))
            .collect();
        format!(
            "Content-Type: multipart/mixed; boundary=y\r\n\r\npreamble\r\n{parts}--y--\r\nepilogue\r\n"
        )
    };
    let (both, page) = (
        alternative("plain", "<p>page</p>"),
        alternative(" \r\n\t", "<p>One</p><p>Two</p>"),
    );
    let related = "Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n<b>page</b>\r\n\
                   --r\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n--r--\r\n";
    let forwarded = "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n\
                     --z\r\n\r\ninner text\r\n--z\r\nContent-Type: image/png\r\n\r\nx\r\n--z--\r\n";
    for (mail, text, files) in [
        (both.clone(), "plain", vec![]),
        (page, "One\n\nTwo", vec![]),
        (
            mixed(&[
                &both,
                "Content-Type: application/pdf; name=\"a b.pdf\"\r\n\r\nx",
            ]),
            "plain",
            vec!["a b.pdf"],
        ),
        (
            mixed(&[
                "Content-Type: text/plain\r\n\r\n",
                "Content-Type: text/html\r\n\r\n<p>page",
            ]),
            "page",
            vec![],
        ),
        (
            mixed(&[
                "\r\ntext",
                "Content-Type: image/png\r\n\r\nx",
                "Content-Type: image/jpeg\r\n\r\nx",
                "Content-Type: text/calendar; method=REQUEST\r\n\r\nx",
                "Content-Type: application/x-nobody-knows\r\n\r\nx",
                "\r\nfooter",
            ]),
            "text\n\nfooter",
            vec!["image.png", "image.jpg", "invite.ics", "attachment"],
        ),
        (
            mixed(&[
                "\r\ntext",
                "Content-Type: text/plain; name=log.txt\r\n\r\nx",
            ]),
            "text",
            vec!["log.txt"],
        ),
        (
            mixed(&[
                "\r\ntext",
                "Content-Disposition: attachment; filename=log.txt\r\n\r\nx",
            ]),
            "text",
            vec!["log.txt"],
        ),
        (mixed(&["\r\ntext", forwarded]), "text", vec!["message.eml"]),
        (related.to_owned(), "page", vec!["a.png"]),
        (mixed(&["no empty line"]), "no empty line", vec![]),
        (
            "Content-Type: multipart/mixed; boundary=q\r\n\r\nno parts".to_owned(),
            "no parts",
            vec![],
        ),
        (
            "Content-Type: multipart/mixed\r\n\r\nno boundary".to_owned(),
            "no boundary",
            vec![],
        ),
        (
            "Content-Type: text/plain; format=flowed\r\n\r\none \r\ntwo\r\n".to_owned(),
            "one two",
            vec![],
        ),
        (
            "Content-Type: application/pdf\r\n\r\nx".to_owned(),
            "",
            vec!["attachment.pdf"],
        ),
        (
            "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8gd29ybGQ".to_owned(),
            "Hello world",
            vec![],
        ),
        (
            "Content-Transfer-Encoding: base64\r\n\r\nSGVs\u{fc}bG8gd29ybGQ=\r\n____\r\nlist\r\n"
                .to_owned(),
            "Hello world",
            vec![],
        ),
        (
            format!("\r\n{}", "x".repeat(MAX_MAIL_TEXT + 9)),
            &*"x".repeat(MAX_MAIL_TEXT - 1),
            vec![],
        ),
        (
            "Content-Type: text/html\r\n\r\n<meta charset=\"iso-8859-1\">f&uuml;r".to_owned(),
            "für",
            vec![],
        ),
    ] {
        let (read, names) = said(mail.as_bytes());
        assert_eq!(
            (
                read.as_str(),
                names.iter().map(String::as_str).collect::<Vec<_>>()
            ),
            (text, files),
            "{mail:.300}"
        );
    }
    for (mail, text) in [
        (
            "just text no header\r\n\r\nmore: text\r\n",
            "just text no header\n\nmore: text",
        ),
        (
            "Received: from a by b\r\n\tid 1\r\njust text\r\n",
            "just text",
        ),
        ("Received: from a by b\r\n\tid 1\r\n\r\nbody\r\n", "body"),
        ("Subject: x\r\n\r\nHello\r\n", "Hello"),
        (">From a\r\nSubject: x\r\n\r\nHello\r\n", "Hello"),
        (
            "From a@b.example Thu Jan 15\r\nSubject: x\r\n\r\nHello\r\n",
            "Hello",
        ),
    ] {
        assert_eq!(said(mail.as_bytes()).0, text, "{mail}");
    }
    let (text, _) = said(b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\nf\xc3\xbcr");
    assert_eq!(text, "für");
    let content = read(b"Subject: =?utf-8?B?R3LDvMM=?=\r\n =?utf-8?B?n2U=?=\r\nFrom: \x1b$B$3$s\x1b(B <a@b.example>\r\n\r\n");
    assert_eq!(
        (content.subject.as_str(), content.from.as_str()),
        ("Grüße", "こん <a@b.example>")
    );
}

#[test]
fn the_mail_in_a_mail_comes_whole() {
    let inner = "Subject: inner\r\n\r\n--x is no delimiter here\r\ntext";
    let mail = format!(
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--x--\r\n"
    );
    let content = read(mail.as_bytes());
    let [(file, bytes)] = content.files.as_slice() else {
        panic!("{content:?}")
    };
    assert_eq!(
        (
            file.content_type.as_str(),
            std::str::from_utf8(bytes).unwrap()
        ),
        ("message/rfc822", inner)
    );
}

#[test]
fn a_mail_over_a_bound_is_not_read() {
    let mail = "Content-Type: message/rfc822\r\n\r\n".repeat(40_000);
    assert_eq!(super::read(mail.as_bytes()), Err(Excess::Nesting));
}

/// Creates a mail with the given content.
type Shape<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn twice_the_mail_is_twice_the_work() {
    let deep = |body: &str| {
        let boundary = "a".repeat(190);
        let levels = (0..20).map(|level| {
            let boundary = format!("{boundary}{level}");
            format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n")
        });
        let lines = body.len() / 4;
        format!(
            "{}\r\n{}",
            levels.collect::<String>(),
            format!("--{boundary}x\r\n").repeat(lines)
        )
    };
    let field = |name: &'static str| move |body: &str| format!("{name}: {body}\r\n\r\nx");
    let typed =
        |kind: &'static str| move |body: &str| format!("Content-Type: {kind}\r\n\r\n{body}");
    let encoded = |name: &'static str| {
        move |body: &str| format!("Content-Transfer-Encoding: {name}\r\n\r\n{body}")
    };
    let named =
        |body: &str| format!("Content-Disposition: attachment; filename=\"{body}\"\r\n\r\nx");
    let alternative = |body: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\nIn HTML\r\n--y\r\n\
             Content-Type: text/html\r\n\r\n{body}\r\n--y--\r\n"
        )
    };
    let invitation = |body: &str| {
        format!("Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:{body}")
    };
    let shapes: [(&str, Shape<'_>); 14] = [
        ("alternative", &alternative),
        ("invitation", &invitation),
        ("deep", &deep),
        ("subject", &field("Subject")),
        ("from", &field("From")),
        ("to", &field("To")),
        ("date", &field("Date")),
        ("name", &named),
        ("html", &typed("text/html")),
        ("flowed", &typed("text/plain; format=flowed")),
        ("japanese", &typed("text/plain; charset=iso-2022-jp")),
        ("mixed", &typed("multipart/mixed; boundary=x")),
        ("base64", &encoded("base64")),
        ("quoted", &encoded("quoted-printable")),
    ];
    let units = [
        "<",
        "<a ",
        "<a href='http://x'>",
        "<!--",
        "<style>",
        "<p style='",
        "<p hidden>",
        "<p style='font-size:0'>a<b style='font-size:1'>",
        "<td><p>a",
        "<blockquote type=cite>a",
        "\r\nBEGIN:A",
        "\r\nATTENDEE;CN=\"",
        "<tr><td>",
        "</",
        "&",
        "&#",
        "&amp",
        "=?",
        "=?a?q?",
        "=?a?q?x?= ",
        "=",
        "\"",
        "\\",
        "(",
        "<>",
        ",",
        ":",
        "a@b,",
        ";a*1*=b",
        "--x",
        "--x\r\n",
        "> \r\n",
        " \r\n",
        "\r\n ",
        "\x1b$B",
        "\u{fc}",
        "_",
    ];
    for (name, shape) in shapes {
        for unit in units {
            let work = |count: usize| {
                let mail = shape(&unit.repeat(count));
                // Exceeding a limit is an answer too.
                work::steps_of(|| drop(super::read(mail.as_bytes()))).0
            };
            let (once, twice) = (work(1_000), work(2_000));
            assert!(
                twice <= once * 21 / 10 + 5_000,
                "{name} {unit:?}: {once} {twice}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_give_bounded_readable_content(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let content = read(&bytes);
        prop_assert!(content.text.len() <= MAX_MAIL_TEXT);
        for line in [&content.from, &content.to, &content.subject] {
            prop_assert!(line.chars().all(|c| !c.is_control()));
        }
        for (file, _) in &content.files {
            prop_assert!(!file.document.contains('/') && file.document.len() < 500);
        }
    }

    #[test]
    fn any_header_is_one_line(subject in "\\PC{0,80}", name in ".{0,50}") {
        let mail = format!("Subject: {subject}\r\nFrom: {name} <a@b.example>\r\n\r\n");
        let content = read(mail.as_bytes());
        prop_assert!(content.subject.chars().count() <= MAX_LINE);
        prop_assert!(!content.from.contains(['\r', '\n']));
    }
}
