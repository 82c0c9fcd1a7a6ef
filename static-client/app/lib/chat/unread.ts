/** Unread messages in a room. */

import { isSpoken, type Entry, type Room } from './types.ts';

export interface Unread {
  count: number;
  mentions: number;
}

const NONE: Unread = { count: 0, mentions: 0 };
const cache = new WeakMap<Room, Unread>();

/** Counts other people's messages since the room was last read. */
export function unread(room: Room): Unread {
  if (room.readAt === undefined || room.kind === 'server') return NONE;
  let counted = cache.get(room);
  if (!counted) {
    counted = { count: 0, mentions: 0 };
    for (let i = room.entries.length - 1; i >= 0; i--) {
      const entry = room.entries[i]!;
      if (entry.delivery) continue;
      if (entry.at <= room.readAt) break;
      if (entry.own || !isSpoken(entry)) continue;
      counted.count += 1;
      if (entry.mention) counted.mentions += 1;
    }
    cache.set(room, counted);
  }
  return counted;
}

/** The part that is shown outside the room: in a muted room, only mentions. */
export function noticed(room: Room, muted: boolean): number {
  const { count, mentions } = unread(room);
  return muted ? mentions : count;
}

/** The first message of another person since the room was last read. */
export function firstUnread(room: Room): Entry | undefined {
  const { readAt } = room;
  if (readAt === undefined) return undefined;
  return room.entries.find(
    (entry) =>
      entry.at > readAt && !entry.own && !entry.delivery && isSpoken(entry),
  );
}

/** The time of the newest entry that the server has confirmed. */
export function latest(room: Room): number {
  for (let i = room.entries.length - 1; i >= 0; i--) {
    const entry = room.entries[i]!;
    if (!entry.delivery && entry.kind !== 'info' && entry.kind !== 'error') {
      return entry.at;
    }
  }
  return 0;
}
