/** Events that may be the same: a live one without an id, and its record in an archive or another source. */

import { fold, type Casemapping } from '../casemapping.ts';
import { isSpoken, type Entry } from './types.ts';

/** Maximum time between a live event without an id and its archived twin, in ms. */
export const TWIN_WINDOW = 5000;

/** When the first and the last of some events happened, in ms. */
interface Span {
  first: number;
  last: number;
}

/** Events of one person within one period of time. */
interface Stretch {
  all: Span;
  /** The span of those without an id. */
  anonymous: Span | undefined;
}

/**
 * A room's events indexed by what happened to whom, and by period. A period is as long as twins may be apart, so
 * finding a twin costs the same however many events there are.
 */
class Twins {
  readonly #stretches = new Map<string, Stretch>();
  readonly #casemapping: Casemapping;
  /** How many entries were examined. */
  #size = 0;

  constructor(entries: readonly Entry[], casemapping: Casemapping) {
    this.#casemapping = casemapping;
    for (const entry of entries) this.add(entry);
  }

  /** Returns whether it covers exactly these entries: adding or removing any changes the number. */
  isOf(entries: readonly Entry[], casemapping: Casemapping): boolean {
    return this.#size === entries.length && this.#casemapping === casemapping;
  }

  add(entry: Entry) {
    this.#size += 1;
    if (!mayBeTwin(entry)) return;
    const key = this.#key(entry, stretchOf(entry));
    const stretch = this.#stretches.get(key);
    const anonymous = isAnonymous(entry);
    this.#stretches.set(key, {
      all: extended(stretch?.all, entry.at),
      anonymous: anonymous
        ? extended(stretch?.anonymous, entry.at)
        : stretch?.anonymous,
    });
  }

  has(entry: Entry): boolean {
    if (!mayBeTwin(entry)) return false;
    const stretch = stretchOf(entry);
    return [stretch - 1, stretch, stretch + 1].some((near) => {
      const found = this.#stretches.get(this.#key(entry, near));
      const span = isAnonymous(entry) ? found?.all : found?.anonymous;
      // Everything in its own period is close enough; in the adjacent ones, the nearest event is the last or the
      // first.
      return (
        span !== undefined &&
        span.last >= entry.at - TWIN_WINDOW &&
        span.first <= entry.at + TWIN_WINDOW
      );
    });
  }

  #key({ kind, from }: Entry, stretch: number): string {
    return `${stretch} ${kind} ${fold(from, this.#casemapping)}`;
  }
}

/** Keyed by the list of entries, which is replaced by each batch of changes. */
const indexes = new WeakMap<readonly Entry[], Twins>();

interface EventRoom {
  readonly entries: readonly Entry[];
  readonly casemapping: Casemapping;
}

/** Returns whether an event is in the room already, with or without its id. */
export function hasTwin(room: EventRoom, entry: Entry): boolean {
  const { entries, casemapping } = room;
  let twins = indexes.get(entries);
  if (!twins?.isOf(entries, casemapping)) {
    twins = new Twins(entries, casemapping);
    indexes.set(entries, twins);
  }
  return twins.has(entry);
}

/** Adds a new entry of a room to the index. */
export function noteTwin(room: EventRoom, entry: Entry) {
  indexes.get(room.entries)?.add(entry);
}

function mayBeTwin(entry: Entry): boolean {
  return !isSpoken(entry) && entry.kind !== 'info' && entry.kind !== 'error';
}

function isAnonymous({ id }: Entry): boolean {
  return id.startsWith('live:');
}

function stretchOf({ at }: Entry): number {
  return Math.floor(at / TWIN_WINDOW);
}

function extended(span: Span | undefined, at: number): Span {
  return {
    first: Math.min(span?.first ?? at, at),
    last: Math.max(span?.last ?? at, at),
  };
}
