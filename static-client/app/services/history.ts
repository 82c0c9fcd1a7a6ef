import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import {
  archiveFolder,
  decodeItem,
  parseDay,
  parseMeta,
  peopleFolder,
  type ArchiveDay,
} from '../lib/archive.ts';
import { sentenceOf } from '../lib/api.ts';
import { isSpoken, type Network, type Room } from '../lib/chat/types.ts';
import { archiveDay } from '../lib/days.ts';
import type ChatService from './chat.ts';
import type StorageService from './storage.ts';

export type HistoryStatus = 'idle' | 'loading' | 'complete' | 'failed';

interface RoomHistory {
  status: HistoryStatus;
  sentence: string;
  /** The next older day; nothing until the first day is loaded. */
  cursor: string | undefined;
  started: boolean;
}

const NEW: RoomHistory = {
  status: 'idle',
  sentence: '',
  cursor: undefined,
  started: false,
};
/** One request for older messages reads days until it has so many messages, or so many days. */
const ENOUGH_MESSAGES = 40;
const ENOUGH_DAYS = 7;
/** After a break at most so many days are read again. */
const GAP_DAYS = 14;
/** Rooms whose last day is read at the start, at a time. */
const AT_ONCE = 3;
/** Direct conversations that are found in the archives. */
const PEOPLE_LIMIT = 50;
const PEOPLE_DAYS = 60;
const DAY = 86_400_000;

/** Loads the archives of rooms from the user's storage. */
export default class HistoryService extends Service {
  @service declare chat: ChatService;
  @service declare storage: StorageService;

  @tracked private rooms: ReadonlyMap<string, RoomHistory> = new Map();

  of(key: string): RoomHistory {
    return this.rooms.get(key) ?? NEW;
  }

  reset(key?: string) {
    if (key === undefined) this.rooms = new Map();
    else this.#note(key, NEW);
  }

  #note(key: string, change: Partial<RoomHistory>) {
    const rooms = new Map(this.rooms);
    rooms.set(key, { ...this.of(key), ...change });
    this.rooms = rooms;
  }

  /** Reads the last day of every room, the open one first. */
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

  /** Loads the last day of a room, or what is before the oldest loaded day. */
  async loadOlder(key: string) {
    const room = this.chat.state.rooms.get(key);
    const history = this.of(key);
    if (!room || room.kind === 'server') return;
    if (history.status === 'loading' || history.status === 'complete') return;
    if (!this.storage.ready) return;
    this.#note(key, { status: 'loading', sentence: '' });
    try {
      const { network, folder } = this.#place(room);
      let cursor = history.cursor;
      if (!history.started)
        cursor = parseMeta(await this.storage.read(`${folder}meta`));
      let found = 0;
      for (
        let days = 0;
        cursor && days < ENOUGH_DAYS && found < ENOUGH_MESSAGES;
        days++
      ) {
        const day = await this.#readDay(folder, cursor, network, room);
        if (day) {
          found += day.entries.filter(isSpoken).length;
          this.chat.mergeArchive(key, day.entries);
        }
        cursor = day?.previous;
      }
      this.#note(key, {
        status: cursor ? 'idle' : 'complete',
        cursor,
        started: true,
      });
    } catch (error) {
      this.#note(key, { status: 'failed', sentence: sentenceOf(error) });
    }
  }

  /** Reads again, after a break, the days since the last message that is known. */
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
    let cursor = parseMeta(await this.storage.read(`${folder}meta`));
    for (let days = 0; cursor && cursor >= until && days < GAP_DAYS; days++) {
      const day = await this.#readDay(folder, cursor, network, room);
      if (day) this.chat.mergeArchive(room.key, day.entries);
      cursor = day?.previous;
    }
  }

  #place(room: Room) {
    const network = this.chat.network(room.networkId);
    if (!network) throw new Error('This network was removed.');
    return { network, folder: archiveFolder(network.server, room.name) };
  }

  async #readDay(
    folder: string,
    day: string,
    network: Network,
    room: Room,
  ): Promise<ArchiveDay | undefined> {
    const document = await this.storage.read(folder + day);
    return parseDay(document, network.nick, room.kind === 'direct');
  }

  /** Opens direct conversations of the last weeks that the archives know, unless they were closed. */
  async findPeople(closed: Readonly<Record<string, number>>) {
    const oldest = archiveDay(Date.now() - PEOPLE_DAYS * DAY);
    for (const network of this.chat.networks) {
      const folder = peopleFolder(network.server);
      const items = await this.storage.list(folder).catch(() => []);
      await this.#inParallel(items.slice(0, PEOPLE_LIMIT), async (item) => {
        const name = decodeItem(item);
        if (this.chat.room(network.id, name)) return;
        try {
          const last = parseMeta(
            await this.storage.read(
              `${archiveFolder(network.server, name)}meta`,
            ),
          );
          if (!last || last < oldest) return;
          const closedAt = closed[`${network.id}/${name.toLowerCase()}`];
          if (closedAt && last <= archiveDay(closedAt)) return;
          this.chat.openRoom(network.id, name);
        } catch {
          // A conversation that cannot be read is not offered.
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
