import { click, fillIn, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { connection } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

const BOX = '[data-test-network-without-account]';
const SUBMIT = '[data-test-dialog="network"] [data-test-submit]';

module('Acceptance | the form of a network', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-add-network]');
  });

  hooks.afterEach(() => server.stop());

  const closed = () =>
    waitUntil(() => !document.querySelector('[data-test-dialog="network"]'));

  test('channels are joined without signing in only if that is wanted, and it is kept', async function (assert) {
    const far = connection({ id: 'far', name: 'Far', server: 'irc.far' });
    server.answers['POST /api/connections'] = {
      status: 201,
      body: { ...far, without_account: true },
    };
    server.answers['PATCH /api/connections/far'] = { body: far };
    await click('[data-test-add-network]');
    assert.dom(BOX).isNotChecked('one is not seen without the account');
    assert.dom(BOX).hasAttribute('aria-describedby', 'without-account-hint');
    assert.dom('#without-account-hint').includesText('without your account');
    await fillIn('[data-test-network-host]', 'irc.far');
    await fillIn('[data-test-network-password]', 'secret');
    await click(BOX);
    await click(SUBMIT);
    await closed();
    const [added] = server.told('POST /api/connections');
    assert.propContains(added, { without_account: true, sasl: true });

    await click('[data-test-edit-network="Far"]');
    assert.dom(BOX).isChecked();
    await click(BOX);
    await click(SUBMIT);
    await closed();
    const [changed] = server.told('PATCH /api/connections/far');
    assert.propContains(changed, { without_account: false });
    await click('[data-test-edit-network="Far"]');
    assert.dom(BOX).isNotChecked();
  });
});
