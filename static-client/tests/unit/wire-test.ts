import { module, test } from 'qunit';
import { waitUntil } from '@ember/test-helpers';
import type { Activity } from 'subspace-client/lib/activities';
import { ApiClient, ApiError, asSentence } from 'subspace-client/lib/api';
import { loadConfig } from 'subspace-client/lib/config';
import {
  FIRST_PAUSE,
  Link,
  LONGEST_PAUSE,
  pause,
  UnknownOutcome,
} from 'subspace-client/lib/link';
import { openSocket } from 'subspace-client/services/gateway';
import { FakeSocket } from '../helpers/server';

const json = (body: unknown, status = 200) =>
  Promise.resolve(new Response(JSON.stringify(body), { status }));

module('Unit | functions', function () {
  test('a request carries the token, and a problem becomes its sentence', async function (assert) {
    const seen: [string, RequestInit | undefined][] = [];
    const api = new ApiClient(
      'https://chat.test',
      () => 'tok',
      undefined,
      (url, init) => {
        seen.push([url as string, init]);
        return json({ detail: 'the name "x" is taken' }, 409);
      },
    );
    await assert.rejects(
      api.signUp({ name: 'x', password: 'y' }),
      (error: ApiError) =>
        error.status === 409 && error.message === 'The name "x" is taken.',
    );
    const [url, init] = seen[0]!;
    assert.strictEqual(url, 'https://chat.test/api/accounts');
    const headers = init?.headers as Record<string, string>;
    assert.strictEqual(headers['Authorization'], 'Bearer tok');
    assert.strictEqual(init?.credentials, 'omit');
  });

  test('only an answer to a token ends the session', async function (assert) {
    let token: string | undefined = 'tok';
    let ended = 0;
    const api = new ApiClient(
      'https://chat.test',
      () => token,
      () => (ended += 1),
      () => json({ detail: 'no' }, 401),
    );
    await assert.rejects(api.session());
    token = undefined;
    await assert.rejects(api.signIn({ name: 'a', password: 'b' }));
    assert.strictEqual(ended, 1);
  });

  test('every failure is a sentence', async function (assert) {
    const failing = (fetcher: typeof fetch) =>
      new ApiClient('https://chat.test', () => undefined, undefined, fetcher)
        .info()
        .then(
          () => 'no failure',
          (error: ApiError) => error.message,
        );
    for (const answer of [
      () => Promise.reject(new TypeError('Failed to fetch')),
      () => Promise.resolve(new Response('<html>', { status: 502 })),
      () => Promise.resolve(new Response('<html>', { status: 200 })),
    ]) {
      const sentence = await failing(answer);
      assert.true(
        /^(The|Can't reach the) server .*[.?]$/.test(sentence),
        sentence,
      );
    }
    assert.strictEqual(asSentence('"x" is no host'), '"x" is no host.');
    assert.strictEqual(asSentence('really?'), 'really?');
  });

  test('the functions are where the configuration says', async function (assert) {
    const where = async (body: unknown, status = 200) =>
      (await loadConfig(() => json(body, status), 'https://page.test/app/'))
        .functions;
    assert.strictEqual(await where({ functions: '' }), 'https://page.test');
    assert.strictEqual(
      await where({ functions: 'https://chat.test/x' }),
      'https://chat.test',
    );
    assert.strictEqual(
      await where({ functions: 'javascript:1' }),
      'https://page.test',
    );
    assert.strictEqual(await where(null), 'https://page.test');
    assert.strictEqual(await where({}, 404), 'https://page.test');
  });
});

module('Unit | link', function (hooks) {
  let sockets: FakeSocket[];
  let statuses: string[];
  let received: Activity[];
  let ticket: () => Promise<string>;
  let link: Link;
  let tickets: number;

  hooks.beforeEach(function () {
    sockets = [];
    statuses = [];
    received = [];
    tickets = 0;
    ticket = () => Promise.resolve(`t${(tickets += 1)}`);
    link = new Link(
      (_, auth, shown) => {
        const socket = new FakeSocket(auth, shown);
        sockets.push(socket);
        return socket;
      },
      {
        ticket: async () => ({
          id: 'irc',
          url: 'http://gateway.test',
          platforms: ['irc'],
          ticket: await ticket(),
        }),
        since: () => '2026-01-01T00:00:00.000Z',
        opened: () => undefined,
        status: (status, sentence) => statuses.push(`${status}: ${sentence}`),
        activities: (activities) => received.push(...activities),
      },
    );
  });

  hooks.afterEach(() => link.stop());

  const ask: Activity = { type: 'query' };

  test('pauses double, with jitter, up to a limit', function (assert) {
    assert.strictEqual(
      pause(1, () => 1),
      FIRST_PAUSE,
    );
    assert.strictEqual(
      pause(1, () => 0),
      FIRST_PAUSE / 2,
    );
    assert.strictEqual(
      pause(3, () => 1),
      FIRST_PAUSE * 4,
    );
    assert.strictEqual(
      pause(50, () => 1),
      LONGEST_PAUSE,
    );
  });

  test('every attempt has a fresh ticket', async function (assert) {
    link.start();
    await waitUntil(() => sockets.length === 1);
    sockets[0]!.open();
    assert.true(link.connected);
    sockets[0]!.break();
    link.hurry();
    await waitUntil(() => sockets.length === 2);
    assert.deepEqual(
      sockets.map(({ auth }) => auth['ticket']),
      ['t1', 't2'],
    );
    assert.strictEqual(sockets[1]!.auth['mode'], 'full');
  });

  test('a ticket is shown in the URL only after strangers kept it out', async function (assert) {
    link.start();
    await waitUntil(() => sockets.length === 1);
    const [first] = sockets;
    first!.refuse(429);
    assert.strictEqual(sockets.length, 2, 'at once');
    const second = sockets[1]!;
    assert.deepEqual(
      sockets.map(({ shown, auth }) => [shown, auth['ticket']]),
      [
        [undefined, 't1'],
        ['t1', 't1'],
      ],
    );
    assert.notOk(statuses.some((status) => status.startsWith('offline')));
    // Late events of the first one are ignored.
    first!.break();
    first!.refuse(429);
    second.open();
    assert.true(link.connected);
    assert.strictEqual(sockets.length, 2);
    assert.true(statuses.at(-1)!.startsWith('online'));
    second.break();
    link.hurry();
    await waitUntil(() => sockets.length === 3);
    assert.strictEqual(sockets[2]!.shown, undefined, 'and only for once');
    sockets[2]!.refuse(429);
    sockets[3]!.refuse(429);
    assert.strictEqual(sockets.length, 4, 'it is not repeated without a pause');
    assert.strictEqual(
      statuses.at(-1),
      'offline: The gateway has too many connections at the moment.',
    );
    link.hurry();
    await waitUntil(() => sockets.length === 5);
    sockets[4]!.refuse(502);
    assert.strictEqual(sockets.length, 5, 'any other refusal is none of these');
    assert.true(statuses.at(-1)!.includes("Can't reach the gateway"));
  });

  test('the socket of the gateway tells the status of a refused handshake', async function (assert) {
    // The test server has no gateway.
    const socket = openSocket(location.origin, { ticket: 't' }, 'a ticket');
    const error = await new Promise<{ description?: unknown }>((resolve) =>
      socket.on('connect_error', resolve),
    );
    assert.strictEqual(error.description, 404);
    const asked = performance
      .getEntriesByType('resource')
      .map(({ name }) => new URL(name))
      .filter(({ pathname }) => pathname.startsWith('/sockethub/'));
    assert.strictEqual(asked.at(-1)?.searchParams.get('ticket'), 'a ticket');
    socket.disconnect();
  });

  test('without a ticket it says why and goes on trying', async function (assert) {
    let away = true;
    const given = ticket;
    ticket = () =>
      away ? Promise.reject(new Error('The server is away.')) : given();
    link.start();
    await waitUntil(() => statuses.includes('offline: The server is away.'));
    away = false;
    await waitUntil(() => sockets.length === 1, { timeout: 3000 });
    assert.strictEqual(sockets[0]!.auth['ticket'], 't1');
  });

  test('requests are answered, refused, or left open', async function (assert) {
    await assert.rejects(link.request(ask), /not connected/);
    link.start();
    await waitUntil(() => sockets.length === 1);
    const socket = sockets[0]!;
    socket.open();
    const good = link.request(ask);
    socket.take('query')!.ack(null, { type: 'query', id: 'x' });
    assert.strictEqual((await good).id, 'x');
    const bad = link.request(ask);
    socket.take('query')!.ack(null, { type: 'query', error: 'no such nick' });
    await assert.rejects(bad, /no such nick/);
    const nonsense = link.request(ask);
    socket.take('query')!.ack(null, 'what?');
    await assert.rejects(nonsense, /unreadable/);
    const open = link.request(ask);
    socket.break();
    await assert.rejects(open, UnknownOutcome);
  });

  test('what arrives together is applied together, nonsense is left out', async function (assert) {
    link.start();
    await waitUntil(() => sockets.length === 1);
    sockets[0]!.open();
    sockets[0]!.say(ask, null as never, 'x' as never, { type: 'send' });
    assert.strictEqual(received.length, 0);
    await waitUntil(() => received.length === 2);
    sockets[0]!.say({ type: 'late' });
    sockets[0]!.break();
    assert.strictEqual(
      received.at(-1)?.type,
      'late',
      'nothing is lost on a break',
    );
  });

  test('after stop nothing happens any more', async function (assert) {
    link.start();
    await waitUntil(() => sockets.length === 1);
    sockets[0]!.open();
    link.stop();
    const before = statuses.length;
    sockets[0]!.say({ type: 'send' });
    sockets[0]!.break();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.strictEqual(statuses.length, before);
    assert.strictEqual(received.length, 0);
  });
});
