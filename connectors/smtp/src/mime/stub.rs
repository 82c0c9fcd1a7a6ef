//! Plain text that says nothing but that there is a page, or nearly nothing.

use super::work::look;

/// Most letters and digits of such a text.
const MAX_STUB: usize = 250;
/// Most of one that says nothing of the page.
const MAX_EMPTY: usize = 20;
/// What a page must say beyond twice of what the text does.
const MIN_PAGE: usize = 40;
/// What such texts speak of, in lower case.
const WORDS: &[&str] = &[
    "html",
    "browser",
    "navigateur",
    "navegador",
    "web version",
    "webversion",
    "online version",
    "onlineversion",
];

/// Whether a text is short enough to be one.
pub(super) fn may_be(plain: &str) -> bool {
    letters(plain).nth(MAX_STUB).is_none()
}

/// Whether a short text stands for a page that says more: by what it speaks of, or since it is nearly empty and nothing of
/// it is in the page.
pub(super) fn is(plain: &str, page: &str) -> bool {
    let said: String = letters(plain).collect();
    let most = said.chars().count();
    if letters(page).nth(2 * most + MIN_PAGE).is_none() {
        return false;
    }
    let lower = plain.to_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
        || (most <= MAX_EMPTY && (most == 0 || !letters(page).collect::<String>().contains(&said)))
}

/// The letters and digits of a text, in lower case, without addresses of links.
fn letters(text: &str) -> impl Iterator<Item = char> {
    let words = text.split_whitespace().inspect(|word| look(word.len()));
    let words = words.filter(|word| !word.contains("://"));
    words
        .flat_map(str::chars)
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn said(plain: &str, page: &str) -> String {
        let mail = format!(
            "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n\
             --x\r\nContent-Type: multipart/related; boundary=y\r\n\r\n--y\r\nContent-Type: text/html\r\n\r\n{page}\r\n--y--\r\n--x--\r\n"
        );
        read(mail.as_bytes()).unwrap().text
    }

    #[test]
    fn what_only_stands_for_the_page_gives_way_to_it() {
        let page = format!("<p>News of the week</p>{}", "<p>More of it.</p>".repeat(60));
        for stub in [
            "This message requires an HTML viewer.",
            "Please view this email in your browser: https://news.example/1234567890abcdefghijklmnopqrstuvwxyz",
            "Ihr E-Mail-Programm unterstützt leider kein HTML.",
            "https://news.example/1",
            "-",
            ".",
            "Newsletter 5",
        ] {
            let said = said(stub, &page);
            assert!(said.starts_with("News of the week"), "{stub}: {said}");
        }
    }

    #[test]
    fn what_says_what_the_page_says_stays() {
        let signed = format!("<p>OK!</p><p>{}</p>", "Example Ltd, Berlin. ".repeat(10));
        let long = "I read it in the browser, and HTML is fine. ".repeat(20);
        for (plain, page) in [
            ("OK", signed.as_str()),
            (
                "Does it work in your browser?",
                "<p>Does it work in your browser?</p>",
            ),
            (
                "https://a.example/x",
                "<a href='https://a.example/x'>https://a.example/x</a>",
            ),
            (
                long.trim_end(),
                &format!("<p>{}</p>", "Other words. ".repeat(500)),
            ),
            ("Hi", "<p>Ho</p>"),
        ] {
            assert_eq!(said(plain, page), plain);
        }
    }
}
