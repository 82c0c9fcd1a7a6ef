/**
 * Keys of rooms in stored data: stored by a device that knew the server's case mapping, or by one that did not know
 * it yet.
 */

import { CASEMAPPINGS, fold } from '../casemapping.ts';

/** Every key that a room may have been stored under. */
export function keysOf(networkId: string, name: string): Set<string> {
  return new Set(
    CASEMAPPINGS.map((mapping) => `${networkId}/${fold(name, mapping)}`),
  );
}

/** When a conversation was closed, if it was. */
export function closedSince(
  closed: Readonly<Record<string, number>>,
  networkId: string,
  name: string,
): number | undefined {
  const times = [...keysOf(networkId, name)]
    .map((key) => closed[key])
    .filter((at) => at !== undefined);
  return times.length ? Math.max(...times) : undefined;
}
