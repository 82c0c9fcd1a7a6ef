/** When a network is tried again: a duration would be wrong a moment after it was said. */

import { timeLabel } from './days.ts';

const WAIT = /\bin (a|\d+) (second|minute)s?\.$/;
const UNITS = { second: 1_000, minute: 60_000 };

const seconds = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** Names the time of day of the next attempt in a sentence that was said at `from`, in ms. */
export function withTimeOfAttempt(sentence: string, from: number): string {
  const before = 'Next attempt ';
  const begin = sentence.lastIndexOf(before);
  if (begin < 0) return sentence;
  const [, count, unit] = WAIT.exec(sentence.slice(begin)) ?? [];
  if (unit !== 'second' && unit !== 'minute') return sentence;
  const at = from + (count === 'a' ? 1 : Number(count)) * UNITS[unit];
  const time = unit === 'minute' ? timeLabel(at) : seconds.format(at);
  return `${sentence.slice(0, begin)}${before}at ${time}.`;
}
