//! `/api/calls`: a call is a link; whoever opens it may join. Audio and video go from browser to browser; the
//! signalling goes through a connector.

use bytes::Bytes;
use http::StatusCode;
use protocol::{
    AccountName, BearerToken, CallAbout, CallAdmission, CallLink, CallTicket, Feature, IceServer,
    NewAdmission, NewCall, Timestamp, is_speaker, outline, readable_name,
};
use serde::{Deserialize, Serialize};
use storage_adapter::{ObjectStore, PutMode, StoreError};

use crate::chat::Chat;
use crate::chat::turn::Relayed;
use crate::identity::call::Call as Request;
use crate::kernel::guard::Subject;
use crate::kernel::host::Host;
use crate::kernel::incoming::Incoming;
use crate::kernel::keys;
use crate::kernel::problem::{Answer, Failure};
use crate::kernel::request::{answer, empty, parse_json};

/// The owner in the token of a call; no account can have this name.
const OWNER: &str = "call";
/// How long the link of a call lasts: a day.
const CALL_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest name of a guest, in characters.
const MAX_NAME: usize = 40;
/// The longest name of a channel or person, in bytes.
const MAX_TARGET: usize = 200;

/// A call, `calls/<id>.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Call {
    version: u32,
    id: String,
    secret_hash: String,
    /// Who started it.
    account: AccountName,
    /// Where its link was posted, for people: `#general`.
    target: String,
    /// Whether people without an account may join.
    guests: bool,
    created: Timestamp,
    expires: Timestamp,
}

fn over() -> Failure {
    Failure::not_found("this call is over, or its link is not complete; ask for a new link")
}

impl<S: ObjectStore, H: Host> Chat<S, H> {
    /// `POST /api/calls`: 201 with the token that makes the link.
    pub(crate) async fn post_call(&self, request: &Request<'_>, body: Incoming) -> Answer {
        let held = request.session()?;
        let new: NewCall = crate::kernel::request::json(body).await?;
        if new.target.len() > MAX_TARGET || new.target.chars().any(char::is_control) {
            return Err(Failure::unprocessable(format!(
                "target: expected the name of a channel or person of at most {MAX_TARGET} bytes"
            )));
        }
        if let Some(id) = &new.connection {
            self.must_carry_calls(&held.account, id).await?;
        }
        if self.connectors.any_gateway().await?.is_none() {
            return Err(no_connector());
        }
        #[allow(clippy::expect_used, reason = "the constant is a valid name")]
        let owner = OWNER.parse().expect("the constant is a valid name");
        let token = BearerToken::new(owner, &self.kernel.random());
        let now = self.kernel.now();
        let call = Call {
            version: 1,
            id: token.id.clone(),
            secret_hash: token.secret_hash(),
            account: held.account.clone(),
            target: new.target,
            guests: new.guests,
            created: now,
            expires: now.plus_millis(CALL_MS),
        };
        self.count_call(&call.account, Some((&call.id, call.expires)))
            .await?;
        self.kernel
            .store(&keys::call(&call.id), &call, PutMode::IfAbsent)
            .await?;
        let view = CallLink {
            id: call.id,
            token: token.to_string(),
            link: format!("{}/#/call/{token}", self.kernel.config().origin),
            guests: call.guests,
            expires: call.expires,
        };
        Ok(answer(StatusCode::CREATED, &view))
    }

    /// Checks that the link of a call can be posted over a connection.
    async fn must_carry_calls(&self, account: &AccountName, id: &str) -> Result<(), Failure> {
        let found = match keys::is_id(id) {
            true => self.kernel.load_connection(account, id).await?,
            false => None,
        };
        let Some((connection, _)) = found else {
            return Err(Failure::unprocessable(
                "connection is not valid: expected the id of one of your connections",
            ));
        };
        let platform = self.connectors.platform(&connection.platform).await?;
        Ok(platform.must_support(Feature::Calls)?)
    }

    /// `GET /api/calls/<token>`, without a session: describes the call.
    pub(crate) async fn get_call(&self, request: &Request<'_>, token: &str) -> Answer {
        let call = self.open_call(request, token).await?;
        let view = CallAbout {
            account: call.account,
            target: call.target,
            guests: call.guests,
            expires: call.expires,
        };
        Ok(answer(StatusCode::OK, &view))
    }

    /// `POST /api/calls/<token>`: joins as the session's account, or as a guest without a session.
    pub(crate) async fn join_call(
        &self,
        request: &Request<'_>,
        token: &str,
        body: Incoming,
    ) -> Answer {
        let bytes: Bytes = body.whole().await?;
        let join: NewAdmission = if bytes.is_empty() {
            NewAdmission::default()
        } else {
            parse_json(&bytes)?
        };
        let call = self.open_call(request, token).await?;
        let signed_in = request
            .parts
            .headers
            .contains_key(http::header::AUTHORIZATION);
        let (name, member, moderator) = if signed_in {
            let held = self
                .identity
                .find_session(request.parts, request.client)
                .await?;
            let record = self.identity.account_of(&held).await?;
            let moderator = record.admin || held.account == call.account;
            (held.account.to_string(), Some(held), moderator)
        } else if call.guests {
            let name = guest_name(&join.name)?;
            (name, None, false)
        } else {
            return Err(Failure::forbidden(
                "this call is for members only; sign in to join it",
            ));
        };
        let guest = member.is_none();
        let connector = self
            .connectors
            .any_gateway()
            .await?
            .ok_or_else(no_connector)?;
        let joins = match guest {
            true => Subject::Guest(request.client),
            false => Subject::Caller(name.parse().map_err(|_| over())?),
        };
        self.kernel.check_guesses(&joins).await?;
        self.kernel.count_attempt(&joins).await?;
        if guest {
            self.is_nobodys(&name).await?;
        }
        let peer = protocol::hex(&self.kernel.random::<12>());
        let whose = match guest {
            true => Relayed::Guest {
                starter: &call.account,
                call: &call.id,
            },
            false => Relayed::Member(&name),
        };
        let (ice_servers, ice_ttl) = (self.ice_servers(whose), whose.ttl());
        let ticket = CallTicket {
            call: call.id,
            peer: peer.clone(),
            name: name.clone(),
            guest,
            connector: connector.id.clone(),
            expires: call.expires,
            account: member.as_ref().map(|held| held.account.clone()),
            grant: member.as_ref().map(|held| held.grant.id.clone()),
            moderator,
        };
        let admission = CallAdmission {
            name,
            guest,
            moderator,
            peer,
            url: connector.url.clone(),
            ticket: ticket.sign(&connector.key),
            ice_servers,
            ice_ttl,
            expires: call.expires,
        };
        Ok(answer(StatusCode::OK, &admission))
    }

    /// Returns whether the link of a call is still valid.
    pub(crate) async fn call_goes_on(&self, id: &str) -> Result<bool, StoreError> {
        if !keys::is_id(id) {
            return Ok(false);
        }
        let found = match self.kernel.load::<Call>(&keys::call(id)).await {
            // A call whose record cannot be read cannot be joined.
            Err(StoreError::Damaged(_)) => None,
            found => found?,
        };
        match found {
            Some((call, _)) if call.expires > self.kernel.now() => {
                Ok(!self.identity.is_closed(&call.account).await?)
            }
            _ => Ok(false),
        }
    }

    /// `DELETE /api/calls/<token>`: ends the call for everyone; only its starter may.
    pub(crate) async fn delete_call(&self, request: &Request<'_>, token: &str) -> Answer {
        let held = request.session()?;
        let call = self.open_call(request, token).await?;
        if call.account != held.account {
            return Err(Failure::forbidden("only who started the call may end it"));
        }
        self.kernel
            .storage()
            .store()
            .delete(&keys::call(&call.id))
            .await?;
        self.uncount_call(&call.account, &call.id).await?;
        self.connectors.call_ended(&call.id).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Checks that a guest's name cannot be confused, at a glance, with that of a member, of the space, or of a program
    /// that speaks in it.
    async fn is_nobodys(&self, name: &str) -> Result<(), Failure> {
        let seen = outline(name);
        if is_speaker(name) || (!seen.is_empty() && seen == outline(&self.kernel.config().name)) {
            return Err(Failure::unprocessable(format!(
                "name: \"{name}\" looks like the name of this space or of a program; choose another"
            )));
        }
        if self.identity.looks_like_account(&seen).await? {
            return Err(Failure::unprocessable(format!(
                "name: \"{name}\" belongs to a member, or looks like such a name; sign in, or choose another"
            )));
        }
        Ok(())
    }

    /// Returns `RTCConfiguration.iceServers`: the TURN servers if there are any.
    fn ice_servers(&self, whose: Relayed<'_>) -> Vec<IceServer> {
        match self.turn_credentials(whose) {
            Ok(turn) => vec![IceServer {
                urls: turn.urls,
                username: turn.username,
                credential: turn.credential,
            }],
            // Without one, people who can reach each other directly can still call.
            Err(_) => Vec::new(),
        }
    }

    /// Reads the call of a token; guessing is rate-limited.
    async fn open_call(&self, request: &Request<'_>, token: &str) -> Result<Call, Failure> {
        let guesses = Subject::Client(request.client);
        let now = self.kernel.now();
        self.kernel.check_guesses(&guesses).await?;
        let found = match token.parse::<BearerToken>() {
            Ok(token) if token.owner.as_str() == OWNER => self
                .kernel
                .load::<Call>(&keys::call(&token.id))
                .await?
                .map(|(call, _)| call)
                .filter(|call| token.matches(&call.secret_hash)),
            _ => None,
        };
        match found {
            Some(call) if call.expires > now && !self.identity.is_closed(&call.account).await? => {
                Ok(call)
            }
            // The link was valid once, so nobody is guessing.
            Some(_) => Err(over()),
            None => {
                self.kernel.count_attempt(&guesses).await?;
                Err(over())
            }
        }
    }
}

fn no_connector() -> Failure {
    Failure::busy("there is no connector to carry calls; the administrator has to start one")
}

/// A guest's name: one line without lookalike or invisible characters.
fn guest_name(text: &str) -> Result<String, Failure> {
    readable_name(text, MAX_NAME).map_err(|error| {
        Failure::unprocessable(format!(
            "name: expected what the others should call you, 1 to {MAX_NAME} characters; {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::CALL_MS;
    use crate::chat::open_calls::MAX_CALLS;
    use crate::kernel::keys;
    use protocol::CallTicket;
    use serde_json::{Value, json};

    use crate::testing::{KEY, TestFunctions, block_on, functions};

    fn start(f: &TestFunctions, token: &str, guests: bool) -> String {
        let body = json!({"target": "#lobby", "guests": guests});
        let reply = f.api("POST", "/api/calls", token, body);
        assert_eq!(reply.status, 201, "{reply:?}");
        let link = reply.json()["link"].as_str().unwrap().to_owned();
        let token = reply.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(link, format!("https://chat.example.org/#/call/{token}"));
        token
    }

    fn join(f: &TestFunctions, call: &str, body: &Value) -> crate::testing::Reply {
        f.request("POST", &format!("/api/calls/{call}"), &[], body.to_string())
    }

    #[test]
    fn members_join_by_the_link_and_guests_if_they_may() {
        let f = crate::testing::functions_with(|config| config.name = "Chat Space".into());
        let alice = f.sign_up("alice");
        let call = start(&f, &alice, false);
        let about = f.request("GET", &format!("/api/calls/{call}"), &[], "");
        assert_eq!(about.json()["target"], "#lobby");
        assert_eq!(about.json()["account"], "alice");
        let refused = join(&f, &call, &json!({"name": "Zoë"}));
        assert_eq!(refused.status, 403);
        assert!(refused.detail().contains("members only"));

        let path = format!("/api/calls/{call}");
        let reply = f.api("POST", &path, &alice, json!({"name": "somebody else"}));
        assert_eq!(reply.status, 200, "{reply:?}");
        let ticket = reply.json()["ticket"].as_str().unwrap().to_owned();
        let ticket = CallTicket::verify(&ticket, KEY, "irc-1", f.kernel.now()).unwrap();
        assert_eq!((ticket.name.as_str(), ticket.guest), ("alice", false));

        let open = start(&f, &alice, true);
        let reply = join(&f, &open, &json!({"name": "  Zoë  of Mars "}));
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["name"], "Zoë of Mars");
        assert_eq!(reply.json()["guest"], true);
        for bad in ["", " ", "\u{3164}", "a\u{202e}b", &"x".repeat(41)] {
            assert_eq!(
                join(&f, &open, &json!({"name": bad})).status,
                422,
                "{bad:?}"
            );
        }
        // A guest cannot be mistaken for a member, or for a program that speaks here.
        for (bad, whose) in [
            ("Alice", "a member"),
            ("A1ice_", "a member"),
            ("\u{430}l\u{456}\u{441}\u{435}", "a member"),
            ("Chat \u{1d412}pace", "this space"),
            ("ѕystem", "this space"),
        ] {
            let refused = join(&f, &open, &json!({"name": bad}));
            assert_eq!(refused.status, 422, "{bad}");
            assert!(refused.detail().contains(whose), "{bad}");
        }
        assert_eq!(
            join(&f, &open, &json!({"name": "Alice Liddell"})).status,
            200
        );
        assert_eq!(join(&f, &open, &json!({"name": "🚀"})).status, 200);
        // An invalid token does not make its bearer a guest.
        let reply = f.api(
            "POST",
            &format!("/api/calls/{open}"),
            "a.b.c",
            json!({"name": "x"}),
        );
        assert_eq!(reply.status, 401);
    }

    #[test]
    fn who_joins_gets_credentials_for_the_relay() {
        let f = crate::testing::functions_with(|config| {
            config.turn = Some(crate::kernel::config::TurnConfig {
                urls: vec!["turn:turn.example.org:3478".into()],
                secret: b"secret".to_vec(),
            });
        });
        let alice = f.sign_up("alice");
        let call = start(&f, &alice, true);
        let guest = join(&f, &call, &json!({"name": "Zoë"})).json()["ice_servers"][0].clone();
        assert_eq!(guest["urls"][0], "turn:turn.example.org:3478");
        let user = guest["username"].as_str().unwrap();
        let hour = f.kernel.now().millis() / 1000 + 3600;
        let id = call.split('.').nth(1).unwrap();
        assert_eq!(user, format!("{hour}:guest:alice/{id}"));
        // Whoever opens the link again gets the same quota; guests renew their credentials this way during a call.
        let again = join(&f, &call, &json!({"name": "Zoë"})).json();
        assert_eq!(again["ice_servers"][0]["username"], user);
        assert_eq!(again["ice_ttl"], 3600);
        f.host().advance(3_000_000);
        let later = join(&f, &call, &json!({"name": "Zoë"})).json();
        let ends = format!("{}:guest:alice/{id}", hour + 3000);
        assert_eq!(later["ice_servers"][0]["username"], ends);
        let path = format!("/api/calls/{call}");
        let admission = f.api("POST", &path, &alice, json!({})).json();
        assert_eq!(admission["ice_ttl"], 1800);
        let member = admission["ice_servers"][0].clone();
        assert!(member["username"].as_str().unwrap().ends_with(":alice"));
        assert_ne!(member["credential"], guest["credential"]);
    }

    #[test]
    fn a_call_ends_with_its_day_or_by_whoever_started_it() {
        let f = functions();
        let alice = f.sign_up("alice");
        let bob = f.sign_up("bob");
        let call = start(&f, &alice, true);
        let path = format!("/api/calls/{call}");
        assert_eq!(f.api("DELETE", &path, &bob, Value::Null).status, 403);
        assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
        let gone = join(&f, &call, &json!({"name": "Zoë"}));
        assert_eq!(gone.status, 404);
        assert!(gone.detail().contains("is over"));

        let call = start(&f, &alice, true);
        f.host().advance(24 * 60 * 60 * 1000);
        assert_eq!(join(&f, &call, &json!({"name": "Zoë"})).status, 404);
        assert!(!f.dump().contains(call.rsplit('.').next().unwrap()));
        assert_eq!(f.request("GET", "/api/calls/nonsense", &[], "").status, 404);
        assert_eq!(f.request("POST", "/api/calls", &[], "{}").status, 401);
    }

    #[test]
    fn open_calls_and_joins_are_bounded() {
        let f = functions();
        let alice = f.sign_up("alice");
        let first = start(&f, &alice, true);
        for _ in 1..MAX_CALLS {
            start(&f, &alice, false);
        }
        let more = || f.api("POST", "/api/calls", &alice, json!({"target": "#x"}));
        assert_eq!(more().status, 409);
        let path = format!("/api/calls/{first}");
        assert_eq!(f.api("DELETE", &path, &alice, Value::Null).status, 204);
        let second = more().json()["token"].as_str().unwrap().to_owned();
        assert_eq!(more().status, 409);
        f.host().advance(CALL_MS);
        assert_eq!(more().status, 201);
        let left = |id: &str| f.memory().keys().contains(&keys::call(id));
        assert!(!left(second.split('.').nth(1).unwrap()), "its day is over");
        let third = start(&f, &alice, false);
        let third = third.split('.').nth(1).unwrap();
        block_on(f.lifecycle.maintain());
        assert!(left(third));
        f.host().advance(CALL_MS);
        assert!(block_on(f.lifecycle.maintain()).failed.is_empty());
        assert!(!left(third), "nobody starts another one");

        let open = start(&f, &alice, true);
        let guest = || join(&f, &open, &json!({"name": "Zoë"})).status;
        for _ in 0..60 {
            assert_eq!(guest(), 200);
        }
        assert_eq!(guest(), 429);
        let member = || f.api("POST", &format!("/api/calls/{open}"), &alice, json!({}));
        assert_eq!(member().status, 200, "members count by themselves");
        // An address counts for all calls, and by itself.
        let another = start(&f, &alice, true);
        let name = json!({"name": "Zoë"});
        assert_eq!(join(&f, &another, &name).status, 429);
        let other = crate::kernel::guard::ClientAddress::parse("192.0.2.77");
        let path = format!("/api/calls/{open}");
        let joined = f.request_from(other, "POST", &path, &[], name.to_string());
        assert_eq!(joined.status, 200);
    }

    #[test]
    fn guesses_are_slowed_down() {
        let f = functions();
        let guess = || {
            f.request("GET", "/api/calls/call.AAAAAAAAAAAAAAAA.AAAA", &[], "")
                .status
        };
        let answers: Vec<_> = (0..40).map(|_| guess()).collect();
        assert_eq!(answers[0], 404);
        assert_eq!(answers[39], 429);
    }
}
