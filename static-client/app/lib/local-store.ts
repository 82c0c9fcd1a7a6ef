/** JSON values in the browser's localStorage; a full or forbidden store does not break the chat. */

const PREFIX = 'subspace:';

export interface KeyValue {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  key(index: number): string | null;
  readonly length: number;
}

export class LocalStore {
  readonly #store: KeyValue;

  constructor(store: KeyValue = localStorage) {
    this.#store = store;
  }

  get(key: string): unknown {
    try {
      const text = this.#store.getItem(PREFIX + key);
      return text === null ? undefined : (JSON.parse(text) as unknown);
    } catch {
      return undefined;
    }
  }

  set(key: string, value: unknown) {
    try {
      if (value === undefined) this.#store.removeItem(PREFIX + key);
      else this.#store.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // Full or forbidden: what is shown stays correct, and is only forgotten on reload.
    }
  }

  /** Returns whether a key from a `storage` event is one of ours. */
  is(stored: string | null, key: string): boolean {
    return stored === PREFIX + key;
  }

  /** Keys with a prefix, without our own prefix. */
  keys(start: string): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.#store.length; i++) {
      const key = this.#store.key(i);
      if (key?.startsWith(PREFIX + start)) found.push(key.slice(PREFIX.length));
    }
    return found;
  }

  removeAll(start: string) {
    for (const key of this.keys(start)) this.set(key, undefined);
  }
}
