import { click, fillIn, settled, visit, waitFor } from '@ember/test-helpers';
import { module, test } from 'qunit';
import type { AccountObject } from 'subspace-client/lib/protocol-activities';
import { setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { connection } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

const EMAIL = '[data-test-account-email]';
const CODE = '[data-test-account-code]';
const DONE = '[data-test-account-done]';
const ERROR = '[data-test-dialog="account"] [data-test-error]';
const SUBMIT = '[data-test-dialog="account"] [data-test-submit]';
const REGISTERED = '[data-test-account-is-registered]';
const PATCH = 'PATCH /api/connections/net';

module('Acceptance | registering with a network', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  const open = async () => {
    await visit('/net/*');
    await waitFor('[data-test-register-nick]');
    await click('[data-test-register-nick]');
    await waitFor(EMAIL);
  };

  /** Takes what is asked of the network, and answers. */
  const answered = async (answer: AccountObject | string) => {
    const asked = await server.socket.taken('update');
    if (typeof answer === 'string') {
      asked.ack(null, { ...asked.activity, error: answer });
    } else {
      const object = { type: 'account' as const, ...answer };
      asked.ack(null, { ...asked.activity, object });
    }
    return asked.activity.object as AccountObject;
  };

  const submit = async (address: string) => {
    await fillIn(EMAIL, address);
    await click(SUBMIT);
  };

  hooks.beforeEach(async function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    server.answers[PATCH] = { body: connection({ has_password: true }) };
    await visit('/');
    await server.greet();
  });

  hooks.afterEach(() => server.stop());

  test('an address is enough, and one is signed in from then on', async function (assert) {
    await open();
    assert.dom(EMAIL).isFocused();
    assert.dom('[data-test-account-nick]').hasText('alice');
    await accessible(assert, 'the first step');
    await submit('nobody');
    assert.dom(ERROR).includesText('Enter the e-mail address');
    await submit('a@b.example');
    const asked = await answered({ name: 'alice', status: 'registered' });
    await waitFor(DONE);
    assert.strictEqual(asked.email, 'a@b.example');
    assert.true(/^[a-z2-9]{24}$/.test(asked.password ?? ''));
    assert.deepEqual(server.told(PATCH), [
      { password: asked.password, sasl: true },
    ]);
    assert.false(JSON.stringify(localStorage).includes(asked.password!));
    await click('[data-test-account-close]');
    assert.dom('[data-test-dialog]').doesNotExist();
    assert.dom('[data-test-register-nick]').doesNotExist();
  });

  test('a code that was sent can be given later, and in any form', async function (assert) {
    await open();
    await submit('a@b.example');
    const { password } = await answered({
      name: 'alice',
      status: 'unconfirmed',
      content: 'Look.',
    });
    await waitFor(CODE);
    await accessible(assert, 'the second step');
    assert.dom('[data-test-account-sent]').includesText('a@b.example');
    assert.dom(REGISTERED).doesNotExist();
    assert.strictEqual(server.told(PATCH).length, 0);
    await click('[data-test-dialog-close]');
    await click('[data-test-register-nick]');
    await waitFor(CODE);
    await click(SUBMIT);
    assert.dom(ERROR).hasText('Enter the code from the e-mail.');
    await fillIn(CODE, 'wrong');
    await click(SUBMIT);
    await answered('irc.example did not register the account: Invalid code.');
    await waitFor(ERROR);
    assert.dom(ERROR).includesText('Invalid code');
    await fillIn(CODE, ' /msg NickServ VERIFY REGISTER alice c0de ');
    await click(SUBMIT);
    const asked = await answered({ name: 'alice', status: 'registered' });
    await waitFor(DONE);
    assert.propContains(asked, { name: 'alice', password, code: 'c0de' });
    assert.deepEqual(server.told(PATCH), [{ password, sasl: true }]);
  });

  test('what only a person can tell is shown, and nothing is lost', async function (assert) {
    await open();
    await submit('a@b.example');
    const first = await answered('There is no NickServ on irc.example.');
    await waitFor(ERROR);
    assert.dom(ERROR).hasText('There is no NickServ on irc.example.');
    assert.dom(REGISTERED).exists('it may be so after all');
    await submit('a@b.example');
    const second = await answered({
      name: 'alice',
      status: 'unclear',
      content: 'Votre pseudo est enregistré.',
    });
    assert.strictEqual(second.password, first.password);
    await waitFor('[data-test-account-said]');
    assert
      .dom('[data-test-account-said]')
      .hasText('Votre pseudo est enregistré.');
    await click('[data-test-account-again]');
    await waitFor(EMAIL);
    assert.dom(REGISTERED).doesNotExist();
    await submit('a@b.example');
    const third = await answered({ status: 'unclear', content: 'Bienvenue.' });
    assert.notStrictEqual(third.password, first.password);
    await waitFor(REGISTERED);
    await click(REGISTERED);
    await waitFor(DONE);
    assert.deepEqual(server.told(PATCH), [
      { password: third.password, sasl: true },
    ]);
  });

  test('it is offered where it can be done', async function (assert) {
    await visit('/net/*');
    await waitFor('[data-test-register-nick]');
    const chat = this.owner.lookup('service:chat');
    for (const change of [{ has_password: true }, { managed: true }]) {
      chat.setConnection(connection(change));
      await settled();
      assert.dom('[data-test-register-nick]').doesNotExist();
    }
    chat.setConnection(connection());
    await waitFor('[data-test-register-nick]');
    assert.dom('[data-test-register-nick]').exists();
  });
});
