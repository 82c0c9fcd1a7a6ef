/** ActivityStreams 2 activities of Sockethub, as the connectors speak them. */

import { isChannel } from './conversations.ts';
import { joinId } from './ids.ts';
import type { Activity, Entity } from './protocol-activities.ts';
import type { Conversations } from './protocol.ts';

export type {
  Activity,
  ActivityObject,
  Entity,
} from './protocol-activities.ts';

const CONTEXT_BASE = [
  'https://www.w3.org/ns/activitystreams',
  'https://sockethub.org/ns/context/v1.jsonld',
];

/** Who acts: the own nickname on a server, through a platform. */
export interface Actor {
  nick: string;
  server: string;
  platform: string;
  /** What names there are names of. */
  conversations: Conversations;
}

export function person(nick: string, server: string): Entity {
  return { id: joinId(nick, server), type: 'person', name: nick };
}

export function room(channel: string, server: string): Entity {
  return { id: joinId(channel, server), type: 'room', name: channel };
}

/** A room or a person, whatever the name says. */
export function addressee(name: string, actor: Actor): Entity {
  return isChannel(name, actor.conversations)
    ? room(name, actor.server)
    : person(name, actor.server);
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
    to: string,
    type: 'message' | 'me' | 'notice',
    content: string,
    /** Comes back with the message, so that it is known again. */
    clientId?: string,
  ): Activity =>
    activity(actor, 'send', {
      target: addressee(to, actor),
      object: { type, content, ...(clientId ? { clientId } : {}) },
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
  rooms: (actor: Actor): Activity =>
    activity(actor, 'query', { object: { type: 'rooms' } }),
};

/** Returns the text of an activity's object; empty if it has none. */
export function contentOf({ object }: Activity): string {
  return object && 'content' in object && typeof object.content === 'string'
    ? object.content
    : '';
}

/** Returns when an activity was published, in milliseconds; `now` if it does not say. */
export function publishedAt(activity: Activity, now: number): number {
  const at = Date.parse(activity.published ?? '');
  return Number.isNaN(at) ? now : at;
}

/** Returns whether a value that came over the wire can be an activity. */
export function isActivity(value: unknown): value is Activity {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Activity).type === 'string'
  );
}
