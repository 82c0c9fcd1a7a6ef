/** A small world for tests of the chat: one network, and the activities that a gateway sends. */

import type { Activity, ActivityObject } from 'subspace-client/lib/activities';
import type {
  ConnectionObject,
  ConnectionStatus,
} from 'subspace-client/lib/protocol-activities';
import { person, room } from 'subspace-client/lib/activities';
import { Draft } from 'subspace-client/lib/chat/draft';
import type { Platforms } from 'subspace-client/lib/platforms';
import { applyConnections } from 'subspace-client/lib/chat/networks';
import type { Happening } from 'subspace-client/lib/chat/context';
import { reduce } from 'subspace-client/lib/chat/reduce';
import {
  EMPTY_STATE,
  type ChatState,
  type Connection,
  type Entry,
  type Room,
} from 'subspace-client/lib/chat/types';

export const SERVER = 'irc.example';

export function connection(change: Partial<Connection> = {}): Connection {
  return {
    version: 1,
    id: 'net',
    platform: 'irc',
    name: 'Example',
    server: SERVER,
    host: SERVER,
    port: 6697,
    secure: true,
    nick: 'alice',
    sasl: false,
    channels: ['#general'],
    enabled: true,
    connector: 'irc',
    created: '2026-01-01T00:00:00.000Z',
    has_password: false,
    managed: false,
    ...change,
  };
}

/** A chat under test. */
export class World {
  state: ChatState = EMPTY_STATE;
  happenings: Happening[] = [];

  constructor(
    connections: Connection[] = [connection()],
    platforms: Platforms = [],
  ) {
    this.change((draft) => applyConnections(draft, connections, {}, platforms));
  }

  change(work: (draft: Draft) => void) {
    const draft = new Draft(this.state);
    work(draft);
    this.state = draft.finish();
  }

  receive(...activities: Activity[]) {
    this.change((draft) => {
      for (const activity of activities) {
        this.happenings.push(...reduce(draft, activity, 1_000_000));
      }
    });
  }

  room(name = '#general'): Room {
    const found = this.state.rooms.get(`net/${name}`);
    if (!found) throw new Error(`there is no room ${name}`);
    return found;
  }

  texts(name = '#general'): string[] {
    return this.room(name).entries.map((entry) => entry.text);
  }

  members(name = '#general'): string[] {
    return [...this.room(name).members.values()].map(({ nick }) => nick);
  }
}

export const at = (ms: number) => new Date(ms).toISOString();

export function said(
  from: string,
  to: string,
  content: string,
  ms: number,
  change: Partial<Activity> & { kind?: 'message' | 'me' | 'notice' } = {},
): Activity {
  const { kind = 'message', ...rest } = change;
  return {
    type: 'send',
    id: `${from}-${ms}`,
    published: at(ms),
    actor: person(from, SERVER),
    target: to.startsWith('#') ? room(to, SERVER) : person(to, SERVER),
    object: { type: kind, content },
    ...rest,
  };
}

export function event(
  type: string,
  who: string,
  where: string | undefined,
  object?: ActivityObject,
  rest: Partial<Activity> = {},
): Activity {
  return {
    type,
    actor: person(who, SERVER),
    ...(where
      ? {
          target: where.startsWith('#')
            ? room(where, SERVER)
            : person(where, SERVER),
        }
      : {}),
    ...(object ? { object } : {}),
    ...rest,
  };
}

export function state(
  status: ConnectionStatus,
  content = '',
  more: Partial<ConnectionObject> = {},
): Activity {
  return {
    type: 'update',
    actor: { id: SERVER, type: 'service', name: SERVER },
    target: person('alice', SERVER),
    object: { type: 'connection', status, content, ...more },
  };
}

export function attendance(where: string, members: string[]): Activity {
  return {
    type: 'query',
    actor: room(where, SERVER),
    target: person('alice', SERVER),
    object: { type: 'attendance', members },
  };
}

/** What the gateway sends after `connect`. */
export function arrival(members = ['alice', 'bob']): Activity[] {
  return [
    state('online', 'Connected.', { nick: 'alice' }),
    event('join', 'alice', '#general'),
    event('update', 'bob', '#general', { type: 'topic', content: 'Tea' }),
    attendance('#general', members),
  ];
}

export function entry(change: Partial<Entry> = {}): Entry {
  return {
    id: 'x',
    at: 0,
    kind: 'message',
    from: 'bob',
    text: 'hi',
    own: false,
    mention: false,
    ...change,
  };
}
