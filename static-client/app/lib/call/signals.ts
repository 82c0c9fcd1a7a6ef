/**
 * What other participants may send: checked before anything is used. Connectors have limits of their own
 * (`connectors/SOCKETHUB.md`, Calls); these apply whatever the connector lets through. We send two media lines, 8 kB,
 * and a dozen candidates.
 */

import type { SignalData } from '../protocol-calls.ts';

/** Characters per signal. */
export const MAX_SIGNAL = 64 << 10;
/** Characters per session description. */
export const MAX_SDP = 32 << 10;
/** Media lines per description: audio, video, and one that carries neither. Each video line costs an encoder. */
export const MAX_LINES = 3;
/** Candidates per signal, and per description. */
export const MAX_CANDIDATES = 64;
export const MAX_CANDIDATES_IN_ALL = 256;
/** Characters per candidate. */
export const MAX_CANDIDATE = 1024;
/** Candidates held until their description arrives. */
export const MAX_WAITING = 64;
/** The burst that may arrive at once, and the sustained rate per second. */
export const SIGNALS = { most: 200, perSecond: 20 };
export const CHARACTERS = { most: 512 << 10, perSecond: 64 << 10 };
/** Each makes a browser look for paths again. */
export const OFFERS = { most: 40, perSecond: 1 };

/** A participant sends more than a call needs, or something else; the message is shown. */
export class Breach extends Error {}

interface Rate {
  most: number;
  perSecond: number;
}

/** A token bucket. */
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

/** Checks what one participant sends. */
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

  /** Returns the understood part of a signal, and nothing else; throws a `Breach`. Times are in ms. */
  read(data: unknown, now: number): SignalData {
    const size = JSON.stringify(data ?? null).length;
    if (size > MAX_SIGNAL) throw new Breach('a signal was too large');
    if (!this.#signals.spend(1, now) || !this.#characters.spend(size, now)) {
      throw new Breach('they sent too many signals');
    }
    const { description, candidates, round, restart } = record(data);
    const read: SignalData = {};
    if (description !== undefined) {
      read.description = session(description);
      this.#candidates = 0;
      if (read.description.type === 'offer' && !this.#offers.spend(1, now)) {
        throw new Breach('they sent too many connection offers');
      }
    }
    if (candidates !== undefined) {
      read.candidates = ways(candidates);
      this.#candidates += read.candidates.length;
      if (this.#candidates > MAX_CANDIDATES_IN_ALL) {
        throw new Breach('they sent too many network addresses');
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

const NONSENSE = 'they sent an invalid signal';

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
  // Browsers also accept bare line feeds and carriage returns.
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
    throw new Breach('they requested more audio or video than a call has');
  }
  return { type, sdp };
}

function ways(value: unknown): RTCIceCandidateInit[] {
  if (!Array.isArray(value)) throw new Breach(NONSENSE);
  if (value.length > MAX_CANDIDATES) {
    throw new Breach('they sent too many network addresses');
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

/** User name fragments have at most 256 characters (RFC 8839, section 5.4). */
function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 256;
}
