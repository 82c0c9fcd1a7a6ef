/** The platforms that the server offers, with their descriptors. */

import { DEFAULT_DESCRIPTOR, type PlatformDescriptor } from './protocol.ts';

export type Platforms = readonly PlatformDescriptor[];

/**
 * Returns a platform's descriptor. Nothing but the id is known about one that is not offered: it supports nothing,
 * and names are compared exactly.
 */
export function platformOf(
  platforms: Platforms,
  id: string,
): PlatformDescriptor {
  const known = platforms.find((platform) => platform.id === id);
  if (known) return known;
  if (id === DEFAULT_DESCRIPTOR.id) return DEFAULT_DESCRIPTOR;
  return {
    id,
    label: id,
    names: { compare: 'exact', inside: '' },
    conversations: { channels: '', usual: '', parts: '', servers: '' },
    fields: [],
    supports: [],
  };
}

/** Returns the platforms available for a new connection. */
export function offered(platforms: Platforms): Platforms {
  return platforms.length ? platforms : [DEFAULT_DESCRIPTOR];
}
