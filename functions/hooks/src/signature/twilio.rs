//! Twilio's `X-Twilio-Signature`: HMAC of the URL followed by the sorted fields of the form; for JSON the body's
//! SHA-256 is in the URL (`bodySHA256`). <https://www.twilio.com/docs/usage/security#validating-requests>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{SignatureError, fits, given};
use crate::work::look;
use crate::{Call, form};

const NAME: &str = "X-Twilio-Signature";
/// The parameter with the algorithm, if the secret is a shared key: `key=…,algorithm=HMAC_SHA256`.
const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

pub(super) fn verify(secret: &str, url: &str, call: &Call<'_>) -> Result<(), SignatureError> {
    let given = STANDARD
        .decode(given(call, "x-twilio-signature")?)
        .map_err(|_| SignatureError::Wrong(NAME))?;
    let right = match algorithm(call).to_ascii_uppercase().as_str() {
        "HMAC_SHA1" => is_signed::<Hmac<Sha1>>(secret, url, call, &given),
        "HMAC_SHA256" => is_signed::<Hmac<Sha256>>(secret, url, call, &given),
        _ => false,
    };
    fits(right && body_fits(call), NAME)
}

/// The algorithm; without one, the secret is the account's Auth Token.
fn algorithm<'a>(call: &'a Call<'_>) -> &'a str {
    let settings = call.header(SETTINGS).split(',');
    let pairs = settings.filter_map(|part| part.split_once('='));
    let named = pairs
        .filter(|(name, _)| name.trim() == "algorithm")
        .map(|(_, value)| value.trim());
    let mut named = named.filter(|value| !value.is_empty());
    named.next().unwrap_or("HMAC_SHA1")
}

/// Twilio may have omitted the port of the URL, or added the default one.
fn is_signed<M: Mac + KeyInit>(secret: &str, url: &str, call: &Call<'_>, given: &[u8]) -> bool {
    let mut fields = if call.is_form() {
        form(call.body)
    } else {
        Vec::new()
    };
    protocol::sort(&mut fields);
    fields.dedup();
    let [bare, full] = ports(url);
    [url, &bare, &full].into_iter().any(|url| {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.as_bytes()) else {
            return false;
        };
        mac.update(url.as_bytes());
        for (name, value) in &fields {
            look(name.len() + value.len());
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac.verify_slice(given).is_ok()
    })
}

/// The URL without a port, and with one: its own or the default. The rest stays unchanged, since that is what was
/// signed.
fn ports(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else {
        return [url.to_owned(), url.to_owned()];
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // The colons in an IPv6 address do not begin a port.
    let host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let host = authority[host..]
        .find(':')
        .map_or(authority.len(), |colon| host + colon);
    let (host, port) = authority.split_at(host);
    let port = match (port, scheme) {
        ("", "http") => ":80",
        ("", _) => ":443",
        (port, _) => port,
    };
    [
        format!("{scheme}://{host}{rest}"),
        format!("{scheme}://{host}{port}{rest}"),
    ]
}

/// A body that is not a form is covered by the hash in the URL.
fn body_fits(call: &Call<'_>) -> bool {
    if call.is_form() || call.body.is_empty() {
        return true;
    }
    let digest: [u8; 32] = Sha256::digest(call.body).into();
    form(call.query.as_bytes()).iter().any(|(name, value)| {
        name == "bodySHA256" && protocol::from_hex(value.trim()).as_deref() == Some(&digest)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;
    use crate::Source;

    /// "Validating requests" in Twilio's security documentation.
    #[test]
    fn as_documented() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let body = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309\
                    &To=%2B18005551212";
        let form = (
            "content-type",
            "application/x-www-form-urlencoded; charset=UTF-8",
        );
        let signed = |url: &str, body: &str| {
            let signature = ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
            check(Source::Sms, "12345", url, &[form, signature], body, 0)
        };
        assert_eq!(signed(url, body), Ok(()));
        assert!(signed("https://mycompany.com/myapp.php?foo=1&bar=3", body).is_err());
        assert!(signed(url, &body.replace("1234&", "1235&")).is_err());
        assert!(signed(url, "").is_err());
    }

    #[test]
    fn ports_come_and_go() {
        for (url, bare, full) in [
            (
                "https://a.example/x?y=:1",
                "https://a.example/x?y=:1",
                "https://a.example:443/x?y=:1",
            ),
            (
                "http://a.example",
                "http://a.example",
                "http://a.example:80",
            ),
            (
                "https://a.example:8443/x",
                "https://a.example/x",
                "https://a.example:8443/x",
            ),
            ("http://[::1]/x", "http://[::1]/x", "http://[::1]:80/x"),
            (
                "http://[::1]:6700/x",
                "http://[::1]/x",
                "http://[::1]:6700/x",
            ),
            ("none", "none", "none"),
        ] {
            assert_eq!(ports(url), [bare, full], "{url}");
        }
    }
}
