/** How names are compared: as the platform describes, or as the network itself has announced. */

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

/** Returns the form in which names are compared. */
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

/** Returns whether two names are equal. */
export function same(a: string, b: string, mapping: Casemapping): boolean {
  return a === b || fold(a, mapping) === fold(b, mapping);
}

/** Parses the name of a mapping; unknown ones become the platform's default. */
export function parseCasemapping(
  value: unknown,
  usual: Casemapping = 'rfc1459',
): Casemapping {
  return CASEMAPPINGS.find((known) => known === value) ?? usual;
}
