/** The user's own messages that the server has not confirmed: kept across a reload, so that nothing typed is lost. */

import type { LocalStore } from '../local-store.ts';
import type { RoomKind } from './types.ts';

/** A message in transit. */
export interface Outgoing {
  localId: string;
  networkId: string;
  /** The room's name. */
  to: string;
  /** The kind of the room; absent if stored by a client that did not know it. */
  roomKind?: RoomKind;
  kind: 'message' | 'action' | 'notice';
  text: string;
  /** The id of the message that it answers. */
  replyTo?: string;
  at: number;
}

/** Maximum number of messages kept across a reload. */
export const OUTBOX_LIMIT = 200;

export class Outbox {
  readonly #store: LocalStore;
  readonly #key: string;
  #items: Outgoing[];

  constructor(store: LocalStore, account: string) {
    this.#store = store;
    this.#key = `outbox:${account}`;
    const kept = store.get(this.#key);
    this.#items = Array.isArray(kept) ? kept.filter(isOutgoing) : [];
  }

  get items(): readonly Outgoing[] {
    return this.#items;
  }

  find(localId: string): Outgoing | undefined {
    return this.#items.find((item) => item.localId === localId);
  }

  add(item: Outgoing) {
    this.#items = [...this.#items, item].slice(-OUTBOX_LIMIT);
    this.#save();
  }

  remove(localId: string) {
    this.#items = this.#items.filter((item) => item.localId !== localId);
    this.#save();
  }

  #save() {
    this.#store.set(this.#key, this.#items.length ? this.#items : undefined);
  }
}

function isOutgoing(value: unknown): value is Outgoing {
  const item = value as Partial<Outgoing> | null;
  return (
    typeof item === 'object' &&
    item !== null &&
    typeof item.localId === 'string' &&
    typeof item.networkId === 'string' &&
    typeof item.to === 'string' &&
    typeof item.text === 'string' &&
    typeof item.at === 'number' &&
    (item.kind === 'message' ||
      item.kind === 'action' ||
      item.kind === 'notice')
  );
}

let counter = 0;

/** Creates an id that no server assigns. */
export function localId(): string {
  counter += 1;
  return `local:${Date.now().toString(36)}:${counter}:${Math.random().toString(36).slice(2, 8)}`;
}
