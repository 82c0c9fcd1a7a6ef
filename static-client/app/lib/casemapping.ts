/** Comparison of IRC names under the server's CASEMAPPING (RFC 2812, section 2.2). */

export type Casemapping = 'ascii' | 'rfc1459' | 'rfc1459-strict';

export const CASEMAPPINGS: readonly Casemapping[] = [
  'rfc1459',
  'rfc1459-strict',
  'ascii',
];

const EXTRA: Record<Casemapping, Record<string, string>> = {
  ascii: {},
  rfc1459: { '[': '{', ']': '}', '\\': '|', '~': '^' },
  'rfc1459-strict': { '[': '{', ']': '}', '\\': '|' },
};

/** Returns the form of a name by which names are compared. */
export function fold(name: string, mapping: Casemapping): string {
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

/** Reads the name of a mapping; anything unknown is `rfc1459`, the default of IRC. */
export function parseCasemapping(value: unknown): Casemapping {
  return value === 'ascii' || value === 'rfc1459-strict' ? value : 'rfc1459';
}

/** Returns whether a name is that of a channel, or of those within it who have a rank (`@#channel`). */
export function isChannel(name: string): boolean {
  return /^[@%~]*[#&+!]/.test(name);
}

/** Returns whether a name is that of those within a channel who have a rank: nobody joins that by itself. */
export function isPartOfChannel(name: string): boolean {
  return /^[@%~]+[#&+!]/.test(name);
}
