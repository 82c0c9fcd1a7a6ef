/** Channels that can be looked at without being in them. */

import { isPartOfChannel } from '../conversations.ts';
import type { Network, Room } from './types.ts';

/** Returns whether a room is a channel that one is not in, as far as is known: without a connection nothing is. */
export function isOutside(room: Room, network: Network): boolean {
  return (
    room.kind === 'channel' &&
    !room.joined &&
    !isPartOfChannel(room.name, network.conversations) &&
    network.status === 'online'
  );
}
