/** A room's entries: merged by id, in chronological order. */

import type { DraftRoom } from './draft.ts';
import { withWaiting } from './relations.ts';
import { hasTwin, noteTwin } from './twins.ts';
import { isSpoken, type Entry } from './types.ts';

/** The user's own message may reach the server this much before the local clock says it was sent, in ms. */
const CLOCK_SKEW = 60_000;

/** Inserts an entry; returns whether it was new. */
export function addEntry(room: DraftRoom, entry: Entry): boolean {
  if (room.ids.has(entry.id)) return false;
  if (!isSpoken(entry) && hasTwin(room, entry)) return false;
  room.ids.add(entry.id);
  let at = room.entries.length;
  while (at > 0 && comesAfter(room.entries[at - 1]!, entry)) at -= 1;
  room.entries.splice(at, 0, withWaiting(room, entry));
  noteTwin(room, entry);
  return true;
}

/** Unconfirmed messages stay below everything else: their time is not known yet. */
function comesAfter(placed: Entry, entry: Entry): boolean {
  if (placed.delivery && !entry.delivery) return true;
  if (!placed.delivery && entry.delivery) return false;
  return placed.at > entry.at;
}

/**
 * Adds the entries of an archive document, sorted once. Within one millisecond, the document has the order in which
 * things happened, as they were shown live; after a reload messages come from the gateway, but joins and leaves only
 * from the archive, so the order of adding says nothing.
 */
export function mergeEntries(
  room: DraftRoom,
  entries: readonly Entry[],
): number {
  const fresh = entries.filter(
    (entry) =>
      !room.ids.has(entry.id) && (isSpoken(entry) || !hasTwin(room, entry)),
  );
  let added = 0;
  for (const entry of fresh) {
    if (room.ids.has(entry.id)) continue;
    room.ids.add(entry.id);
    room.entries.push(withWaiting(room, entry));
    noteTwin(room, entry);
    added += 1;
  }
  if (added) {
    const places = new Map(entries.map(({ id }, index) => [id, index]));
    // Entries missing from the document came later.
    const place = ({ id }: Entry) => places.get(id) ?? entries.length;
    room.entries.sort((a, b) =>
      Boolean(a.delivery) === Boolean(b.delivery)
        ? a.at - b.at || place(a) - place(b)
        : a.delivery
          ? 1
          : -1,
    );
    for (const entry of fresh) if (entry.own) settle(room, entry);
  }
  return added;
}

/**
 * The user's own message has come back with its id: the unconfirmed one with the same client-made id is removed, so
 * that a message whose ack was lost is not shown twice.
 */
export function settle(room: DraftRoom, entry: Entry): string | undefined {
  const index = room.entries.findIndex(
    (other) =>
      other.delivery !== undefined &&
      (entry.clientId ? other.id === entry.clientId : isLike(other, entry)),
  );
  if (index < 0) return undefined;
  const [settled] = room.entries.splice(index, 1);
  room.ids.delete(settled!.id);
  return settled!.id;
}

/** Returns whether two messages without a returned client-made id may be the same: equal text, not sent later. */
function isLike(pending: Entry, entry: Entry): boolean {
  return (
    pending.kind === entry.kind &&
    isFirstPart(pending.text, entry.text) &&
    pending.at <= entry.at + CLOCK_SKEW
  );
}

/** A long text, or one of several lines, comes back as several messages. */
function isFirstPart(whole: string, part: string): boolean {
  if (whole === part) return true;
  if (!part || !whole.startsWith(part)) return false;
  return whole[part.length] === '\n' || part.length > 200;
}

/** Replaces an unconfirmed message by the confirmed one, placed by the server's time. */
export function confirm(
  room: DraftRoom,
  localId: string,
  id: string,
  at: number,
  text?: string,
  /** Whether the network was told what it answers. */
  answers = true,
): boolean {
  const index = room.entries.findIndex((entry) => entry.id === localId);
  if (index < 0) return false;
  const [pending] = room.entries.splice(index, 1);
  room.ids.delete(localId);
  const { delivery: _, reason: __, replyTo, ...rest } = pending!;
  const entry = answers && replyTo ? { ...rest, replyTo } : rest;
  return addEntry(room, { ...entry, id, at, text: text ?? entry.text });
}

/** Marks an unconfirmed message. */
export function mark(
  room: DraftRoom,
  localId: string,
  delivery: 'pending' | 'failed',
  reason?: string,
): boolean {
  const index = room.entries.findIndex((entry) => entry.id === localId);
  if (index < 0) return false;
  const { reason: _, ...entry } = room.entries[index]!;
  room.entries[index] = { ...entry, delivery, ...(reason ? { reason } : {}) };
  return true;
}

/** Removes an entry. */
export function removeEntry(room: DraftRoom, id: string): boolean {
  const index = room.entries.findIndex((entry) => entry.id === id);
  if (index < 0) return false;
  room.entries.splice(index, 1);
  room.ids.delete(id);
  return true;
}

/** Drops the oldest entries beyond `keep`; the archives have them. */
export function trim(room: DraftRoom, keep: number): boolean {
  if (room.entries.length <= keep) return false;
  for (const entry of room.entries.splice(0, room.entries.length - keep)) {
    room.ids.delete(entry.id);
  }
  return true;
}
