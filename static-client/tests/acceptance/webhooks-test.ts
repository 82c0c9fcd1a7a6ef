import {
  click,
  fillIn,
  find,
  findAll,
  visit,
  waitFor,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { choose, setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

const HOOK = {
  id: 'h1',
  source: 'github',
  name: 'Our code',
  connection: 'net',
  channel: '#general',
  enabled: true,
  created: '2026-01-01T10:00:00.000Z',
  has_secret: true,
  filter: {},
  mention_everybody: false,
  notice: false,
};

const DELIVERY = {
  id: 'd1',
  time: '2026-01-01T10:00:00.000Z',
  event: 'push',
  lines: ['[demo] ann pushed 1 new commit to main'],
  outcome: 'refused',
  reason: 'not in the channel',
};

module('Acceptance | webhooks', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    const gateway = this.owner.lookup('service:gateway');
    gateway.openSocket = server.openSocket;
    server.answers['GET /api/hooks'] = { body: { hooks: [] } };
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-room-menu]');
  });

  hooks.afterEach(() => server.stop());

  test('a webhook is made, and its address and secret are shown once', async function (assert) {
    await choose('webhooks');
    assert.dom('[data-test-dialog="webhooks"]').exists();
    await waitFor('[data-test-no-hooks]');
    await click('[data-test-new-hook]');
    assert.dom('[data-test-hook-source]').hasValue('github');
    assert.dom('[data-test-hook-branches]').isNotVisible();
    await click('[data-test-hook-more]');
    assert.dom('[data-test-hook-branches]').isVisible();
    await fillIn('[data-test-hook-name]', 'Our code');
    const made = {
      ...HOOK,
      url: 'https://chat.example/hooks/alice.h1.s/github',
      secret: 'swordfish',
    };
    server.answers['POST /api/hooks'] = { status: 201, body: made };
    server.answers['GET /api/hooks'] = { body: { hooks: [HOOK] } };
    server.answers['GET /api/hooks/h1'] = { body: { ...HOOK, deliveries: [] } };
    await click('[data-test-submit]');
    await waitFor('[data-test-hook-setup]');
    assert.dom('[data-test-copy-value="hook-url"]').hasValue(made.url);
    assert.dom('[data-test-copy-value="hook-secret"]').hasValue('swordfish');
    assert.dom('.steps').includesText('application/json');
    await waitFor('[data-test-no-deliveries]');
    await click('[data-test-hooks-back]');
    await click('[data-test-open-hook="h1"]');
    await waitFor('[data-test-no-deliveries]');
    assert.dom('[data-test-hook-setup]').doesNotExist();
  });

  test('deliveries are shown with their outcome, and said again', async function (assert) {
    server.answers['GET /api/hooks'] = { body: { hooks: [HOOK] } };
    server.answers['GET /api/hooks/h1'] = {
      body: { ...HOOK, deliveries: [DELIVERY] },
    };
    await choose('webhooks');
    await waitFor('[data-test-open-hook="h1"]');
    await click('[data-test-open-hook="h1"]');
    await waitFor('[data-test-outcome="refused"]');
    assert
      .dom('[data-test-outcome="refused"]')
      .hasText('Refused: not in the channel');
    assert.dom('.delivery-line').hasText(DELIVERY.lines[0]!);
    const again = { ...DELIVERY, id: 'd2', outcome: 'queued' };
    server.answers['POST /api/hooks/h1/deliveries/d1/again'] = {
      status: 201,
      body: again,
    };
    server.answers['GET /api/hooks/h1'] = {
      body: { ...HOOK, deliveries: [again, DELIVERY] },
    };
    await click('[data-test-again="d1"]');
    await waitFor('[data-test-outcome="queued"]');
    assert.strictEqual(findAll('[data-test-delivery-of-hook]').length, 2);
  });

  test('deleting asks first, and a refusal is a sentence', async function (assert) {
    server.answers['GET /api/hooks'] = { body: { hooks: [HOOK] } };
    server.answers['GET /api/hooks/h1'] = { body: { ...HOOK, deliveries: [] } };
    await choose('webhooks');
    await waitFor('[data-test-open-hook="h1"]');
    await click('[data-test-open-hook="h1"]');
    await waitFor('[data-test-no-deliveries]');
    await click('[data-test-remove-hook]');
    assert.dom('[data-test-remove-hook]').hasText('Really delete?');
    assert.true(server.spared('DELETE /api/hooks/h1'));
    server.answers['DELETE /api/hooks/h1'] = { status: 204 };
    server.answers['GET /api/hooks'] = { body: { hooks: [] } };
    await click('[data-test-remove-hook]');
    await waitFor('[data-test-no-hooks]');
    await click('[data-test-new-hook]');
    server.answers['POST /api/hooks'] = {
      status: 409,
      body: {
        detail: 'an account can have at most 100 hooks; delete one first',
      },
    };
    await click('[data-test-submit]');
    await waitFor('[data-test-error]');
    assert.dom('[data-test-error]').includesText('at most 100 hooks');
    assert.strictEqual(find('[data-test-hook-setup]'), null);
  });
});
