/**
 * What somebody else in the call may send: looked at before anything of it is kept. Connectors have bounds of their own
 * (`connectors/SOCKETHUB.md`, Calls); these hold whatever the connector lets pass. We send two lines of media, 8 kB, and a
 * dozen ways.
 */

import type { SignalData } from './types.ts';

/** Characters of one signal. */
export const MAX_SIGNAL = 64 << 10;
/** Characters of a session description. */
export const MAX_SDP = 32 << 10;
/** Media of a description: sound, pictures, and one that carries neither. Each of pictures costs an encoder. */
export const MAX_LINES = 3;
/** Ways to somebody that come together, and that belong to one description. */
export const MAX_CANDIDATES = 64;
export const MAX_CANDIDATES_IN_ALL = 256;
/** Characters of one way. */
export const MAX_CANDIDATE = 1024;
/** Ways that are kept until the description comes that they belong to. */
export const MAX_WAITING = 64;
/** What may come at once, and how much of it a second for ever. */
export const SIGNALS = { most: 200, perSecond: 20 };
export const CHARACTERS = { most: 512 << 10, perSecond: 64 << 10 };
/** Each makes a browser look for ways anew. */
export const OFFERS = { most: 40, perSecond: 1 };

/** Somebody sends more than a call needs, or something else; what it says is shown. */
export class Breach extends Error {}

interface Rate {
  most: number;
  perSecond: number;
}

/** What is left of something that comes back with time. */
class Bucket {
  readonly #rate: Rate;
  #left: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#left = rate.most;
    this.#at = now;
  }

  spend(much: number, now: number): boolean {
    const { most, perSecond } = this.#rate;
    const passed = Math.max(0, now - this.#at) / 1000;
    this.#at = now;
    this.#left = Math.min(most, this.#left + passed * perSecond) - much;
    return this.#left >= 0;
  }
}

/** Looks at what one participant sends. */
export class Inspector {
  readonly #signals: Bucket;
  readonly #characters: Bucket;
  readonly #offers: Bucket;
  #candidates = 0;

  constructor(now: number) {
    this.#signals = new Bucket(SIGNALS, now);
    this.#characters = new Bucket(CHARACTERS, now);
    this.#offers = new Bucket(OFFERS, now);
  }

  /** Returns what is understood of a signal, and nothing else; throws a `Breach`. Times are in ms. */
  read(data: unknown, now: number): SignalData {
    const size = JSON.stringify(data ?? null).length;
    if (size > MAX_SIGNAL) throw new Breach('a signal was too large');
    if (!this.#signals.spend(1, now) || !this.#characters.spend(size, now)) {
      throw new Breach('too many signals came');
    }
    const { description, candidates, round, restart } = record(data);
    const read: SignalData = {};
    if (description !== undefined) {
      read.description = session(description);
      this.#candidates = 0;
      if (read.description.type === 'offer' && !this.#offers.spend(1, now)) {
        throw new Breach('too many offers came');
      }
    }
    if (candidates !== undefined) {
      read.candidates = ways(candidates);
      this.#candidates += read.candidates.length;
      if (this.#candidates > MAX_CANDIDATES_IN_ALL) {
        throw new Breach('too many ways to them were named');
      }
    }
    if (round !== undefined) {
      if (!Number.isSafeInteger(round)) throw new Breach(NONSENSE);
      read.round = round as number;
    }
    if (restart === true) read.restart = true;
    return read;
  }
}

const NONSENSE = 'something came that is no signal';

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Breach(NONSENSE);
  }
  return value as Record<string, unknown>;
}

function session(value: unknown): RTCSessionDescriptionInit {
  const { type, sdp } = record(value);
  if ((type !== 'offer' && type !== 'answer') || typeof sdp !== 'string') {
    throw new Breach(NONSENSE);
  }
  if (sdp.length > MAX_SDP) throw new Breach('a description was too large');
  // Browsers take lone line feeds and carriage returns, too.
  const lines = sdp.split(/[\r\n]/);
  const media = lines.filter((line) => line.startsWith('m='));
  const of = (kind: string) =>
    media.filter((line) => line.startsWith(`m=${kind} `)).length;
  // Several pictures in one line cost as many encoders as several lines.
  const layers = lines.some((line) => /^a=(simulcast|rid):/.test(line));
  if (
    layers ||
    media.length > MAX_LINES ||
    of('audio') > 1 ||
    of('video') > 1
  ) {
    throw new Breach('more sound or pictures were asked for than a call has');
  }
  return { type, sdp };
}

function ways(value: unknown): RTCIceCandidateInit[] {
  if (!Array.isArray(value)) throw new Breach(NONSENSE);
  if (value.length > MAX_CANDIDATES) {
    throw new Breach('too many ways to them were named');
  }
  return value.map((one) => {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = record(one);
    if (typeof candidate !== 'string' || candidate.length > MAX_CANDIDATE) {
      throw new Breach(NONSENSE);
    }
    return {
      candidate,
      ...(isShort(sdpMid) ? { sdpMid } : {}),
      ...(typeof sdpMLineIndex === 'number' ? { sdpMLineIndex } : {}),
      ...(isShort(usernameFragment) ? { usernameFragment } : {}),
    };
  });
}

/** Fragments of user names have at most 256 characters (RFC 8839, section 5.4). */
function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 256;
}
