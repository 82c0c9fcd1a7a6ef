/** The platforms that the server offers, as they describe themselves. */

import { DEFAULT_DESCRIPTOR, type PlatformDescriptor } from './protocol.ts';

export type Platforms = readonly PlatformDescriptor[];

/** Returns a platform's descriptor. Of one that is not offered nothing is known but its id: it can do nothing, and names are
 * compared as they are. */
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

/** Returns what a new connection can be made to. */
export function offered(platforms: Platforms): Platforms {
  return platforms.length ? platforms : [DEFAULT_DESCRIPTOR];
}
