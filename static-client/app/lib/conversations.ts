/** What a name is the name of, as its platform says. */

import type { Conversations } from './protocol.ts';

/** How many characters at the beginning of a name are of a set. */
function leading(name: string, set: string, from = 0): number {
  let at = from;
  while (at < name.length && set.includes(name[at]!)) at += 1;
  return at;
}

/** Returns whether a name is that of a channel, or of those within it who have a rank (`@#channel`). */
export function isChannel(name: string, names: Conversations): boolean {
  const begin = leading(name, names.parts);
  return leading(name, names.channels, begin) > begin;
}

/** Returns what a room is that only its name is known of: where channels have no sign, a conversation with somebody. */
export function kindByName(
  name: string,
  names: Conversations,
): 'channel' | 'direct' {
  return isChannel(name, names) ? 'channel' : 'direct';
}

/** Returns whether a name is that of those within a channel who have a rank: nobody joins that by itself. */
export function isPartOfChannel(name: string, names: Conversations): boolean {
  return leading(name, names.parts) > 0 && isChannel(name, names);
}

/** Returns the channel that was typed: people leave out the usual beginning. */
export function channelTyped(typed: string, names: Conversations): string {
  return isChannel(typed, names) ? typed : `${names.usual}${typed}`;
}

/** Returns whether a program posted under this name, for a webhook, an e-mail or a bridge: `GitHub/hook`. */
export function isRelayed(name: string): boolean {
  return name.includes('/');
}

/** The name under which e-mails are posted. */
const MAIL = 'Mail/hook';

/**
 * Splits the name of a program into whose news it brings and how they come: `GitHub/hook` is a webhook of GitHub. Of
 * bridges the second word is the network that they lead to.
 */
export function relayedName(
  name: string,
): { name: string; kind: string } | undefined {
  const at = name.lastIndexOf('/');
  const [first, second] = [name.slice(0, at), name.slice(at + 1)];
  if (at < 0 || !first || !second) return undefined;
  if (name === MAIL) return { name: first, kind: 'e-mail' };
  return { name: first, kind: second === 'hook' ? 'webhook' : second };
}

/** Returns what a channel's name begins with, which is no part of what it is called. */
export function signOf(name: string, names: Conversations): string {
  return name.slice(0, leading(name, names.channels));
}
