//! Parses a service's request: a function of the request and of the hook's settings, so that a host may run it where
//! nobody waits for it ([`crate::kernel::host::Host::work`]).

use std::borrow::Cow;

use bytes::Bytes;
use hooks::{Call, Filter, Source, Template, Unreadable, filter, signature};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use protocol::hex;

/// The longest name of an event, in characters.
const MAX_EVENT: usize = 100;

/// A request, and what is needed to parse it.
pub(super) struct Reading {
    pub(super) source: Source,
    pub(super) secret: Option<String>,
    /// The full URL that the service calls.
    pub(super) url: String,
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) headers: HeaderMap,
    pub(super) rest: String,
    pub(super) query: String,
    pub(super) body: Bytes,
    pub(super) template: Option<String>,
    pub(super) filter: Filter,
    pub(super) mention_everybody: bool,
}

/// The content of a request.
pub(super) struct ParsedEvent {
    pub(super) kind: String,
    pub(super) from: Option<String>,
    /// The lines, ready to be shown.
    pub(super) lines: Vec<String>,
    /// Whether there were lines, but all of them blank.
    pub(super) is_blank: bool,
    /// Why the filter excludes it, if so.
    pub(super) unwanted: Option<String>,
    /// Its id in the store: the same for one that the service repeats, if it sends an id.
    pub(super) id: Option<String>,
}

/// Why a request is refused.
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) reason: String,
}

impl From<Unreadable> for Refused {
    fn from(error: Unreadable) -> Self {
        Self {
            status: match &error {
                Unreadable::Malformed(_) => StatusCode::BAD_REQUEST,
                Unreadable::Field(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Unreadable::Encoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Unreadable::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            },
            kind: "unreadable",
            reason: error.to_string(),
        }
    }
}

impl Reading {
    /// Parses it.
    pub(super) fn read(&self) -> Result<ParsedEvent, Refused> {
        let body = hooks::decoded(
            &self.headers,
            &self.body,
            hooks::source::max_body(self.source),
        )?;
        let call = self.call(&body);
        self.verify(&call, matches!(body, Cow::Owned(_)))?;
        let template = self.template.as_deref();
        let template = template.and_then(|text| text.parse::<Template>().ok());
        let event = hooks::read(self.source, &call, template.as_ref())?;
        let lines = hooks::say(&event.lines, self.mention_everybody);
        let kind = event.kind.chars().filter(|c| !c.is_control());
        Ok(ParsedEvent {
            kind: kind.take(MAX_EVENT).collect(),
            is_blank: lines.is_empty() && !event.lines.is_empty(),
            unwanted: filter::reason(&self.filter, &event),
            lines,
            id: delivery_id(self.source, &call),
            from: event.from,
        })
    }

    fn call<'a>(&'a self, body: &'a [u8]) -> Call<'a> {
        Call {
            headers: &self.headers,
            rest: &self.rest,
            query: &self.query,
            body,
        }
    }

    /// Authenticates the sender. Some services sign the plain body, others the compressed one.
    fn verify(&self, call: &Call<'_>, was_packed: bool) -> Result<(), Refused> {
        let Some(secret) = &self.secret else {
            return Ok(());
        };
        let check = |call| signature::verify(self.source, secret, &self.url, call, self.now);
        match check(call) {
            Err(_) if was_packed && check(&self.call(&self.body)).is_ok() => Ok(()),
            checked => checked.map_err(|error| Refused {
                status: StatusCode::FORBIDDEN,
                kind: "signature",
                reason: error.to_string(),
            }),
        }
    }
}

/// Returns the id of a delivery: the same for one that the service repeats.
fn delivery_id(source: Source, call: &Call<'_>) -> Option<String> {
    let names: &[&str] = match source {
        Source::GitHub => &["x-github-delivery"],
        Source::Gitea => &["x-gitea-delivery", "x-forgejo-delivery"],
        Source::Json | Source::Slack => &["x-amz-sns-message-id", "x-atlassian-webhook-identifier"],
        _ => &[],
    };
    let general = ["webhook-id", "idempotency-key"];
    let names = names.iter().copied().chain(general);
    let mut given = names.map(|name| (name, Cow::Borrowed(call.header(name))));
    let given = given.find(|(_, id)| !id.is_empty());
    let (name, id) = given.or_else(|| {
        let sid = message_sid(source, call)?;
        Some(("message-sid", Cow::Owned(sid)))
    })?;
    let digest: [u8; 32] = Sha256::digest(format!("{name}\n{id}")).into();
    Some(hex(&digest[..16]))
}

/// Twilio repeats a message under the same id.
fn message_sid(source: Source, call: &Call<'_>) -> Option<String> {
    if source != Source::Sms {
        return None;
    }
    let query = hooks::form(call.query.as_bytes());
    let fields = hooks::form(call.body).into_iter().chain(query);
    let mut ids = fields.filter(|(name, id)| {
        matches!(name.as_str(), "MessageSid" | "SmsMessageSid") && !id.is_empty()
    });
    ids.next().map(|(_, id)| id)
}
