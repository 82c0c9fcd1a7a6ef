/**
 * Which folders an archive has, by its listings. Asking for a document that is not there is an error in every browser's
 * console; asking for the folder above, once for all rooms in it, is not.
 */

/** How long a listing is taken as it was, in ms: as long as it takes to look for the rooms of a network. */
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

  /** Whether there is a folder, a path with slashes around each of its names. */
  async has(folder: string): Promise<boolean> {
    const names = folder.split('/').filter(Boolean);
    let path = '/';
    for (const [depth, name] of names.entries()) {
      // The root belongs to the owner only: a token does not grant access to it.
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
    // What could not be listed is asked for again.
    items.catch(() => this.#known.delete(path));
    return items;
  }
}
