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
import type UiService from 'subspace-client/services/ui';
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
    Boolean((history.state as { layer?: string } | null)?.layer);

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

  /** Nothing is open but the menu of the room. */
  async function openMenu(ui: UiService) {
    ui.close();
    await settled();
    if (layer()) throw new Error('an entry is left of the dialog');
    await click('[data-test-room-menu]');
  }

  const MENU = '[role="menu"]';

  test('Back closes the menu of a room, and the page stays', async function (assert) {
    await openMenu(this.owner.lookup('service:ui'));
    assert.dom(MENU).exists();
    assert.true(layer());
    history.back();
    await waitUntil(() => !find(MENU), BACK);
    await settled();
    assert.strictEqual(currentURL(), HERE);
    assert.false(layer());
    assert.dom('[data-test-room-menu]').isFocused();
    // What is closed by hand leaves no entry.
    await click('[data-test-room-menu]');
    assert.true(layer());
    const { length } = places;
    await click('[data-test-room-menu]');
    assert.strictEqual(places.length, length + 1);
    assert.dom(MENU).doesNotExist();
    assert.false(layer());
  });

  test('a menu stays open behind a change of the page that leaves it, and Back still closes it', async function (assert) {
    const router = this.owner.lookup('service:router');
    await openMenu(this.owner.lookup('service:ui'));
    // The same room: names are compared without regard to case.
    router.transitionTo('chat.room', 'net', '#GENERAL');
    await settled();
    assert.strictEqual(currentURL(), '/net/%23GENERAL');
    assert.dom(MENU).exists();
    assert.true(layer());
    history.back();
    await waitUntil(() => !find(MENU), BACK);
    await settled();
    assert.strictEqual(currentURL(), '/net/%23GENERAL');
  });

  test('a menu that is opened while the page changes has its entry above that of the next page', async function (assert) {
    const router = this.owner.lookup('service:router');
    const ui = this.owner.lookup('service:ui');
    ui.close();
    await settled();
    router.transitionTo('chat.room', 'net', '#GENERAL');
    (find('[data-test-room-menu]') as HTMLElement).click();
    assert.false(layer(), 'not below it');
    await settled();
    assert.strictEqual(currentURL(), '/net/%23GENERAL');
    assert.dom(MENU).exists();
    assert.true(layer());
  });

  test('another address that the browser tells of is not the button Back', async function (assert) {
    await openMenu(this.owner.lookup('service:ui'));
    const { length } = places;
    const before = location.href;
    // As the router writes it.
    location.hash = '#/elsewhere';
    await waitUntil(() => places.length > length, BACK);
    await settled();
    assert.dom(MENU).exists();
    assert.true(layer(), 'above that address');
    history.back();
    await waitUntil(() => !find(MENU), BACK);
    await settled();
    assert.false(layer());
    history.replaceState(null, '', before);
  });

  test('a menu goes with its room, and so does its entry', async function (assert) {
    const router = this.owner.lookup('service:router');
    await openMenu(this.owner.lookup('service:ui'));
    const { length } = history;
    router.transitionTo('chat.room', 'net', '#tea');
    await waitFor('[data-test-room="#tea"]');
    await settled();
    assert.dom(MENU).doesNotExist();
    assert.strictEqual(currentURL(), THERE);
    // The next page has taken it over: tests do not write the address, but nothing was added.
    assert.strictEqual(history.length, length);
    assert.deepEqual(places.slice(1), [], 'and nothing went back');
  });
});
