import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import RemoteStorage from 'remotestoragejs';
import {
  subspaceModule,
  type StorageChange,
  type SubspaceModule,
  type SyncedSettings,
} from '../lib/storage-module.ts';
import { settleUnanswered, type Cache } from '../lib/unanswered.ts';
import type SessionService from './session.ts';

/** After this time the locally known settings are used, even if the storage has not responded; in ms. */
const FIRST_SYNC_PATIENCE = 6000;
/** How long the cache may take to open before the storage is used without reading it, in ms. */
const CACHE_PATIENCE = 2000;
/** Interval for checking whether the cache is written, in ms. */
const WRITE_PAUSE = 20;
/** How long listing a folder may take before anything is written, in ms. */
const LIST_TIMEOUT = 6000;
/** Where remotestorage.js stores its last connection, which it resumes automatically. */
const REMEMBERED = 'remotestorage:wireclient';
const STORAGE_API = 'draft-dejong-remotestorage-26';
const STORAGE_VERSION_PROPERTY = 'http://remotestorage.io/spec/version';

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Resolves once nothing is waiting to be written to the cache: the library closes it without checking. */
async function written(rs: RemoteStorage) {
  const cache = rs.local as unknown as Partial<CacheWrites> | undefined;
  while (cache?.putsRunning || Object.keys(cache?.changesQueued ?? {}).length) {
    await pause(WRITE_PAUSE);
  }
}

/** Pending writes of remotestorage.js's cache. */
interface CacheWrites {
  putsRunning: number;
  changesQueued: Record<string, unknown>;
}

/** A folder's listing. */
interface Listing {
  items?: Record<string, { ETag: string }>;
}

/** The user's remoteStorage: settings both ways, archives read-only. */
export default class StorageService extends Service {
  @service declare session: SessionService;

  /** Whether the settings are in sync with other devices. */
  @tracked ready = false;

  #connect: () => void = () => {};
  /** Resolves once documents can be read. */
  connected = new Promise<void>((resolve) => {
    this.#connect = resolve;
  });

  #rs: RemoteStorage | undefined;
  #module: SubspaceModule | undefined;
  #renewed = false;
  #listener: (change: StorageChange) => void = () => {};

  /** Connects to the storage; resolves when the settings are known. */
  async start(listener: (change: StorageChange) => void) {
    this.#listener = listener;
    await Promise.race([this.#stopped, pause(CACHE_PATIENCE)]);
    if (this.isDestroying) return;
    const rs = (this.#rs ??= this.#create());
    const synced = new Promise<void>((resolve) => {
      rs.on('sync-done', () => resolve());
    });
    this.#synced = synced;
    await Promise.race([
      this.#begin(rs).then(() => synced),
      pause(FIRST_SYNC_PATIENCE),
    ]);
    if (!this.isDestroying) this.ready = true;
  }

  async #begin(rs: RemoteStorage) {
    try {
      await this.#settleUnanswered(rs);
      await this.#configure(false);
    } catch (error) {
      // Writes wait in the cache until the storage responds.
      this.#synced = Promise.resolve();
      throw error;
    }
  }

  /** Before anything is written: checks which of the page's last writes the storage has. */
  async #settleUnanswered(rs: RemoteStorage) {
    await Promise.race([
      new Promise<void>((ready) => rs.on('ready', () => ready())),
      pause(CACHE_PATIENCE),
    ]);
    // Without the cache this is unknown; the chat works without it.
    if (!rs.local) return;
    const root = this.session.current?.storage;
    const token = await this.session.storageToken();
    const cache = rs.local as unknown as Cache;
    const paths = await settleUnanswered(cache, async (folder) => {
      const answer = await fetch(`${root}${folder}`, {
        headers: { Authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(LIST_TIMEOUT),
      });
      const listing = answer.ok ? ((await answer.json()) as Listing) : {};
      return new Map(
        Object.entries(listing.items ?? {}).map(([name, { ETag }]) => [
          name,
          ETag,
        ]),
      );
    }).catch(() => []);
    for (const path of paths) rs.sync.addTask(path);
  }

  /** Forgets what this browser knows of the storage. */
  stop() {
    this.ready = false;
    this.#listener = () => {};
    const rs = this.#rs;
    if (!rs) return;
    // The library becomes ready and starts to sync only once per object, so the next sign-in gets a new one.
    this.#rs = undefined;
    this.#module = undefined;
    this.#renewed = false;
    this.connected = new Promise<void>((resolve) => {
      this.#connect = resolve;
    });
    // A database that is still opening would stay open, and block the deletion of the cache.
    const opened = Promise.race([
      this.#opened.then(() => written(rs)),
      pause(CACHE_PATIENCE),
    ]);
    this.#stopped = opened.then(
      () =>
        new Promise<void>((done) => {
          rs.on('disconnected', () => done());
          rs.disconnect();
        }),
    );
  }

  /**
   * Resolves once the cache is neither being opened nor being deleted. The library supports one open cache per page:
   * opening another meanwhile takes it away from the first, which then is never closed.
   */
  get cacheSettled(): Promise<unknown> {
    return Promise.race([
      Promise.all([this.#opened, this.#stopped]),
      pause(CACHE_PATIENCE),
    ]);
  }

  /** The cache is open and has been read for the first time. */
  #opened = Promise.resolve();
  /** Everything known was forgotten. */
  #stopped = Promise.resolve();

  /**
   * Another tab deletes the cache because the user signed out there: it waits until nobody has it open any longer.
   * The next sign-in here starts with a new one.
   */
  #giveUp(rs: RemoteStorage, cache: IDBDatabase) {
    rs.stopSync();
    cache.close();
    if (this.#rs !== rs) return;
    this.#rs = undefined;
    this.#module = undefined;
  }

  willDestroy() {
    this.#rs?.stopSync();
    super.willDestroy();
  }

  async settings(): Promise<SyncedSettings> {
    return (await this.#module?.settings()) ?? {};
  }

  async markers(): Promise<Map<string, number>> {
    return (await this.#module?.markers()) ?? new Map<string, number>();
  }

  async storeSettings(settings: SyncedSettings) {
    await this.#synced;
    await this.#module?.storeSettings(settings);
  }

  async lastRoom(): Promise<string | undefined> {
    return this.#module?.lastRoom();
  }

  async storeLastRoom(key: string) {
    await this.#synced;
    if ((await this.lastRoom()) !== key) await this.#module?.storeLastRoom(key);
  }

  async storeMarker(key: string, at: number) {
    await this.#synced;
    const known = (await this.markers()).get(key) ?? 0;
    if (known < at) await this.#module?.storeMarker(key, at);
  }

  /**
   * Other devices' documents are known: anything written before that conflicts with them, and the storage refuses it.
   */
  #synced: Promise<void> = Promise.resolve();

  /** Reads a document, bypassing the cache; `undefined` if there is none. */
  async read(path: string): Promise<unknown> {
    const { statusCode, body } = await this.#fetch(path);
    if (statusCode === 404) return undefined;
    return typeof body === 'string' ? (JSON.parse(body) as unknown) : body;
  }

  /** Reads a document's bytes, bypassing the cache. */
  async bytes(path: string): Promise<Blob> {
    const { statusCode, body, contentType } = await this.#fetch(path);
    if (statusCode === 404) throw new Error("The document doesn't exist.");
    return new Blob([body as string | ArrayBuffer], {
      type: contentType ?? 'application/octet-stream',
    });
  }

  /** Names of a folder's items; folders end with a slash. */
  async list(path: string): Promise<string[]> {
    const { statusCode, body } = await this.#fetch(path);
    if (statusCode === 404 || typeof body !== 'object' || !body) return [];
    return Object.keys(body);
  }

  async #fetch(path: string) {
    if (!this.#rs?.remote?.connected) {
      throw new Error('The storage is not connected.');
    }
    const answer = await this.#rs.remote.get(path);
    // An older version's token may not read everything that this one does.
    if (answer.statusCode === 401 || answer.statusCode === 403) {
      await this.#renew();
      return this.#rs.remote.get(path);
    }
    if (answer.statusCode >= 400 && answer.statusCode !== 404) {
      throw new Error(
        `The storage answered ${path} with the status ${answer.statusCode}.`,
      );
    }
    return answer;
  }

  #create(): RemoteStorage {
    try {
      localStorage.removeItem(REMEMBERED);
    } catch {
      // A browser that stores nothing has nothing to forget.
    }
    const rs = new RemoteStorage({
      cache: true,
      changeEvents: {
        local: true,
        window: false,
        remote: true,
        conflict: true,
      },
    });
    rs.access.claim('subspace', 'rw');
    rs.access.claim('kosmos', 'rw');
    rs.access.claim('chat-messages', 'r');
    rs.access.claim('mail', 'r');
    rs.caching.enable('/subspace/');
    rs.addModule(subspaceModule);
    rs.on('features-loaded', () => {
      const cache = (rs.local as { db?: IDBDatabase } | undefined)?.db;
      if (cache) cache.onversionchange = () => this.#giveUp(rs, cache);
    });
    // The library reads it in the task after it becomes ready.
    this.#opened = new Promise((resolve) =>
      rs.on('ready', () => setTimeout(resolve, 0)),
    );
    this.#module = (rs as unknown as { subspace: SubspaceModule }).subspace;
    this.#module.onChange((change) => this.#listener(change));
    rs.on('error', (error: unknown) => {
      if ((error as Error | null)?.name === 'Unauthorized') void this.#renew();
    });
    return rs;
  }

  /** The token no longer works: requests another, once. */
  async #renew() {
    if (this.#renewed || !this.session.signedIn) return;
    this.#renewed = true;
    try {
      await this.#configure(true);
    } catch {
      // Settings and history stay as they are known here.
    }
  }

  async #configure(fresh: boolean) {
    const session = this.session.current;
    const rs = this.#rs;
    if (!session || !rs || this.isDestroying) return;
    const token = await this.session.storageToken(fresh);
    // Stopped meanwhile: if connected now, it would sync and keep the cache open for nobody.
    if (this.#rs !== rs || this.isDestroying) return;
    // The address is known from the session: no discovery is needed.
    rs.setBackend('remotestorage');
    rs.remote.configure({
      userAddress: session.user_address,
      href: session.storage,
      storageApi: STORAGE_API,
      token,
      properties: { [STORAGE_VERSION_PROPERTY]: STORAGE_API },
    });
    this.#connect();
  }
}

declare module '@ember/service' {
  interface Registry {
    storage: StorageService;
  }
}
