/**
 * Which folders an archive has, according to its listings. Requesting a missing document causes an error in every
 * browser's console; requesting the parent folder, once for all its rooms, does not.
 */

/** How long a listing is cached, in ms: as long as it takes to look up a network's rooms. */
const FRESH = 5000;

export class Listings {
  readonly #list: (path: string) => Promise<string[]>;
  readonly #known = new Map<
    string,
    { at: number; items: Promise<ReadonlySet<string>> }
  >();

  constructor(list: (path: string) => Promise<string[]>) {
    this.#list = list;
  }

  /** Returns whether a folder exists; the path has slashes around each of its names. */
  async has(folder: string): Promise<boolean> {
    const names = folder.split('/').filter(Boolean);
    let path = '/';
    for (const [depth, name] of names.entries()) {
      // Only the owner can list the root: a token does not grant access to it.
      if (depth > 0 && !(await this.#items(path)).has(`${name}/`)) return false;
      path += `${name}/`;
    }
    return true;
  }

  #items(path: string): Promise<ReadonlySet<string>> {
    const now = performance.now();
    const known = this.#known.get(path);
    if (known && now - known.at < FRESH) return known.items;
    const items = this.#list(path).then((names) => new Set(names));
    this.#known.set(path, { at: now, items });
    // A failed listing is requested again.
    items.catch(() => this.#known.delete(path));
    return items;
  }
}
