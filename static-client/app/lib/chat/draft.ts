/**
 * Copy-on-write for one batch of changes: whatever is changed is copied once, then changed in place until `finish`. A
 * batch of a thousand messages to one room copies its list once.
 */

import { fold, type Casemapping } from '../casemapping.ts';
import { kindByName, signOf } from '../conversations.ts';
import { FoldedMap } from '../folded.ts';
import { hostKey } from '../lower.ts';
import type { Relation } from './relations.ts';
import {
  SERVER_ROOM,
  type ChatState,
  type Entry,
  type Member,
  type Network,
  type Room,
} from './types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface DraftRoom extends Mutable<
  Omit<Room, 'members' | 'entries' | 'ids' | 'waiting'>
> {
  members: FoldedMap<Member>;
  entries: Entry[];
  ids: Set<string>;
  waiting: Map<string, readonly Relation[]>;
}

export interface DraftNetwork extends Mutable<Omit<Network, 'rooms'>> {
  rooms: string[];
}

/** A room in a draft. Its members and entries are copied on access: most changes affect only one of them. */
class RoomCopy implements DraftRoom {
  readonly #base: Room;
  #members: FoldedMap<Member> | undefined;
  #entries: Entry[] | undefined;
  #ids: Set<string> | undefined;
  #waiting: Map<string, readonly Relation[]> | undefined;
  key: string;
  networkId: string;
  casemapping: Casemapping;
  kind: Room['kind'];
  name: string;
  topic: string;
  joined: boolean;
  readAt: number | undefined;

  constructor(base: Room) {
    this.#base = base;
    this.key = base.key;
    this.networkId = base.networkId;
    this.casemapping = base.casemapping;
    this.kind = base.kind;
    this.name = base.name;
    this.topic = base.topic;
    this.joined = base.joined;
    this.readAt = base.readAt;
  }

  get members(): FoldedMap<Member> {
    return (this.#members ??= this.#base.members.copy());
  }

  set members(members: FoldedMap<Member>) {
    this.#members = members;
  }

  get entries(): Entry[] {
    return (this.#entries ??= [...this.#base.entries]);
  }

  set entries(entries: Entry[]) {
    this.#entries = entries;
  }

  get ids(): Set<string> {
    return (this.#ids ??= new Set(this.#base.ids));
  }

  set ids(ids: Set<string>) {
    this.#ids = ids;
  }

  get waiting(): Map<string, readonly Relation[]> {
    // Most messages have nothing that waits for them.
    return (this.#waiting ??= new Map(this.#base.waiting));
  }

  /** The room as it is published. */
  finish(): Room {
    const { key, networkId, casemapping, kind } = this;
    const { name, topic, joined, readAt } = this;
    return {
      key,
      networkId,
      casemapping,
      kind,
      name,
      topic,
      joined,
      readAt,
      members: this.#members ?? this.#base.members,
      entries: this.#entries ?? this.#base.entries,
      ids: this.#ids ?? this.#base.ids,
      waiting: this.#waiting ?? this.#base.waiting,
    };
  }
}

export class Draft {
  readonly #base: ChatState;
  #networks?: Map<string, Network>;
  #rooms?: Map<string, Room>;
  readonly #own = new Set<object>();

  constructor(base: ChatState) {
    this.#base = base;
  }

  get networks(): ReadonlyMap<string, Network> {
    return this.#networks ?? this.#base.networks;
  }

  get rooms(): ReadonlyMap<string, Room> {
    return this.#rooms ?? this.#base.rooms;
  }

  /** The network an id's server belongs to. */
  networkOf(server: string): Network | undefined {
    const wanted = hostKey(server);
    for (const network of this.networks.values()) {
      if (hostKey(network.server) === wanted) return network;
    }
    return undefined;
  }

  network(id: string): DraftNetwork | undefined {
    const found = this.networks.get(id);
    if (!found) return undefined;
    if (this.#own.has(found)) return found as DraftNetwork;
    const copy: DraftNetwork = { ...found, rooms: [...found.rooms] };
    this.setNetwork(copy);
    return copy;
  }

  setNetwork(network: DraftNetwork) {
    this.#networks ??= new Map(this.#base.networks);
    this.#networks.set(network.id, network);
    this.#own.add(network);
  }

  removeNetwork(id: string) {
    const network = this.networks.get(id);
    if (!network) return;
    this.#networks ??= new Map(this.#base.networks);
    this.#networks.delete(id);
    this.#rooms ??= new Map(this.#base.rooms);
    for (const key of network.rooms) this.#rooms.delete(key);
  }

  /** A room by its name, if it exists. */
  room(networkId: string, name: string): DraftRoom | undefined {
    const network = this.networks.get(networkId);
    if (!network) return undefined;
    return this.roomByKey(roomKey(network, name));
  }

  roomByKey(key: string): DraftRoom | undefined {
    const found = this.rooms.get(key);
    if (!found) return undefined;
    if (this.#own.has(found)) return found as DraftRoom;
    const copy = new RoomCopy(found);
    this.#rooms ??= new Map(this.#base.rooms);
    this.#rooms.set(key, copy);
    this.#own.add(copy);
    return copy;
  }

  /**
   * A room by its name, created if it does not exist. A `known` kind takes precedence; otherwise the name decides,
   * which reveals nothing where channels have no prefix.
   */
  openRoom(
    networkId: string,
    name: string,
    known?: Room['kind'],
  ): DraftRoom | undefined {
    const there = this.room(networkId, name);
    if (there) {
      // It was taken for a person's name before.
      if (known === 'channel' && there.kind === 'direct') {
        there.kind = known;
        const network = this.network(networkId);
        if (network) this.#sort(network);
      }
      return there;
    }
    const network = this.network(networkId);
    if (!network) return undefined;
    const kind =
      name === SERVER_ROOM
        ? 'server'
        : (known ?? kindByName(name, network.conversations));
    const room: DraftRoom = {
      key: roomKey(network, name),
      networkId,
      casemapping: network.casemapping,
      kind,
      name,
      topic: '',
      joined: false,
      members: new FoldedMap(network.casemapping),
      entries: [],
      ids: new Set(),
      waiting: new Map(),
      readAt: undefined,
    };
    this.#rooms ??= new Map(this.#base.rooms);
    this.#rooms.set(room.key, room);
    this.#own.add(room);
    network.rooms.push(room.key);
    this.#sort(network);
    return room;
  }

  /** The network's case mapping differs from the assumed one: rooms get the corresponding keys. */
  rekey(networkId: string): Map<string, string> {
    const moved = new Map<string, string>();
    const network = this.network(networkId);
    if (!network) return moved;
    for (const old of [...network.rooms]) {
      const room = this.roomByKey(old);
      if (!room) continue;
      const key = roomKey(network, room.name);
      const members = [...room.members.values()];
      room.casemapping = network.casemapping;
      room.members = new FoldedMap(
        network.casemapping,
        members.map((member) => [member.nick, member]),
      );
      if (key === old) continue;
      moved.set(old, key);
      const other = this.roomByKey(key);
      this.#rooms ??= new Map(this.#base.rooms);
      this.#rooms.delete(old);
      network.rooms = network.rooms.filter((one) => one !== old);
      if (other) {
        mergeRooms(other, room);
        continue;
      }
      room.key = key;
      this.#rooms.set(key, room);
      network.rooms.push(key);
    }
    this.#sort(network);
    return moved;
  }

  #sort(network: DraftNetwork) {
    const label = ({ name }: Room) =>
      fold(
        name.slice(signOf(name, network.conversations).length),
        network.casemapping,
      );
    network.rooms.sort((one, other) => {
      const [a, b] = [this.rooms.get(one), this.rooms.get(other)];
      if (!a || !b) return 0;
      return (
        KIND_ORDER[a.kind] - KIND_ORDER[b.kind] ||
        label(a).localeCompare(label(b))
      );
    });
  }

  removeRoom(key: string) {
    const room = this.rooms.get(key);
    if (!room) return;
    this.#rooms ??= new Map(this.#base.rooms);
    this.#rooms.delete(key);
    const network = this.network(room.networkId);
    if (network) network.rooms = network.rooms.filter((other) => other !== key);
  }

  /** The state after all changes; the base itself if there were none. */
  finish(): ChatState {
    for (const room of this.#own) {
      if (room instanceof RoomCopy && this.#rooms?.get(room.key) === room) {
        this.#rooms.set(room.key, room.finish());
      }
    }
    this.#own.clear();
    if (!this.#networks && !this.#rooms) return this.#base;
    return { networks: this.networks, rooms: this.rooms };
  }
}

/** Merges two rooms that turned out to be the same. */
function mergeRooms(into: DraftRoom, other: DraftRoom) {
  for (const entry of other.entries) {
    if (into.ids.has(entry.id)) continue;
    into.ids.add(entry.id);
    into.entries.push(entry);
  }
  into.entries.sort((a, b) => a.at - b.at);
  for (const [id, about] of other.waiting) {
    into.waiting.set(id, [...(into.waiting.get(id) ?? []), ...about]);
  }
  into.topic ||= other.topic;
  if (other.joined && !into.joined) {
    into.joined = true;
    into.members = other.members;
  }
  if (other.readAt !== undefined) {
    into.readAt = Math.max(into.readAt ?? 0, other.readAt);
  }
}

/** A room's key in the state. */
export function roomKey(
  network: Pick<Network, 'id' | 'casemapping'>,
  name: string,
): string {
  return `${network.id}/${fold(name, network.casemapping)}`;
}

const KIND_ORDER = { server: 0, channel: 1, direct: 2 };
