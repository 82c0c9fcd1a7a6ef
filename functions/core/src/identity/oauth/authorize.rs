//! `/oauth/authorize/<account>`: the consent page.

use crate::kernel::host::Host;
use http::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use protocol::{AccountName, GrantKind};
use storage_adapter::ObjectStore;

use super::ask::{Ask, Flow, Refusal};
use super::page;
use crate::identity::Identity;
use crate::identity::accounts::SignInError;
use crate::identity::grants::{COOKIE_CLIENT, Lasts, SESSION_MS};
use crate::kernel::body::Body;
use crate::kernel::guard::ClientAddress;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{empty, named, parameters};

/// The cookie of the consent page; no other address reads it.
const COOKIE_NAME: &str = "subspace_consent";
/// How long somebody stays signed in on the consent page, in seconds: 90 days.
const COOKIE_SECONDS: i64 = SESSION_MS / 1000;

/// Somebody who has signed in on the consent page.
struct Visitor {
    grant: String,
}

impl<S: ObjectStore, H: Host> Identity<S, H> {
    pub(crate) async fn authorize(
        &self,
        parts: &Parts,
        account: &str,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        let Ok(account) = account.parse::<AccountName>() else {
            return Ok(page::problem(
                StatusCode::NOT_FOUND,
                "There is no such account here.",
            ));
        };
        let ask = match Ask::read(
            parts.uri.query().unwrap_or_default(),
            !self.kernel.config().is_https(),
        ) {
            Ok(ask) => ask,
            Err(refusal) => {
                body.drain().await;
                return Ok(match refusal {
                    Refusal::Page(detail) => page::problem(StatusCode::BAD_REQUEST, &detail),
                    Refusal::Return {
                        detail,
                        location,
                        origin,
                    } => page::back_to_app(&detail, &location, &origin),
                });
            }
        };
        let answered = match parts.method {
            Method::POST => self.act(parts, &account, &ask, body, client).await,
            _ => self.show(parts, &account, &ask).await,
        };
        // People get a page instead of JSON.
        Ok(answered.unwrap_or_else(|failure| page::problem(failure.status, &failure.detail)))
    }

    async fn show(&self, parts: &Parts, account: &AccountName, ask: &Ask) -> Answer {
        if self.account(account).await?.is_none() {
            return Err(Failure::not_found("There is no such account here."));
        }
        let name = &self.kernel.config().name;
        Ok(match self.visitor(&parts.headers, account).await? {
            None => page::sign_in(name, account, ask, None, StatusCode::OK),
            Some(visitor) => {
                let csrf = self.kernel.keys().form_token(&visitor.grant, form(parts));
                page::consent(name, account, ask, &csrf)
            }
        })
    }

    async fn act(
        &self,
        parts: &Parts,
        account: &AccountName,
        ask: &Ask,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        if !self.is_own_page(&parts.headers) {
            body.drain().await;
            return Err(Failure::forbidden(
                "This form was sent from another site, so nothing was done.",
            ));
        }
        let bytes = body.whole().await?;
        let pairs = parameters(&bytes);
        let get = |name| named(&pairs, name).next().unwrap_or_default();
        match get("action") {
            "cancel" => Ok(redirect(&denied(ask))),
            "sign-in" => {
                self.sign_visitor_in(parts, account, ask, get("password"), client)
                    .await
            }
            action @ ("allow" | "deny") => {
                let Some(visitor) = self.visitor(&parts.headers, account).await? else {
                    let error = Some("Please sign in again.");
                    let name = &self.kernel.config().name;
                    return Ok(page::sign_in(name, account, ask, error, StatusCode::OK));
                };
                let csrf = get("csrf");
                if !self
                    .kernel
                    .keys()
                    .form_token_fits(&visitor.grant, form(parts), csrf)
                {
                    return Err(Failure::forbidden(
                        "This form is not the one you were shown, so nothing was done.",
                    ));
                }
                if action == "deny" {
                    return Ok(redirect(&denied(ask)));
                }
                self.allow(account, ask).await
            }
            _ => Err(Failure::bad_request("The form is not complete.")),
        }
    }

    async fn sign_visitor_in(
        &self,
        parts: &Parts,
        account: &AccountName,
        ask: &Ask,
        password: &str,
        client: ClientAddress,
    ) -> Answer {
        let checked = self
            .check_password(account.as_str(), password, client)
            .await;
        let record = match checked {
            Ok(record) => record,
            Err(refusal) => {
                // 403, because browsers show their own dialog for 401.
                let failure = match refusal {
                    SignInError::Wrong => Failure::forbidden("The password is wrong."),
                    other => other.into(),
                };
                if !failure.status.is_client_error() {
                    return Err(failure);
                }
                let (name, error) = (&self.kernel.config().name, Some(&*failure.detail));
                return Ok(page::sign_in(name, account, ask, error, failure.status));
            }
        };
        let (_, token) = self
            .issue_by_password(&record, GrantKind::Consent, COOKIE_CLIENT)
            .await?;
        let secure = if self.kernel.config().is_https() {
            "; Secure"
        } else {
            ""
        };
        let cookie = format!(
            "{COOKIE_NAME}={token}; Path=/oauth; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
        );
        // Back to the same page by GET, so that a reload does not resubmit the form.
        let target = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let mut response = redirect(target);
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    async fn allow(&self, account: &AccountName, ask: &Ask) -> Answer {
        if let Flow::Code(challenge) = &ask.flow {
            let code = self.issue_code(account, ask, challenge).await?;
            return Ok(redirect(&ask.back.location(&[("code", &code)])));
        }
        let scopes = Some(ask.scopes.clone());
        let (_, token) = self
            .issue(
                account,
                GrantKind::App,
                &ask.back.origin(),
                scopes,
                Lasts::UntilRevoked,
            )
            .await?;
        let (token, scope) = (token.to_string(), ask.scopes.to_string());
        Ok(redirect(&ask.back.location(&[
            ("access_token", &token),
            ("token_type", "bearer"),
            ("scope", &scope),
        ])))
    }

    /// Returns the visitor signed in on this page, if it is the account in question.
    async fn visitor(
        &self,
        headers: &HeaderMap,
        account: &AccountName,
    ) -> Result<Option<Visitor>, Failure> {
        let Some(token) = cookie(headers) else {
            return Ok(None);
        };
        let held = self.check_token(token).await?;
        Ok(held
            .filter(|held| held.grant.kind == GrantKind::Consent && held.account == *account)
            .map(|held| Visitor {
                grant: held.grant.id.clone(),
            }))
    }

    /// Returns whether a form was sent from this page: browsers report that in `Origin` and `Sec-Fetch-Site`.
    fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return false;
        }
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        origin == self.kernel.config().origin
            || authority.is_some() && authority == text(header::HOST.as_str())
    }
}

/// What a form token is bound to: exactly this request of this app.
fn form(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |p| p.as_str())
}

fn denied(ask: &Ask) -> String {
    ask.back.location(&[("error", "access_denied")])
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

/// Redirects the browser by GET (RFC 9110, section 15.4.4).
fn redirect(location: &str) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(location) else {
        return page::problem(
            StatusCode::BAD_REQUEST,
            "The app's return address cannot be used.",
        );
    };
    let mut response = empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}
