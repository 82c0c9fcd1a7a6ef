import type RouterService from '@ember/routing/router-service';
import Service, { service } from '@ember/service';
import type { Happening } from '../lib/chat/reduce.ts';
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

/** Markers are written together after this pause, in ms. */
const MARKER_PAUSE = 1000;

/**
 * What happens from signing in to signing out. It starts and stops the other services, and is told by them what concerns
 * more than one of them: what follows from it stands here, in one place and in order.
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
  #markers = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins the chat for the account that is signed in, once. */
  start() {
    const account = this.session.account;
    if (!account || this.#running === account) return;
    this.#running = account;
    this.#generation += 1;
    this.#startedAt = Date.now();
    this.archives.start();
    void this.#startChat();
    void this.#startStorage();
  }

  /** Counts starts and stops, so that what an old one still does is ignored. */
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
      this.#markers = new Map([...markers, ...this.#markers]);
    } catch {
      if (generation !== this.#generation) return;
      // Without the storage the chat works; history says why it cannot be loaded.
      storage.ready = true;
    }
    this.#known();
    await this.history.findPeople(preferences.closed);
    if (generation === this.#generation) this.#known();
  }

  /** Markers and archives of every room that is known by now. */
  #known() {
    this.chat.applyMarkers(this.#markers, this.#startedAt);
    void this.history.loadAll();
  }

  stop() {
    this.#running = '';
    this.reading = undefined;
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#markers.clear();
    this.#dirty.clear();
    this.gateway.stop();
    this.storage.stop();
    this.archives.stop();
    this.history.reset();
    this.chat.reset();
    this.preferences.reset();
    this.ui.close();
    this.ui.closeDrawer();
  }

  willDestroy() {
    this.#generation += 1;
    clearTimeout(this.#timer);
    super.willDestroy();
  }

  async signOut() {
    await this.session.signOut();
    this.stop();
  }

  /** Whoever was signed in here no longer is, or somebody else is, for whatever reason. */
  accountChanged() {
    this.call.accountChanged();
  }

  /** The session is over, and it was not ended here. */
  sessionEnded() {
    if (!this.#running) return;
    this.stop();
    this.router.replaceWith('sign-in');
  }

  /** A link to a connector is up again after a break: the archives may have more. */
  reconnected() {
    if (this.#running) void this.history.fillGaps();
  }

  /** Not all entries of a room are there any more. */
  forgotten(key: string) {
    if (this.#running) this.history.reset(key);
  }

  /** Archives are kept somewhere else from now on. */
  archivesMoved() {
    if (!this.#running) return;
    this.history.reset();
    void this.history.loadAll();
  }

  /** The key of the room that is being read: on the screen, and at its end. */
  reading: string | undefined;

  /** The room on the screen is read. */
  markRead(key: string) {
    const at = this.chat.markRead(key);
    if (at === undefined) return;
    this.#markers.set(key, at);
    this.#write(key);
  }

  /** Markers have one writer, which takes the latest of what is to be written. */
  #write(key: string) {
    this.#dirty.add(key);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#writeMarkers, MARKER_PAUSE);
  }
  #dirty = new Set<string>();

  #writeMarkers = () => {
    for (const key of this.#dirty) {
      const at = this.#markers.get(key);
      if (at) void this.storage.storeMarker(key, at).catch(() => undefined);
    }
    this.#dirty.clear();
  };

  #changed = (change: StorageChange) => {
    if (!this.#running) return;
    if (change.type === 'settings') {
      this.preferences.adopt(change.settings);
      return;
    }
    const newest = Math.max(
      change.at,
      change.lost ?? 0,
      this.#markers.get(change.key) ?? 0,
    );
    this.#markers.set(change.key, newest);
    // The other device had read less: ours is the truth.
    if (newest > change.at && change.lost !== undefined) {
      this.#write(change.key);
    }
    this.chat.applyMarkers(this.#markers);
  };

  /** A room has another key: what is read, and whether it is muted, follow it. */
  #moved(from: string, to: string) {
    const at = this.#markers.get(from);
    if (at !== undefined) {
      this.#markers.set(to, Math.max(at, this.#markers.get(to) ?? 0));
      this.#markers.delete(from);
    }
    this.preferences.moveRoom(from, to);
    void this.history.loadOlder(to);
  }

  /** What became of activities that came. */
  happened(happenings: readonly Happening[]) {
    if (!this.#running) return;
    if (this.storage.ready) {
      this.chat.applyMarkers(this.#markers, this.#startedAt);
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
    // Before anything is shown: what comes under the reader's eyes was never unread.
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
