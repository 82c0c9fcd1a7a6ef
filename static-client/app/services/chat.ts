import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type { Activity } from '../lib/activities.ts';
import { sentenceOf } from '../lib/api.ts';
import type { ArchiveDay } from '../lib/archive.ts';
import { same } from '../lib/casemapping.ts';
import type { Happening } from '../lib/chat/context.ts';
import { Draft, roomKey } from '../lib/chat/draft.ts';
import { addEntry, mergeEntries, trim } from '../lib/chat/entries.ts';
import {
  applyConnection,
  applyConnections,
  applyLinkLost,
} from '../lib/chat/networks.ts';
import { localId } from '../lib/chat/outbox.ts';
import { reduce } from '../lib/chat/reduce.ts';
import { relate } from '../lib/chat/relations.ts';
import { closedSince } from '../lib/chat/room-keys.ts';
import {
  EMPTY_STATE,
  SERVER_ROOM,
  type ChatState,
  type Connection,
  type Network,
  type Room,
} from '../lib/chat/types.ts';
import { latest, unread, type Unread } from '../lib/chat/unread.ts';
import { InputHistory } from '../lib/input-history.ts';
import type { Platforms } from '../lib/platforms.ts';
import type LifeService from './life.ts';
import type OutgoingService from './outgoing.ts';
import type PreferencesService from './preferences.ts';
import type SessionService from './session.ts';
import type TypingService from './typing.ts';

/** Maximum number of entries kept for rooms that are not open; the archives have the others. */
const ROOM_LIMIT = 3000;
const ROOM_KEEP = 1000;
const CACHE_CONNECTIONS = 'cache:connections';
const CACHE_DIRECT = 'cache:direct';
const CACHE_PLATFORMS = 'cache:platforms';
/** How networks compare names, so that keys are correct from the start. */
const CACHE_CASEMAPPINGS = 'cache:casemappings';

/** The state of all networks and rooms, and every change to it. */
export default class ChatService extends Service {
  @service declare life: LifeService;
  @service declare outgoing: OutgoingService;
  @service declare preferences: PreferencesService;
  @service declare session: SessionService;
  @service declare typing: TypingService;

  @tracked state: ChatState = EMPTY_STATE;
  @tracked connections: readonly Connection[] = [];
  /** The platforms available for connections. */
  @tracked platforms: Platforms = [];
  /** The list of connections has arrived from the server, or the cache. */
  @tracked loaded = false;
  /** Why the list of connections could not be loaded. */
  @tracked trouble = '';
  @tracked activeKey: string | undefined;

  get networks(): Network[] {
    return [...this.state.networks.values()];
  }

  get rooms(): Room[] {
    return this.networks.flatMap((network) => this.roomsOf(network));
  }

  roomsOf(network: Network): Room[] {
    return network.rooms
      .map((key) => this.state.rooms.get(key))
      .filter((room): room is Room => room !== undefined);
  }

  network(id: string): Network | undefined {
    return this.state.networks.get(id);
  }

  room(networkId: string, name: string): Room | undefined {
    const network = this.network(networkId);
    return network && this.state.rooms.get(roomKey(network, name));
  }

  get activeRoom(): Room | undefined {
    return this.activeKey ? this.state.rooms.get(this.activeKey) : undefined;
  }

  unread(room: Room): Unread {
    return unread(room);
  }

  /** Applies changes together, as one new state. */
  update(change: (draft: Draft) => void) {
    const draft = new Draft(this.state);
    change(draft);
    const state = draft.finish();
    if (state === this.state) return;
    const before = this.state;
    this.state = state;
    // A room that is reopened loads its history again.
    for (const key of before.rooms.keys()) {
      if (!state.rooms.has(key)) this.life.forgotten(key);
    }
  }

  /** Shows what this browser remembers, then the server's data. */
  async start() {
    const { store } = this.session;
    const platforms = store.get(CACHE_PLATFORMS);
    if (Array.isArray(platforms)) this.platforms = platforms as Platforms;
    this.outgoing.start();
    const cached = store.get(CACHE_CONNECTIONS);
    if (Array.isArray(cached)) {
      this.#setConnections(cached as Connection[]);
      this.loaded = true;
    }
    await this.reload();
  }

  /** Requests the connections. */
  async reload() {
    try {
      const answer = await this.session.api.connections();
      this.platforms = answer.platforms ?? [];
      this.session.store.set(CACHE_PLATFORMS, this.platforms);
      this.#setConnections(answer.connections);
      this.trouble = '';
      this.loaded = true;
    } catch (error) {
      this.trouble = sentenceOf(error);
    }
  }

  /** Lines sent earlier in a room, while the account is signed in. */
  inputHistory(key: string): InputHistory {
    let history = this.#histories.get(key);
    if (!history) this.#histories.set(key, (history = new InputHistory()));
    return history;
  }
  readonly #histories = new Map<string, InputHistory>();

  reset() {
    this.state = EMPTY_STATE;
    this.typing.reset();
    this.#histories.clear();
    this.connections = [];
    this.platforms = [];
    this.loaded = false;
    this.trouble = '';
    this.activeKey = undefined;
  }

  setConnection(connection: Connection) {
    const others = this.connections.filter(({ id }) => id !== connection.id);
    this.connections = [...others, connection];
    this.session.store.set(CACHE_CONNECTIONS, this.connections);
    this.update((draft) =>
      applyConnection(draft, connection, undefined, this.platforms),
    );
  }

  dropConnection(id: string) {
    this.#setConnections(this.connections.filter((other) => other.id !== id));
  }

  #setConnections(connections: readonly Connection[]) {
    this.connections = connections;
    this.session.store.set(CACHE_CONNECTIONS, connections);
    this.update((draft) => {
      applyConnections(
        draft,
        connections,
        this.session.store.get(CACHE_CASEMAPPINGS) as
          Record<string, unknown> | undefined,
        this.platforms,
      );
      const direct = this.session.store.get(CACHE_DIRECT);
      for (const [networkId, name] of Array.isArray(direct)
        ? (direct as [string, string][])
        : []) {
        draft.openRoom(networkId, name, 'direct');
      }
      this.outgoing.showUnsent(draft);
    });
  }

  /** Applies what the gateway sent. */
  receive(activities: readonly Activity[]) {
    const happenings: Happening[] = [];
    const now = Date.now();
    const { closed } = this.preferences;
    this.update((draft) => {
      for (const activity of activities) {
        happenings.push(
          ...reduce(draft, activity, now, (networkId, name) =>
            closedSince(closed, networkId, name),
          ),
        );
      }
      this.#trim(draft);
    });
    for (const { type, localId: id } of happenings) {
      if (type === 'settled' && id) this.outgoing.settled(id);
    }
    for (const { type, from, room } of happenings) {
      if (type === 'moved' && from) this.#moved(from, room);
    }
    for (const { type, room, from, lasts, entry } of happenings) {
      if (type === 'typing' && from) this.typing.note(room, from, lasts ?? 0);
      else if (type === 'message' && entry)
        this.typing.note(room, entry.from, 0);
    }
    this.rememberDirect();
    this.life.happened(happenings);
  }

  /** A room's stored data moves to its new key. */
  #moved(from: string, to: string) {
    const { account, store } = this.session;
    const draft = store.get(`draft:${account}:${from}`);
    if (draft !== undefined) {
      store.set(`draft:${account}:${from}`, undefined);
      store.set(`draft:${account}:${to}`, draft);
    }
    const history = this.#histories.get(from);
    if (history) {
      this.#histories.delete(from);
      this.#histories.set(to, history);
    }
    if (this.activeKey === from) this.activeKey = to;
    const mappings = Object.fromEntries(
      this.networks.map(({ id, casemapping }) => [id, casemapping]),
    );
    store.set(CACHE_CASEMAPPINGS, mappings);
  }

  #trim(draft: Draft) {
    for (const room of draft.rooms.values()) {
      if (room.entries.length <= ROOM_LIMIT || room.key === this.activeKey) {
        continue;
      }
      const mutable = draft.roomByKey(room.key);
      if (mutable && trim(mutable, ROOM_KEEP)) {
        this.life.forgotten(room.key);
      }
    }
  }

  /** Adds what an archive has. */
  mergeArchive(
    key: string,
    { entries, relations }: Pick<ArchiveDay, 'entries' | 'relations'>,
  ) {
    this.update((draft) => {
      const room = draft.roomByKey(key);
      if (!room) return;
      mergeEntries(room, entries);
      relate(room, relations);
    });
    const room = this.state.rooms.get(key);
    if (room) this.outgoing.settle(room);
  }

  linkLost(connector?: string) {
    this.update((draft) => applyLinkLost(draft, connector));
  }

  setNetworkTrouble(networkId: string, sentence: string) {
    this.update((draft) => {
      const network = draft.network(networkId);
      if (!network) return;
      network.status = 'offline';
      network.sentence = sentence;
    });
  }

  /** Shows a line that only this user sees. */
  tell(key: string, kind: 'info' | 'error', text: string) {
    this.update((draft) => {
      const room = draft.roomByKey(key);
      if (!room) return;
      addEntry(room, {
        id: localId(),
        at: Date.now(),
        kind,
        from: '',
        text,
        own: false,
        mention: false,
      });
    });
  }

  /** Opens a room that may not exist yet. */
  openRoom(
    networkId: string,
    name: string,
    kind?: Room['kind'],
  ): Room | undefined {
    this.update((draft) => draft.openRoom(networkId, name, kind));
    this.rememberDirect();
    return this.room(networkId, name);
  }

  /** Closes a room permanently: neither stored data nor replays reopen it. */
  closeRoom(key: string) {
    const room = this.state.rooms.get(key);
    if (!room) return;
    // Messages are dated by another clock.
    this.preferences.setClosed(key, Math.max(Date.now(), latest(room)));
    this.update((draft) => draft.removeRoom(key));
    if (room.kind === 'channel') this.#forgetChannel(room);
    this.rememberDirect();
  }

  /** The list of connections is the server's last response, in which the channel is still included. */
  #forgetChannel({ networkId, name, casemapping }: Room) {
    this.connections = this.connections.map((connection) =>
      connection.id === networkId
        ? {
            ...connection,
            channels: connection.channels.filter(
              (channel) => !same(channel.split(' ')[0]!, name, casemapping),
            ),
          }
        : connection,
    );
    this.session.store.set(CACHE_CONNECTIONS, this.connections);
  }

  openServerRoom(networkId: string): Room | undefined {
    return this.openRoom(networkId, SERVER_ROOM);
  }

  /** Sets how far rooms are read; never moves back. Without a time, unknown rooms count from `start`. */
  applyMarkers(markers: ReadonlyMap<string, number>, start?: number) {
    this.update((draft) => {
      for (const known of draft.rooms.values()) {
        const marker = markers.get(known.key);
        let at = Math.max(marker ?? 0, known.readAt ?? 0);
        if (!at && known.readAt === undefined && start !== undefined) {
          at = known.kind === 'direct' ? 1 : start;
        }
        if (!at || at === known.readAt) continue;
        const room = draft.roomByKey(known.key);
        if (room) room.readAt = at;
      }
    });
  }

  /** Everything in a room is read; returns the new marker if it moved. */
  markRead(key: string): number | undefined {
    const room = this.state.rooms.get(key);
    if (!room) return undefined;
    const at = latest(room);
    if (!at || room.readAt === undefined || at <= room.readAt) return undefined;
    this.update((draft) => {
      const mutable = draft.roomByKey(key);
      if (mutable) mutable.readAt = at;
    });
    return at;
  }

  /** Makes direct conversations appear at once after a reload. */
  rememberDirect() {
    const direct = this.rooms
      .filter((room) => room.kind === 'direct')
      .map((room) => [room.networkId, room.name]);
    const text = JSON.stringify(direct);
    if (text === this.#remembered) return;
    this.#remembered = text;
    this.session.store.set(CACHE_DIRECT, direct);
  }
  #remembered = '';
}

declare module '@ember/service' {
  interface Registry {
    chat: ChatService;
  }
}
