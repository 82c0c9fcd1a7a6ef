//! An app's request at the authorization endpoint.

use protocol::Scopes;
use url::{Host, Url};

use super::encode_pairs;
use crate::kernel::request::{named, parameters};

/// Parameters that must not occur twice (RFC 6749, section 3.1).
const PARAMETERS: [&str; 7] = [
    "redirect_uri",
    "scope",
    "state",
    "response_type",
    "client_id",
    "code_challenge",
    "code_challenge_method",
];

/// How the app gets its token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Flow {
    /// In the fragment of the redirect URI.
    Implicit,
    /// With a code and the verifier to this S256 challenge.
    Code(String),
}

/// A request that can be granted.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) back: Back,
    pub(super) scopes: Scopes,
    pub(super) flow: Flow,
}

/// Where the response goes.
#[derive(Clone, Debug)]
pub(super) struct Back {
    redirect_uri: Url,
    state: Option<String>,
    in_query: bool,
}

/// Why a request cannot be granted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is nowhere to send a response: shown to the user, one sentence.
    Page(String),
    /// For the app at this address. Nobody has signed in or agreed to anything, so the user is asked first; otherwise
    /// this server would be an open redirector (RFC 9700, section 4.11.2).
    Return {
        /// One sentence.
        detail: String,
        /// Where the app receives the error.
        location: String,
        /// The app's origin.
        origin: String,
    },
}

impl Back {
    /// Returns the origin of the app, which serves as its name; for a native app, its private scheme. Both can be used
    /// in a content security policy.
    pub(super) fn origin(&self) -> String {
        if is_of_a_native_app(&self.redirect_uri) {
            return format!("{}:", self.redirect_uri.scheme());
        }
        self.redirect_uri.origin().ascii_serialization()
    }

    pub(super) fn redirect_uri(&self) -> &str {
        self.redirect_uri.as_str()
    }

    /// Returns the address that delivers a response to the app, with the state it sent.
    pub(super) fn location(&self, pairs: &[(&str, &str)]) -> String {
        let mut pairs = pairs.to_vec();
        if let Some(state) = &self.state {
            pairs.push(("state", state));
        }
        let answer = encode_pairs(&pairs);
        let mut uri = self.redirect_uri.clone();
        if self.in_query {
            let query = match uri.query() {
                Some(query) if !query.is_empty() => format!("{query}&{answer}"),
                _ => answer,
            };
            uri.set_query(Some(&query));
        } else {
            uri.set_fragment(Some(&answer));
        }
        uri.into()
    }

    /// Returns the address that reports an error to the app (RFC 6749, sections 4.1.2.1 and 4.2.2.1).
    pub(super) fn error(&self, error: &str, description: &str) -> String {
        self.location(&[("error", error), ("error_description", description)])
    }
}

impl Ask {
    /// Parses the query of the authorization endpoint. `plain` means that this server itself is reached without TLS.
    pub(super) fn read(query: &str, plain: bool) -> Result<Self, Refusal> {
        let pairs = parameters(query.as_bytes());
        for name in PARAMETERS {
            if named(&pairs, name).count() > 1 {
                return Err(Refusal::Page(format!(
                    "The app sent {name} more than once."
                )));
            }
        }
        let get = |name| named(&pairs, name).next().filter(|value| !value.is_empty());
        let redirect_uri = redirect_uri(get("redirect_uri"), plain).map_err(Refusal::Page)?;
        let response_type = get("response_type").unwrap_or("token");
        if is_of_a_native_app(&redirect_uri) && response_type != "code" {
            // Any app may claim the same scheme; a code is useless without the verifier (RFC 8252, section 8.1).
            return Err(Refusal::Page(
                "The app's return address (redirect_uri) is one of an app on this device; such an app must ask for a \
                 code with PKCE (response_type=code)."
                    .into(),
            ));
        }
        let back = Back {
            redirect_uri,
            state: get("state").map(str::to_owned),
            in_query: response_type == "code",
        };
        let refuse = |error: &str, description: &str| {
            Err(Refusal::Return {
                detail: format!("The app asked for something that cannot be given: {description}."),
                location: back.error(error, description),
                origin: back.origin(),
            })
        };
        let flow = match response_type {
            "token" => Flow::Implicit,
            "code" => match (get("code_challenge"), get("code_challenge_method")) {
                (Some(challenge), Some("S256")) if is_challenge(challenge) => {
                    Flow::Code(challenge.to_owned())
                }
                (Some(_), Some("S256")) => {
                    return refuse(
                        "invalid_request",
                        "code_challenge must be 43 characters of base64url",
                    );
                }
                _ => {
                    return refuse(
                        "invalid_request",
                        "a code needs PKCE: send code_challenge and code_challenge_method=S256",
                    );
                }
            },
            _ => {
                return refuse(
                    "unsupported_response_type",
                    "response_type must be token or code",
                );
            }
        };
        let scopes = match get("scope").map(str::parse::<Scopes>) {
            Some(Ok(scopes)) => scopes,
            Some(Err(error)) => return refuse("invalid_scope", &error.to_string()),
            None => {
                return refuse(
                    "invalid_scope",
                    "scope is missing; expected a form like notes:rw",
                );
            }
        };
        Ok(Self { back, scopes, flow })
    }
}

/// Returns whether an address belongs to an app on the user's device, by its private scheme: a reversed domain name
/// (RFC 8252, section 7.1).
fn is_of_a_native_app(uri: &Url) -> bool {
    uri.scheme().contains('.')
}

/// Returns whether an address without TLS stays on this machine (RFC 8252, section 7.3).
fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Validates a redirect URI.
fn redirect_uri(text: Option<&str>, plain: bool) -> Result<Url, String> {
    let text = text.ok_or("The app did not say where to return to (redirect_uri is missing).")?;
    let uri = Url::parse(text)
        .map_err(|_| "The app's return address (redirect_uri) is not an address.".to_owned())?;
    match uri.scheme() {
        "https" => {}
        // The response opens the storage, so it must not cross a network in clear text, unless this whole installation
        // does.
        "http" if plain || is_loopback(&uri) => {}
        "http" => {
            return Err(
                "The app's return address (redirect_uri) must begin with https://; http:// is for this device only."
                    .into(),
            );
        }
        _ if is_of_a_native_app(&uri) => {}
        _ => {
            return Err(
                "The app's return address (redirect_uri) must begin with https://, or with a scheme like org.example.app:/."
                    .into(),
            );
        }
    }
    // The host is put into a header of the page, where some characters that are valid in URLs have a meaning.
    let usual = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    let host = uri.host_str().is_some_and(|host| host.bytes().all(usual));
    if !host && !is_of_a_native_app(&uri) {
        return Err("The app's return address (redirect_uri) has no usable host name.".into());
    }
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err("The app's return address (redirect_uri) must not contain a user name.".into());
    }
    if uri.fragment().is_some_and(|fragment| !fragment.is_empty()) {
        return Err("The app's return address (redirect_uri) must not have a fragment.".into());
    }
    Ok(uri)
}

/// 43 characters of base64url: SHA-256 without padding (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Ask, Refusal> {
        Ask::read(query, false)
    }

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn what_is_in_clear_stays_on_the_device() {
        let read = |uri: &str, plain| {
            Ask::read(&format!("redirect_uri={uri}&scope=notes:rw"), plain).is_ok()
        };
        for local in [
            "http://127.0.0.1:8080/cb",
            "http://127.9.9.9/",
            "http://[::1]:1/",
            "http://localhost:3000/",
        ] {
            assert!(read(local, false), "{local}");
        }
        for far in [
            "http://app.example/",
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://[::2]/",
        ] {
            assert!(!read(far, false), "{far}");
            assert!(read(far, true), "{far}");
        }
    }

    #[test]
    fn apps_on_a_device_have_schemes_of_their_own_and_take_codes() {
        let code = format!(
            "&scope=notes:rw&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        for (uri, origin) in [
            ("org.example.app:/done", "org.example.app:"),
            ("Org.Example.App://done/x", "org.example.app:"),
        ] {
            let ask = read(&format!("redirect_uri={uri}{code}")).unwrap();
            assert_eq!(ask.back.origin(), origin);
            let location = ask.back.location(&[("code", "c")]);
            assert!(location.ends_with("?code=c"), "{location}");
            let implicit = read(&format!("redirect_uri={uri}&scope=notes:rw"));
            assert!(matches!(implicit, Err(Refusal::Page(_))), "{uri}");
            let no_pkce = format!("redirect_uri={uri}&scope=notes:rw&response_type=code");
            assert!(read(&no_pkce).is_err(), "{uri}");
        }
        for bad in [
            "app:/done",
            "javascript:alert(1)",
            "mailto:a@b",
            "org.example.app:/x%23y",
        ] {
            let asked = read(&format!("redirect_uri={bad}{code}"));
            assert!(matches!(asked, Err(Refusal::Page(_))), "{bad}");
        }
    }

    #[test]
    fn the_answer_carries_the_whole_state_in_the_form_that_remotestorage_js_reads() {
        let state = "a=b&c d+ü/#x".repeat(100);
        let query = encode_pairs(&[
            ("redirect_uri", "https://app.example/path?q=1"),
            ("scope", "notes:rw *:r"),
            ("state", &state),
        ]);
        let ask = read(&query).unwrap();
        assert_eq!(ask.back.origin(), "https://app.example");
        assert_eq!(ask.flow, Flow::Implicit);
        let location = ask
            .back
            .location(&[("access_token", "t="), ("scope", "a b")]);
        let (uri, fragment) = location.split_once('#').unwrap();
        assert_eq!(uri, "https://app.example/path?q=1");
        assert!(
            fragment
                .starts_with("access_token=t%3D&scope=a%20b&state=a%3Db%26c%20d%2B%C3%BC%2F%23x")
        );
        let returned = fragment.rsplit_once("state=").unwrap().1;
        let decoded = percent_encoding::percent_decode_str(returned)
            .decode_utf8()
            .unwrap();
        assert_eq!(decoded, state);
    }

    #[test]
    fn a_code_is_returned_in_the_query() {
        let challenge = CHALLENGE;
        let query = format!(
            "redirect_uri=https://app.example/%3Fq%3D1&scope=notes:r&response_type=code&state=s\
             &code_challenge={challenge}&code_challenge_method=S256"
        );
        let ask = read(&query).unwrap();
        assert_eq!(ask.flow, Flow::Code(challenge.into()));
        assert_eq!(
            ask.back.location(&[("code", "x")]),
            "https://app.example/?q=1&code=x&state=s"
        );
    }

    #[test]
    fn what_cannot_be_answered_is_shown_and_the_rest_returned() {
        for bad in [
            "",
            "redirect_uri=",
            "redirect_uri=app.example",
            "redirect_uri=javascript:alert(1)",
            "redirect_uri=data:text/html,x",
            "redirect_uri=https://u:p@app.example/",
            "redirect_uri=https://app.example/%23x",
            "redirect_uri=https://*/",
            "redirect_uri=https://a;frame-ancestors/",
            "redirect_uri=https://a,b/",
            "redirect_uri=https://a'b/",
            "redirect_uri=https://a.example/&redirect_uri=https://b.example/",
        ] {
            assert!(matches!(read(bad), Err(Refusal::Page(_))), "{bad}");
        }
        for (query, error) in [
            ("", "invalid_scope"),
            ("&scope=public:rw", "invalid_scope"),
            (
                "&scope=notes:rw&response_type=id_token",
                "unsupported_response_type",
            ),
            ("&scope=notes:rw&response_type=code", "invalid_request"),
            (
                "&scope=notes:rw&response_type=code&code_challenge=abc&code_challenge_method=plain",
                "invalid_request",
            ),
            (
                "&scope=notes:rw&response_type=code&code_challenge=abc&code_challenge_method=S256",
                "invalid_request",
            ),
        ] {
            let query = format!("redirect_uri=https://app.example/{query}");
            match read(&query) {
                Err(Refusal::Return { location, .. }) => {
                    assert!(location.contains(&format!("error={error}&")), "{location}");
                }
                other => panic!("{query}: {other:?}"),
            }
        }
    }
}
