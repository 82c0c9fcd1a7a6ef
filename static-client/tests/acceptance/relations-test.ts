import {
  click,
  fillIn,
  find,
  focus,
  settled,
  triggerEvent,
  triggerKeyEvent,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { accessible } from '../helpers/axe';
import { arrival, at, attendance, event, said, state } from '../helpers/chat';
import { shows, texts } from '../helpers/rows';
import { FakeServer } from '../helpers/server';

const COMPOSER = '[data-test-composer]';
const ALL = ['deletion', 'reactions', 'replies', 'typing'] as const;

module('Acceptance | relations of messages', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  /** One is in #general, where bob has said something, and so has alice. */
  async function arrive(supports: readonly (typeof ALL)[number][] = ALL) {
    server.signIn();
    await visit('/');
    await server.greet(1, [
      ...arrival(['alice', 'bob']),
      state('online', 'Connected.', { nick: 'alice', supports: [...supports] }),
      attendance('#general', ['alice', 'bob']),
    ]);
    await waitFor('[data-test-member="alice"]');
    const now = Date.now();
    server.socket.say(
      said('bob', '#general', 'see you at five', now - 2000, { id: 'm1' }),
      said('alice', '#general', 'where?', now - 1000, { id: 'm2' }),
    );
    await shows('where?');
  }

  const message = (id: string) => `[data-test-message="${id}"]`;

  async function point(id: string) {
    await triggerEvent(message(id), 'pointerover', { pointerType: 'mouse' });
    await waitFor(`[data-test-message-actions="${id}"]`);
  }

  test('a reply quotes its message, and the quote leads there', async function (assert) {
    await arrive();
    await point('m1');
    await click('[data-test-reply]');
    assert.dom('[data-test-reply-bar]').includesText('bob');
    assert.dom(COMPOSER).isFocused();
    await accessible(assert, 'a reply that is written');
    await fillIn(COMPOSER, 'fine');
    await triggerKeyEvent(COMPOSER, 'keydown', 'Enter');
    assert.dom('[data-test-reply-bar]').doesNotExist();
    const { activity, ack } = await server.socket.taken('send');
    assert.propContains(activity.object, { inReplyTo: 'm1' });
    ack(null, { ...activity, id: 'm3', published: at(Date.now()) });
    await waitFor(message('m3'));
    const quote = `${message('m3')} [data-test-quote="m1"]`;
    assert.dom(quote).includesText('see you at five');
    await click(quote);
    await waitUntil(() => find(message('m1')) === document.activeElement);
    assert.dom(message('m1')).hasClass('sought');
    // Of a message that is not there any more nothing is said but that.
    const gone = { type: 'message', content: 'hm', inReplyTo: 'gone' } as const;
    server.socket.say(
      said('bob', '#general', '', Date.now(), { id: 'm4', object: gone }),
    );
    await waitFor(message('m4'));
    assert.dom('[data-test-quote="gone"]').includesText('an earlier message');
    // The network may not have been told.
    await point('m1');
    await click('[data-test-reply]');
    await fillIn(COMPOSER, 'to all');
    await triggerKeyEvent(COMPOSER, 'keydown', 'Enter');
    const untold = await server.socket.taken('send');
    untold.ack(null, {
      ...untold.activity,
      id: 'm5',
      object: { type: 'message', content: 'to all' },
      published: at(Date.now()),
    });
    await waitFor(message('m5'));
    assert.dom(`${message('m5')} [data-test-quote]`).doesNotExist();
    // A reply that was begun can be given up.
    await point('m1');
    await click('[data-test-reply]');
    await triggerKeyEvent(COMPOSER, 'keydown', 'Escape');
    assert.dom('[data-test-reply-bar]').doesNotExist();
  });

  test('a quote leads to what is far above', async function (assert) {
    await arrive();
    const now = Date.now();
    const object = {
      type: 'message',
      content: 'late',
      inReplyTo: 'm1',
    } as const;
    server.socket.say(
      ...Array.from({ length: 500 }, (_, n) =>
        said('bob', '#general', `line ${n}`, now + n),
      ),
      said('bob', '#general', '', now + 600, { id: 'late', object }),
    );
    await waitFor(message('late'));
    assert.dom(message('m1')).doesNotExist('it is not rendered');
    await click('[data-test-quote="m1"]');
    await waitUntil(() => find(message('m1')) === document.activeElement);
    const timeline = find('[data-test-timeline]')!.getBoundingClientRect();
    const { top, bottom } = find(message('m1'))!.getBoundingClientRect();
    const within = top >= timeline.top && bottom <= timeline.bottom;
    assert.true(within, `${top} to ${bottom} can be seen`);
  });

  test('one reacts with a usual emoji or another one, and takes it back', async function (assert) {
    await arrive();
    await point('m1');
    await click('[data-test-react]');
    await accessible(assert, 'the picker');
    await click('[data-test-emoji="👍"]');
    assert.dom('[data-test-message-actions]').doesNotExist();
    const first = await server.socket.taken('add');
    assert.deepEqual(first.activity.object, {
      type: 'reaction',
      content: '👍',
      inReplyTo: 'm1',
    });
    first.ack(null, { ...first.activity, id: 'r1', published: at(Date.now()) });
    const mine = `${message('m1')} [data-test-reaction="👍"]`;
    await waitFor(mine);
    assert.dom(mine).hasText('👍 1').hasAttribute('aria-pressed', 'true');
    server.socket.say(
      event(
        'add',
        'bob',
        '#general',
        { type: 'reaction', content: '👍', inReplyTo: 'm1' },
        { id: 'r2', published: at(Date.now()) },
      ),
    );
    await waitUntil(() => find(mine)?.textContent.includes('2'));
    assert.dom(mine).hasAttribute('title', 'alice, bob');
    await accessible(assert, 'reactions');
    await click(mine);
    const back = await server.socket.taken('remove');
    back.ack(null, {
      ...back.activity,
      id: 'r3',
      published: at(Date.now() + 1000),
    });
    await waitUntil(() => find(mine)?.textContent.includes('1'));
    assert.dom(mine).hasAttribute('aria-pressed', 'false');
    await point('m1');
    await click('[data-test-react]');
    const other = '[data-test-other-reaction]';
    await fillIn(other, 'this is a whole sentence, and no reaction');
    assert.dom(other).hasAttribute('aria-invalid', 'true');
    assert.dom('.reaction-other button').isDisabled();
    await accessible(assert, 'too long');
    await triggerEvent('.reaction-other', 'submit');
    assert.strictEqual(server.socket.take('add'), undefined);
    await fillIn(other, 'well said');
    await triggerEvent('.reaction-other', 'submit');
    const word = await server.socket.taken('add');
    assert.propContains(word.activity.object, { content: 'well said' });
    // What the network refuses is said.
    word.ack(null, { ...word.activity, error: 'you may not speak here' });
    await waitFor('[data-test-event="error"]');
    assert
      .dom('[data-test-event="error"]')
      .includesText('You may not speak here');
  });

  test('only own messages can be deleted, after a question', async function (assert) {
    await arrive();
    await point('m1');
    assert.dom('[data-test-delete]').doesNotExist();
    await point('m2');
    await click('[data-test-delete]');
    await accessible(assert, 'the question');
    await click('[data-test-delete-confirm]');
    const { activity, ack } = await server.socket.taken('delete');
    assert.deepEqual(activity.object, { type: 'message', id: 'm2' });
    ack(null, { ...activity, id: 'd1', published: at(Date.now()) });
    await waitFor(`${message('m2')} [data-test-deleted]`);
    assert.dom('[data-test-deleted]').hasText('You deleted this message.');
    assert.deepEqual(texts(), ['see you at five']);
    await triggerEvent(message('m2'), 'pointerover', { pointerType: 'mouse' });
    assert.dom('[data-test-message-actions="m2"]').doesNotExist();
    server.socket.say(
      event(
        'delete',
        'bob',
        '#general',
        { type: 'message', id: 'm1' },
        { id: 'd2', published: at(Date.now()) },
      ),
    );
    await waitFor(`${message('m1')} [data-test-deleted]`);
    assert
      .dom(`${message('m1')} [data-test-deleted]`)
      .hasText('This message was deleted by bob.');
  });

  test('it is told who is typing, and others that one is', async function (assert) {
    await arrive();
    const typing = (state: 'composing' | 'active') =>
      event('update', 'bob', '#general', { type: 'chat-state', state });
    const hint = () => find('[data-test-composer-hint]') as HTMLElement;
    const height = hint().offsetHeight;
    // Nor on a narrow screen, which has rules of its own.
    const rules = (list: CSSRuleList): CSSRule[] =>
      [...list].flatMap((rule) =>
        'cssRules' in rule
          ? [rule, ...rules(rule.cssRules as CSSRuleList)]
          : rule,
      );
    const heights = [...document.styleSheets]
      .flatMap(({ cssRules }) => rules(cssRules))
      .filter((rule) => rule instanceof CSSStyleRule)
      .filter(({ selectorText }) => selectorText === '.composer-hint')
      .map(({ style }) => style.minHeight)
      .filter(Boolean);
    assert.deepEqual(heights, ['22px']);
    server.socket.say(typing('composing'));
    await waitUntil(() =>
      find('[data-test-composer-hint]')?.textContent.includes('typing'),
    );
    assert.dom('[data-test-composer-hint]').hasText('bob is typing…');
    assert.strictEqual(hint().offsetHeight, height, 'nothing moves');
    server.socket.say(said('bob', '#general', 'done', Date.now()));
    await shows('done');
    assert.dom('[data-test-composer-hint]').hasText('');
    await fillIn(COMPOSER, 'h');
    const { activity } = await server.socket.taken('update');
    assert.deepEqual(activity.object, {
      type: 'chat-state',
      state: 'composing',
    });
    await fillIn(COMPOSER, 'he');
    assert.strictEqual(server.socket.take('update'), undefined, 'once');
    await fillIn(COMPOSER, '');
    const over = await server.socket.taken('update');
    assert.deepEqual(over.activity.object, {
      type: 'chat-state',
      state: 'active',
    });
    await fillIn(COMPOSER, '/ns identify sesame');
    assert.strictEqual(server.socket.take('update'), undefined, 'no commands');
  });

  test('what the network does not carry is not offered', async function (assert) {
    await arrive(['replies']);
    await point('m2');
    assert.dom('[data-test-reply]').exists();
    assert.dom('[data-test-react]').doesNotExist();
    assert.dom('[data-test-delete]').doesNotExist();
    await fillIn(COMPOSER, 'h');
    assert.strictEqual(server.socket.take('update'), undefined);
    server.socket.say(state('online', '', { nick: 'alice', supports: [] }));
    await waitUntil(() => !find('[data-test-message-actions]'));
    await settled();
    assert.dom(message('m2')).exists();
  });

  test('it works by key alone, and on a narrow screen', async function (assert) {
    await arrive();
    await focus('[data-test-timeline]');
    await triggerKeyEvent('[data-test-timeline]', 'keydown', 'Enter');
    assert.dom(message('m2')).isFocused();
    await triggerKeyEvent(message('m2'), 'keydown', 'ArrowUp');
    assert.dom(message('m1')).isFocused();
    await triggerKeyEvent(message('m1'), 'keydown', 'Enter');
    assert.dom('[data-test-reply]').isFocused();
    await triggerKeyEvent('[data-test-reply]', 'keydown', 'Escape');
    assert.dom('[data-test-message-actions]').doesNotExist();

    const page = document.querySelector<HTMLElement>('#ember-testing')!;
    page.style.width = '390px';
    await click(message('m1'));
    await click('[data-test-react]');
    const frame = find('.timeline-frame')!.getBoundingClientRect();
    const shown = find('[data-test-message-actions]')!.getBoundingClientRect();
    const within = shown.left >= frame.left && shown.right <= frame.right;
    assert.true(within, `${shown.left} to ${shown.right} are on the screen`);
  });
});
