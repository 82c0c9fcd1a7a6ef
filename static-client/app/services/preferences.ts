import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type { SyncedSettings } from '../lib/storage-module.ts';
import { LocalStore } from '../lib/local-store.ts';
import type SessionService from './session.ts';
import type StorageService from './storage.ts';

export type Theme = 'auto' | 'light' | 'dark';

/** Changes are written together after this delay, in ms. */
const WRITE_PAUSE = 800;

const stored = new LocalStore();

/** The user's preferences; the same on all devices, except for notifications. */
export default class PreferencesService extends Service {
  @service declare session: SessionService;
  @service declare storage: StorageService;

  @tracked settings: SyncedSettings =
    (stored.get('settings') as SyncedSettings | undefined) ?? {};

  /** Notifications are set per browser. */
  @tracked notifications = stored.get('notifications') === true;

  @tracked lastRoom = stored.get('last-room') as string | undefined;

  #timer: ReturnType<typeof setTimeout> | undefined;
  #roomTimer: ReturnType<typeof setTimeout> | undefined;

  get theme(): Theme {
    return this.settings.theme ?? 'auto';
  }

  get muted(): ReadonlySet<string> {
    return new Set(this.settings.muted ?? []);
  }

  get closed(): Record<string, number> {
    return this.settings.closed ?? {};
  }

  /** Whether others are told that one is typing. */
  get tellsTyping(): boolean {
    return this.settings.typing ?? true;
  }

  setTellsTyping(typing: boolean) {
    this.#change({ typing });
  }

  setTheme(theme: Theme) {
    this.#change({ theme });
  }

  toggleMuted(key: string) {
    const muted = new Set(this.muted);
    if (!muted.delete(key)) muted.add(key);
    this.#change({ muted: [...muted] });
  }

  setClosed(key: string, at: number | undefined) {
    const closed = { ...this.closed };
    if (at === undefined) {
      if (!(key in closed)) return;
      delete closed[key];
    } else closed[key] = at;
    this.#change({ closed });
  }

  /** A room's key has changed. */
  moveRoom(from: string, to: string) {
    if (this.muted.has(from)) {
      const muted = new Set(this.muted).add(to);
      muted.delete(from);
      this.#change({ muted: [...muted] });
    }
    if (this.lastRoom === from) this.setLastRoom(to);
  }

  setLastRoom(key: string) {
    if (key === this.lastRoom) return;
    this.lastRoom = key;
    stored.set('last-room', key);
    clearTimeout(this.#roomTimer);
    this.#roomTimer = setTimeout(() => {
      if (this.session.signedIn) void this.storage.storeLastRoom(key);
    }, WRITE_PAUSE);
  }

  setNotifications(on: boolean) {
    this.notifications = on;
    this.session.store.set('notifications', on);
  }

  /** Applies the settings from the storage. */
  adopt(settings: SyncedSettings) {
    this.settings = { ...this.settings, ...settings };
    this.#applied();
  }

  /** Forgets the settings of the account that signs out; the theme stays. */
  reset() {
    clearTimeout(this.#timer);
    clearTimeout(this.#roomTimer);
    const { theme } = this.settings;
    this.settings = theme ? { theme } : {};
    this.lastRoom = undefined;
    stored.set('last-room', undefined);
    this.#applied();
  }

  /** The room last open elsewhere applies if none has been open here yet. */
  adoptLastRoom(key: string | undefined) {
    this.lastRoom ??= key;
  }

  #change(change: SyncedSettings) {
    this.settings = { ...this.settings, ...change };
    this.#applied();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.session.signedIn) void this.storage.storeSettings(this.settings);
    }, WRITE_PAUSE);
  }

  #applied() {
    stored.set('settings', this.settings);
    this.applyTheme();
  }

  /** Applies the chosen theme. */
  applyTheme() {
    const root = document.documentElement;
    if (this.theme === 'auto') delete root.dataset['theme'];
    else root.dataset['theme'] = this.theme;
  }

  willDestroy() {
    clearTimeout(this.#timer);
    clearTimeout(this.#roomTimer);
    super.willDestroy();
  }
}

declare module '@ember/service' {
  interface Registry {
    preferences: PreferencesService;
  }
}
