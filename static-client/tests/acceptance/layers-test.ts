/** Open layers and the browser's history: whether closing or going to another page comes first. */
import {
  click,
  currentURL,
  find,
  settled,
  visit,
  waitFor,
  waitUntil,
} from '@ember/test-helpers';
import { destroy } from '@ember/destroyable';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { connection } from '../helpers/chat';
import { FakeServer } from '../helpers/server';

const HERE = '/net/%23general';
const THERE = '/net/%23tea';
/** A browser on a busy machine takes its time to go back, in ms. */
const BACK = { timeout: 10_000 };

module('Acceptance | layers', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  /** The location whenever the browser had gone back, before the page was notified. */
  let places: string[];
  const note = () => places.push(currentURL());

  hooks.beforeEach(async function () {
    places = [];
    window.addEventListener('popstate', note);
    server = new FakeServer();
    server.start();
    server.answers['GET /api/connections'] = {
      body: { connections: [connection({ channels: ['#general', '#tea'] })] },
    };
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.signIn();
    await visit(HERE);
    await server.greet();
    await waitFor('[data-test-room="#general"]');
    // Tests do not write the address, so an entry taken over in an earlier one is still marked.
    history.replaceState(null, '');
    await click('[data-test-open-switcher]');
  });

  hooks.afterEach(() => {
    window.removeEventListener('popstate', note);
    server.stop();
  });

  const layer = () =>
    (history.state as { layer?: boolean } | null)?.layer === true;

  /** Does something while the browser is removing an entry, and waits until it has. */
  async function whileGoingBack(work: () => void) {
    const back = history.back.bind(history);
    history.back = () => {
      Reflect.deleteProperty(history, 'back');
      back();
      work();
    };
    const { length } = places;
    await waitUntil(() => places.length > length, BACK);
  }

  test('a page that is gone to while the entry of a dialog is taken away waits for that', async function (assert) {
    const [ui, router] = [
      this.owner.lookup('service:ui'),
      this.owner.lookup('service:router'),
    ];
    const gone = whileGoingBack(() => {
      router.transitionTo('chat.settings', 'apps');
      router.transitionTo('chat.room', 'net', '#tea');
    });
    ui.close();
    await gone;
    assert.deepEqual(places, [HERE], 'it has waited');
    await waitFor('[data-test-room="#tea"]');
    assert.strictEqual(currentURL(), THERE, 'the latest counts');
    assert.false(layer());
    // Nothing is waiting any longer.
    await visit(HERE);
    assert.strictEqual(currentURL(), HERE);
  });

  test('a page that is gone to before a dialog is closed, or at once after, takes over its entry', async function (assert) {
    const { length } = history;
    const [ui, router] = [
      this.owner.lookup('service:ui'),
      this.owner.lookup('service:router'),
    ];
    router.transitionTo('chat.room', 'net', '#tea');
    ui.close();
    await settled();
    assert.strictEqual(currentURL(), THERE);
    ui.open({ kind: 'switcher' });
    ui.close();
    router.transitionTo('chat.room', 'net', '#general');
    await settled();
    assert.strictEqual(currentURL(), HERE);
    assert.deepEqual(places, [], 'nothing went back');
    assert.strictEqual(history.length, length + 1);
  });

  test('what is opened after such a page stays open, with an entry of its own', async function (assert) {
    const [ui, router] = [
      this.owner.lookup('service:ui'),
      this.owner.lookup('service:router'),
    ];
    const gone = whileGoingBack(() => {
      router.transitionTo('chat.room', 'net', '#tea');
      ui.open({ kind: 'help' });
    });
    ui.close();
    await gone;
    await waitFor('[data-test-room="#tea"]');
    await settled();
    assert.dom('[data-test-dialog="help"]').exists();
    assert.true(layer());
    history.back();
    await waitUntil(() => !find('[data-test-dialog]'), BACK);
    await settled();
    assert.strictEqual(currentURL(), THERE);
  });

  test('what is open when the page goes takes its entry with it', async function (assert) {
    assert.true(layer());
    const { length } = places;
    destroy(this.owner.lookup('service:ui'));
    await settled();
    assert.strictEqual(places.length, length + 1, 'it waits for the browser');
    assert.false(layer(), 'nothing of it is left for the next one');
  });

  test('what is closed as the page goes is taken away, too', async function (assert) {
    const ui = this.owner.lookup('service:ui');
    const { length } = places;
    ui.close();
    destroy(ui);
    await settled();
    assert.strictEqual(places.length, length + 1);
    assert.false(layer());
  });
});
