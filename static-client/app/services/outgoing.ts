import Service, { service } from '@ember/service';
import { contentOf, type Activity } from '../lib/activities.ts';
import type { Draft, DraftRoom } from '../lib/chat/draft.ts';
import { addEntry, confirm, mark, removeEntry } from '../lib/chat/entries.ts';
import { localId, Outbox, type Outgoing } from '../lib/chat/outbox.ts';
import type { Entry, Room } from '../lib/chat/types.ts';
import { LocalStore } from '../lib/local-store.ts';
import type ChatService from './chat.ts';
import type SessionService from './session.ts';

/**
 * The user's own messages in transit: shown at once, and kept across a reload until the server has confirmed them.
 */
export default class OutgoingService extends Service {
  @service declare chat: ChatService;
  @service declare session: SessionService;

  #outbox = new Outbox(new LocalStore(), '');

  /** Reads the signed-in account's unsent messages. */
  start() {
    this.#outbox = new Outbox(this.session.store, this.session.account);
  }

  find(id: string): Outgoing | undefined {
    return this.#outbox.find(id);
  }

  /** Shows a message at once; it is not confirmed yet. */
  add(
    room: Room,
    kind: Outgoing['kind'],
    text: string,
    replyTo?: string,
  ): Outgoing {
    const item: Outgoing = {
      localId: localId(),
      networkId: room.networkId,
      to: room.name,
      roomKind: room.kind,
      kind,
      text,
      ...(replyTo ? { replyTo } : {}),
      at: Date.now(),
    };
    this.#outbox.add(item);
    this.chat.update((draft) => {
      const target = draft.roomByKey(room.key);
      if (target) addEntry(target, this.#entryOf(item));
    });
    return item;
  }

  /** The server has accepted it. */
  confirm(item: Outgoing, ack: Activity) {
    const at = Date.parse(ack.published ?? '');
    this.#outbox.remove(item.localId);
    this.#inRoomOf(item, (room) =>
      confirm(
        room,
        item.localId,
        ack.id ?? `live:${item.localId}`,
        Number.isNaN(at) ? Date.now() : at,
        contentOf(ack) || undefined,
        ack.object !== undefined && 'inReplyTo' in ack.object,
      ),
    );
  }

  mark(item: Outgoing, delivery: 'pending' | 'failed', reason = '') {
    this.#inRoomOf(item, (room) =>
      mark(room, item.localId, delivery, reason || undefined),
    );
  }

  /** Removes an unsent message permanently. */
  discard(key: string, id: string) {
    this.#outbox.remove(id);
    this.chat.update((draft) => {
      const room = draft.roomByKey(key);
      if (room) removeEntry(room, id);
    });
  }

  /** It has come back as another entry. */
  settled(id: string) {
    this.#outbox.remove(id);
  }

  /** Forgets messages that came back in a room's archive. */
  settle(room: Room) {
    for (const { localId: id, networkId, to } of this.#outbox.items) {
      if (this.chat.room(networkId, to) === room && !room.ids.has(id)) {
        this.#outbox.remove(id);
      }
    }
  }

  /** Shows messages that were unconfirmed when the page was closed. */
  showUnsent(draft: Draft) {
    for (const item of this.#outbox.items) {
      const room = draft.openRoom(item.networkId, item.to, item.roomKind);
      if (!room || room.ids.has(item.localId)) continue;
      addEntry(room, {
        ...this.#entryOf(item),
        delivery: 'failed',
        reason:
          'The page was closed while sending. This message may not have arrived.',
      });
    }
  }

  #entryOf(item: Outgoing): Entry {
    return {
      id: item.localId,
      at: item.at,
      kind: item.kind,
      from: this.chat.network(item.networkId)?.nick ?? this.session.account,
      text: item.text,
      own: true,
      ...(item.replyTo ? { replyTo: item.replyTo } : {}),
      mention: false,
      delivery: 'pending',
    };
  }

  #inRoomOf(item: Outgoing, change: (room: DraftRoom) => void) {
    this.chat.update((draft) => {
      const room = draft.room(item.networkId, item.to);
      if (room) change(room);
    });
  }
}

declare module '@ember/service' {
  interface Registry {
    outgoing: OutgoingService;
  }
}
