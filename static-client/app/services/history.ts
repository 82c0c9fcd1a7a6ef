import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import {
  archiveFolder,
  decodeItem,
  parseDay,
  peopleFolder,
} from '../lib/archive.ts';
import { Walk } from '../lib/archive-walk.ts';
import { sentenceOf } from '../lib/api.ts';
import { isSpoken, type Room } from '../lib/chat/types.ts';
import { closedSince } from '../lib/chat/room-keys.ts';
import { archiveDay } from '../lib/days.ts';
import type ArchivesService from './archives.ts';
import type ChatService from './chat.ts';
import type StorageService from './storage.ts';

export type HistoryStatus = 'idle' | 'loading' | 'complete' | 'failed';

interface RoomHistory {
  status: HistoryStatus;
  sentence: string;
  /** The next older day, by source id. */
  cursors: Readonly<Record<string, string | undefined>>;
  started: boolean;
}

const NEW: RoomHistory = {
  status: 'idle',
  sentence: '',
  cursors: {},
  started: false,
};
/** A request for older messages reads days until it has this many messages, or has read this many days. */
const ENOUGH_MESSAGES = 40;
const ENOUGH_DAYS = 7;
/** Maximum number of days read again after a break. */
const GAP_DAYS = 14;
/** Rooms whose last day is read concurrently at startup. */
const AT_ONCE = 3;
/** Maximum number of direct conversations found in the archives. */
const PEOPLE_LIMIT = 50;
const PEOPLE_DAYS = 60;
/**
 * A room is shown once its first archive page and missed messages have arrived, so that nothing moves while reading:
 * when nothing has arrived for this long, or it took too long; in ms.
 */
const QUIET = 250;
const SETTLE_PATIENCE = 4000;
const DAY = 86_400_000;

/** Loads rooms' archives from the user's storage. */
export default class HistoryService extends Service {
  @service declare archives: ArchivesService;
  @service declare chat: ChatService;
  @service declare storage: StorageService;

  @tracked private rooms: ReadonlyMap<string, RoomHistory> = new Map();

  /** Rooms that can be shown. */
  @tracked private settled: ReadonlySet<string> = new Set();
  /** Maximum delay before a room is shown, in ms. */
  patience = SETTLE_PATIENCE;

  isSettled(key: string): boolean {
    return this.settled.has(key);
  }

  /** Waits until a room can be shown. */
  async settle(key: string) {
    const begin = performance.now();
    let before: unknown;
    for (;;) {
      const { status, started } = this.of(key);
      const known = started || status === 'complete' || status === 'failed';
      const entries = this.chat.state.rooms.get(key)?.entries;
      const late = performance.now() - begin >= this.patience;
      if (late || (known && entries === before)) break;
      before = entries;
      await new Promise((done) => setTimeout(done, QUIET));
      if (this.isDestroying) return;
    }
    this.settled = new Set(this.settled).add(key);
  }

  of(key: string): RoomHistory {
    return this.rooms.get(key) ?? NEW;
  }

  reset(key?: string) {
    if (key === undefined) {
      this.#runs.clear();
      this.#reads.clear();
      this.settled = new Set();
      this.rooms = new Map();
      return;
    }
    this.#runs.delete(key);
    this.#reads.delete(key);
    if (this.rooms.has(key)) this.#note(key, NEW);
  }

  /** The current read of each room; a reset invalidates earlier ones. */
  #runs = new Map<string, symbol>();
  /** The same, for whoever wants to wait for it. */
  #reads = new Map<string, Promise<void>>();

  #note(key: string, change: Partial<RoomHistory>) {
    const rooms = new Map(this.rooms);
    rooms.set(key, { ...this.of(key), ...change });
    this.rooms = rooms;
  }

  /** Reads the last day of every room, starting with the open one. */
  async loadAll() {
    const active = this.chat.activeKey;
    const rooms = this.chat.rooms
      .filter((room) => room.kind !== 'server' && !this.of(room.key).started)
      .sort((a, b) => Number(b.key === active) - Number(a.key === active));
    await this.#inParallel(rooms, (room) => this.loadOlder(room.key));
  }

  async #inParallel<T>(items: T[], work: (item: T) => Promise<void>) {
    const queue = [...items];
    const worker = async () => {
      for (let item = queue.shift(); item; item = queue.shift()) {
        await work(item);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** Loads the last day of a room, or what is before the oldest loaded day; waits for it if that is under way. */
  loadOlder(key: string): Promise<void> {
    const before = this.#reads.get(key);
    if (before) return before;
    const read = this.#loadOlder(key).finally(() => {
      if (this.#reads.get(key) === read) this.#reads.delete(key);
    });
    this.#reads.set(key, read);
    return read;
  }

  async #loadOlder(key: string) {
    const room = this.chat.state.rooms.get(key);
    const history = this.of(key);
    if (!room || room.kind === 'server') return;
    if (history.status === 'loading' || history.status === 'complete') return;
    if (!this.storage.ready) return;
    this.#note(key, { status: 'loading', sentence: '' });
    const run = Symbol(key);
    this.#runs.set(key, run);
    const wanted = () => this.#runs.get(key) === run;
    try {
      const { network, folder } = this.#place(room);
      const sources = this.archives.sources();
      const walk = new Walk(sources, folder, history.cursors);
      await walk.begin();
      let found = 0;
      for (
        let days = 0;
        walk.next && days < ENOUGH_DAYS && found < ENOUGH_MESSAGES;
        days++
      ) {
        for (const document of await walk.step()) {
          if (!wanted()) return;
          const day = parseDay(document, network, room.kind === 'direct');
          if (!day) continue;
          found += day.entries.filter(isSpoken).length;
          this.chat.mergeArchive(key, day);
        }
      }
      if (!wanted()) return;
      const { cursors, trouble } = walk;
      const status = walk.next ? 'idle' : 'complete';
      this.#note(key, {
        // What could be read is shown; the same button retries the rest.
        ...(trouble
          ? { status: 'failed', sentence: sentenceOf(trouble) }
          : { status }),
        cursors,
        started: Object.keys(cursors).length > 0,
      });
    } catch (error) {
      if (!wanted()) return;
      this.#note(key, { status: 'failed', sentence: sentenceOf(error) });
    }
  }

  /** After a break, reads again the days since the last known message. */
  async fillGaps() {
    const rooms = this.chat.rooms.filter((room) => this.of(room.key).started);
    await this.#inParallel(rooms, async (room) => {
      try {
        await this.#fillGap(room);
      } catch {
        // The next break, or scrolling, tries again.
      }
    });
  }

  async #fillGap(room: Room) {
    const { network, folder } = this.#place(room);
    const known = room.entries.findLast((entry) => !entry.delivery)?.at;
    const until = archiveDay((known ?? Date.now()) - DAY);
    const walk = new Walk(this.archives.sources(), folder);
    await walk.begin();
    for (
      let days = 0;
      walk.next && walk.next >= until && days < GAP_DAYS;
      days++
    ) {
      for (const document of await walk.step()) {
        const day = parseDay(document, network, room.kind === 'direct');
        if (day) this.chat.mergeArchive(room.key, day);
      }
    }
  }

  #place(room: Room) {
    const network = this.chat.network(room.networkId);
    if (!network) throw new Error('This network was removed.');
    return {
      network,
      folder: archiveFolder(network.server, room.name, room.kind),
    };
  }

  /** Opens recent direct conversations found in the archives, unless they were closed. */
  async findPeople(closed: Readonly<Record<string, number>>) {
    const oldest = archiveDay(Date.now() - PEOPLE_DAYS * DAY);
    for (const network of this.chat.networks) {
      const people = peopleFolder(network.server);
      const sources = this.archives.sources();
      const lists = await Promise.all(
        sources.map((source) => source.list(people).catch(() => [])),
      );
      const items = [...new Set(lists.flat())];
      await this.#inParallel(items.slice(0, PEOPLE_LIMIT), async (item) => {
        const name = decodeItem(item);
        if (this.chat.room(network.id, name)) return;
        try {
          const folder = archiveFolder(network.server, name, 'direct');
          const walk = new Walk(sources, folder);
          await walk.begin();
          const last = walk.next;
          if (!last || last < oldest) return;
          const closedAt = closedSince(closed, network.id, name);
          if (closedAt && last <= archiveDay(closedAt)) return;
          this.chat.openRoom(network.id, name, 'direct');
        } catch {
          // An unreadable conversation is not offered.
        }
      });
    }
  }
}

declare module '@ember/service' {
  interface Registry {
    history: HistoryService;
  }
}
