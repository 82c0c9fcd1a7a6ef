/** How names compare: as their platform says, or as the network itself has said since. */

import type { Folding } from './protocol.ts';

export type Casemapping = Folding;

export const CASEMAPPINGS: readonly Casemapping[] = [
  'rfc1459',
  'rfc1459-strict',
  'ascii',
  'exact',
];

const EXTRA: Record<Casemapping, Record<string, string>> = {
  exact: {},
  ascii: {},
  rfc1459: { '[': '{', ']': '}', '\\': '|', '~': '^' },
  'rfc1459-strict': { '[': '{', ']': '}', '\\': '|' },
};

/** Returns the form of a name by which names are compared. */
export function fold(name: string, mapping: Casemapping): string {
  if (mapping === 'exact') return name;
  const extra = EXTRA[mapping];
  let out = '';
  for (const char of name) {
    if (char >= 'A' && char <= 'Z') out += char.toLowerCase();
    else out += extra[char] ?? char;
  }
  return out;
}

/** Returns whether two names are the same name. */
export function same(a: string, b: string, mapping: Casemapping): boolean {
  return a === b || fold(a, mapping) === fold(b, mapping);
}

/** Reads the name of a mapping; anything unknown is what is usual on the platform. */
export function parseCasemapping(
  value: unknown,
  usual: Casemapping = 'rfc1459',
): Casemapping {
  return CASEMAPPINGS.find((known) => known === value) ?? usual;
}
