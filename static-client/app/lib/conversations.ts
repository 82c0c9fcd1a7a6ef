/** What kind of thing a name refers to, according to its platform. */

import type { Conversations } from './protocol.ts';

/** How many leading characters of a name belong to a set. */
function leading(name: string, set: string, from = 0): number {
  let at = from;
  while (at < name.length && set.includes(name[at]!)) at += 1;
  return at;
}

/** Returns whether a name is a channel's, or addresses its members with some rank (`@#channel`). */
export function isChannel(name: string, names: Conversations): boolean {
  const begin = leading(name, names.parts);
  return leading(name, names.channels, begin) > begin;
}

/**
 * Returns the kind of a room of which only the name is known: where channels have no prefix, a direct conversation.
 */
export function kindByName(
  name: string,
  names: Conversations,
): 'channel' | 'direct' {
  return isChannel(name, names) ? 'channel' : 'direct';
}

/** Returns whether a name addresses a channel's members with some rank, which cannot be joined. */
export function isPartOfChannel(name: string, names: Conversations): boolean {
  return leading(name, names.parts) > 0 && isChannel(name, names);
}

/** Returns the channel that was typed: people leave out the usual prefix. */
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
 * Splits a program's name into the service and the way its news arrives: `GitHub/hook` is a webhook of GitHub. For
 * bridges, the second word is the bridged network.
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

/** Returns a channel name's prefix, which is not part of its displayed name. */
export function signOf(name: string, names: Conversations): string {
  return name.slice(0, leading(name, names.channels));
}
