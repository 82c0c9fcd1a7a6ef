// Written by `cargo xtask generate` from common/protocol; not to be edited.

import type { Feature, Folding } from './protocol.ts';

/** An actor, a target, or a part of an object with an id. */
export type Entity = {
  /** The id, `nick@server` or a room id. */
  id: string;
  /** person, room, service, … */
  type?: string;
  /** The name on the platform: the nickname, `#channel`. */
  name?: string;
};

/** `message`, `me` and `notice`. */
export type TextObject = {
  /** The text. */
  content?: string;
  /** The id that the sender's client generated for the message. */
  clientId?: string;
  /** In an `update` and a `delete`: the id of the message that is changed or deleted. */
  id?: string;
  /** The id of the message that it answers. */
  inReplyTo?: string;
  /** In a `leave`: the nickname of whoever kicked the actor. */
  by?: string;
  /** In a `leave`: whether the actor quit the network. */
  quit?: boolean;
  /**
   * In a `leave` or `join`: whether the actor is one of many who are told of together, since servers of the network lost
   * or found each other.
   */
  netsplit?: boolean;
};

/** `topic`: the same text under two names, since clients read one or the other. */
export type TopicObject = {
  /** The topic. */
  content?: string;
  /** The topic. */
  topic?: string;
};

/** Whether somebody is at the keyboard. */
export type Show = "online" | "away";

/** `presence`. */
export type PresenceObject = {
  /** The role in the target: `owner`, `admin`, `participant` or `member`. */
  role?: string;
  /** Whether the person is away. */
  show?: Show;
  /** Why the person is away. */
  content?: string;
};

/** `address`; the names are the activity's actor and target. */
export type AddressObject = object;

/** `attendance`. */
export type AttendanceObject = {
  /** The nicknames of everyone in the room; absent in a request. */
  members?: Array<string>;
};

/** The state of a connection to a network. */
export type ConnectionStatus = "connecting" | "online" | "offline";

/** `connection`. */
export type ConnectionObject = {
  /** The state. */
  status: ConnectionStatus;
  /** The state in one sentence. */
  content?: string;
  /** The account's nickname there. */
  nick?: string;
  /** How the network compares names; absent until it is online. */
  casemapping?: Folding;
  /**
   * What can be done there just now of what the platform supports but not every network has: `deletion`, `edits`,
   * `reactions`, `replies` and `typing`. Absent: whatever the platform supports.
   */
  supports?: Array<Feature>;
  /** The fingerprint of the certificate for which it is not connected, SHA-256 in hex: the person may accept it. */
  certificate?: string;
};

/** The subject of a `relationship`. */
export type RelationshipSubject = {
  /** `presence`. */
  type?: string;
  /** The role, as in [`PresenceObject::role`]. */
  role?: string;
};

/** `relationship`: the target of the activity is given or loses a role in a room. */
export type RelationshipObject = {
  /** `role`. */
  relationship?: string;
  /** The role. */
  subject?: RelationshipSubject;
  /** The room. */
  object?: Entity;
};

/** `room`. */
export type RoomObject = {
  /** The room's id, `#channel@server`. */
  id?: string;
  /** The room's name, `#channel`. */
  name?: string;
  /** In a `remove`: the reason. */
  content?: string;
};

/** `whois`; a request has none of the fields. */
export type WhoisObject = {
  /** The nickname. */
  nick?: string;
  /** The user name. */
  username?: string;
  /** The host. */
  host?: string;
  /** The real name. */
  realname?: string;
  /** The account with the network's services. */
  account?: string;
  /** The server that the person is connected to. */
  server?: string;
  /** Whether the person is an operator of the network; absent if not. */
  operator?: boolean;
  /** The channels that both have joined, or that are public. */
  channels?: Array<string>;
  /** Why the person is away; absent if not. */
  away?: string;
  /** How many seconds the person has been idle. */
  idle?: number;
  /** Whether the person's connection is encrypted. */
  secure?: boolean;
};

/** One room in the response to `rooms`. */
export type ListedRoom = {
  /** Its name. */
  name: string;
  /** How many people are in it. */
  members: number;
  /** Its topic. */
  topic: string;
};

/** `rooms`. */
export type RoomsObject = {
  /** The rooms; absent in a request. */
  items?: Array<ListedRoom>;
};

/** `credentials`. */
export type CredentialsObject = {
  /** The password; for a room, its key. */
  password?: string;
};

/** How far the registration of an account with the network is. */
export type AccountStatus = "registered" | "unconfirmed" | "unclear";

/** `account`: an account with the network, which an `update` registers or, with a code, confirms. */
export type AccountObject = {
  /** Its name: the nickname; in an answer, and to confirm it. */
  name?: string;
  /** Where the network sends its code. */
  email?: string;
  /** The password that it is to have; never in an answer. */
  password?: string;
  /** The code that the network has sent. */
  code?: string;
  /** In an answer: how far it is. */
  status?: AccountStatus;
  /** In an answer: what the network said. */
  content?: string;
};

/** `reaction`: somebody reacts to a message, or takes that back. */
export type ReactionObject = {
  /** The emoji, or a short text. */
  content?: string;
  /** The id of the message. */
  inReplyTo?: string;
};

/** What somebody does in a conversation, as in XEP-0085. */
export type ChatState = "composing" | "paused" | "active";

/** `chat-state`: somebody is typing, or no longer. */
export type ChatStateObject = {
  /** What the actor does. */
  state: ChatState;
};

/**
 * The object of an activity, distinguished by `type`.
 *
 * An object of a type that is not defined here, without a type, or with an invalid field, is kept unchanged as
 * [`ActivityObject::Other`].
 */
export type ActivityObject = { "type": "message" } & TextObject
  | { "type": "me" } & TextObject
  | { "type": "notice" } & TextObject
  | { "type": "reaction" } & ReactionObject
  | { "type": "chat-state" } & ChatStateObject
  | { "type": "topic" } & TopicObject
  | { "type": "presence" } & PresenceObject
  | { "type": "address" } & AddressObject
  | { "type": "attendance" } & AttendanceObject
  | { "type": "connection" } & ConnectionObject
  | { "type": "relationship" } & RelationshipObject
  | { "type": "room" } & RoomObject
  | { "type": "whois" } & WhoisObject
  | { "type": "rooms" } & RoomsObject
  | { "type": "credentials" } & CredentialsObject
  | { "type": "account" } & AccountObject;

/** An activity. Absent parts are left out, never `null`. */
export type Activity = {
  /** `@context`; empty for the older dialect. */
  "@context"?: Array<string>;
  /** send, join, leave, update, … */
  type: string;
  /** A stable id, which is the archived message's if there is one. */
  id?: string;
  /** Who does it. */
  actor?: Entity;
  /** To whom or where. */
  target?: Entity;
  /** What it is about. */
  object?: ActivityObject;
  /** When, ISO 8601 with milliseconds and `Z`. */
  published?: string;
  /** In responses: what went wrong, one sentence. */
  error?: string;
};
