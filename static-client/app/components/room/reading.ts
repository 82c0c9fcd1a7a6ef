/** How far a room is read while it is shown, and what was new when the reader came. */

import { tracked } from '@glimmer/tracking';
import type { Room } from '../../lib/chat/types.ts';
import { firstUnread, latest, unread } from '../../lib/chat/unread.ts';
import type LifeService from '../../services/life.ts';

/** What is shown. */
interface View {
  room: () => Room;
  /** The end of what is known of the room is on the screen. */
  isAtEnd: () => boolean;
}

export class Reading {
  /** Messages after this time were new when the reader arrived. */
  @tracked dividerAt: number | undefined;

  readonly #life: LifeService;
  readonly #view: View;
  /** Whether it is known how far the room has been read. */
  #marked = false;
  /** The reader has watched the room since this time, and sees later messages as they arrive. */
  #watchedFrom = document.visibilityState === 'visible' ? Date.now() : Infinity;
  /** The room being read here. */
  #reading: string | undefined;

  constructor(life: LifeService, view: View) {
    this.#life = life;
    this.#view = view;
    this.dividerAt = this.#newSince;
  }

  get #newSince(): number | undefined {
    const room = this.#view.room();
    return unread(room).count ? room.readAt : undefined;
  }

  /** Runs after each change of the room, and when the page becomes visible again. */
  read() {
    if (!this.#view.isAtEnd() || document.visibilityState !== 'visible') return;
    const room = this.#view.room();
    const { key, readAt } = room;
    // The first marker from the storage shows what was new; later messages are seen as they arrive.
    if (!this.#marked && readAt !== undefined) {
      this.#marked = true;
      const first = firstUnread(room)?.at ?? Infinity;
      if (first < this.#watchedFrom) this.dividerAt ??= this.#newSince;
    }
    this.#reading = this.#life.reading = key;
    this.#life.markRead(key);
  }

  /** The reader looks elsewhere in the room, or at another one. */
  stop() {
    if (this.#life.reading === this.#reading) this.#life.reading = undefined;
  }

  /** Messages that arrive while the page is hidden are new. */
  hidden() {
    this.stop();
    this.#watchedFrom = Infinity;
    const room = this.#view.room();
    this.dividerAt = unread(room).count
      ? this.dividerAt
      : latest(room) || undefined;
  }

  /** From now on messages are seen as they arrive; if none arrived meanwhile, nothing is new. */
  shown() {
    if (!unread(this.#view.room()).count) this.dividerAt = undefined;
  }
}
