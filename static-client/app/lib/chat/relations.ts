/** What is about a message that was said before: reactions, edits and deletions. It may come before its message. */

import { same, type Casemapping } from '../casemapping.ts';
import { carries, type Entry, type Network, type Reaction } from './types.ts';

/** Something about the message with the id `about`. */
export interface Relation {
  kind: 'reaction' | 'edit' | 'deletion';
  about: string;
  from: string;
  at: number;
  /** Of an edit: what the message says now. */
  text: string;
  /** Of a reaction. */
  emoji: string;
  /** The reaction was taken back. */
  removed: boolean;
}

/** Messages whose relations are kept until they come. */
export const WAITING_LIMIT = 500;
/** What is kept of one message: reactions of it that are shown, or whatever waits for it. */
export const REACTIONS_LIMIT = 200;
/** The longest that is a reaction, as the gateway has it, in bytes. */
export const EMOJI_LIMIT = 64;

export type Waiting = ReadonlyMap<string, readonly Relation[]>;

/** What relations are applied to. */
interface Room {
  casemapping: Casemapping;
  entries: Entry[];
  waiting: Map<string, readonly Relation[]>;
}

/** Whether a text can be a reaction. */
export function isEmoji(text: string): boolean {
  const { length } = new TextEncoder().encode(text);
  return length > 0 && length <= EMOJI_LIMIT && !/[\p{Cc}\n]/u.test(text);
}

/** The most of a reaction that is sent from here, in characters as people count them: it is a mark, not an answer. */
export const SHORT = 16;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Whether a text is short enough to be sent as a reaction. */
export function isShort(text: string): boolean {
  return isEmoji(text) && [...segmenter.segment(text)].length <= SHORT;
}

/** The network knows a message, and it is still there. */
export function isKnown({ id, delivery, deletedBy }: Entry): boolean {
  return (
    !delivery && deletedBy === undefined && !/^(?:local|live|archive):/.test(id)
  );
}

/** Whether one can change what a message says. */
export function isEditable(entry: Entry, network: Network): boolean {
  return (
    entry.own &&
    entry.kind === 'message' &&
    isKnown(entry) &&
    carries(network, 'edits')
  );
}

/** Applies relations; those whose message is not there wait for it. */
export function relate(room: Room, relations: readonly Relation[]) {
  if (!relations.length) return;
  const wanted = new Map<string, Relation[]>();
  for (const relation of relations) {
    const others = wanted.get(relation.about);
    if (others) others.push(relation);
    else wanted.set(relation.about, [relation]);
  }
  for (let i = room.entries.length - 1; i >= 0 && wanted.size; i--) {
    const entry = room.entries[i]!;
    const about = wanted.get(entry.id);
    if (!about) continue;
    wanted.delete(entry.id);
    room.entries[i] = related(entry, about, room.casemapping);
  }
  for (const [id, about] of wanted) {
    const before = room.waiting.get(id) ?? [];
    room.waiting.delete(id);
    room.waiting.set(id, [...before, ...about].slice(-REACTIONS_LIMIT));
    if (room.waiting.size > WAITING_LIMIT) {
      const [oldest] = room.waiting.keys();
      room.waiting.delete(oldest!);
    }
  }
}

/** A message that comes, with what waited for it. */
export function withWaiting(room: Room, entry: Entry): Entry {
  const about = room.waiting.get(entry.id);
  if (!about) return entry;
  room.waiting.delete(entry.id);
  return related(entry, about, room.casemapping);
}

function related(
  entry: Entry,
  relations: readonly Relation[],
  casemapping: Casemapping,
): Entry {
  let changed = entry;
  for (const relation of relations) {
    if (relation.kind === 'deletion') changed = deleted(changed, relation);
    else if (changed.deletedBy !== undefined) continue;
    else if (relation.kind === 'reaction') {
      changed = reacted(changed, relation, casemapping);
    } else if (
      same(relation.from, changed.from, casemapping) &&
      relation.at > (changed.editedAt ?? 0)
    ) {
      changed = { ...changed, text: relation.text, editedAt: relation.at };
    }
  }
  return changed;
}

function deleted(entry: Entry, { from }: Relation): Entry {
  if (entry.deletedBy) return entry;
  const { reactions: _, ...rest } = entry;
  return { ...rest, text: '', mention: false, deletedBy: from };
}

/** Of one person and one emoji the newest counts. */
function reacted(
  entry: Entry,
  { from, emoji, at, removed }: Relation,
  casemapping: Casemapping,
): Entry {
  const reactions = entry.reactions ?? [];
  const index = reactions.findIndex(
    (other) => other.emoji === emoji && same(other.from, from, casemapping),
  );
  const before = reactions[index];
  if (before ? before.at >= at : reactions.length >= REACTIONS_LIMIT) {
    return entry;
  }
  const reaction: Reaction = { from, emoji, at, removed };
  return {
    ...entry,
    reactions:
      index < 0 ? [...reactions, reaction] : reactions.with(index, reaction),
  };
}

/** One emoji under a message. */
export interface Shown {
  emoji: string;
  names: readonly string[];
  own: boolean;
}

/** The reactions to a message by emoji, in the order in which each came first. */
export function shownReactions(
  { reactions }: Entry,
  nick: string,
  casemapping: Casemapping,
): Shown[] {
  const shown = new Map<string, { names: string[]; own: boolean }>();
  for (const { emoji, from, removed } of reactions ?? []) {
    if (removed) continue;
    const one = shown.get(emoji) ?? { names: [], own: false };
    one.names.push(from);
    one.own ||= same(from, nick, casemapping);
    shown.set(emoji, one);
  }
  return [...shown].map(([emoji, one]) => ({ emoji, ...one }));
}
