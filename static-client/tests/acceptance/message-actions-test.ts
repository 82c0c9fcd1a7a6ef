/** The actions of a message: where they stand, and what closes them. */
import {
  click,
  find,
  focus,
  settled,
  triggerEvent,
  triggerKeyEvent,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { said } from '../helpers/chat';
import {
  arriveInGeneral,
  astray,
  frames,
  message,
  point,
} from '../helpers/general';
import { shows } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const ACTIONS = '[data-test-message-actions]';
const PICKER = '[data-test-picker]';

module('Acceptance | actions of a message', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  async function back(until: () => boolean) {
    history.back();
    await waitUntil(until, { timeout: 10_000 });
    await settled();
  }

  /** A finger presses something and lifts off it. */
  async function tap(selector: string) {
    await triggerEvent(selector, 'pointerdown', { pointerType: 'touch' });
    await triggerEvent(selector, 'pointerup', { pointerType: 'touch' });
    await triggerEvent(selector, 'click');
  }

  test('the button Back closes what was opened, and the room stays', async function (assert) {
    await arriveInGeneral(server);
    const { length } = history;
    await point('m0');
    assert.strictEqual(history.length, length, 'to point at it opens nothing');
    await click('[data-test-react]');
    await back(() => !find(PICKER));
    assert.dom(ACTIONS).doesNotExist();
    assert.dom('[data-test-room="#general"]').exists();
    await point('m1');
    await click('[data-test-delete]');
    await back(() => !find('[data-test-delete-confirm]'));
    assert.dom(message('m1')).isFocused();
    await tap(message('m0'));
    assert.dom(ACTIONS).exists();
    await back(() => !find(ACTIONS));
    await focus(message('m1'));
    await triggerKeyEvent(message('m1'), 'keydown', 'Enter');
    assert.dom(ACTIONS).exists();
    await back(() => !find(ACTIONS));
    assert.dom('[data-test-room="#general"]').exists();
  });

  test('it is seen which message they are about, and the picker is even', async function (assert) {
    await arriveInGeneral(server);
    const chosen = () =>
      [...document.querySelectorAll<HTMLElement>('[data-chosen]')].map(
        ({ dataset }) => dataset['entry'],
      );
    await point('m1');
    assert.deepEqual(chosen(), [], 'the pointer says so itself');
    await click('[data-test-react]');
    assert.deepEqual(chosen(), ['m1']);
    const box = (selector: string) => find(selector)!.getBoundingClientRect();
    const emoji = [...document.querySelectorAll('[data-test-emoji]')].map(
      (button) => Math.round(button.getBoundingClientRect().top),
    );
    assert.strictEqual(new Set(emoji).size, 1, 'in one row');
    const field = box('[data-test-other-reaction]');
    const button = box('.reaction-field button');
    assert.true(Math.abs(field.bottom - button.bottom) < 1, 'aligned');
    await click('[data-test-delete]');
    assert.deepEqual(chosen(), ['m1']);
    await click('[data-test-delete-cancel]');
    assert.deepEqual(chosen(), []);
  });

  test('a press beside them closes them', async function (assert) {
    await arriveInGeneral(server);
    await point('m0');
    await click('[data-test-react]');
    await triggerEvent('[data-test-composer]', 'pointerdown');
    assert.dom(ACTIONS).doesNotExist();
    await tap(message('m0'));
    assert.dom('[data-test-message-actions="m0"]').exists();
    await tap(message('m1'));
    assert.dom('[data-test-message-actions="m1"]').exists('they go there');
    await tap(message('m1'));
    assert.dom(ACTIONS).doesNotExist('the message itself closes them');
    await tap(message('m1'));
    await tap('[data-test-room-title]');
    assert.dom(ACTIONS).doesNotExist();
  });

  test('they stay at their message when lines come', async function (assert) {
    await arriveInGeneral(server, 3);
    await tap(message('m0'));
    await frames();
    assert.true(astray('m0') <= 2, `${astray('m0')} px at first`);
    const before = find(message('m0'))!.getBoundingClientRect().top;
    const now = Date.now();
    for (let n = 0; n < 4; n++) {
      server.socket.say(said('bob', '#general', `more ${n}\n\n${n}`, now + n));
      await shows(`more ${n}\n\n${n}`);
      await frames();
      assert.true(astray('m0') <= 2, `${astray('m0')} px after ${n + 1} lines`);
    }
    const { top } = find(message('m0'))!.getBoundingClientRect();
    assert.true(top < before - 20, 'the message has moved');
    assert.dom('[data-test-message-actions="m0"]').exists();
    // They go with it out of sight, unless something is being done there.
    server.socket.say(
      ...Array.from({ length: 60 }, (_, n) =>
        said('bob', '#general', `many ${n}`, now + 10 + n, { id: `many${n}` }),
      ),
    );
    await shows('many 59');
    await waitUntil(() => !find(ACTIONS));
    await point('many59');
    await click('[data-test-react]');
    server.socket.say(said('bob', '#general', 'one more', now + 100));
    await shows('one more');
    await frames();
    assert.dom(PICKER).exists('what is being done stays');
  });
});
