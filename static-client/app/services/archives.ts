import Service, { service } from '@ember/service';
import type { ArchiveView } from '../lib/protocol.ts';
import { RemoteArchive, type ArchiveSource } from '../lib/archive-source.ts';
import { Listings } from '../lib/listings.ts';
import { authorizeUrl, takeReturn } from '../lib/oauth-return.ts';
import { Task } from '../lib/task.ts';
import type LifeService from './life.ts';
import type SessionService from './session.ts';
import type StorageService from './storage.ts';

/** The scope the token needs: the module of the archives. */
const SCOPE = 'chat-messages:rw';
/** How often the server is asked for the state, in ms. */
const REFRESH = 300_000;

interface Pending {
  state: string;
  account: string;
  user_address: string;
  root: string;
}

/** Where the account's archives are kept and read. */
export default class ArchivesService extends Service {
  @service declare life: LifeService;
  @service declare session: SessionService;
  @service declare storage: StorageService;

  /** The storage is being tested. */
  readonly task = new Task(this);

  /** Navigates to the authorisation page; replaced in tests. */
  leave: (url: string) => void = (url) => location.assign(url);

  #away: { key: string; source: ArchiveSource } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** The external storage; undefined if archives are kept here. */
  get place(): ArchiveView | undefined {
    return this.session.current?.archive ?? undefined;
  }

  /** Whether the user has to do something about it. */
  get needsUser(): boolean {
    return this.place?.state === 'renew' || this.place?.state === 'full';
  }

  get host(): string {
    return this.place ? new URL(this.place.root).host : '';
  }

  /** Starts for the signed-in account; resumes with the authorisation page's response. */
  start() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => void this.refresh(), REFRESH);
    void this.refresh();
    void this.resume();
  }

  stop() {
    clearInterval(this.#timer);
    this.#away = undefined;
    this.#listings = new Listings((path) => this.storage.list(path));
    this.task.say('');
  }

  willDestroy() {
    this.stop();
    super.willDestroy();
  }

  get #key(): string {
    return this.place ? `${this.place.root} ${this.place.connected}` : '';
  }

  /** Checks whether the session is still valid, and where the archives are. */
  async refresh() {
    const before = this.#key;
    await this.session.check();
    if (this.session.signedIn && this.#key !== before) {
      this.life.archivesMoved();
    }
  }

  #listings = new Listings((path) => this.storage.list(path));

  /** All sources that archives may be in: here, and their current location. */
  sources(): ArchiveSource[] {
    const home: ArchiveSource = {
      id: '',
      read: (path) => this.storage.read(path),
      list: (path) => this.storage.list(path),
      has: (folder) => this.#listings.has(folder),
    };
    const { place } = this;
    if (!place) return [home];
    const key = this.#key;
    if (this.#away?.key !== key) {
      let token: Promise<string> | undefined;
      const ask = () => {
        token ??= this.session.api.archiveToken().then(
          (answer) => answer.token,
          (error: unknown) => {
            token = undefined;
            throw error;
          },
        );
        return token;
      };
      this.#away = { key, source: new RemoteArchive(place.root, ask) };
    }
    return [home, this.#away.source];
  }

  /** Finds the user's storage and navigates to the page on which they authorise this client. */
  async begin(address: string) {
    await this.task.run(async () => {
      const found = await this.session.api.findArchive(address.trim());
      if (!found.authorize) {
        throw new Error(
          `${found.user_address} has no page for authorising apps.`,
        );
      }
      const state = crypto.randomUUID();
      const pending: Pending = {
        state,
        account: this.session.account,
        user_address: found.user_address,
        root: found.root,
      };
      this.session.store.set('archive-pending', pending);
      this.leave(authorizeUrl(found.authorize, SCOPE, state, location));
    });
  }

  /** Resumes after the authorisation page. */
  async resume(answer = takeReturn()) {
    if (!answer) return;
    const pending = this.session.store.get('archive-pending') as
      Pending | undefined;
    this.session.store.set('archive-pending', undefined);
    await this.task.run(async () => {
      // The state protects against links that someone made with their own token.
      if (
        !pending ||
        pending.state !== answer.state ||
        pending.account !== this.session.account
      ) {
        throw new Error(
          "This authorisation wasn't started here. Connect the storage again.",
        );
      }
      if (!answer.token) {
        throw new Error(
          `The storage wasn't authorised: ${answer.error ?? 'it sent no token'}.`,
        );
      }
      await this.session.api.keepArchive({
        user_address: pending.user_address,
        root: pending.root,
        token: answer.token,
      });
      await this.refresh();
    });
  }

  /** From now on archives are kept here again. */
  async disconnect() {
    await this.task.run(async () => {
      await this.session.api.removeArchive();
      await this.refresh();
    });
  }
}

declare module '@ember/service' {
  interface Registry {
    archives: ArchivesService;
  }
}
