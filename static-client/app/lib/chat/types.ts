/** The state of the chat: plain data, replaced and never changed in place once it is published. */

import type { Casemapping } from '../casemapping.ts';
import type { ReadonlyFoldedMap } from '../folded.ts';
import type { Conversations, Feature } from '../protocol.ts';

export type EntryKind =
  | 'message'
  | 'action'
  | 'notice'
  | 'join'
  | 'leave'
  | 'topic'
  | 'nick'
  /** What a command or the server answers; only here, in no archive. */
  | 'info'
  | 'error';

/** How far an own message has come. */
export type Delivery = 'pending' | 'failed';

/** One line of a room. */
export interface Entry {
  /** Of the archive; begins with `local:` until the server has given one. */
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  kind: EntryKind;
  from: string;
  text: string;
  /** Of a departure, or an archived event: the event in words. */
  sentence?: string;
  /** By this account. */
  own: boolean;
  /** Of an own message: the id that the client which sent it made. Servers and archives from before know none. */
  clientId?: string;
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
  /** In the channel now. */
  joined: boolean;
  /** By nickname. */
  members: ReadonlyFoldedMap<Member>;
  /** In order of time, no id twice. */
  entries: readonly Entry[];
  ids: ReadonlySet<string>;
  /** Everything up to then is read; nothing means: not known yet. */
  readAt: number | undefined;
}

export type NetworkStatus = 'connecting' | 'online' | 'offline';

export interface Network {
  id: string;
  platform: string;
  name: string;
  server: string;
  /** The nickname in use. */
  nick: string;
  /** The nickname asked for; the server's connection is found by it. */
  wantedNick: string;
  status: NetworkStatus;
  /** What the status means, one sentence. */
  sentence: string;
  enabled: boolean;
  away: boolean;
  casemapping: Casemapping;
  /** What names there are names of. */
  conversations: Conversations;
  /** What its platform can do: nothing else is offered there. */
  supports: readonly Feature[];
  connector: string;
  /** Keys of rooms. */
  rooms: readonly string[];
}

export interface ChatState {
  networks: ReadonlyMap<string, Network>;
  rooms: ReadonlyMap<string, Room>;
}

export const EMPTY_STATE: ChatState = { networks: new Map(), rooms: new Map() };

/** A connection as `/api/connections` answers it. */
export interface Connection {
  id: string;
  platform: string;
  name: string;
  server: string;
  nick: string;
  has_password?: boolean;
  /** Leads to the server's own network: only its channels and whether it is on can be changed. */
  managed?: boolean;
  channels: string[];
  enabled: boolean;
  connector: string;
  /** The other fields that the platform describes, `host` and `port` among them where there are such. */
  host?: string;
  port?: number;
  secure?: boolean;
  without_account?: boolean;
  [field: string]: unknown;
}

/** Entries that count as something said. */
export function isSpoken(entry: Entry): boolean {
  return (
    entry.kind === 'message' ||
    entry.kind === 'action' ||
    entry.kind === 'notice'
  );
}

/** The room that holds what concerns the whole network. */
export const SERVER_ROOM = '*';
