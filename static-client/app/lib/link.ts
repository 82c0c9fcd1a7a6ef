/** The link to one connector: Socket.IO, with a fresh ticket for every attempt. */

import type { Activity } from './activities.ts';
import { isActivity } from './activities.ts';
import type { ConnectorAddress } from './protocol.ts';

/** The part of a Socket.IO client socket that is used; tests provide their own. */
export interface SocketLike {
  readonly connected: boolean;
  on(event: string, listener: (...args: never[]) => void): unknown;
  timeout(ms: number): {
    emit(
      event: string,
      payload: unknown,
      ack: (error: Error | null, answer?: unknown) => void,
    ): unknown;
  };
  disconnect(): unknown;
}

/** Opens a socket; `shown` is a ticket that is included in the URL, where the gateway sees it first. */
export type OpenSocket = (
  url: string,
  auth: Record<string, unknown>,
  shown?: string,
) => SocketLike;

export type LinkStatus = 'connecting' | 'online' | 'offline';

export interface LinkEvents {
  /** A ticket for this connector; throws a sentence. */
  ticket(): Promise<ConnectorAddress>;
  /** Replay what was published after this time. */
  since(): string;
  opened(): void;
  status(status: LinkStatus, sentence: string): void;
  activities(activities: Activity[]): void;
}

/** The first and the maximum delay before another attempt, in ms. */
export const FIRST_PAUSE = 500;
export const LONGEST_PAUSE = 15_000;
/** The status with which the gateway refuses a handshake while too many connections without a ticket are open. */
const TOO_MANY_REQUESTS = 429;
/** Timeout for an ack, in ms. */
export const ACK_TIMEOUT = 20_000;

/** The delay before attempt n (from 1), between half and all of the doubled time. */
export function pause(attempt: number, random: () => number): number {
  const whole = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
  return whole / 2 + (whole / 2) * random();
}

/** Why a socket could not be opened; `description` is the status of the handshake's response, if there was one. */
interface ConnectError extends Error {
  description?: unknown;
}

export class Link {
  readonly #open: OpenSocket;
  readonly #events: LinkEvents;
  #socket: SocketLike | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  /** Counts attempts, so that events of an old one are ignored. */
  #generation = 0;
  #stopped = false;

  constructor(open: OpenSocket, events: LinkEvents) {
    this.#open = open;
    this.#events = events;
  }

  get connected(): boolean {
    return this.#socket?.connected ?? false;
  }

  /** Connects, and retries until `stop`. */
  start() {
    void this.#try();
  }

  /** Tries now instead of later, for instance when the browser comes online. */
  hurry() {
    if (this.#stopped || this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#try();
  }

  stop() {
    this.#stopped = true;
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#socket?.disconnect();
    this.#socket = undefined;
  }

  /** Sends an activity; resolves with the ack, rejects with a sentence. */
  request(activity: Activity): Promise<Activity> {
    const socket = this.#socket;
    if (!socket?.connected) {
      return Promise.reject(new Error('The gateway is not connected.'));
    }
    return new Promise((resolve, reject) => {
      socket.timeout(ACK_TIMEOUT).emit('message', activity, (error, answer) => {
        if (error) reject(new UnknownOutcome());
        else if (!isActivity(answer)) {
          reject(new Error('The gateway sent an unreadable answer.'));
        } else if (answer.error) reject(new Error(answer.error));
        else resolve(answer);
      });
    });
  }

  async #try() {
    if (this.#stopped) return;
    const generation = ++this.#generation;
    const current = () => generation === this.#generation && !this.#stopped;
    this.#attempt += 1;
    this.#events.status('connecting', 'Connecting to the gateway.');
    let address: ConnectorAddress;
    try {
      address = await this.#events.ticket();
    } catch (error) {
      if (current()) this.#later((error as Error).message);
      return;
    }
    if (current()) this.#connect(address);
  }

  /**
   * Opens a socket. Its ticket is sent with the first message, because URLs are logged. If strangers occupy all
   * connections without a ticket, the gateway refuses the handshake before that; then the ticket is included in the
   * URL, once.
   */
  #connect(address: ConnectorAddress, shown?: string) {
    const generation = ++this.#generation;
    const current = () => generation === this.#generation && !this.#stopped;
    const socket = this.#open(
      address.url,
      { ticket: address.ticket, mode: 'full', since: this.#events.since() },
      shown,
    );
    this.#socket = socket;
    let refused = '';
    let batch: Activity[] = [];
    const frames = new Frames();
    const flush = () => {
      const ready = batch;
      batch = [];
      if (!ready.length || !current()) return;
      // Only now does the connection work: after an immediate refusal, the delay must grow.
      this.#attempt = 0;
      this.#events.activities(ready);
    };
    const broken = (sentence: string) => {
      if (!current()) return;
      flush();
      socket.disconnect();
      this.#socket = undefined;
      this.#later(refused || sentence);
    };
    socket.on('connect', () => {
      if (!current()) return;
      this.#events.status('online', 'Connected to the gateway.');
      this.#events.opened();
    });
    socket.on('message', (value: unknown) => {
      if (!isActivity(value)) return;
      // What arrives together is applied together, at most once per frame.
      if (batch.push(value) === 1) frames.next(flush);
    });
    socket.on('error', (value: unknown) => {
      const said = value as { summary?: unknown; error?: unknown } | null;
      const sentence = said?.summary ?? said?.error;
      if (typeof sentence === 'string') refused = sentence;
    });
    socket.on('connect_error', (error: ConnectError) => {
      const full = error.description === TOO_MANY_REQUESTS;
      if (full && shown === undefined && current()) {
        socket.disconnect();
        this.#connect(address, address.ticket);
        return;
      }
      broken(
        full
          ? 'The gateway has too many connections at the moment.'
          : `Can't reach the gateway at ${address.url}: ${error.message}.`,
      );
    });
    socket.on('disconnect', () => {
      broken('The connection to the gateway was lost.');
    });
  }

  #later(sentence: string) {
    const ms = pause(Math.max(1, this.#attempt), Math.random);
    this.#events.status('offline', sentence);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#try();
    }, ms);
  }
}

/** A hidden page has no frames; this time is used instead, in ms. */
const NO_FRAME = 100;
/** Maximum delay before what arrives is shown, in ms. */
const LONGEST_WAIT = 500;

/** Spreads work over frames: after each piece, the page gets as much time for everything else as the piece took. */
class Frames {
  #free = 0;

  /** Calls back in a later frame. */
  next(work: () => void) {
    const wait = Math.min(LONGEST_WAIT, this.#free - performance.now());
    if (wait > 0) setTimeout(() => this.#withFrame(work), wait);
    else this.#withFrame(work);
  }

  #withFrame(work: () => void) {
    let done = false;
    const once = () => {
      if (done) return;
      done = true;
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      const begin = performance.now();
      work();
      // After it was rendered.
      setTimeout(() => {
        const now = performance.now();
        this.#free = now + (now - begin);
      }, 0);
    };
    const frame = requestAnimationFrame(once);
    const timer = setTimeout(once, NO_FRAME);
  }
}

/** No ack arrived: the request may or may not have been carried out. */
export class UnknownOutcome extends Error {
  constructor() {
    super('The connection was lost before the server confirmed it.');
    this.name = 'UnknownOutcome';
  }
}
