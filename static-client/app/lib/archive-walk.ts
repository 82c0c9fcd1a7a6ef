/** Goes back through the days of one archive, which may be spread over several sources. */

import { parseMeta, previousDay } from './archive.ts';
import type { ArchiveSource } from './archive-source.ts';

export class Walk {
  /** The next older day, by source id; a source without an entry has not been started. */
  readonly cursors: Record<string, string | undefined>;
  /** Why a source could not be read. */
  trouble: unknown;
  readonly #sources: ArchiveSource[];
  readonly #folder: string;
  /** Failed sources; the others continue without them. */
  readonly #failed = new Set<string>();

  constructor(
    sources: ArchiveSource[],
    folder: string,
    cursors: Readonly<Record<string, string | undefined>> = {},
  ) {
    this.#sources = sources;
    this.#folder = folder;
    this.cursors = { ...cursors };
  }

  /** The newest unread day. */
  get next(): string | undefined {
    return this.#sources
      .filter(({ id }) => !this.#failed.has(id))
      .map(({ id }) => this.cursors[id])
      .filter((day) => day !== undefined)
      .sort()
      .at(-1);
  }

  /** Finds the last day in every source that has not been started. */
  async begin() {
    const fresh = this.#sources.filter(({ id }) => !(id in this.cursors));
    await this.#each(fresh, async (source) => {
      const there = (await source.has?.(this.#folder)) ?? true;
      const meta = there ? await source.read(`${this.#folder}meta`) : undefined;
      this.cursors[source.id] = parseMeta(meta);
    });
  }

  /** Reads the next day from all sources that have a part of it. */
  async step(): Promise<unknown[]> {
    const day = this.next;
    if (day === undefined) return [];
    const documents: unknown[] = [];
    const having = this.#sources.filter(
      ({ id }) => this.cursors[id] === day && !this.#failed.has(id),
    );
    await this.#each(having, async (source) => {
      const document = await source.read(this.#folder + day);
      documents.push(document);
      this.cursors[source.id] = previousDay(document);
    });
    return documents;
  }

  async #each(
    sources: ArchiveSource[],
    work: (source: ArchiveSource) => Promise<void>,
  ) {
    await Promise.all(
      sources.map((source) =>
        work(source).catch((error: unknown) => {
          this.#failed.add(source.id);
          this.trouble = error;
        }),
      ),
    );
  }
}
