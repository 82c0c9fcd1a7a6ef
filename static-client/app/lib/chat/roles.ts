/** What one may do in a channel, by one's role there: what is not allowed is not offered. */

import type { Network, Role, Room } from './types.ts';

const MODERATORS: readonly Role[] = ['owner', 'admin'];

/** Returns one's own role; nothing where it is not known, or where there are none. */
export function ownRole(room: Room, network: Network): Role | undefined {
  if (!network.supports.includes('roles')) return undefined;
  return room.members.get(network.nick)?.role;
}

/**
 * Returns whether to offer setting the topic. Where somebody moderates a channel it is theirs, as channels are made on
 * nearly every network; where nobody does, anyone who is in it may try. Commands are taken from everyone: the network decides.
 */
export function maySetTopic(room: Room, network: Network): boolean {
  if (!room.joined || !network.supports.includes('topics')) return false;
  const own = ownRole(room, network);
  if (own === undefined || MODERATORS.includes(own)) return true;
  for (const { role } of room.members.values()) {
    if (MODERATORS.includes(role)) return false;
  }
  return true;
}
