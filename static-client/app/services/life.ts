import type RouterService from '@ember/routing/router-service';
import Service, { service } from '@ember/service';
import type { Happening } from '../lib/chat/context.ts';
import { ReadMarkers } from '../lib/read-markers.ts';
import type { StorageChange } from '../lib/storage-module.ts';
import type ArchivesService from './archives.ts';
import type CallService from './call.ts';
import type ChatService from './chat.ts';
import type GatewayService from './gateway.ts';
import type HistoryService from './history.ts';
import type NotificationsService from './notifications.ts';
import type PreferencesService from './preferences.ts';
import type SessionService from './session.ts';
import type StorageService from './storage.ts';
import type UiService from './ui.ts';

/**
 * The lifecycle from signing in to signing out. It starts and stops the other services, which notify it of anything
 * that concerns more than one of them; the consequences are handled here, in one place and in order.
 */
export default class LifeService extends Service {
  @service declare archives: ArchivesService;
  @service declare call: CallService;
  @service declare chat: ChatService;
  @service declare gateway: GatewayService;
  @service declare history: HistoryService;
  @service declare notifications: NotificationsService;
  @service declare preferences: PreferencesService;
  @service declare router: RouterService;
  @service declare session: SessionService;
  @service declare storage: StorageService;
  @service declare ui: UiService;

  #running = '';
  #startedAt = 0;
  readonly #markers = new ReadMarkers(
    () => this.session.store,
    (key, at) => this.storage.storeMarker(key, at),
  );

  /** Starts the chat for the signed-in account, once. */
  start() {
    const account = this.session.account;
    if (!account || this.#running === account) return;
    this.#running = account;
    this.#generation += 1;
    this.#startedAt = Date.now();
    this.#markers.start();
    window.addEventListener('pagehide', this.#markers.flush);
    document.addEventListener('visibilitychange', this.#hidden);
    this.archives.start();
    void this.#startChat();
    void this.#startStorage();
  }

  /** Counts starts and stops, so that late results of an old one are ignored. */
  #generation = 0;

  async #startChat() {
    const generation = this.#generation;
    await this.chat.start();
    if (generation !== this.#generation) return;
    await this.gateway.start();
    if (generation !== this.#generation) return;
    if (this.storage.ready) this.#known();
  }

  async #startStorage() {
    const generation = this.#generation;
    const { storage, preferences } = this;
    try {
      await storage.start(this.#changed);
      const settings = await storage.settings();
      const markers = await storage.markers();
      const lastRoom = await storage.lastRoom();
      if (generation !== this.#generation) return;
      preferences.adopt(settings);
      preferences.adoptLastRoom(lastRoom);
      this.#markers.adopt(markers);
    } catch {
      if (generation !== this.#generation) return;
      // The chat works without the storage; the history shows why it cannot be loaded.
      storage.ready = true;
    }
    this.#known();
    await this.history.findPeople(preferences.closed);
    if (generation === this.#generation) this.#known();
  }

  /** Markers and archives of every room known by now. */
  #known() {
    this.chat.applyMarkers(this.#markers.all, this.#startedAt);
    void this.history.loadAll();
  }

  stop() {
    this.#running = '';
    this.reading = undefined;
    this.#generation += 1;
    this.#stopMarkers();
    this.gateway.stop();
    this.storage.stop();
    this.archives.stop();
    this.history.reset();
    this.chat.reset();
    this.preferences.reset();
    this.ui.close();
    this.ui.closeDrawer();
    this.ui.dismiss();
  }

  willDestroy() {
    this.#generation += 1;
    this.#stopMarkers();
    super.willDestroy();
  }

  #stopMarkers() {
    this.#markers.stop();
    window.removeEventListener('pagehide', this.#markers.flush);
    document.removeEventListener('visibilitychange', this.#hidden);
  }

  /** Phones terminate hidden pages without notice. */
  #hidden = () => {
    if (document.visibilityState === 'hidden') this.#markers.flush();
  };

  async signOut() {
    await this.session.signOut();
    this.stop();
  }

  /** The signed-in account changed, for whatever reason. */
  accountChanged() {
    this.call.accountChanged();
  }

  /** The session has ended, and not by an action here. */
  sessionEnded() {
    if (!this.#running) return;
    this.stop();
    this.router.replaceWith('sign-in');
  }

  /** A link to a connector is up again after a break: the archives may have more. */
  reconnected() {
    if (this.#running) void this.history.fillGaps();
  }

  /** Some entries of a room were dropped. */
  forgotten(key: string) {
    if (this.#running) this.history.reset(key);
  }

  /** Archives are kept somewhere else from now on. */
  archivesMoved() {
    if (!this.#running) return;
    this.history.reset();
    void this.history.loadAll();
  }

  /** The key of the room being read: on the screen, and at its end. */
  reading: string | undefined;

  /** The room on the screen is read. */
  markRead(key: string) {
    const at = this.chat.markRead(key);
    if (at === undefined) return;
    this.#markers.read(key, at);
  }

  #changed = (change: StorageChange) => {
    if (!this.#running) return;
    if (change.type === 'settings') {
      this.preferences.adopt(change.settings);
      return;
    }
    this.#markers.heard(change.key, change.at, change.lost);
    this.chat.applyMarkers(this.#markers.all);
  };

  /** A room's key has changed: its read marker and muted state follow. */
  #moved(from: string, to: string) {
    this.#markers.move(from, to);
    this.preferences.moveRoom(from, to);
    void this.history.loadOlder(to);
  }

  /** Handles the effects of received activities. */
  happened(happenings: readonly Happening[]) {
    if (!this.#running) return;
    if (this.storage.ready) {
      this.chat.applyMarkers(this.#markers.all, this.#startedAt);
      const fresh = happenings.filter(
        ({ type, room }) =>
          type === 'message' && !this.history.of(room).started,
      );
      for (const key of new Set(fresh.map(({ room }) => room))) {
        void this.history.loadOlder(key);
      }
    }
    for (const { type, from, room } of happenings) {
      if (type === 'moved' && from) this.#moved(from, room);
    }
    for (const { type, room: key, entry } of happenings) {
      const room = this.chat.state.rooms.get(key);
      if (!room || !entry || entry.own) continue;
      if (type === 'message' && room.kind === 'direct') {
        this.preferences.setClosed(key, undefined);
      }
      const news = entry.at >= this.#startedAt - 1000;
      const seen =
        key === this.chat.activeKey && document.visibilityState === 'visible';
      if (news && !seen && (entry.mention || type === 'invite')) {
        this.notifications.show(room, entry);
      }
    }
    // Before anything is shown: what appears before the reader's eyes was never unread.
    if (this.reading && document.visibilityState === 'visible') {
      this.markRead(this.reading);
    }
  }
}

declare module '@ember/service' {
  interface Registry {
    life: LifeService;
  }
}
