/** Which of a room's rows stay the same when something changes, so that the page does not touch them. */

import type { Casemapping } from '../casemapping.ts';
import { buildRows, type Row, type RowOptions } from './rows.ts';
import { isSpoken, type Entry } from './types.ts';

/** Minimum number of entries rendered at the end of a room. */
export const WINDOW = 110;
/** Maximum number of entries rendered, wherever the reader is. */
export const MOST = 360;
/** A block with this many entries takes no more rows. */
export const BLOCK = 20;
/** The block with the day that everything begins with: other rows come and go below it. */
const TOP = 'top';

/** What a room's rows have in common. */
export interface RowContext {
  roomKey: string;
  networkId: string;
  /** Whether it is a channel, where mentions are marked. */
  channel: boolean;
  /** The reader's own nickname. */
  nick: string;
  /** How the network compares names. */
  casemapping: Casemapping;
}

/** A row with everything it is rendered from. */
export interface ShownRow {
  key: string;
  row: Row;
  context: RowContext;
}

/**
 * Rows that come and go together. Glimmer removes one item of a list without touching the others, but when it removes
 * several neighbours it moves the items after them. So what is removed at the beginning of a room is one item.
 */
export interface Block {
  key: string;
  rows: readonly ShownRow[];
}

/** Keeps unchanged rows as the same objects, in the same block: a new line affects only its own row. */
export class RowKeeper {
  #blocks: readonly Block[] = [];
  #entries: readonly Entry[] | undefined;
  #range = '';
  #context: RowContext | undefined;
  #made = 0;

  /**
   * The start of what is rendered at the end of a room: unchanged until there is a whole block too much, then a later
   * block.
   */
  beginning(entries: readonly Entry[]): number {
    const { length } = entries;
    const usual = Math.max(0, length - WINDOW);
    const ids = new Set(this.#blocks.slice(1).map(firstId));
    ids.delete(undefined);
    const [first] = ids;
    const before = entries.findLastIndex(({ id }) => id === first);
    if (before < 0 || before > usual) return usual;
    const least = Math.max(0, length - WINDOW - BLOCK);
    if (before >= least) return before;
    for (let at = usual; at >= least; at--) {
      if (ids.has(entries[at]!.id)) return at;
    }
    // Either a single row covers many joins and leaves, or the reader returns from far above.
    return length - before <= MOST ? before : usual;
  }

  /** The rows of `entries` from `start` up to `end`. */
  blocks(
    entries: readonly Entry[],
    start: number,
    end: number,
    context: RowContext,
    when: Omit<RowOptions, 'casemapping'>,
  ): readonly Block[] {
    const kept = this.#keep(context);
    const { casemapping } = context;
    const options = isDivided(entries, start, when.dividerAt)
      ? { now: when.now, casemapping }
      : { ...when, casemapping };
    const range = `${start} ${end} ${when.dividerAt}`;
    const same = this.#entries === entries && this.#range === range;
    if (same && kept === this.#blocks[0]?.rows[0]?.context) return this.#blocks;
    this.#entries = entries;
    this.#range = range;
    const known = new Map<string, ShownRow>();
    for (const { rows } of this.#blocks) {
      for (const shown of rows) known.set(shown.key, shown);
    }
    const rows = buildRows(entries.slice(start, end), options).map((row) => {
      const before = known.get(row.key);
      return before?.context === kept && saysTheSame(before.row, row)
        ? before
        : { key: row.key, row, context: kept };
    });
    return (this.#blocks = this.#divide(rows));
  }

  /**
   * Divides rows into blocks: a row stays in its block, and new rows go into the preceding block while it has room.
   */
  #divide([top, ...rows]: readonly ShownRow[]): Block[] {
    if (!top) return [];
    const homes = new Map<string, Block>();
    for (const block of this.#blocks) {
      if (block.key === TOP) continue;
      for (const { key } of block.rows) homes.set(key, block);
    }
    /** How many rows of each block are still to come. */
    const left = new Map<Block, number>();
    for (const { key } of rows) {
      const home = homes.get(key);
      if (home) left.set(home, (left.get(home) ?? 0) + 1);
    }
    const divided: { key: string; rows: ShownRow[]; home?: Block }[] = [];
    const begun = new Set<Block>();
    let size = 0;
    for (const shown of rows) {
      const current = divided.at(-1);
      const home = homes.get(shown.key);
      if (home) left.set(home, (left.get(home) ?? 0) - 1);
      const begins = home
        ? !begun.has(home)
        : size >= BLOCK && !(current?.home && left.get(current.home));
      if (current && !begins) {
        current.rows.push(shown);
        size += entriesIn(shown.row);
        continue;
      }
      size = entriesIn(shown.row);
      if (home) {
        begun.add(home);
        divided.push({ key: home.key, rows: [shown], home });
      } else {
        this.#made += 1;
        divided.push({ key: String(this.#made), rows: [shown] });
      }
    }
    const blocks = divided.map(({ key, rows, home }) =>
      home && isSame(home.rows, rows) ? home : { key, rows },
    );
    const before = this.#blocks[0];
    const first = { key: TOP, rows: [top] };
    return [
      before && isSame(before.rows, first.rows) ? before : first,
      ...blocks,
    ];
  }

  #keep(context: RowContext): RowContext {
    const before = this.#context;
    if (
      before?.roomKey === context.roomKey &&
      before.networkId === context.networkId &&
      before.channel === context.channel &&
      before.nick === context.nick &&
      before.casemapping === context.casemapping
    ) {
      return before;
    }
    return (this.#context = context);
  }
}

/** Returns whether the new messages begin before `start`, where their divider is not rendered. */
function isDivided(
  entries: readonly Entry[],
  start: number,
  dividerAt: number | undefined,
): boolean {
  if (dividerAt === undefined) return false;
  for (let at = start - 1; at >= 0; at--) {
    const entry = entries[at]!;
    if (entry.at <= dividerAt && !entry.delivery) return false;
    if (isSpoken(entry) && !entry.own) return true;
  }
  return false;
}

/** The id of a block's first entry. */
function firstId({ rows }: Block): string | undefined {
  for (const { row } of rows) {
    if (row.type === 'presence') return row.id;
    if ('entry' in row) return row.entry.id;
  }
  return undefined;
}

function isSame<T>(one: readonly T[], other: readonly T[]): boolean {
  return (
    one.length === other.length &&
    one.every((item, index) => item === other[index])
  );
}

function entriesIn(row: Row): number {
  switch (row.type) {
    case 'code':
      return row.entries.length;
    case 'presence':
      return row.people;
    case 'day':
    case 'divider':
      return 0;
    default:
      return 1;
  }
}

/** Returns whether two rows look the same; entries are never changed in place. */
function saysTheSame(a: Row, b: Row): boolean {
  switch (a.type) {
    case 'divider':
      return b.type === 'divider';
    case 'day':
      return b.type === 'day' && a.label === b.label;
    case 'message':
      return b.type === 'message' && a.entry === b.entry && a.head === b.head;
    case 'code':
      return (
        b.type === 'code' &&
        a.entry === b.entry &&
        a.head === b.head &&
        a.code === b.code
      );
    case 'event':
      return b.type === 'event' && a.entry === b.entry && a.text === b.text;
    case 'presence':
      return (
        b.type === 'presence' && a.at === b.at && isSame(a.phrases, b.phrases)
      );
  }
}
