/** Where archives are read: in the account's own storage, or on an external server. */

import { Listings } from './listings.ts';

export interface ArchiveSource {
  /** Distinguishes sources. */
  id: string;
  /** Reads a document; undefined if it does not exist. */
  read(path: string): Promise<unknown>;
  /** Whether a folder exists; if that is not known, its documents are requested. */
  has?(folder: string): Promise<boolean>;
  /** Names of a folder's items; folders end with a slash. */
  list(path: string): Promise<string[]>;
}

/** Timeout for a response, in ms. */
const REQUEST_TIMEOUT = 20_000;

/** A remoteStorage on another server, read with a bearer token. */
export class RemoteArchive implements ArchiveSource {
  readonly id: string;
  readonly #token: () => Promise<string>;
  readonly #fetch: typeof fetch;
  readonly #listings = new Listings((path) => this.list(path));

  constructor(
    root: string,
    token: () => Promise<string>,
    fetcher: typeof fetch = (...args) => fetch(...args),
  ) {
    this.id = root;
    this.#token = token;
    this.#fetch = fetcher;
  }

  has(folder: string): Promise<boolean> {
    return this.#listings.has(folder);
  }

  async read(path: string): Promise<unknown> {
    return (await this.#get(path))?.json();
  }

  async list(path: string): Promise<string[]> {
    const listing = (await (await this.#get(path))?.json()) as
      { items?: object } | undefined;
    return Object.keys(listing?.items ?? {});
  }

  async #get(path: string): Promise<Response | undefined> {
    const { host } = new URL(this.id);
    const token = await this.#token();
    let response: Response;
    try {
      response = await this.#fetch(this.id + encodePath(path), {
        headers: { Authorization: `Bearer ${token}` },
        credentials: 'omit',
        cache: 'no-cache',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT),
      });
    } catch {
      throw new Error(
        `Can't reach your archives at ${host}. Older messages are missing until then.`,
      );
    }
    if (response.status === 404) return undefined;
    if (response.status === 401 || response.status === 403) {
      throw new Error(
        `${host} no longer allows reading older messages. Authorise it again in the settings.`,
      );
    }
    if (!response.ok) {
      throw new Error(
        `Your archives at ${host} answered with status ${response.status}. Older messages are missing.`,
      );
    }
    return response;
  }
}

/** Encoded like the names the functions write: every server takes them literally. */
function encodePath(path: string): string {
  return path
    .split('/')
    .map((name) =>
      encodeURIComponent(name).replace(
        /[!'()*~]/g,
        (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
}
