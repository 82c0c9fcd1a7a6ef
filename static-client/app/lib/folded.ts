/** Maps by the name of a person or channel, compared as on a network. */

import { fold, type Casemapping } from './casemapping.ts';

/** The read-only part of such a map. */
export type ReadonlyFoldedMap<T> = Pick<
  FoldedMap<T>,
  'casemapping' | 'copy' | 'get' | 'has' | 'size' | 'values'
>;

/** A map by names: `[x]` finds the value of `{X}`, if the network considers the names equal. */
export class FoldedMap<T> {
  readonly casemapping: Casemapping;
  readonly #items: Map<string, T>;

  constructor(casemapping: Casemapping, items?: Iterable<[string, T]>) {
    this.casemapping = casemapping;
    this.#items = new Map();
    for (const [name, item] of items ?? []) this.set(name, item);
  }

  get size(): number {
    return this.#items.size;
  }

  get(name: string): T | undefined {
    return this.#items.get(fold(name, this.casemapping));
  }

  has(name: string): boolean {
    return this.#items.has(fold(name, this.casemapping));
  }

  set(name: string, item: T): this {
    this.#items.set(fold(name, this.casemapping), item);
    return this;
  }

  delete(name: string): boolean {
    return this.#items.delete(fold(name, this.casemapping));
  }

  clear() {
    this.#items.clear();
  }

  values(): MapIterator<T> {
    return this.#items.values();
  }

  copy(): FoldedMap<T> {
    const copy = new FoldedMap<T>(this.casemapping);
    for (const [key, item] of this.#items) copy.#items.set(key, item);
    return copy;
  }
}
