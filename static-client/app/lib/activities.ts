/** Sockethub's ActivityStreams 2 activities, as used by the connectors. */

import { joinId } from './ids.ts';
import type {
  AccountObject,
  Activity,
  ChatState,
  Entity,
} from './protocol-activities.ts';
import type { RoomKind } from './chat/types.ts';

export type {
  Activity,
  ActivityObject,
  Entity,
} from './protocol-activities.ts';

const CONTEXT_BASE = [
  'https://www.w3.org/ns/activitystreams',
  'https://sockethub.org/ns/context/v1.jsonld',
];

/** The acting person: the account's nickname on a server, through a platform. */
export interface Actor {
  nick: string;
  server: string;
  platform: string;
}

export function person(nick: string, server: string): Entity {
  return { id: joinId(nick, server), type: 'person', name: nick };
}

export function room(channel: string, server: string): Entity {
  return { id: joinId(channel, server), type: 'room', name: channel };
}

/** The recipient of a message. */
export interface Addressee {
  name: string;
  kind: RoomKind;
}

function addressed({ name, kind }: Addressee, { server }: Actor): Entity {
  return kind === 'channel' ? room(name, server) : person(name, server);
}

function activity(actor: Actor, type: string, rest: Partial<Activity>) {
  return {
    '@context': [
      ...CONTEXT_BASE,
      `https://sockethub.org/ns/context/platform/${actor.platform}/v1.jsonld`,
    ],
    type,
    actor: person(actor.nick, actor.server),
    ...rest,
  } satisfies Activity;
}

export const make = {
  connect: (actor: Actor): Activity => activity(actor, 'connect', {}),
  join: (actor: Actor, channel: string, key?: string): Activity =>
    activity(actor, 'join', {
      target: room(channel, actor.server),
      ...(key ? { object: { type: 'credentials', password: key } } : {}),
    }),
  leave: (actor: Actor, channel: string, reason: string): Activity =>
    activity(actor, 'leave', {
      target: room(channel, actor.server),
      object: { type: 'message', content: reason },
    }),
  send: (
    actor: Actor,
    to: Addressee,
    type: 'message' | 'me' | 'notice',
    content: string,
    /** Returned with the message, so that the client recognises it. */
    clientId?: string,
    /** The id of the message that it answers. */
    inReplyTo?: string,
  ): Activity =>
    activity(actor, 'send', {
      target: addressed(to, actor),
      object: {
        type,
        content,
        ...(clientId ? { clientId } : {}),
        ...(inReplyTo ? { inReplyTo } : {}),
      },
    }),
  react: (
    actor: Actor,
    to: Addressee,
    content: string,
    inReplyTo: string,
    removed: boolean,
  ): Activity =>
    activity(actor, removed ? 'remove' : 'add', {
      target: addressed(to, actor),
      object: { type: 'reaction', content, inReplyTo },
    }),
  edit: (actor: Actor, to: Addressee, id: string, content: string): Activity =>
    activity(actor, 'update', {
      target: addressed(to, actor),
      object: { type: 'message', id, content },
    }),
  remove: (actor: Actor, to: Addressee, id: string): Activity =>
    activity(actor, 'delete', {
      target: addressed(to, actor),
      object: { type: 'message', id },
    }),
  typing: (actor: Actor, to: Addressee, state: ChatState): Activity =>
    activity(actor, 'update', {
      target: addressed(to, actor),
      object: { type: 'chat-state', state },
    }),
  topic: (actor: Actor, channel: string, content: string): Activity =>
    activity(actor, 'update', {
      target: room(channel, actor.server),
      object: { type: 'topic', content, topic: content },
    }),
  nick: (actor: Actor, nick: string): Activity =>
    activity(actor, 'update', {
      target: person(nick, actor.server),
      object: { type: 'address' },
    }),
  away: (actor: Actor, text: string): Activity =>
    activity(actor, 'update', {
      object: {
        type: 'presence',
        show: text ? 'away' : 'online',
        content: text,
      },
    }),
  invite: (actor: Actor, nick: string, channel: string): Activity =>
    activity(actor, 'invite', {
      target: person(nick, actor.server),
      object: {
        type: 'room',
        id: joinId(channel, actor.server),
        name: channel,
      },
    }),
  whois: (actor: Actor, nick: string): Activity =>
    activity(actor, 'query', {
      target: person(nick, actor.server),
      object: { type: 'whois' },
    }),
  account: (actor: Actor, account: AccountObject): Activity =>
    activity(actor, 'update', { object: { type: 'account', ...account } }),
  rooms: (actor: Actor): Activity =>
    activity(actor, 'query', { object: { type: 'rooms' } }),
};

/** Returns the text of an activity's object; empty if it has none. */
export function contentOf({ object }: Activity): string {
  return object && 'content' in object && typeof object.content === 'string'
    ? object.content
    : '';
}

/** Returns when an activity was published, in milliseconds; `now` if it has no time. */
export function publishedAt(activity: Activity, now: number): number {
  const at = Date.parse(activity.published ?? '');
  return Number.isNaN(at) ? now : at;
}

/** Returns whether a received value can be an activity. */
export function isActivity(value: unknown): value is Activity {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Activity).type === 'string'
  );
}
