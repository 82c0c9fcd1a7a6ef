//! What functions, connectors and clients exchange.
//!
//! Everything exchanged between parts of Subspace is defined here once: the names of accounts, their connections,
//! activities, chat archives, tickets, signed connector requests and event batches. Anything private to one part, such
//! as the records of the store, is not; what all of them would otherwise duplicate is: pauses between attempts, maps of
//! bounded size, and bodies that are read into memory. It depends only on serde and keyed hashes; there is no clock, no
//! randomness and no I/O: time and random bytes are passed in.

mod account;
mod activity;
mod api;
mod archive;
mod backoff;
mod bodies;
mod bounded;
mod calls;
mod events;
mod folding;
mod gathered;
#[cfg(test)]
mod generated;
mod glob;
mod hex;
mod internet;
mod lists;
mod lookalike;
mod mail;
mod marks;
mod names;
mod order;
mod outbox;
mod outgoing;
pub mod paths;
mod platform;
mod registration;
mod room;
mod scope;
mod sessions;
mod signed;
mod ticket;
mod time;
mod token;
mod views;
mod webhooks;
mod windows_1252;
mod work;

pub use account::{
    AccountName, ArchiveState, ArchiveToken, ArchiveView, CLEAR, Connection, ConnectionId,
    GrantKind, InvalidName, MAX_CHANNELS, NewArchivePlace, PRIVATE_CONNECTION,
};
pub use activity::{
    AccountObject, AccountStatus, Activity, ActivityObject, AddressObject, AttendanceObject,
    ChatState, ChatStateObject, ClientId, ConnectionObject, ConnectionStatus, Contexts,
    CredentialsObject, Entity, ListedRoom, MAX_EMOJI, MAX_MESSAGE_ID, PresenceObject, ROLE_MEMBER,
    ReactionObject, RelationshipObject, RelationshipSubject, RoomObject, RoomsObject, Show,
    TextObject, TopicObject, WhoisObject, context, is_emoji, is_message_id,
};
pub use api::{
    AuthenticateRequest, AuthenticateResponse, ConnectorAddress, NewAccount, NewGrant, NewSession,
    Problem, SessionResponse, TicketResponse,
};
pub use archive::{ArchiveMessage, ArchiveMeta, ArchiveTarget, ChatLog, DailyArchive, MessageType};
pub use backoff::{Backoff, Jitter};
pub use bodies::{
    ConnectorChange, NewAdmission, NewBucket, NewCall, NewConnection, NewInvite, NewMailAddress,
    NewNotifications, NewPassword, NewPlace,
};
pub use bounded::Bounded;
pub use calls::{
    CallLeft, CallMedia, CallMediaChange, CallPeer, CallRefusal, CallSignal, CallWelcome,
    DescriptionKind, IceCandidate, SessionDescription, SignalData,
};
pub use events::{
    Assignment, Assignments, Event, EventBatch, EventBody, EventReceipt, RefusedEvent,
    WaitingAccount,
};
pub use folding::{FoldedMap, FoldedName, Folding};
pub use gathered::Gathered;
pub use glob::Glob;
pub use hex::{from_hex, hex};
pub use internet::{is_public_address, may_be_public, wrapped_v4};
pub use lists::{
    ArchiveAnswer, ConnectionList, ConnectorList, GrantList, InviteList, MailAddressList,
};
pub use lookalike::{is_speaker, outline};
pub use mail::{
    MAIL_DOCUMENT, MAIL_NAME_LENGTH, MAIL_RANDOM_LENGTH, MAIL_SUMMARY, MAX_MAIL_FILES,
    MAX_MAIL_TEXT, MailAddress, MailAddressAnswer, MailAddressOwner, MailArrival, MailChecks,
    MailFile, is_mail_local_part, mail_local_part,
};
pub use names::{UnreadableName, is_invisible, readable_name, without_piles};
pub use order::{sort, sort_by};
pub use outbox::{
    Maintenance, Outbox, OutboxItem, OutboxReceipt, OutboxTask, Publish, Say, TASK_TAG,
};
pub use outgoing::{
    DigestsAnswer, EmailAddress, InvalidEmail, MailInfo, MailOutcome, MailResult, OutgoingMail,
};
pub use platform::{
    ConnectionField, ConversationKind, Conversations, DEFAULT_DESCRIPTOR, DEFAULT_PLATFORM,
    Feature, FieldKind, MAX_LINES, Names, PlatformDescriptor, Unless,
};
pub use registration::{
    ConnectorKind, ConnectorState, ConnectorView, NetworkInfo, NewConnector, Registration,
};
pub use room::{PersonId, RoomId, RoomSpelling};
pub use scope::{Access, InvalidScope, Scope, Scopes};
pub use sessions::{MAX_SESSIONS_ASKED, SessionRef, SessionsAnswer, SessionsQuery};
pub use signed::{
    BODY_HEADER, BodyHash, CONNECTOR_HEADER, InvalidKey, MAX_CLOCK_SKEW_MS, MIN_KEY,
    SIGNATURE_HEADER, SignatureError, TIME_HEADER, WAKE_PATH, connector_key, sign_request,
    signed_headers, verify_head, verify_request,
};
pub use ticket::{CallTicket, Ticket, TicketError};
pub use time::{Day, InvalidTime, Timestamp};
pub use token::{BearerToken, InvalidToken};
pub use views::{
    ArchiveFound, CallAbout, CallAdmission, CallLink, ConnectionView, GrantView, IceServer,
    InviteAbout, InviteView, KeptView, MailAddressView, MovePhase, MoveView, NotificationsView,
    PlaceView, ServerInfo, StoreTested, StoreView,
};
pub use webhooks::{
    HookChanges, HookDelivery, HookFilter, HookList, HookOptions, HookOutcome, HookSource,
    HookView, NewHook, QuietHours,
};
pub use windows_1252::windows_1252;
