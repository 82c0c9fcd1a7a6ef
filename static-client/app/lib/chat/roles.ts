/** What one may do in a channel: what is not allowed is not offered. */

import type { Network, Room } from './types.ts';

/**
 * Returns whether to offer setting the topic. Where roles do not decide it (a channel without `+t`, an administrator of the
 * server) the page cannot know who may, so it is offered to everyone in the channel, and the network decides.
 */
export function maySetTopic(room: Room, network: Network): boolean {
  return room.joined && network.supports.includes('topics');
}
