//! `/notifications/…`: the pages that links in mails lead to. A GET only shows a button, since mail servers and mail
//! programs follow links automatically; the POST performs the action, without a session (RFC 8058).

use http::request::Parts;
use http::{Method, Response, StatusCode};
use protocol::{AccountName, BearerToken};
use storage_adapter::ObjectStore;

use crate::identity::oauth::{escape, page};
use crate::kernel::body::Body;
use crate::kernel::guard::{ClientAddress, Subject};
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::problem::Answer;
use crate::notify::Notify;

/// Stands for the session in the keyed hash of an unsubscribe link; no session can have this id.
const UNSUBSCRIBE: &str = "mail unsubscribe";

/// What a link does.
enum Link {
    Confirm(BearerToken),
    Unsubscribe(AccountName),
}

impl<S: ObjectStore, H: Host> Notify<S, H> {
    /// The address to which a POST unsubscribes an account.
    pub(crate) fn unsubscribe_link(&self, account: &AccountName) -> String {
        let token = self.kernel.keys().form_token(UNSUBSCRIBE, account.as_str());
        format!(
            "{}/notifications/unsubscribe/{account}/{token}",
            self.kernel.config().origin
        )
    }

    fn link(&self, path: &str) -> Option<Link> {
        let rest = path.strip_prefix("/notifications/")?;
        if let Some(token) = rest.strip_prefix("confirm/") {
            return token.parse().ok().map(Link::Confirm);
        }
        let (account, token) = rest.strip_prefix("unsubscribe/")?.split_once('/')?;
        let account: AccountName = account.parse().ok()?;
        self.kernel
            .keys()
            .form_token_fits(UNSUBSCRIBE, account.as_str(), token)
            .then_some(Link::Unsubscribe(account))
    }

    /// Serves everything below `/notifications/`.
    pub(crate) async fn answer_notifications(
        &self,
        parts: &Parts,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        // `List-Unsubscribe=One-Click`, or nothing: all that matters is that it is a POST.
        body.drain().await;
        let guesses = Subject::Client(client);
        self.kernel.check_guesses(&guesses).await?;
        let does = parts.method == Method::POST;
        let Some(link) = self.link(parts.uri.path()) else {
            self.kernel.count_attempt(&guesses).await?;
            return Ok(gone());
        };
        match (link, does) {
            (Link::Confirm(_), false) => Ok(button(
                "Get missed messages by mail?",
                "Mentions and private messages that you miss come to this address, at most once an hour.",
                "Confirm",
            )),
            (Link::Confirm(token), true) => Ok(match self.confirm_address(&token).await? {
                Some(email) => told(
                    "The address is confirmed",
                    &format!(
                        "Messages that {} misses are mailed to {email} from now on.",
                        token.owner
                    ),
                ),
                None => {
                    self.kernel.count_attempt(&guesses).await?;
                    gone()
                }
            }),
            (Link::Unsubscribe(account), false) => Ok(button(
                "No more mail?",
                &format!("{account} will no longer get mail about missed messages."),
                "Unsubscribe",
            )),
            (Link::Unsubscribe(account), true) => {
                self.unsubscribe(&account).await?;
                let text = format!(
                    "{account} no longer gets mail. You can turn it on again in the settings."
                );
                Ok(told("You are unsubscribed", &text))
            }
        }
    }
}

fn button(title: &str, text: &str, label: &str) -> Response<Body> {
    let body = format!(
        "<h1>{title}</h1><p>{}</p><form method=\"post\">\
         <div class=\"buttons\"><button class=\"main\">{label}</button></div></form>",
        escape(text)
    );
    page(StatusCode::OK, title, &body, None)
}

fn told(title: &str, text: &str) -> Response<Body> {
    let body = format!("<h1>{title}</h1><p>{}</p>", escape(text));
    page(StatusCode::OK, title, &body, None)
}

fn gone() -> Response<Body> {
    let title = "This link is invalid or has expired";
    let body = format!("<h1>{title}</h1><p>You can request a new one in the settings.</p>");
    page(StatusCode::NOT_FOUND, title, &body, None)
}
