/** Own messages are changed where the network carries that. */
import {
  click,
  fillIn,
  find,
  focus,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { DEFAULT_DESCRIPTOR } from 'subspace-client/lib/protocol';
import { setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { at, connection } from '../helpers/chat';
import { ALL, arriveInGeneral, message, point } from '../helpers/general';
import { texts } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const COMPOSER = '[data-test-composer]';
const BAR = '[data-test-edit-bar]';

module('Acceptance | edits', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    server.answers['GET /api/connections'] = {
      body: {
        connections: [connection()],
        platforms: [
          {
            ...DEFAULT_DESCRIPTOR,
            supports: [...DEFAULT_DESCRIPTOR.supports, 'edits'],
          },
        ],
      },
    };
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  const key = (name: string) => triggerKeyEvent(COMPOSER, 'keydown', name);

  test('arrow up in an empty field changes the last own message', async function (assert) {
    await arriveInGeneral(server, 3, [...ALL, 'edits']);
    this.owner.lookup('service:preferences').setTellsTyping(false);
    await focus(COMPOSER);
    await key('ArrowUp');
    assert.dom(BAR).includesText('line 2');
    assert.dom(COMPOSER).hasValue('line 2');
    await accessible(assert, 'a message that is changed');
    await key('ArrowUp');
    assert.dom(COMPOSER).hasValue('line 2', 'nothing earlier takes its place');
    await key('Escape');
    assert.dom(BAR).doesNotExist();
    assert.dom(COMPOSER).hasValue('');

    await key('ArrowUp');
    await fillIn(COMPOSER, '/second line');
    await key('Enter');
    const { activity, ack } = await server.socket.taken('update');
    assert.dom(BAR).doesNotExist();
    assert.dom(COMPOSER).hasValue('');
    // A slash begins no command there.
    const object = {
      type: 'message',
      id: 'm2',
      content: '/second line',
    } as const;
    assert.deepEqual(activity.object, object);
    ack(null, { ...activity, id: 'e1', published: at(Date.now() + 1000) });
    await waitFor(`${message('m2')} [data-test-edited]`);
    assert.deepEqual(texts(), ['line 0', 'line 1', '/second line']);
  });

  test('what was begun before waits, and what is refused stays', async function (assert) {
    await arriveInGeneral(server, 2, [...ALL, 'edits']);
    this.owner.lookup('service:preferences').setTellsTyping(false);
    await fillIn(COMPOSER, 'a draft');
    await point('m0');
    assert.dom('[data-test-edit]').doesNotExist('of others');
    await point('m1');
    await click('[data-test-edit]');
    assert.dom(COMPOSER).isFocused().hasValue('line 1');
    await fillIn(COMPOSER, 'other words');
    await click('[data-test-edit-cancel]');
    assert.dom(COMPOSER).isFocused().hasValue('a draft');
    await fillIn(COMPOSER, '');
    await key('ArrowUp');
    await fillIn(COMPOSER, 'refused words');
    await key('Enter');
    const { activity, ack } = await server.socket.taken('update');
    ack(null, { ...activity, error: 'that is too late' });
    await waitFor(BAR);
    assert.dom(COMPOSER).hasValue('refused words');
    assert.dom('[data-test-composer-hint]').includesText('That is too late');
    await fillIn(COMPOSER, 'line 1');
    await key('Enter');
    assert.dom(BAR).doesNotExist();
    assert.strictEqual(server.socket.take('update'), undefined, 'no change');
  });

  test('where the network does not carry edits the keys do what they did', async function (assert) {
    await arriveInGeneral(server, 2);
    await point('m1');
    assert.dom('[data-test-edit]').doesNotExist();
    await fillIn(COMPOSER, 'said before');
    await key('Enter');
    await key('ArrowUp');
    assert.dom(BAR).doesNotExist();
    assert.dom(COMPOSER).hasValue('said before');
  });

  test('nobody is told that one types, if that is wished', async function (assert) {
    await arriveInGeneral(server, 2);
    await visit('/settings/notifications');
    await waitFor('[data-test-tells-typing]');
    assert.dom('[data-test-tells-typing]').isChecked();
    await accessible(assert, 'the setting');
    await click('[data-test-tells-typing]');
    await visit('/net/%23general');
    await fillIn(COMPOSER, 'h');
    assert.strictEqual(server.socket.take('update'), undefined);
    const { settings } = this.owner.lookup('service:preferences');
    assert.false(settings.typing);
    await visit('/settings/notifications');
    assert.dom('[data-test-tells-typing]').isNotChecked();
    await click('[data-test-tells-typing]');
    await visit('/net/%23general');
    await waitUntil(() => find(COMPOSER));
    await fillIn(COMPOSER, 'he');
    const { activity } = await server.socket.taken('update');
    assert.propContains(activity.object, { type: 'chat-state' });
  });
});
