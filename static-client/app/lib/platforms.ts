/** The platforms that the server offers, as they describe themselves. */

import { DEFAULT_DESCRIPTOR, type PlatformDescriptor } from './protocol.ts';

export type Platforms = readonly PlatformDescriptor[];

/** Returns a platform's descriptor. Of one that is not offered any more nothing is known but its id. */
export function platformOf(
  platforms: Platforms,
  id: string,
): PlatformDescriptor {
  const known = platforms.find((platform) => platform.id === id);
  if (known) return known;
  if (id === DEFAULT_DESCRIPTOR.id) return DEFAULT_DESCRIPTOR;
  return { ...DEFAULT_DESCRIPTOR, id, label: id, fields: [], supports: [] };
}

/** Returns what a new connection can be made to. */
export function offered(platforms: Platforms): Platforms {
  return platforms.length ? platforms : [DEFAULT_DESCRIPTOR];
}
