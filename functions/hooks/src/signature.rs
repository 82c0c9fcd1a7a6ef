//! Authenticates requests by the signatures and tokens that services send.
//!
//! GitHub `X-Hub-Signature-256` and Gitea `X-Gitea-Signature` (hexadecimal HMAC-SHA256 of the body), GitLab
//! `X-Gitlab-Token` (the secret itself), Twilio `X-Twilio-Signature` (HMAC of the URL and the sorted fields), Standard
//! Webhooks (any service, if the secret begins with `whsec_`), Grafana `X-Grafana-Alerting-Signature`; all others
//! `Authorization: Bearer` with the secret.

mod twilio;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::work::look;
use crate::{Call, Source};

/// How far the time of a signed request may be off, in seconds (Standard Webhooks recommends five minutes).
pub const TOLERANCE: i64 = 5 * 60;
/// The most signatures of one request that are checked: during a change of secret there are two.
const MAX_SIGNATURES: usize = 20;
/// The prefix of Standard Webhooks secrets.
pub const STANDARD_PREFIX: &str = "whsec_";

/// A request does not prove that its sender knows the secret. One sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature or token.
    #[error(
        "the request has no {0}, and this hook has a secret: give the secret to the service too"
    )]
    Missing(&'static str),
    /// It was made with another secret, or for another body or URL.
    #[error("the {0} does not match this hook's secret: give the service the same secret")]
    Wrong(&'static str),
    /// Too old, or in the future.
    #[error(
        "the webhook-timestamp is more than {} minutes away from the time here, so this may be a replay",
        TOLERANCE / 60
    )]
    Time,
    /// Not a valid key.
    #[error("the secret that begins with {STANDARD_PREFIX} is not base64 of 24 to 64 bytes")]
    Key,
}

/// Verifies the signature or token of a request from this source. `url` is the full URL that the service calls, `now`
/// the time in seconds since 1970.
///
/// # Errors
/// If it is missing or does not match.
pub fn verify(
    source: Source,
    secret: &str,
    url: &str,
    call: &Call<'_>,
    now: i64,
) -> Result<(), SignatureError> {
    if secret.starts_with(STANDARD_PREFIX) {
        return standard(secret, call, now);
    }
    match source {
        Source::GitHub => {
            let given = given(call, "x-hub-signature-256")?;
            let given = given.strip_prefix("sha256=").unwrap_or("");
            fits(
                sha256_fits(secret.as_bytes(), &[call.body], given),
                "X-Hub-Signature-256",
            )
        }
        Source::Gitea => {
            let given = ["x-gitea-signature", "x-forgejo-signature"]
                .into_iter()
                .find_map(|name| given(call, name).ok())
                .ok_or(SignatureError::Missing("X-Gitea-Signature"))?;
            fits(
                sha256_fits(secret.as_bytes(), &[call.body], given),
                "X-Gitea-Signature",
            )
        }
        Source::GitLab => {
            let given = given(call, "x-gitlab-token")?;
            fits(same(given, secret), "X-Gitlab-Token")
        }
        Source::Sms => twilio::verify(secret, url, call),
        Source::Grafana if !call.header("x-grafana-alerting-signature").is_empty() => {
            let given = call.header("x-grafana-alerting-signature");
            let time = call.header("x-grafana-alerting-timestamp");
            let separator: &[u8] = if time.is_empty() { b"" } else { b":" };
            let parts = [time.as_bytes(), separator, call.body];
            if !time.is_empty() && !near(time, now) {
                return Err(SignatureError::Time);
            }
            fits(
                sha256_fits(secret.as_bytes(), &parts, given),
                "X-Grafana-Alerting-Signature",
            )
        }
        _ => {
            let given = given(call, "authorization")?;
            let token = given.split_once(' ').map_or("", |(_, token)| token.trim());
            fits(same(token, secret), "Authorization")
        }
    }
}

/// Checks that a secret is usable.
///
/// # Errors
/// If it has the prefix of a Standard Webhooks key but is not one.
pub fn check_secret(secret: &str) -> Result<(), SignatureError> {
    if secret.starts_with(STANDARD_PREFIX) {
        standard_key(secret)?;
    }
    Ok(())
}

fn given<'a>(call: &'a Call<'_>, header: &'static str) -> Result<&'a str, SignatureError> {
    let name = match header {
        "x-hub-signature-256" => "X-Hub-Signature-256",
        "x-gitlab-token" => "X-Gitlab-Token",
        "x-twilio-signature" => "X-Twilio-Signature",
        "webhook-signature" => "webhook-signature",
        "webhook-id" => "webhook-id",
        "webhook-timestamp" => "webhook-timestamp",
        "authorization" => "Authorization: Bearer",
        _ => "signature",
    };
    match call.header(header) {
        "" => Err(SignatureError::Missing(name)),
        value => Ok(value),
    }
}

const fn fits(fits: bool, name: &'static str) -> Result<(), SignatureError> {
    if fits {
        Ok(())
    } else {
        Err(SignatureError::Wrong(name))
    }
}

/// Compares in constant time.
fn same(given: &str, secret: &str) -> bool {
    given.as_bytes().ct_eq(secret.as_bytes()).into()
}

fn sha256_fits(key: &[u8], parts: &[&[u8]], hexadecimal: &str) -> bool {
    let Some(given) = protocol::from_hex(hexadecimal.trim()) else {
        return false;
    };
    sha256(key, parts).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

fn sha256(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        look(part.len());
        mac.update(part);
    }
    Some(mac)
}

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
fn standard(secret: &str, call: &Call<'_>, now: i64) -> Result<(), SignatureError> {
    const NAME: &str = "webhook-signature";
    let key = standard_key(secret)?;
    let id = given(call, "webhook-id")?;
    let time = given(call, "webhook-timestamp")?;
    let signatures = given(call, NAME)?;
    if !near(time, now) {
        return Err(SignatureError::Time);
    }
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", call.body];
    let right = sha256(&key, &parts).is_some_and(|mac| {
        // The body is hashed once, however many signatures there are.
        signatures.split(' ').take(MAX_SIGNATURES).any(|signature| {
            let given = signature.strip_prefix("v1,");
            let given = given.and_then(|given| STANDARD.decode(given).ok());
            given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
        })
    });
    fits(right, NAME)
}

fn standard_key(secret: &str) -> Result<Vec<u8>, SignatureError> {
    let text = secret.strip_prefix(STANDARD_PREFIX).unwrap_or(secret);
    let key = STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|_| SignatureError::Key)?;
    if (24..=64).contains(&key.len()) {
        Ok(key)
    } else {
        Err(SignatureError::Key)
    }
}

fn near(time: &str, now: i64) -> bool {
    let time = time.parse::<i64>().ok();
    time.is_some_and(|time| now.abs_diff(time) <= TOLERANCE.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};

    use super::*;

    pub(super) fn check(
        source: Source,
        secret: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &str,
        now: i64,
    ) -> Result<(), SignatureError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let call = Call {
            headers: &map,
            rest: "",
            query,
            body: body.as_bytes(),
        };
        verify(source, secret, url, &call, now)
    }

    /// "Validating webhook deliveries" in GitHub's documentation.
    #[test]
    fn github_and_gitea() {
        let (secret, body) = ("It's a Secret to Everybody", "Hello, World!");
        let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let github = format!("sha256={digest}");
        let header = "x-hub-signature-256";
        let with =
            |value: &str, body| check(Source::GitHub, secret, "", &[(header, value)], body, 0);
        assert_eq!(with(&github, body), Ok(()));
        assert!(with(&github, "Hello, World").is_err());
        for bad in [digest, "sha256=", "sha256=zz", "sha1=757107", &github[..70]] {
            assert!(with(bad, body).is_err(), "{bad}");
        }
        assert_eq!(
            check(Source::GitHub, secret, "", &[], body, 0),
            Err(SignatureError::Missing("X-Hub-Signature-256"))
        );
        let gitea = [("x-gitea-signature", digest)];
        assert_eq!(check(Source::Gitea, secret, "", &gitea, body, 0), Ok(()));
        assert!(check(Source::Gitea, "other", "", &gitea, body, 0).is_err());
    }

    /// "HMAC signature" of the webhook notifier in Grafana's documentation: the body, or `timestamp:body`.
    #[test]
    fn grafana() {
        let (secret, body) = ("a shared secret", r#"{"status":"firing"}"#);
        let sign = |text: &str| {
            let mac = sha256(secret.as_bytes(), &[text.as_bytes()]).unwrap();
            let bytes = mac.finalize().into_bytes();
            bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let header = "x-grafana-alerting-signature";
        let with = |headers: &[(&'static str, &str)], body, now| {
            check(Source::Grafana, secret, "", headers, body, now)
        };
        assert_eq!(with(&[(header, &sign(body))], body, 0), Ok(()));
        assert!(with(&[(header, &sign(body))], "{}", 0).is_err());
        let timed = sign(&format!("1700000000:{body}"));
        let time = ("x-grafana-alerting-timestamp", "1700000000");
        let both = [(header, timed.as_str()), time];
        assert_eq!(with(&both, body, 1_700_000_100), Ok(()));
        assert_eq!(with(&both, body, 1_700_000_301), Err(SignatureError::Time));
        // Without its time, or with another one, it cannot be replayed.
        assert!(with(&both[..1], body, 1_700_000_100).is_err());
        let later = [both[0], ("x-grafana-alerting-timestamp", "1700000400")];
        assert!(with(&later, body, 1_700_000_400).is_err());
        let token = [("authorization", "Bearer a shared secret")];
        assert_eq!(with(&token, body, 0), Ok(()));
        assert!(with(&[], body, 0).is_err());
    }

    #[test]
    fn secrets_that_are_sent() {
        let gitlab = |value: &str| {
            check(
                Source::GitLab,
                "s3",
                "",
                &[("x-gitlab-token", value)],
                "",
                0,
            )
        };
        assert_eq!(gitlab("s3"), Ok(()));
        assert!(gitlab("s").is_err() && gitlab("s33").is_err());
        let bearer =
            |value: &str| check(Source::Json, "s3", "", &[("authorization", value)], "", 0);
        assert_eq!(bearer("Bearer s3"), Ok(()));
        assert!(bearer("s3").is_err() && bearer("Bearer s4").is_err());
    }

    /// From the test suites of the Standard Webhooks libraries.
    #[test]
    fn standard_webhooks() {
        let (id, now) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let body = r#"{"test": 2432232314}"#;
        let with = |signature: &str, time: i64, body: &str| {
            let time = time.to_string();
            let headers = [
                ("webhook-id", id),
                ("webhook-timestamp", time.as_str()),
                ("webhook-signature", signature),
            ];
            let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            check(Source::Json, secret, "", &headers, body, now)
        };
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(with(good, now, body), Ok(()));
        assert_eq!(with(&format!("v1,bm90 v2,x {good}"), now, body), Ok(()));
        assert!(with(good, now, "{}").is_err());
        assert!(with(good, now + 1, body).is_err());
        assert_eq!(with(good, now - 301, body), Err(SignatureError::Time));
        assert_eq!(with(good, now + 301, body), Err(SignatureError::Time));
        assert!(check_secret("whsec_short").is_err());
    }
}
