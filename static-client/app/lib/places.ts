/** The location of an account's documents, in words. */

import type { PlaceView } from './protocol.ts';

export function placeName(place: PlaceView): string {
  if (place.kind === 'installation') return 'the store of this server';
  const at = place.endpoint ?? `Amazon S3 in ${place.region}`;
  return `the bucket “${place.bucket}” at ${at}`;
}
