//! `POST /oauth/token`: exchanges a code for a token (RFC 6749, section 4.1.3).

use crate::kernel::host::Host;
use http::{Response, StatusCode};
use serde_json::json;
use storage_adapter::ObjectStore;

use super::code::{Exchange, ExchangeError};
use crate::identity::Identity;
use crate::kernel::body::Body;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::Answer;
use crate::kernel::request::{answer, named, parameters};

impl<S: ObjectStore, H: Host> Identity<S, H> {
    pub(crate) async fn oauth_token(&self, body: Incoming) -> Answer {
        let bytes = body.whole().await?;
        let pairs = parameters(&bytes);
        let get = |name| {
            let mut found = named(&pairs, name);
            found.next().filter(|_| found.next().is_none())
        };
        match get("grant_type") {
            Some("authorization_code") => {}
            Some(_) => {
                return Ok(error(
                    "unsupported_grant_type",
                    "grant_type must be authorization_code",
                ));
            }
            None => return Ok(error("invalid_request", "grant_type is missing")),
        }
        let (Some(code), Some(redirect_uri), Some(verifier)) =
            (get("code"), get("redirect_uri"), get("code_verifier"))
        else {
            return Ok(error(
                "invalid_request",
                "code, redirect_uri and code_verifier are needed, each once",
            ));
        };
        // A verifier has 43 to 128 unreserved characters (RFC 7636, section 4.1).
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return Ok(error(
                "invalid_request",
                "code_verifier must have 43 to 128 characters of A-Z a-z 0-9 - . _ ~",
            ));
        }
        // Compared as parsed URLs: https://app.example equals https://app.example/.
        let redirect_uri =
            url::Url::parse(redirect_uri).map_or_else(|_| String::new(), String::from);
        let exchange = Exchange {
            code,
            redirect_uri: &redirect_uri,
            verifier,
        };
        match self.exchange(&exchange).await {
            Ok((token, scopes)) => Ok(answer(
                StatusCode::OK,
                &json!({"access_token": token, "token_type": "bearer", "scope": scopes}),
            )),
            Err(ExchangeError::Invalid(description)) => Ok(error("invalid_grant", description)),
            Err(ExchangeError::Failure(failure)) => Err(failure),
        }
    }
}

fn error(error: &str, description: &str) -> Response<Body> {
    answer(
        StatusCode::BAD_REQUEST,
        &json!({"error": error, "error_description": description}),
    )
}
