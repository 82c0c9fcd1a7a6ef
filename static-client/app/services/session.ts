import type Owner from '@ember/owner';
import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import { ApiClient } from '../lib/api.ts';
import { loadConfig } from '../lib/config.ts';
import { LocalStore } from '../lib/local-store.ts';
import { accountName } from '../lib/lower.ts';
import type {
  ArchiveView,
  NewAccount,
  SessionResponse,
} from '../lib/protocol.ts';
import type LifeService from './life.ts';

/** The access the client needs to the user's storage. */
export const STORAGE_SCOPES = 'kosmos:rw chat-messages:r mail:r subspace:rw';

interface StoredSession extends Omit<SessionResponse, 'archive'> {
  /** The value in the last response; null if it was absent. */
  archive?: ArchiveView | null;
  functions: string;
  /** Bearer token for the storage. */
  storageToken?: string;
}

/** The signed-in account, and the connection to the functions. */
export default class SessionService extends Service {
  @service declare life: LifeService;

  readonly store = new LocalStore();

  @tracked current: StoredSession | undefined;
  /** Why the user has to sign in again, in one sentence. */
  @tracked notice = '';
  /** The call to return to after signing in. */
  callAfter: string | undefined;

  api = new ApiClient(location.origin, () => undefined);

  #restored: Promise<void> | undefined;

  constructor(owner: Owner) {
    super(owner);
    window.addEventListener('storage', this.#changedElsewhere);
  }

  willDestroy() {
    window.removeEventListener('storage', this.#changedElsewhere);
    super.willDestroy();
  }

  get signedIn(): boolean {
    return this.current !== undefined;
  }

  get account(): string {
    return this.current?.account ?? '';
  }

  /** Reads the configuration and this browser's session, once. */
  restore(): Promise<void> {
    this.#restored ??= this.#restore();
    return this.#restored;
  }

  async #restore() {
    const { functions } = await loadConfig();
    this.useFunctions(functions);
    const stored = this.store.get('session') as StoredSession | undefined;
    if (stored?.token && stored.functions === functions) this.current = stored;
  }

  /** Sets the origin of the functions. */
  useFunctions(origin: string) {
    this.api = new ApiClient(
      origin,
      () => this.current?.token,
      () => this.#ended(),
    );
  }

  /** Asks the server whether the session is still valid. */
  async check() {
    if (!this.current) return;
    try {
      const answer = await this.api.session();
      // Anything absent from the response no longer applies.
      if (this.current) {
        this.#keep({ ...this.current, archive: null, ...answer });
      }
    } catch {
      // 401 has ended the session already; any other error says nothing about it.
    }
  }

  async signIn(name: string, password: string) {
    this.#begin(await this.api.signIn({ name: accountName(name), password }));
  }

  async signUp(account: NewAccount) {
    this.#begin(await this.api.signUp(account));
  }

  async signOut() {
    // Cameras are switched off before the server responds.
    this.life.accountChanged();
    try {
      // `<account>.<id>.<secret>`: one requested by an older client does not end with the session.
      const grant = this.current?.storageToken?.split('.')[1];
      if (grant) await this.api.revokeGrant(grant);
      await this.api.signOut();
    } catch {
      // If the server cannot be reached, the token is at least forgotten here.
    }
    this.forget();
  }

  /**
   * A token for the storage, granted once for this session and ending with it; `fresh` if the old one was refused.
   */
  async storageToken(fresh = false): Promise<string> {
    const session = this.current;
    if (!session) throw new Error('Nobody is signed in.');
    if (session.storageToken && !fresh) return session.storageToken;
    const grant = await this.api.addGrant({
      kind: 'app',
      client: location.origin,
      scopes: STORAGE_SCOPES,
      with_session: true,
    });
    if (this.current?.account === session.account) {
      this.#keep({ ...this.current, storageToken: grant.token ?? '' });
    }
    return grant.token ?? '';
  }

  /** Forgets the session in this browser; drafts stay. */
  forget() {
    this.current = undefined;
    this.store.set('session', undefined);
    this.store.removeAll('cache:');
    this.life.accountChanged();
  }

  #begin(answer: SessionResponse) {
    this.notice = '';
    this.#keep({ ...answer, functions: this.api.origin });
    this.life.accountChanged();
  }

  #keep(session: StoredSession) {
    this.current = session;
    this.store.set('session', session);
  }

  #ended() {
    if (!this.current) return;
    this.notice = "You've been signed out. Please sign in again.";
    this.forget();
    this.life.sessionEnded();
  }

  /** Another tab of this browser has signed out. */
  #changedElsewhere = ({ key, newValue }: StorageEvent) => {
    if (!this.current || newValue !== null || !this.store.is(key, 'session')) {
      return;
    }
    this.notice = 'You signed out in another tab.';
    this.forget();
    this.life.sessionEnded();
  };
}

declare module '@ember/service' {
  interface Registry {
    session: SessionService;
  }
}
