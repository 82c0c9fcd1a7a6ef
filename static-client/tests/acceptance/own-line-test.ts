/** The end of a room stays at its end, whatever makes its last rows taller or the room for them smaller. */
import {
  click,
  fillIn,
  find,
  triggerEvent,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { arrival, at, attendance, event, said, state } from '../helpers/chat';
import { shows } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const COMPOSER = '[data-test-composer]';

/** What is rendered is laid out, and what that scrolls is told. */
async function frames(count = 3) {
  for (let n = 0; n < count; n++) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

module('Acceptance | the end of a room', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  const page = () => document.querySelector<HTMLElement>('#ember-testing')!;

  hooks.afterEach(() => {
    page().style.width = '';
    server.stop();
  });

  async function arrive() {
    server.signIn();
    await visit('/');
    await server.greet(1, [
      ...arrival(['alice', 'bob']),
      state('online', 'Connected.', {
        nick: 'alice',
        supports: ['deletion', 'reactions', 'replies', 'typing'],
      }),
      attendance('#general', ['alice', 'bob']),
    ]);
    await waitFor('[data-test-member="alice"]');
    const now = Date.now();
    server.socket.say(
      ...Array.from({ length: 60 }, (_, n) =>
        said('bob', '#general', `line ${n}`, now - 60_000 + n * 100, {
          id: `m${n}`,
        }),
      ),
    );
    await shows('line 59');
    await frames();
  }

  /** How much is below what is seen, in px. */
  function below(): number {
    const timeline = find('[data-test-timeline]')!;
    const { scrollHeight, scrollTop, clientHeight } = timeline;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** Nothing is below what is seen, once what has come into sight is laid out. */
  async function ends(assert: Assert, what: string) {
    await frames();
    await waitUntil(() => below() < 1, { timeout: 5000, timeoutMessage: what });
    assert.true(below() < 1, what);
  }

  async function answers(id: string) {
    await triggerEvent(`[data-test-message="${id}"]`, 'pointerover', {
      pointerType: 'mouse',
    });
    await click('[data-test-reply]');
    await frames();
  }

  for (const width of ['', '390px']) {
    test(`one's own reply ends it, ${width || 'wide'}`, async function (assert) {
      page().style.width = width;
      await arrive();
      await ends(assert, 'at first');
      for (let n = 0; n < 4; n++) {
        await answers(`m${59 - n}`);
        await ends(assert, 'with the bar');
        await fillIn(COMPOSER, `answer ${n}\n`.repeat(n * 3 + 1));
        await ends(assert, 'when written');
        await triggerKeyEvent(COMPOSER, 'keydown', 'Enter');
        const { activity, ack } = await server.socket.taken('send');
        // The answer comes at once, or when it is laid out already.
        await frames(n);
        ack(null, { ...activity, id: `own${n}`, published: at(Date.now()) });
        await waitFor(`[data-test-message="own${n}"]`);
        await ends(assert, 'with the answer');
        server.socket.say(
          event(
            'add',
            'bob',
            '#general',
            { type: 'reaction', content: '👍', inReplyTo: `own${n}` },
            { id: `r${n}`, published: at(Date.now()) },
          ),
        );
        await waitFor(`[data-test-message="own${n}"] [data-test-reaction]`);
        await ends(assert, 'with a reaction');
      }
    });
  }
});
