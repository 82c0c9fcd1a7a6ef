//! The consent page: plain HTML, no scripts, nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Response, StatusCode, header};
use protocol::{Access, AccountName, Scope};
use sha2::{Digest, Sha256};

use super::ask::Ask;
use crate::kernel::body::Body;

const STYLE: &str = include_str!("page.css");

/// The hash that permits the page's only style sheet (CSP level 3).
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));

/// The page that asks for the password.
pub(super) fn sign_in(
    name: &str,
    account: &AccountName,
    ask: &Ask,
    error: Option<&str>,
    status: StatusCode,
) -> Response<Body> {
    let mut body = format!(
        "<h1>Sign in to {name}</h1>\
         <p>The app <span class=\"app\">{origin}</span> would like to use your storage.</p>",
        name = escape(name),
        origin = escape(&ask.back.origin()),
    );
    if let Some(error) = error {
        let _ = write!(
            body,
            "<p class=\"error\" role=\"alert\">{}</p>",
            escape(error)
        );
    }
    let _ = write!(
        body,
        "<form method=\"post\">\
         <label for=\"account\">Account</label>\
         <input id=\"account\" name=\"account\" value=\"{account}\" autocomplete=\"username\" readonly>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required autofocus>\
         <div class=\"buttons\"><button class=\"main\" name=\"action\" value=\"sign-in\">Sign in</button>\
         <button name=\"action\" value=\"cancel\" formnovalidate>Cancel</button></div></form>",
    );
    page(status, "Sign in", &body, Some(&ask.back.origin()))
}

/// The page that asks whether to grant the app access.
pub(super) fn consent(name: &str, account: &AccountName, ask: &Ask, csrf: &str) -> Response<Body> {
    let mut body = format!(
        "<h1>Allow <span class=\"app\">{origin}</span> to use your storage?</h1>\
         <p>You are signed in to {name} as <strong>{account}</strong>. This app would be able to:</p><ul>",
        origin = escape(&ask.back.origin()),
        name = escape(name),
    );
    for scope in &ask.scopes.0 {
        let class = if scope.module == "*" {
            " class=\"all\""
        } else {
            ""
        };
        let _ = write!(body, "<li{class}>{}</li>", escape(&words(scope)));
    }
    let _ = write!(
        body,
        "</ul><form method=\"post\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <div class=\"buttons\"><button class=\"main\" name=\"action\" value=\"allow\">Allow</button>\
         <button name=\"action\" value=\"deny\">Deny</button></div></form>\
         <p class=\"soft\"><br>You can take this back at any time in your settings.</p>",
    );
    page(
        StatusCode::OK,
        "Allow access?",
        &body,
        Some(&ask.back.origin()),
    )
}

/// Shows the user what is wrong.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let body = format!(
        "<h1>This did not work</h1><p>{}</p>\
         <p class=\"soft\">Go back to the app and try to connect again.</p>",
        escape(detail)
    );
    page(status, "This did not work", &body, None)
}

/// Shows the user what is wrong with the app's request, and offers to report it to the app.
pub(super) fn back_to_app(detail: &str, location: &str, origin: &str) -> Response<Body> {
    let body = format!(
        "<h1>This did not work</h1><p>{}</p>\
         <p><a href=\"{}\" rel=\"noreferrer\">Go back to {}</a></p>",
        escape(detail),
        escape(location),
        escape(origin),
    );
    page(StatusCode::BAD_REQUEST, "This did not work", &body, None)
}

/// Describes a scope in words.
fn words(scope: &Scope) -> String {
    let verb = match scope.access {
        Access::Read => "Read",
        Access::ReadWrite => "Read and change",
    };
    if scope.module == "*" {
        return format!("{verb} everything in your storage");
    }
    format!("{verb} your {}", scope.module.replace(['-', '_'], " "))
}

/// A page with the only style sheet; `app` is where submitting its form may redirect to.
pub(crate) fn page(
    status: StatusCode,
    title: &str,
    body: &str,
    app: Option<&str>,
) -> Response<Body> {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    // Browsers apply form-action to redirects after a form as well, so it includes the app's origin.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH,
        app.unwrap_or_default()
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Escapes text for HTML, including attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_scopes_in_words() {
        for (scope, expected) in [
            ("notes:rw", "Read and change your notes"),
            ("chat-messages:r", "Read your chat messages"),
            ("*:rw", "Read and change everything in your storage"),
            ("*:r", "Read everything in your storage"),
        ] {
            assert_eq!(words(&scope.parse().unwrap()), expected);
        }
    }

    #[test]
    fn escapes_what_others_have_written() {
        assert_eq!(
            escape("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
        let response = problem(StatusCode::BAD_REQUEST, "<script>");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
    }
}
