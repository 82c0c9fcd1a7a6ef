//! Checks AWS Signature Version 4 of the Authorization header, as AWS's documentation describes it:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.

use hmac::{Hmac, KeyInit, Mac};
use http::StatusCode;
use http::request::Parts;
use protocol::hex;
use sha2::{Digest, Sha256};

use super::{Answer, KEY_ID, REGION, SECRET};

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn check(head: &Parts, body: &[u8]) -> Result<(), Box<Answer>> {
    let denied = |code| Box::new(Answer::error(StatusCode::FORBIDDEN, code));
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or_else(|| denied("AccessDenied"))?;
    let field = |name: &str| {
        let (_, rest) = authorization.split_once(name)?;
        Some(rest.split(',').next().unwrap_or(rest).trim())
    };
    let scope = field("Credential=").ok_or_else(|| denied("AccessDenied"))?;
    let signed = field("SignedHeaders=").ok_or_else(|| denied("AccessDenied"))?;
    let given = field("Signature=").ok_or_else(|| denied("AccessDenied"))?;
    let [key_id, day, region, "s3", "aws4_request"] = scope.split('/').collect::<Vec<_>>()[..]
    else {
        return Err(denied("AuthorizationHeaderMalformed"));
    };
    if key_id != KEY_ID {
        return Err(denied("InvalidAccessKeyId"));
    }
    if region != REGION {
        return Err(denied("AuthorizationHeaderMalformed"));
    }
    let payload = header("x-amz-content-sha256").ok_or_else(|| denied("AccessDenied"))?;
    if payload != "UNSIGNED-PAYLOAD" && payload != hex(&Sha256::digest(body)) {
        return Err(denied("XAmzContentSHA256Mismatch"));
    }
    let mut query: Vec<(String, String)> = head
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    query.sort();
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let headers: String = signed
        .split(';')
        .map(|name| {
            let value = header(name).unwrap_or_default();
            let value: Vec<_> = value.split_whitespace().collect();
            format!("{name}:{}\n", value.join(" "))
        })
        .collect();
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{signed}\n{payload}",
        head.method,
        head.uri.path(),
        query.join("&"),
    );
    let date = header("x-amz-date").unwrap_or_default();
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{day}/{region}/s3/aws4_request\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in [day, region, "s3", "aws4_request"] {
        key = sign(&key, step);
    }
    if hex(&sign(&key, &to_sign)) == given {
        Ok(())
    } else {
        Err(denied("SignatureDoesNotMatch"))
    }
}
