/**
 * Limits on what is sent to each participant. Everyone sends to everyone, so each additional person costs everyone
 * another encoder and another share of bandwidth: the more people, the smaller the picture.
 */

/** What is sent: the screen and the camera share one sender. */
export type Source = 'microphone' | 'camera' | 'screen';

/** Total upstream bandwidth to all others, bit/s. */
export const UPSTREAM = 2_000_000;

/** Speech in Opus needs no more than this, bit/s. */
const SPEECH = 32_000;

export interface Limits {
  /** Bit/s. */
  bitrate: number;
  /** Frames per second. */
  rate?: number;
  /** The shorter side of the picture, in pixels; if absent, the picture keeps its size. */
  side?: number;
}

/** The camera, by the number of others: one, two, …, five and more. */
const CAMERA: readonly Limits[] = [
  { side: 540, rate: 24, bitrate: 1_500_000 },
  { side: 360, rate: 24, bitrate: 800_000 },
  { side: 360, rate: 20, bitrate: 520_000 },
  { side: 270, rate: 15, bitrate: 380_000 },
  { side: 270, rate: 15, bitrate: 300_000 },
];

/** The screen is for reading: it keeps its size, and changes rarely. */
const SCREEN: readonly Limits[] = [
  { rate: 15, bitrate: 1_800_000 },
  { rate: 10, bitrate: 900_000 },
  { rate: 8, bitrate: 600_000 },
  { rate: 5, bitrate: 450_000 },
  { rate: 5, bitrate: 360_000 },
];

/** The limits for each of the others in a call with this many people, including the user. */
export function limitsFor(source: Source, people: number): Limits {
  if (source === 'microphone') return { bitrate: SPEECH };
  const table = source === 'camera' ? CAMERA : SCREEN;
  const at = Math.min(Math.max(people - 2, 0), table.length - 1);
  return table[at]!;
}

/** The camera captures pictures no larger than they are sent: scaling them for each of the others costs more. */
export function cameraConstraints(people: number): MediaTrackConstraints {
  const { side = 0, rate = 0 } = limitsFor('camera', people);
  return {
    width: { ideal: (side * 16) / 9 },
    height: { ideal: side },
    frameRate: { ideal: rate, max: 30 },
  };
}

/** A screen is captured unscaled, up to a legible maximum; browsers accept only maxima here. */
export function screenConstraints(): MediaTrackConstraints {
  return {
    width: { max: 1920 },
    height: { max: 1200 },
    frameRate: { max: limitsFor('screen', 2).rate ?? 0 },
  };
}

/** A sender's parameters with the limits of what it sends; `size` is the size of its input pictures. */
export function limited(
  parameters: RTCRtpSendParameters,
  source: Source,
  people: number,
  size: { width?: number; height?: number } = {},
): RTCRtpSendParameters {
  const { bitrate, rate, side } = limitsFor(source, people);
  const encodings = parameters.encodings.map((encoding) => ({
    ...encoding,
    maxBitrate: bitrate,
    ...(rate ? { maxFramerate: rate } : {}),
    ...(source === 'microphone'
      ? {}
      : { scaleResolutionDownBy: scale(side, size) }),
  }));
  if (source === 'microphone') return { ...parameters, encodings };
  return {
    ...parameters,
    encodings,
    // What is reduced if the machine or the connection is too slow.
    degradationPreference:
      source === 'screen' ? 'maintain-resolution' : 'balanced',
  };
}

/** The factor by which pictures are scaled down; phones rotate theirs, so the shorter side counts. */
function scale(
  side: number | undefined,
  { width = 0, height = 0 }: { width?: number; height?: number },
): number {
  if (!side) return 1;
  return Math.max(1, Math.min(width, height) / side);
}
