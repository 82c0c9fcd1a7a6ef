/** What is new in a room for a reader who comes back to it. */

import { sinceLabel } from '../days.ts';
import { isSpoken, type Entry } from './types.ts';

export interface News {
  /** How many messages of others are there. */
  count: number;
  /** Where the first of them is among the entries. */
  first: number;
  /** An older entry is there, too: it is not the archive that has the first one. */
  whole: boolean;
}

/** Everything of a room may be new; then nobody has read it at a time that could be told. */
const NEVER = 1;

/** Returns what others said after a time, if they said anything; `entries` are in order of time. */
export function newsSince(
  entries: readonly Entry[],
  at: number,
): News | undefined {
  const news: News = { count: 0, first: -1, whole: false };
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index]!;
    if (entry.delivery) continue;
    if (entry.at <= at) {
      news.whole = true;
      break;
    }
    if (entry.own || !isSpoken(entry)) continue;
    news.count += 1;
    news.first = index;
  }
  return news.count ? news : undefined;
}

/** Describes how much is new: `900 new messages since 14:03`; `exact` if no more of it is in the archive. */
export function newsLabel(
  { count }: News,
  exact: boolean,
  at: number,
  now: number,
): string {
  const messages = count === 1 && exact ? 'message' : 'messages';
  const since = at > NEVER ? ` since ${sinceLabel(at, now)}` : '';
  return `${count}${exact ? '' : '+'} new ${messages}${since}`;
}
