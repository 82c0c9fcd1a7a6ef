//! What a browser calls itself, in words, so that the sessions of an account can be told apart.

use http::HeaderMap;
use http::header::USER_AGENT;

/// So much of a `User-Agent` (RFC 9110, section 10.1.5) is looked at, in bytes.
const MAX_LOOKED_AT: usize = 512;
/// A session of which nothing more is known.
const UNNAMED: &str = "browser";

/// Browsers, by what is in their `User-Agent`. Most have the words of others as well, so the first one counts.
const BROWSERS: [(&str, &str); 12] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems and devices, in the same way.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
];

/// Names the browser and the system that a request comes from: `Firefox on Linux`. Whatever the request says, the name
/// consists of the words above.
pub(crate) fn device(headers: &HeaderMap) -> String {
    let said = headers.get(USER_AGENT).and_then(|said| said.to_str().ok());
    let said = said.unwrap_or_default();
    let said = said.get(..MAX_LOOKED_AT).unwrap_or(said);
    let find = |table: &[(&str, &'static str)]| {
        let found = table.iter().find(|(word, _)| said.contains(word));
        found.map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("{UNNAMED} on {system}"),
        (None, None) => UNNAMED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn named(said: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_bytes(said).unwrap());
        device(&headers)
    }

    #[test]
    fn browsers_are_named() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (said, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                "Safari on iPhone",
            ),
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0"
                ),
                "Edge on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/137.0.0.0 Mobile Safari/537.36"
                ),
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Safari/605.1.15"
                    .to_owned(),
                "Safari on macOS",
            ),
            ("Links (2.29; Linux)".to_owned(), "browser on Linux"),
            ("curl/8.14.1".to_owned(), "browser"),
        ] {
            assert_eq!(named(said.as_bytes()), name);
        }
    }

    /// Nobody names a session as they like, however long or odd the header is.
    #[test]
    fn names_consist_of_known_words() {
        assert_eq!(device(&HeaderMap::new()), "browser");
        assert_eq!(named(b"<b>Firefox/1</b> &amp; Linux"), "Firefox on Linux");
        assert_eq!(named("Firefox/1 \u{e9}".as_bytes()), "browser");
        let long = format!("{} Firefox/140.0", "x".repeat(MAX_LOOKED_AT));
        assert_eq!(named(long.as_bytes()), "browser");
    }
}
