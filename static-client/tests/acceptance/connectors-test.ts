import {
  click,
  fillIn,
  findAll,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

module('Acceptance | connectors', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  const expires = '2099-01-01T00:00:00.000Z';
  const view = (state: string) => ({
    id: 'irc',
    kind: 'gateway',
    state,
    registration: { url: 'https://irc.test', platforms: ['irc'], version: '1' },
  });

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.answers['POST /api/connectors'] = {
      status: 201,
      body: {
        ...view('waiting'),
        key: 'abc',
        command: 'SUBSPACE_CONNECTOR_KEY=abc subspace-irc-connector',
      },
    };
    server.answers['GET /api/connectors'] = {
      body: { connectors: [view('waiting')] },
    };
  });

  hooks.afterEach(() => server.stop());

  function fresh() {
    server.answers['POST /api/tickets'] = { body: { connectors: [], expires } };
    server.answers['GET /api/connections'] = { body: { connections: [] } };
    server.signIn();
  }

  test('without a connector the administrator makes one, and the chat goes on', async function (assert) {
    const connections = server.answers['GET /api/connections']!;
    const tickets = server.answers['POST /api/tickets']!;
    fresh();
    await visit('/');
    await waitFor('[data-test-connect-server]');
    assert.dom('[data-test-link-banner]').doesNotExist('the page says it');
    await click('[data-test-make-connector]');
    assert.dom('[data-test-error]').hasText('Enter the address.');
    await click('[data-test-connector-kind="gateway"]');
    await fillIn('[data-test-connector-url]', 'https://irc.test');
    await click('[data-test-make-connector]');
    assert
      .dom('[data-test-copy-value="connector-command"]')
      .hasValue('SUBSPACE_CONNECTOR_KEY=abc subspace-irc-connector');
    assert.dom('[data-test-connector-state]').includesText('Waiting');
    server.answers['GET /api/connectors'] = {
      body: { connectors: [view('registered')] },
    };
    server.answers['GET /api/connections'] = connections;
    server.answers['POST /api/tickets'] = tickets;
    await server.opened();
    assert.dom('[data-test-connect-server]').doesNotExist();
  });

  test('others are told what is missing', async function (assert) {
    fresh();
    const session = server.answers['GET /api/session']!.body as object;
    server.answers['GET /api/session'] = { body: { ...session, admin: false } };
    await visit('/');
    await waitFor('[data-test-no-connector]');
    await waitUntil(
      () => !document.querySelector('[data-test-connect-server]'),
    );
    assert.dom('[data-test-no-connector]').includesText('administrator');
  });

  test('the settings list them, change keys and remove', async function (assert) {
    server.answers['GET /api/connectors'] = {
      body: {
        connectors: [{ ...view('configured'), id: 'own' }, view('registered')],
      },
    };
    server.answers['PATCH /api/connectors/irc'] = {
      body: { ...view('registered'), key: 'new', command: 'the new command' },
    };
    server.answers['DELETE /api/connectors/irc'] = { status: 204 };
    server.signIn();
    await visit('/settings/connectors');
    await waitFor('[data-test-connector="irc"]');
    assert.strictEqual(findAll('[data-test-rotate-connector]').length, 1);
    await click('[data-test-rotate-connector="irc"]');
    assert
      .dom('[data-test-copy-value="renewed-command"]')
      .hasValue('the new command');
    await click('[data-test-remove-connector="irc"]');
    await server.asked('DELETE /api/connectors/irc');
  });
});
