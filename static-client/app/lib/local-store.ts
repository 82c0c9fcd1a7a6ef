/** JSON values in the browser's localStorage; a full or forbidden store is no error of the chat. */

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
      // Full or forbidden: what is shown stays right, only a reload forgets it.
    }
  }

  /** Whether a key of the browser's store, of a `storage` event, is that of ours. */
  is(stored: string | null, key: string): boolean {
    return stored === PREFIX + key;
  }

  /** Keys that begin with a text, without our prefix. */
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
