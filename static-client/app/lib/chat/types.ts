/** The state of the chat: plain data, replaced and never changed in place once published. */

import type { Casemapping } from '../casemapping.ts';
import type { ReadonlyFoldedMap } from '../folded.ts';
import type { ConnectionView, Conversations, Feature } from '../protocol.ts';
import type { Waiting } from './relations.ts';

export type EntryKind =
  | 'message'
  | 'action'
  | 'notice'
  | 'join'
  | 'leave'
  | 'topic'
  | 'nick'
  /** Output of a command or the server; shown only here, not archived. */
  | 'info'
  | 'error';

/** What somebody reacted with. */
export interface Reaction {
  from: string;
  emoji: string;
  at: number;
  /** It was taken back. */
  removed: boolean;
}

/** How far an own message has come. */
export type Delivery = 'pending' | 'failed';

/** A line in a room. */
export interface Entry {
  /** The archive's id; begins with `local:` until the server has assigned one. */
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  kind: EntryKind;
  from: string;
  text: string;
  /** For a departure or an archived event: the event in words. */
  sentence?: string;
  /** Whether it is by this account. */
  own: boolean;
  /** For the user's own messages: the id created by the sending client. Older servers and archives have none. */
  clientId?: string;
  /** The id of the message that it answers. */
  replyTo?: string;
  /** At most one of each person with each emoji. */
  reactions?: readonly Reaction[];
  /** When its author changed the text. */
  editedAt?: number;
  /** Who deleted it; empty if that is not known. */
  deletedBy?: string;
  /** Speaks to the reader. */
  mention: boolean;
  delivery?: Delivery;
  /** Why it failed, one sentence. */
  reason?: string;
}

export type Role = 'owner' | 'admin' | 'participant' | 'member';

export interface Member {
  nick: string;
  role: Role;
  away: boolean;
  awayText: string;
}

export type RoomKind = 'channel' | 'direct' | 'server';

export interface Room {
  /** `<network id>/<folded name>`. */
  key: string;
  networkId: string;
  /** How the network compares names. */
  casemapping: Casemapping;
  kind: RoomKind;
  /** `#channel`, a nickname, or `*`. */
  name: string;
  topic: string;
  /** Whether the account is in the channel now. */
  joined: boolean;
  /** By nickname. */
  members: ReadonlyFoldedMap<Member>;
  /** In chronological order, without duplicate ids. */
  entries: readonly Entry[];
  ids: ReadonlySet<string>;
  /** What is about messages that have not come yet, by their ids. */
  waiting: Waiting;
  /** Everything up to then is read; nothing means: not known yet. */
  readAt: number | undefined;
}

export type NetworkStatus = 'connecting' | 'online' | 'offline';

export interface Network {
  id: string;
  platform: string;
  name: string;
  server: string;
  /** The current nickname. */
  nick: string;
  /** The configured nickname, by which the server's connection is found. */
  wantedNick: string;
  status: NetworkStatus;
  /** Explains the status in one sentence. */
  sentence: string;
  /** The fingerprint of the certificate for which it is not connected; the person may accept it. */
  certificate?: string | undefined;
  enabled: boolean;
  away: boolean;
  casemapping: Casemapping;
  /** Which names are names of what. */
  conversations: Conversations;
  /** What the platform supports: nothing else is offered. */
  supports: readonly Feature[];
  /** Which relations of messages the network carries just now; nothing: whatever its platform supports. */
  carried?: readonly Feature[];
  connector: string;
  /** Keys of rooms. */
  rooms: readonly string[];
}

export interface ChatState {
  networks: ReadonlyMap<string, Network>;
  rooms: ReadonlyMap<string, Room>;
}

export const EMPTY_STATE: ChatState = { networks: new Map(), rooms: new Map() };

/** A connection, with the fields that its platform describes; these are IRC's. */
export type Connection = ConnectionView & {
  host?: string;
  port?: number;
  secure?: boolean;
  certificate?: string;
  [field: string]: unknown;
};

/** Returns whether an entry counts as a message. */
export function isSpoken(entry: Entry): boolean {
  return (
    entry.kind === 'message' ||
    entry.kind === 'action' ||
    entry.kind === 'notice'
  );
}

/** Whether something about messages can be done on a network. */
export function carries(network: Network, feature: Feature): boolean {
  return (
    network.status === 'online' &&
    network.supports.includes(feature) &&
    (network.carried?.includes(feature) ?? true)
  );
}

/** The room that holds what concerns the whole network. */
export const SERVER_ROOM = '*';
