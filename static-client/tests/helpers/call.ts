/**
 * A call for acceptance tests: the connector's end of a socket, and people with real connections in the same page.
 */

import { click, find, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { openCamera, openMicrophone } from 'subspace-client/lib/call/devices';
import { PeerLink } from 'subspace-client/lib/call/peer-link';
import type {
  CallMedia,
  CallPeer,
  SignalData,
} from 'subspace-client/lib/protocol-calls';
import type { CallSocket } from 'subspace-client/lib/call/line';
import { FakeServer } from './server';

/** How long devices and connections may take, in ms. */
export const PATIENCE = { timeout: 20_000 };

/** A participant other than the page. */
interface Other {
  view: CallPeer;
  link: PeerLink;
}

/** The page's own id. Of two, the one with the greater id offers: the page to bob, and zoe to the page. */
const ME = 'me';

export class FakeCall implements CallSocket {
  /** What the page emitted. */
  readonly #emitted: { event: string; data: unknown }[] = [];
  opened = 0;
  closed = 0;
  #listeners = new Map<string, ((...args: never[]) => void)[]>();
  #others = new Map<string, Other>();
  #tracks: MediaStreamTrack[] = [];

  openSocket = () => {
    this.opened += 1;
    this.#listeners.clear();
    return this;
  };

  // What the page does

  on(event: string, listener: (...args: never[]) => void) {
    const listeners = this.#listeners.get(event) ?? [];
    this.#listeners.set(event, [...listeners, listener]);
  }

  emit(event: string, data: unknown) {
    this.#emitted.push({ event, data });
    if (event !== 'signal') return;
    const signal = data as { to: string; data: SignalData };
    this.#others.get(signal.to)?.link.receive(signal.data);
  }

  connect() {
    this.opened += 1;
  }

  disconnect() {
    this.closed += 1;
  }

  /** How often the page emitted an event. */
  count(event: string) {
    return this.#emitted.filter((one) => one.event === event).length;
  }

  /** What the page emitted last for an event. */
  last(event: string) {
    return this.#emitted.filter((one) => one.event === event).at(-1)?.data;
  }

  // What the test does

  tell(event: string, data: unknown) {
    for (const listener of this.#listeners.get(event) ?? []) {
      listener(...([data] as never[]));
    }
  }

  /** Admits the page, with these people in the call. */
  async welcome(...names: string[]) {
    const peers = [];
    for (const name of names) peers.push((await this.#other(name)).view);
    this.greet(peers);
  }

  /** The page is in, with these people. */
  greet(peers: CallPeer[], more: { seat?: string; moderator?: boolean } = {}) {
    this.tell('welcome', { peer: ME, peers, ...more });
  }

  /** Someone joins. */
  async comes(name: string) {
    const { view } = await this.#other(name);
    this.tell('joined', view);
  }

  leaves(name: string) {
    this.#others.get(name)?.link.close();
    this.#others.delete(name);
    this.tell('left', { peer: name });
  }

  /** Somebody who is there, but whose connection never comes. */
  silent(name: string): CallPeer {
    return { peer: name, seat: '1', name, guest: false, media: {} };
  }

  /** Waits until the page has announced this state of its devices; what it shows does not prove that. */
  async told(media: CallMedia) {
    const last = () =>
      this.#emitted.filter(({ event }) => event === 'media').at(-1)?.data as
        CallMedia | undefined;
    const names = Object.keys(media) as (keyof CallMedia)[];
    await waitUntil(
      () => names.every((name) => last()?.[name] === media[name]),
      {
        ...PATIENCE,
        timeoutMessage: `the page has not told ${JSON.stringify(media)}`,
      },
    );
  }

  /** Waits until the page has announced that it leaves. */
  async left() {
    await waitUntil(() => this.#emitted.at(-1)?.event === 'leave', PATIENCE);
  }

  /** What someone receives from the page. */
  async received(name: string) {
    return this.#others.get(name)!.link.measure();
  }

  close() {
    for (const { link } of this.#others.values()) link.close();
    for (const track of this.#tracks) track.stop();
  }

  async #other(name: string): Promise<Other> {
    const audio = await openMicrophone('');
    const video = await openCamera('');
    this.#tracks.push(audio, video);
    const view = {
      ...this.silent(name),
      media: { audio: true, video: true, screen: false },
    };
    const link = new PeerLink(
      {},
      name > ME,
      { audio, video },
      {
        send: (data) => this.tell('signal', { from: name, data }),
        changed: () => {},
        broken: (why) => {
          throw new Error(`the page breaks the bounds: ${why}`);
        },
      },
    );
    const other = { view, link };
    this.#others.set(name, other);
    return other;
  }
}

/** What a new video element shows: the width of its picture, and whether it changes. */
export async function seen(stream: MediaStream) {
  const video = document.createElement('video');
  video.muted = true;
  video.autoplay = true;
  video.srcObject = stream;
  document.querySelector('#ember-testing')!.append(video);
  const canvas = document.createElement('canvas');
  canvas.width = 64;
  canvas.height = 36;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const shot = () => {
    context.drawImage(video, 0, 0, 64, 36);
    return context.getImageData(0, 0, 64, 36).data.join();
  };
  try {
    await waitUntil(() => video.videoWidth > 0, {
      ...PATIENCE,
      timeoutMessage: 'the picture stays black',
    });
    const first = shot();
    await waitUntil(() => shot() !== first, {
      ...PATIENCE,
      timeoutMessage: 'the picture stands still',
    });
    return video.videoWidth;
  } finally {
    video.srcObject = null;
    video.remove();
  }
}

/** The page behind the link of a call that bob started, for alice, who is signed in. */
export function setupCalls(hooks: NestedHooks) {
  const calls = {
    server: new FakeServer(),
    call: new FakeCall(),

    /** The call's page, with devices available. */
    lobby: async () => {
      calls.server.signIn();
      await visit('/call/token');
      await waitFor('[data-test-call-lobby]', PATIENCE);
      await waitFor('[data-test-call-camera="on"]', PATIENCE);
    },

    join: async () => {
      const before = calls.call.opened;
      await click('[data-test-call-join]');
      await waitUntil(() => calls.call.opened > before, PATIENCE);
    },

    connected: (name: string) =>
      waitFor(
        `[data-test-call-person="${name}"][data-test-call-state="connected"]`,
        PATIENCE,
      ),

    /** How much from someone has arrived. */
    arrived: (name: string, what: 'frames' | 'audio') => {
      const tile = find(`[data-test-call-person="${name}"]`);
      return Number(tile?.getAttribute(`data-test-call-${what}`));
    },
  };

  hooks.beforeEach(function () {
    calls.server = new FakeServer();
    calls.server.start();
    calls.call = new FakeCall();
    this.owner.lookup('service:gateway').openSocket = calls.server.openSocket;
    this.owner.lookup('service:call').openSocket = calls.call.openSocket;
    calls.server.answers['GET /api/calls/token'] = {
      body: {
        account: 'bob',
        target: '#general',
        guests: true,
        expires: '2099-01-01T00:00:00.000Z',
      },
    };
    calls.server.answers['POST /api/calls/token'] = {
      body: {
        name: 'alice',
        guest: false,
        peer: 'me',
        url: 'http://gateway.test',
        ticket: 't',
        ice_servers: [],
        expires: '2099-01-01T00:00:00.000Z',
      },
    };
  });

  hooks.afterEach(() => {
    calls.call.close();
    calls.server.stop();
  });

  return calls;
}
