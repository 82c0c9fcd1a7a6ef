import { forSearch } from './lower.ts';

/** How well a name matches the input: negative for no match, higher is better. */
export function rank(name: string, typed: string): number {
  const wanted = forSearch(typed.trim());
  if (!wanted) return 0;
  const lower = forSearch(name);
  // A prefix before a name's letters, as in channel names, need not be typed.
  const bare = lower.replace(/^[^\p{L}\p{N}]+/u, '');
  if (lower === wanted || bare === wanted) return 4;
  if (lower.startsWith(wanted) || bare.startsWith(wanted)) return 3;
  if (lower.includes(wanted)) return 2;
  let at = 0;
  for (const char of lower) if (char === wanted[at]) at += 1;
  return at === wanted.length ? 1 : -1;
}
