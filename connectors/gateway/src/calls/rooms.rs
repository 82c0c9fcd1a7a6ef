//! The participants of each call.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use protocol::{CallLeft, CallMedia, CallPeer, CallTicket, CallWelcome, SessionRef, Timestamp};
use serde::Serialize;
use socketioxide::extract::SocketRef;

use super::bounds::Budget;
use super::removed::Removed;
use super::{refuse, say};

/// Participants per call: everyone sends to everyone else, and this is what a typical uplink can carry.
const MAX_PARTICIPANTS: usize = 6;
/// Devices per account in a call.
const MAX_OF_ACCOUNT: usize = 2;
/// Guests per address in a call, so that one address cannot take all seats.
const MAX_GUESTS_OF_PLACE: usize = 3;
/// Concurrent calls.
const MAX_CALLS: usize = 1_000;
/// Ended calls that are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// How long an ended call is remembered, in milliseconds: longer than its tickets are valid.
const OVER_MS: i64 = 25 * 60 * 60 * 1000;

/// A participant in a call.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) peer: String,
    pub(super) name: String,
    pub(super) guest: bool,
    pub(super) moderator: bool,
    /// The session that admitted a member.
    session: Option<SessionRef>,
    address: Option<IpAddr>,
    /// What they send.
    pub(super) media: CallMedia,
    pub(super) socket: SocketRef,
    /// Changes whenever the participant has left and come back: what browsers have negotiated is valid only while
    /// both seats last.
    seat: String,
    /// Distinguishes this socket from the participant's earlier ones.
    pub(super) entry: u64,
    /// When the socket broke, if it did.
    away: Option<Instant>,
    pub(super) budget: Budget,
}

impl Participant {
    pub(super) fn view(&self) -> CallPeer {
        CallPeer {
            peer: self.peer.clone(),
            seat: self.seat.clone(),
            name: self.name.clone(),
            guest: self.guest,
            media: self.media,
        }
    }

    /// Returns whether both are the same person, as far as that can be determined.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.session, &other.session) {
            (Some(own), Some(other)) => own.account == other.account,
            (None, None) => self.address == other.address && self.name == other.name,
            _ => false,
        }
    }

    /// The identities by which a participant is recognised after a removal; a member cannot come back as a guest
    /// either.
    pub(super) fn identities(&self) -> impl Iterator<Item = String> {
        let place = self.place().map(|place| place.to_string());
        [self.identity(), self.peer.clone()]
            .into_iter()
            .chain(place)
    }

    /// The identity by which a returning participant is recognised. Guests have no account, so they are identified by
    /// their network, and also by name where everyone has the same address.
    fn identity(&self) -> String {
        match (&self.session, self.place()) {
            (Some(session), _) => format!("@{}", session.account),
            (None, Some(place)) => place.to_string(),
            (None, None) => format!("guest {}", self.name),
        }
    }

    /// Their address, unless it is this machine's own: there, or behind a local proxy, everyone has the same one.
    fn place(&self) -> Option<IpAddr> {
        self.address.filter(|address| !address.is_loopback())
    }
}

/// All calls.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    calls: HashMap<String, Vec<Participant>>,
    /// Ended calls, and until when that must be remembered.
    over: HashMap<String, Timestamp>,
}

/// Someone who is joining a call.
pub(crate) struct Arrival<'a> {
    pub(crate) ticket: &'a CallTicket,
    pub(crate) session: Option<SessionRef>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) socket: &'a SocketRef,
    pub(crate) entry: u64,
}

impl Rooms {
    /// Adds a participant to the call and notifies everyone in it.
    pub(super) fn enter(
        &mut self,
        arrival: Arrival<'_>,
        removed: &Removed,
    ) -> Result<(), &'static str> {
        let ticket = arrival.ticket;
        let new = Participant {
            peer: ticket.peer.clone(),
            name: ticket.name.clone(),
            guest: ticket.guest,
            moderator: ticket.moderator,
            session: arrival.session,
            address: arrival.address,
            media: CallMedia::default(),
            socket: arrival.socket.clone(),
            // Socket numbers restart with each process.
            seat: format!("{}-{}", connector_kit::now().millis(), arrival.entry),
            entry: arrival.entry,
            away: None,
            budget: Budget::new(Instant::now()),
        };
        if self.over.contains_key(&ticket.call) {
            return Err(super::OVER);
        }
        let known_by = [new.identity(), new.peer.clone()];
        if removed.has(&ticket.call, known_by.into_iter()) {
            return Err(super::PUT_OUT);
        }
        if self.calls.len() >= MAX_CALLS && !self.calls.contains_key(&ticket.call) {
            return Err("too many calls are in progress; try again later");
        }
        let participants = self.calls.entry(ticket.call.clone()).or_default();
        let known = participants.iter().position(|p| p.peer == ticket.peer);
        let own = if let Some(at) = known {
            let own = &mut participants[at];
            let old = std::mem::replace(&mut own.socket, new.socket);
            own.entry = new.entry;
            own.away = None;
            // Fails only if it is already closed.
            let _ = old.disconnect();
            at
        } else {
            make_room(participants, &new)?;
            participants.push(new);
            participants.len() - 1
        };
        let others = participants
            .iter()
            .filter(|other| other.peer != ticket.peer);
        let welcome = CallWelcome {
            peer: ticket.peer.clone(),
            seat: participants[own].seat.clone(),
            peers: others.map(Participant::view).collect(),
            moderator: ticket.moderator,
        };
        say(arrival.socket, "welcome", &welcome);
        let event = if known.is_some() {
            "returned"
        } else {
            "joined"
        };
        let view = participants[own].view();
        tell(participants, &ticket.peer, event, &view);
        Ok(())
    }

    pub(super) fn participants(&mut self, call: &str) -> &mut [Participant] {
        self.calls.get_mut(call).map_or(&mut [], |of| &mut of[..])
    }

    /// Returns the participant using this socket, unless they left or came back with another one.
    pub(super) fn own(&mut self, call: &str, peer: &str, entry: u64) -> Option<&mut Participant> {
        let mut all = self.participants(call).iter_mut();
        all.find(|p| p.peer == peer && p.entry == entry)
    }

    /// Marks the participant's socket as broken.
    pub(super) fn away(&mut self, call: &str, peer: &str, entry: u64) {
        if let Some(own) = self.own(call, peer, entry) {
            own.away = Some(Instant::now());
        }
    }

    /// Removes a participant from the call, unless they have come back with another socket.
    pub(super) fn leave(&mut self, call: &str, peer: &str, entry: u64) {
        self.take_out(call, |p| p.peer == peer && p.entry == entry);
    }

    /// Removes a participant from the call, whichever socket they use.
    pub(super) fn take_peer(&mut self, call: &str, peer: &str) -> Vec<Participant> {
        self.take_out(call, |p| p.peer == peer)
    }

    /// Ends a call for everyone.
    pub(super) fn end(&mut self, call: &str) {
        let now = connector_kit::now();
        if self.over.len() >= MAX_REMEMBERED {
            self.over.retain(|_, until| *until > now);
        }
        if self.over.len() < MAX_REMEMBERED {
            self.over.insert(call.to_owned(), now.plus_millis(OVER_MS));
        }
        self.close(call, super::OVER);
    }

    /// Closes a call for everyone in it, giving the reason.
    pub(super) fn close(&mut self, call: &str, why: &str) {
        for participant in self.calls.remove(call).unwrap_or_default() {
            refuse(&participant.socket, why);
        }
    }

    /// Removes participants who were admitted by matching sessions, giving the reason.
    pub(super) fn end_session(&mut self, ends: impl Fn(&SessionRef) -> bool, why: &str) {
        let ends = |p: &Participant| p.session.as_ref().is_some_and(&ends);
        let calls: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, participants)| participants.iter().any(ends))
            .map(|(call, _)| call.clone())
            .collect();
        for call in calls {
            for participant in self.take_out(&call, ends) {
                refuse(&participant.socket, why);
            }
        }
    }

    /// Returns the sessions that participants were admitted by, and all calls.
    pub(super) fn sessions(&self) -> (Vec<SessionRef>, Vec<String>) {
        let sessions = self.calls.values().flatten();
        let sessions = sessions.filter_map(|p| p.session.clone()).collect();
        (sessions, self.calls.keys().cloned().collect())
    }

    fn take_out(&mut self, call: &str, goes: impl Fn(&Participant) -> bool) -> Vec<Participant> {
        let Some(participants) = self.calls.get_mut(call) else {
            return Vec::new();
        };
        let taken = take_out(participants, goes);
        if participants.is_empty() {
            self.calls.remove(call);
        }
        taken
    }
}

/// Frees the seats of broken sockets for a new participant.
fn make_room(participants: &mut Vec<Participant>, new: &Participant) -> Result<(), &'static str> {
    // Their owner is back, possibly from another page.
    take_out(participants, |p| p.away.is_some() && p.is_same(new));
    let of_account = |p: &&Participant| p.session.is_some() && p.is_same(new);
    if participants.iter().filter(of_account).count() >= MAX_OF_ACCOUNT {
        return Err("you are already in this call on two devices");
    }
    let place = new.place();
    let beside = |p: &&Participant| p.guest && place.is_some() && p.place() == place;
    if new.guest && participants.iter().filter(beside).count() >= MAX_GUESTS_OF_PLACE {
        return Err("too many guests from your address are in this call");
    }
    if participants.len() >= MAX_PARTICIPANTS {
        let gone = participants.iter().filter_map(|p| Some((p.away?, p.entry)));
        if let Some((_, entry)) = gone.min() {
            take_out(participants, |p| p.entry == entry);
        }
    }
    if participants.len() >= MAX_PARTICIPANTS && !new.guest {
        // Guests cannot keep members out of the members' own call.
        let guests = participants.iter().filter(|p| p.guest).map(|p| p.entry);
        if let Some(entry) = guests.max() {
            for guest in take_out(participants, |p| p.entry == entry) {
                refuse(&guest.socket, "a member took your seat: the call is full");
            }
        }
    }
    if participants.len() >= MAX_PARTICIPANTS {
        return Err("this call is full; six people can take part");
    }
    Ok(())
}

/// Removes participants and notifies those who stay.
fn take_out(
    participants: &mut Vec<Participant>,
    goes: impl Fn(&Participant) -> bool,
) -> Vec<Participant> {
    let (taken, stay) = std::mem::take(participants).into_iter().partition(goes);
    *participants = stay;
    for participant in &taken {
        let participant: &Participant = participant;
        let peer = &participant.peer;
        let left = CallLeft { peer: peer.clone() };
        tell(participants, peer, "left", &left);
    }
    taken
}

/// Tells everybody in a call but one.
pub(super) fn tell(
    participants: &[Participant],
    except: &str,
    event: &str,
    value: &impl Serialize,
) {
    for other in participants.iter().filter(|other| other.peer != except) {
        say(&other.socket, event, value);
    }
}
