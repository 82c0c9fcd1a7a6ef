/** A server for acceptance tests: responds to fetch, and is the gateway's end of the socket. */

import { waitUntil } from '@ember/test-helpers';
import type { Activity } from 'subspace-client/lib/activities';
import type { SocketLike } from 'subspace-client/lib/link';
import { arrival, connection, SERVER } from './chat';

/** How long the page may take to send a request or an event, in ms. */
const PATIENCE = 20_000;

type Ack = (error: Error | null, answer?: unknown) => void;

/** The gateway's end of a socket. */
export class FakeSocket implements SocketLike {
  connected = false;
  auth: Record<string, unknown>;
  /** The ticket in the URL, if there is one. */
  shown: string | undefined;
  sent: { activity: Activity; ack: Ack }[] = [];
  #listeners = new Map<string, ((...args: never[]) => void)[]>();

  constructor(auth: Record<string, unknown>, shown?: string) {
    this.auth = auth;
    this.shown = shown;
  }

  on(event: string, listener: (...args: never[]) => void) {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, listener]);
  }

  timeout() {
    return {
      emit: (_: string, activity: unknown, ack: Ack) => {
        this.sent.push({ activity: activity as Activity, ack });
      },
    };
  }

  disconnect() {
    this.connected = false;
  }

  // What the test does

  #emit(event: string, ...args: unknown[]) {
    for (const listener of this.#listeners.get(event) ?? []) {
      listener(...(args as never[]));
    }
  }

  open() {
    this.connected = true;
    this.#emit('connect');
  }

  /** The handshake is answered with a status, in the form the real client reports it. */
  refuse(status: number) {
    const error = new Error('xhr poll error');
    this.#emit('connect_error', Object.assign(error, { description: status }));
  }

  say(...activities: Activity[]) {
    for (const activity of activities) this.#emit('message', activity);
  }

  /** The connection breaks: pending requests are never answered. */
  break() {
    this.connected = false;
    for (const { ack } of this.sent.splice(0)) ack(new Error('disconnected'));
    this.#emit('disconnect', 'transport close');
  }

  /**
   * The next request of a type, as soon as the page has sent it. What the page shows does not prove what it has sent
   * already, so the queue cannot be checked without waiting.
   */
  async taken(type: string) {
    let found = this.take(type);
    await waitUntil(() => (found ??= this.take(type)), {
      timeout: PATIENCE,
      timeoutMessage: `the page has not sent a ${type}`,
    });
    return found!;
  }

  /** Takes the next request of a type from the queue, if it is there already. */
  take(type: string) {
    const at = this.sent.findIndex(({ activity }) => activity.type === type);
    return at < 0 ? undefined : this.sent.splice(at, 1)[0];
  }
}

const SESSION = {
  account: 'alice',
  admin: true,
  user_address: 'alice@chat.example',
  storage: `${location.origin}/storage/alice`,
};

/** The functions' responses, by `METHOD /path`; tests add their own. */
export class FakeServer {
  answers: Record<string, { status?: number; body?: unknown }> = {
    'GET /api': {
      body: { name: 'Subspace', version: '0', needs_setup: false },
    },
    'GET /api/session': { body: SESSION },
    'POST /api/session': { body: { ...SESSION, token: 'alice.s.t' } },
    'POST /api/grants': { status: 201, body: { id: 'g', token: 'alice.g.t' } },
    'GET /api/connections': { body: { connections: [connection()] } },
    'POST /api/tickets': {
      body: {
        connectors: [
          {
            id: 'irc',
            url: 'http://gateway.test',
            platforms: ['irc'],
            ticket: 't',
          },
          {
            id: 'ircd',
            url: 'http://gateway.test',
            platforms: [],
            ticket: 'u',
          },
        ],
        expires: '2099-01-01T00:00:00.000Z',
      },
    },
  };
  readonly #requests: string[] = [];
  readonly #bodies: [request: string, body: unknown][] = [];
  sockets: FakeSocket[] = [];
  server = SERVER;
  #fetch: typeof fetch = window.fetch.bind(window);

  start() {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith('subspace:')) localStorage.removeItem(key);
    }
    window.fetch = (input, init) => {
      const url = new URL(
        input instanceof Request ? input.url : input,
        location.href,
      );
      const request = `${init?.method ?? 'GET'} ${url.pathname}`;
      this.#requests.push(request);
      if (typeof init?.body === 'string') {
        this.#bodies.push([request, JSON.parse(init.body) as unknown]);
      }
      const answer = this.answers[request] ??
        this.#folder(request) ?? {
          status: 404,
          body: { detail: `There is no ${request}.` },
        };
      const { status = 200, body } = answer;
      const text = JSON.stringify(body);
      const response = new Response(status === 204 ? null : text, {
        status,
        headers: { 'Content-Type': 'application/json' },
      });
      // A real body is read in a separate task, which `settled` does not know about: what is shown after a click
      // would depend on how busy the machine is.
      response.text = () => Promise.resolve(text ?? '');
      response.json = () =>
        new Promise((resolve) => resolve(JSON.parse(text) as unknown));
      return Promise.resolve(response);
    };
  }

  /** A storage folder lists the items that the responses below it imply; one without any is empty. */
  #folder(request: string): { status?: number; body?: unknown } | undefined {
    if (!/^GET \/(storage|store)\/.*\/$/.test(request)) return undefined;
    const names = Object.keys(this.answers)
      .filter((other) => other.startsWith(request))
      .map((other) => /^[^/]+\/?/.exec(other.slice(request.length))?.[0] ?? '');
    const items = names.filter(Boolean).map((name) => [name, { ETag: '1' }]);
    return {
      body: {
        '@context': 'http://remotestorage.io/spec/folder-description',
        items: Object.fromEntries(items) as object,
      },
    };
  }

  /** Waits until the page has sent this request. */
  async asked(request: string) {
    await waitUntil(() => this.#requests.includes(request), {
      timeout: PATIENCE,
      timeoutMessage: `the page has not asked for ${request}`,
    });
  }

  /** The bodies that the page has sent with these requests, in order. */
  told(request: string): unknown[] {
    return this.#bodies
      .filter(([asked]) => asked === request)
      .map(([, body]) => body);
  }

  /** Whether the page has not sent this request so far; that it will not is proved by what the page shows. */
  spared(request: string): boolean {
    return !this.#requests.includes(request);
  }

  /** Waits for the socket with this number, counted from 1. */
  async opened(number = 1): Promise<FakeSocket> {
    await waitUntil(() => this.sockets.length >= number, {
      timeout: PATIENCE,
      timeoutMessage: `the page has not opened socket ${number}`,
    });
    return this.socket;
  }

  /** Opens the page's socket, and answers its `connect` as the gateway does. */
  async greet(number = 1, activities = arrival()) {
    const socket = await this.opened(number);
    socket.open();
    const connect = await socket.taken('connect');
    connect.ack(null, connect.activity);
    socket.say(...activities);
  }

  stop() {
    window.fetch = this.#fetch;
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith('subspace:')) localStorage.removeItem(key);
    }
  }

  signIn() {
    localStorage.setItem(
      'subspace:session',
      JSON.stringify({
        ...SESSION,
        token: 'alice.s.t',
        storageToken: 'alice.g.t',
        functions: location.origin,
      }),
    );
  }

  openSocket = (_: string, auth: Record<string, unknown>, shown?: string) => {
    const socket = new FakeSocket(auth, shown);
    this.sockets.push(socket);
    return socket;
  };

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }
}
