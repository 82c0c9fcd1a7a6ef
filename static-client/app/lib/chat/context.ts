/** What each activity handler receives, and how it reads it. */

import type { Activity, ActivityObject, Entity } from '../activities.ts';
import { same } from '../casemapping.ts';
import { isChannel } from '../conversations.ts';
import { splitId } from '../ids.ts';
import { isMention } from '../text/tokens.ts';
import type { Draft } from './draft.ts';
import type { Entry, EntryKind, Network } from './types.ts';

/** Effects worth reporting, besides the state. */
export interface Happening {
  type: 'message' | 'invite' | 'settled' | 'moved' | 'typing';
  networkId: string;
  room: string;
  entry?: Entry;
  localId?: string;
  /** The key that a room had before; of `typing`, the nickname. */
  from?: string;
  /** For how long it holds that somebody is typing, in ms. */
  lasts?: number;
}

export interface Context {
  draft: Draft;
  network: Network;
  activity: Activity;
  at: number;
  happenings: Happening[];
  closed: Closed;
}

/** When a room was closed by the user, in ms; undefined if it was not. */
export type Closed = (networkId: string, name: string) => number | undefined;

/** The object with one type. */
export type ObjectOf<Type extends string> = Extract<
  ActivityObject,
  { type: Type }
>;

export function nameOf(entity: Entity | undefined): string {
  return entity?.name ?? splitId(entity?.id ?? '').name;
}

/** Returns whether an entity is a channel, by its type or its name. */
export function isRoom(network: Network, entity: Entity | undefined): boolean {
  if (entity?.type) return entity.type === 'room';
  return isChannel(nameOf(entity), network.conversations);
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function isOwn(network: Network, name: string): boolean {
  return same(name, network.nick, network.casemapping);
}

export function entryOf(
  { network, activity, at }: Context,
  kind: EntryKind,
  from: string,
  content: string,
): Entry {
  const own = isOwn(network, from);
  const { object } = activity;
  const clientId =
    own && object && 'clientId' in object && text(object.clientId);
  const said = kind === 'message' || kind === 'action' || kind === 'notice';
  const replyTo =
    said && object && 'inReplyTo' in object && text(object.inReplyTo);
  return {
    id: activity.id ?? `live:${kind}:${from}:${at}:${content}`,
    at,
    kind,
    from,
    text: content,
    own,
    ...(clientId ? { clientId } : {}),
    ...(replyTo ? { replyTo } : {}),
    // Its deletion came before it.
    ...(said && !content ? { deletedBy: '' } : {}),
    mention:
      said && !own && isMention(content, network.nick, network.casemapping),
  };
}
