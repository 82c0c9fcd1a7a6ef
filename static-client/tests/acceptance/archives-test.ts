import {
  click,
  fillIn,
  findAll,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import type { OAuthReturn } from 'subspace-client/lib/oauth-return';
import { setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

const ROOT = 'https://away.test/store/alice';

module('Acceptance | archives', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  const place = (more = {}) => ({
    user_address: 'alice@away.test',
    root: ROOT,
    authorize: 'https://away.test/oauth/alice',
    state: 'ok',
    since: '2026-01-15T10:00:00.000Z',
    connected: '2026-01-15T10:00:00.000Z',
    ...more,
  });

  function session(archive?: object) {
    const { body } = server.answers['GET /api/session']!;
    server.answers['GET /api/session'] = {
      body: { ...(body as object), archive },
    };
  }

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
    server.signIn();
    server.answers['GET /api/archive/discovery'] = { body: place() };
    server.answers['PUT /api/archive'] = { body: place() };
    server.answers['DELETE /api/archive'] = { status: 204 };
    server.answers['GET /api/archive/token'] = {
      body: { root: ROOT, token: 'away-token' },
    };
  });

  hooks.afterEach(() => server.stop());

  test('one authorises once, and comes back connected', async function (assert) {
    const archives = this.owner.lookup('service:archives');
    let left: URL | undefined;
    archives.leave = (url) => (left = new URL(url));
    await visit('/settings/archives');
    await fillIn('[data-test-archive-address]', 'alice@away.test');
    await click('[data-test-connect-archive]');
    assert.strictEqual(left?.origin, 'https://away.test');
    const asked = left!.searchParams;
    assert.strictEqual(asked.get('scope'), 'chat-messages:rw');
    assert.strictEqual(asked.get('response_type'), 'token');
    assert.strictEqual(asked.get('client_id'), location.origin);
    assert.true(asked.get('redirect_uri')!.startsWith(location.origin));

    // A link with someone else's token is not accepted.
    const answer = (state: string): OAuthReturn => ({ state, token: 't' });
    await archives.resume(answer('wrong'));
    await settled();
    assert.dom('[data-test-error]').includesText("wasn't started here");
    assert.true(server.spared('PUT /api/archive'));

    await fillIn('[data-test-archive-address]', 'alice@away.test');
    await click('[data-test-connect-archive]');
    session(place());
    await archives.resume(answer(left!.searchParams.get('state')!));
    await settled();
    await server.asked('PUT /api/archive');
    assert.dom('[data-test-archive-state="ok"]').exists();
    assert.dom('[data-test-archive-host]').hasText('away.test');
    assert.dom('[data-test-archive-banner]').doesNotExist();

    session();
    await click('[data-test-disconnect-archive]');
    await server.asked('DELETE /api/archive');
    assert.dom('[data-test-archive-address]').exists();
  });

  test('a revoked authorisation is told, with the way to renew it', async function (assert) {
    session(
      place({
        state: 'renew',
        reason: 'away.test does not accept it any more',
      }),
    );
    const archives = this.owner.lookup('service:archives');
    let left = '';
    archives.leave = (url) => (left = url);
    await visit('/');
    await waitFor('[data-test-archive-banner]');
    assert.dom('[data-test-archive-banner]').includesText('away.test');
    await click('[data-test-archive-banner-link]');
    assert.dom('[data-test-archive-state="renew"]').exists();
    assert.dom('[data-test-archive-reason]').includesText('any more');
    await click('[data-test-renew-archive]');
    assert.true(left.startsWith('https://away.test/oauth/alice?'));
  });

  test('the history is read there, and here', async function (assert) {
    session(place());
    const channel = 'chat-messages/irc.example/channels/general';
    const folder = `/store/alice/${channel}`;
    const day = (name: string, text: string, more = {}) => ({
      body: {
        today: {
          '@id': name,
          ...more,
          messages: [{ id: text, timestamp: 1768040000000, from: 'bob', text }],
        },
      },
    });
    server.answers[`GET ${folder}/meta`] = { body: { last: '2026/01/10' } };
    server.answers[`GET ${folder}/2026/01/10`] = day('2026/01/10', 'from away');
    server.answers[`GET /storage/alice/${channel}/meta`] = {
      body: { last: '2026/01/09' },
    };
    server.answers[`GET /storage/alice/${channel}/2026/01/09`] = day(
      '2026/01/09',
      'from home',
    );
    const archives = this.owner.lookup('service:archives');
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    const texts = () =>
      findAll('[data-test-message] [data-test-text]').map((element) =>
        element.textContent.trim(),
      );
    await waitUntil(() => texts().length === 2, { timeout: 20_000 });
    assert.deepEqual(texts().sort(), ['from away', 'from home']);
    const [home, away] = archives.sources();
    assert.strictEqual(home!.id, '');
    assert.deepEqual(await away!.read(`/${channel}/meta`), {
      last: '2026/01/10',
    });
    assert.strictEqual(
      await away!.read('/chat-messages/irc.example/channels/none/meta'),
      undefined,
    );
    server.answers[`GET ${folder}/meta`] = { status: 503 };
    await assert.rejects(
      away!.read(`/${channel}/meta`),
      /away\.test answered with status 503/,
    );
  });
});
