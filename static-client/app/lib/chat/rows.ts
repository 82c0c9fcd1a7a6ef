/** The timeline's rows: entries with day separators, grouped, and with the divider. */

import { same, type Casemapping } from '../casemapping.ts';
import { dayLabel, localDay } from '../days.ts';
import { isSpoken, type Entry } from './types.ts';

/** Messages from one person closer together than this are grouped, in ms. */
export const GROUP_WINDOW = 2 * 60_000;

export type Row =
  | { type: 'day'; key: string; label: string }
  | { type: 'divider'; key: string }
  | { type: 'message'; key: string; entry: Entry; head: boolean }
  | {
      type: 'code';
      key: string;
      entry: Entry;
      head: boolean;
      code: string;
      entries: Entry[];
    }
  | { type: 'event'; key: string; entry: Entry; text: string }
  | {
      type: 'presence';
      key: string;
      /** The id of its first entry. */
      id: string;
      at: number;
      phrases: string[];
      people: number;
    };

export interface RowOptions {
  now: number;
  /** How the network compares names. */
  casemapping: Casemapping;
  /** Entries after this time were unread when the room was opened. */
  dividerAt?: number | undefined;
}

/** Builds the rows for entries in chronological order. */
export function buildRows(
  entries: readonly Entry[],
  options: RowOptions,
): Row[] {
  const rows: Row[] = [];
  const { casemapping } = options;
  let day = '';
  let divided = options.dividerAt === undefined;
  let last: Entry | undefined;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const today = localDay(entry.at);
    if (today !== day) {
      day = today;
      last = undefined;
      rows.push({
        type: 'day',
        key: `day:${today}`,
        label: dayLabel(entry.at, options.now),
      });
    }
    if (
      !divided &&
      isSpoken(entry) &&
      !entry.own &&
      entry.at > (options.dividerAt ?? 0)
    ) {
      divided = true;
      last = undefined;
      rows.push({ type: 'divider', key: 'divider' });
    }
    if (isSpoken(entry)) {
      const head = !last || !belongsTo(last, entry, casemapping);
      const block = codeBlock(entries, i, casemapping);
      if (block) {
        rows.push({ type: 'code', key: entry.id, entry, head, ...block });
        i += block.entries.length - 1;
        last = block.entries.at(-1);
      } else {
        rows.push({ type: 'message', key: entry.id, entry, head });
        last = entry;
      }
      continue;
    }
    last = undefined;
    if (
      entry.kind === 'join' ||
      entry.kind === 'leave' ||
      entry.kind === 'nick'
    ) {
      const before = rows.at(-1);
      if (before?.type === 'presence') {
        before.phrases.push(phrase(entry));
        before.people += 1;
      } else {
        rows.push({
          type: 'presence',
          key: `presence:${entry.id}`,
          id: entry.id,
          at: entry.at,
          phrases: [phrase(entry)],
          people: 1,
        });
      }
      continue;
    }
    rows.push({ type: 'event', key: entry.id, entry, text: eventText(entry) });
  }
  return rows;
}

function belongsTo(
  before: Entry,
  entry: Entry,
  casemapping: Casemapping,
): boolean {
  return (
    before.kind === 'message' &&
    entry.kind === 'message' &&
    same(before.from, entry.from, casemapping) &&
    entry.at - before.at < GROUP_WINDOW
  );
}

/** Maximum length of a code block over several messages, in messages. */
const CODE_BLOCK_LIMIT = 100;

/** Consecutive messages of one person between two lines of three backticks form one code block. */
function codeBlock(
  entries: readonly Entry[],
  start: number,
  casemapping: Casemapping,
): { code: string; entries: Entry[] } | undefined {
  const first = entries[start]!;
  if (first.kind !== 'message' || !/^```\S*$/.test(first.text.trim())) {
    return undefined;
  }
  const lines: string[] = [];
  for (
    let i = start + 1;
    i < entries.length && i - start <= CODE_BLOCK_LIMIT;
    i++
  ) {
    const entry = entries[i]!;
    if (!belongsTo(entries[i - 1]!, entry, casemapping) || entry.delivery)
      return undefined;
    if (entry.text.trim() === '```') {
      return lines.length
        ? { code: lines.join('\n'), entries: entries.slice(start, i + 1) }
        : undefined;
    }
    lines.push(entry.text);
  }
  return undefined;
}

function phrase(entry: Entry): string {
  switch (entry.kind) {
    case 'join':
      return entry.sentence || `${entry.from} joined`;
    case 'leave':
      // Other archive writers may leave it empty.
      return (
        entry.sentence ||
        `${entry.from} left${entry.text ? ` (${entry.text})` : ''}`
      );
    default:
      return entry.sentence ?? `${entry.from} is now known as ${entry.text}`;
  }
}

function eventText(entry: Entry): string {
  if (entry.kind !== 'topic') return entry.text;
  if (entry.sentence !== undefined) return entry.sentence;
  return entry.text
    ? `${entry.from} set the topic: ${entry.text}`
    : `${entry.from} removed the topic`;
}
