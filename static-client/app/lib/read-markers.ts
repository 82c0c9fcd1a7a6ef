/**
 * Read markers: the time up to which each room is read, written only here. The later time wins, from whatever device.
 */

import type { LocalStore } from './local-store.ts';

/** Markers are written together after this delay, in ms. */
const PAUSE = 1000;
/** Kept in this browser; removed on sign-out. */
const KEPT = 'cache:read-markers';
/** Number of markers kept there, the latest ones. */
const KEPT_LIMIT = 500;

export class ReadMarkers {
  readonly #markers = new Map<string, number>();
  readonly #dirty = new Set<string>();
  /** Markers that moved here, whether or not the storage has them already. */
  readonly #moved = new Set<string>();
  readonly #store: () => LocalStore;
  readonly #write: (key: string, at: number) => Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    store: () => LocalStore,
    write: (key: string, at: number) => Promise<void>,
  ) {
    this.#store = store;
    this.#write = write;
  }

  /** By the room's key, in ms. */
  get all(): ReadonlyMap<string, number> {
    return this.#markers;
  }

  /** Starts with what an earlier page in this browser has read and may not have been able to write. */
  start() {
    for (const [key, at] of Object.entries(this.#kept())) {
      if (this.#raise(key, at)) this.#moved.add(key);
    }
  }

  /** Applies the storage's markers; newer ones are written to it. */
  adopt(stored: ReadonlyMap<string, number>) {
    for (const [key, at] of stored) this.#raise(key, at);
    for (const key of this.#moved) {
      if (this.#markers.get(key)! > (stored.get(key) ?? 0)) this.#later(key);
    }
  }

  /** Forgets everything, and writes nothing more. */
  stop() {
    clearTimeout(this.#timer);
    this.#markers.clear();
    this.#dirty.clear();
    this.#moved.clear();
  }

  /** A room was read here. */
  read(key: string, at: number) {
    if (!this.#raise(key, at)) return;
    this.#moved.add(key);
    this.#later(key);
  }

  /** Another device reports how far a room is read; `lost` is what was to be written here but was not. */
  heard(key: string, at: number, lost?: number) {
    this.#raise(key, Math.max(at, lost ?? 0));
    // The other device had read less, so ours stands.
    if (lost !== undefined && this.#markers.get(key)! > at) this.#later(key);
  }

  /** A room's key has changed. */
  move(from: string, to: string) {
    const at = this.#markers.get(from);
    if (at === undefined) return;
    this.#markers.delete(from);
    this.#raise(to, at);
    if (this.#moved.delete(from)) this.#moved.add(to);
  }

  /** Writes pending markers now: the page may be left at any moment, and unfinished writes are lost. */
  flush = () => {
    clearTimeout(this.#timer);
    this.#keep();
    for (const key of this.#dirty) {
      const at = this.#markers.get(key);
      if (at) void this.#write(key, at).catch(() => undefined);
    }
    this.#dirty.clear();
  };

  #raise(key: string, at: number): boolean {
    if (at <= (this.#markers.get(key) ?? 0)) return false;
    this.#markers.set(key, at);
    return true;
  }

  #later(key: string) {
    this.#dirty.add(key);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.flush, PAUSE);
  }

  /** In this browser at once; other tabs keep theirs there too. */
  #keep() {
    if (!this.#moved.size) return;
    const kept = new Map(Object.entries(this.#kept()));
    for (const key of this.#moved) {
      const at = Math.max(this.#markers.get(key) ?? 0, kept.get(key) ?? 0);
      if (at) kept.set(key, at);
    }
    const latest = [...kept].sort(([, a], [, b]) => b - a);
    this.#store().set(KEPT, Object.fromEntries(latest.slice(0, KEPT_LIMIT)));
  }

  #kept(): Record<string, number> {
    const kept = this.#store().get(KEPT);
    if (typeof kept !== 'object' || kept === null) return {};
    const times = Object.entries(kept).filter(
      (entry): entry is [string, number] => Number.isFinite(entry[1]),
    );
    return Object.fromEntries(times);
  }
}
