//! `/hooks/<token>/…`: a service sends an event.
//!
//! Unlike with queues, attempts to parse a request are not recorded: it is parsed before anything of it is stored, so
//! one that kills the process only comes back if its sender repeats it. Limits prevent that in the first place: on the
//! bytes held (`in_hand.rs`), on memory and nesting (`hooks::parse`), on time and number (`Host::work`).

use bytes::Bytes;
use hooks::Source;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use protocol::{AccountName, BearerToken, Connection, HookOutcome, Say};
use storage_adapter::{ObjectStore, StoreError};

use super::deliveries::Taken;
use super::reading::{ParsedEvent, Reading, Refused};
use super::{Delivery, Hook, QueuedTask, clock, key};
use crate::kernel::body::Body;
use crate::kernel::guard::{ClientAddress, Subject};
use crate::kernel::host::{Host, Unfinished};
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::answer;
use crate::webhooks::Webhooks;
use protocol::hex;

/// What the address of a hook shows when opened in a browser.
const ABOUT: &str = "This is the address of a webhook: a service sends its events here with POST, and they appear in a chat channel.\n";

/// The response to a valid address while the account of the hook is disabled.
const CLOSED: &str = "this hook accepts no events at present: the account it belongs to is disabled; ask whoever created it";

impl<S: ObjectStore, H: Host> Webhooks<S, H> {
    /// Serves everything below `/hooks/`; `rest` is the remaining path.
    pub(crate) async fn answer_hook(
        &self,
        parts: &Parts,
        rest: &str,
        body: Incoming,
        client: ClientAddress,
    ) -> Answer {
        let (token, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let query = parts.uri.query().unwrap_or("");
        let by_get = match parts.method {
            // The same for every token, so that it does not reveal which exist.
            Method::GET | Method::HEAD if query.is_empty() || parts.method == Method::HEAD => {
                body.drain().await;
                return Ok(plain(ABOUT));
            }
            Method::GET => true,
            _ => false,
        };
        let Some((account, hook)) = self.open_hook(token).await? else {
            body.drain().await;
            return Err(self.unknown_hook(client).await?);
        };
        // The address is valid, so nobody is guessing; it works again once the account is enabled.
        if self.identity.is_closed(&account).await? {
            body.drain().await;
            return Err(Failure::not_found(CLOSED));
        }
        if by_get && !hooks::is_event_by_get(hook.source, rest, query) {
            return Ok(plain(ABOUT));
        }
        if let Some(seconds) = self.over_rate(&account, &hook.id).await? {
            body.drain().await;
            return Err(Failure::too_many(
                format!("this hook gets too many events; try again in {seconds} seconds"),
                seconds,
            ));
        }
        let most = hooks::source::max_body(hook.source);
        let held = self.in_hand.hold(&account, &hook.id);
        let held = held
            .collect(self.kernel.storage().host(), body, most)
            .await?;
        let url = format!(
            "{}{}",
            self.kernel.config().origin,
            parts.uri.path_and_query().map_or("/", |p| p.as_str())
        );
        let reading = Reading {
            source: hook.source,
            secret: match &hook.secret {
                Some(sealed) => Some(self.hook_secret(&account, &hook.id, sealed)?),
                None => None,
            },
            url,
            now: self.kernel.now().millis().div_euclid(1_000),
            headers: parts.headers.clone(),
            rest: rest.to_owned(),
            query: query.to_owned(),
            body: held.bytes(),
            template: hook.options.template.clone(),
            filter: hook.options.filter.clone(),
            mention_everybody: hook.options.mention_everybody,
        };
        let read = self
            .kernel
            .storage()
            .host()
            .work(move || reading.read())
            .await;
        drop(held);
        self.take_read(&account, &hook, read).await
    }

    /// Finds the hook of a token.
    async fn open_hook(&self, token: &str) -> Result<Option<(AccountName, Hook)>, Failure> {
        let Ok(token) = token.parse::<BearerToken>() else {
            return Ok(None);
        };
        let found = self
            .kernel
            .load::<Hook>(&key::hook(&token.owner, &token.id))
            .await?;
        let hook = found.map(|(hook, _)| hook);
        let hook = hook.filter(|hook| token.matches(&hook.secret_hash));
        Ok(hook.map(|hook| (token.owner, hook)))
    }

    async fn unknown_hook(&self, client: ClientAddress) -> Result<Failure, StoreError> {
        let subject = Subject::Hook(client);
        if let Some(seconds) = self.kernel.must_wait(&subject).await? {
            return Ok(Failure::too_many(
                "too many requests to hooks that do not exist came from this address",
                seconds,
            ));
        }
        self.kernel.count_attempt(&subject).await?;
        Ok(Failure::not_found(
            "there is no such hook, or it was deleted; create a new one and give its address to the service",
        ))
    }

    /// Processes the parsed request.
    async fn take_read(
        &self,
        account: &AccountName,
        hook: &Hook,
        read: Result<Result<ParsedEvent, Refused>, Unfinished>,
    ) -> Answer {
        let told = match read {
            Ok(Ok(told)) => told,
            Ok(Err(refused)) => {
                self.note_refusal(account, hook, refused.kind, &refused.reason)
                    .await;
                return Err(Failure::new(refused.status, refused.reason));
            }
            // It may be parsed shortly, so it is not recorded as refused.
            Err(Unfinished::Busy) => {
                return Err(Failure::busy(
                    "other webhooks are taking long to parse; send it again in a moment",
                ));
            }
            Err(Unfinished::TooLong) => {
                let reason = "parsing this event took too long; send less at once, or tell the operator which service sent it";
                self.note_refusal(account, hook, "unreadable", reason).await;
                return Err(Failure::unprocessable(reason));
            }
            Err(Unfinished::Panicked) => {
                let reason = "this event could not be parsed, which is a bug here; tell the operator which service sent it";
                self.note_refusal(account, hook, "unreadable", reason).await;
                return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, reason));
            }
        };
        let delivery = self.prepare(account, hook, told).await?;
        let taken = self.take_delivery(account, hook, &delivery).await?;
        Ok(reply(hook.source, &delivery, &taken))
    }

    /// Decrypts the secret of a hook.
    fn hook_secret(
        &self,
        account: &AccountName,
        hook: &str,
        sealed: &str,
    ) -> Result<String, Failure> {
        let name = format!("hook/{hook}");
        self.kernel.keys().open(account, &name, sealed).map_err(|_| {
            Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the secret of this hook cannot be decrypted with this installation's key; set a new one",
            )
        })
    }

    /// Creates the record of a delivery: what to announce, or why there is nothing.
    async fn prepare(
        &self,
        account: &AccountName,
        hook: &Hook,
        told: ParsedEvent,
    ) -> Result<Delivery, Failure> {
        let id = told.id.unwrap_or_else(|| hex(&self.kernel.random::<16>()));
        let lines = told.lines;
        let time = self.kernel.now();
        let quiet = hook.options.quiet_hours.as_ref();
        let reason = if told.is_blank {
            Some("there is nothing to announce".to_owned())
        } else if !hook.enabled {
            Some("the hook is switched off".to_owned())
        } else if told.unwanted.is_some() {
            told.unwanted
        } else if quiet.is_some_and(|hours| clock::contain(hours, time)) {
            Some("these are the hook's quiet hours".to_owned())
        } else {
            None
        };
        let say = (!lines.is_empty()).then(|| Say {
            account: account.clone(),
            connection: hook.connection.clone(),
            target: hook.channel.clone(),
            from: told
                .from
                .unwrap_or_else(|| hooks::source::nick(hook.source).to_owned()),
            lines,
            notice: hook.options.notice,
            source: Some(format!("hooks/{}/{id}", hook.id)),
        });
        let (task, outcome) = match reason {
            Some(reason) => (None, HookOutcome::Ignored { reason }),
            None => (
                Some(self.task_of(account, hook).await?),
                HookOutcome::Queued,
            ),
        };
        Ok(Delivery {
            version: 1,
            id,
            time,
            event: told.kind,
            say,
            task,
            outcome,
            again: None,
        })
    }

    /// Creates a task for the connector of the hook's connection.
    pub(super) async fn task_of(
        &self,
        account: &AccountName,
        hook: &Hook,
    ) -> Result<QueuedTask, Failure> {
        let name = keys::connection(account, &hook.connection);
        let Some((connection, _)) = self.kernel.load::<Connection>(&name).await? else {
            let reason = "the connection that this hook posts over was removed; create a new hook";
            self.note_refusal(account, hook, "", reason).await;
            return Err(Failure::new(StatusCode::GONE, reason));
        };
        Ok(QueuedTask {
            connector: connection.connector,
            id: self.connectors.task_id(),
        })
    }

    /// Records that a request was refused, so that the owner sees why nothing is announced. If that cannot be written,
    /// the response is the only trace.
    async fn note_refusal(&self, account: &AccountName, hook: &Hook, event: &str, reason: &str) {
        let delivery = Delivery {
            version: 1,
            id: hex(&self.kernel.random::<16>()),
            time: self.kernel.now(),
            event: event.to_owned(),
            say: None,
            task: None,
            outcome: HookOutcome::Refused {
                reason: reason.to_owned(),
            },
            again: None,
        };
        let _only_a_note = self.take_delivery(account, hook, &delivery).await;
    }
}

fn plain(text: &'static str) -> Response<Body> {
    typed("text/plain; charset=utf-8", text)
}

fn typed(kind: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Responds in the way that the service expects; other services get the outcome, which some of them display.
fn reply(source: Source, delivery: &Delivery, taken: &Taken) -> Response<Body> {
    match source {
        Source::Slack => return plain("ok"),
        Source::Sms => return typed("text/xml; charset=utf-8", hooks::sms::TWIML),
        _ => {}
    }
    let (repeated, delivery) = match taken {
        Taken::New => (false, delivery),
        Taken::Repeat(found) => (true, found.as_ref()),
    };
    let mut value = serde_json::json!({
        "delivery": delivery.id,
        "event": delivery.event,
        "lines": delivery.say.as_ref().map_or(&[][..], |say| &say.lines),
        "repeated": repeated,
    });
    if let (Some(map), Ok(serde_json::Value::Object(outcome))) = (
        value.as_object_mut(),
        serde_json::to_value(&delivery.outcome),
    ) {
        map.extend(outcome);
    }
    answer(StatusCode::OK, &value)
}
