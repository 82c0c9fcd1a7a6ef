import { find, visit, waitFor } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

module('Acceptance | sidebar', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    this.owner.lookup('service:history').patience = 0;
  });

  hooks.afterEach(() => server.stop());

  test('a channel that one is not in stands among the others like any of them', async function (assert) {
    server.signIn();
    await visit('/');
    await server.greet();
    await waitFor('[data-test-connection-state="online"]');
    this.owner.lookup('service:chat').openRoom('net', '#outside');
    const link = (name: string) =>
      find(`[data-test-room-link="${name}"]`) as HTMLElement;
    await waitFor('[data-test-room-link="#outside"]');
    const [inside, outside] = [link('#general'), link('#outside')];
    assert.true(outside.classList.contains('outside'));
    const looks = (element: HTMLElement) => {
      const style = getComputedStyle(element);
      return {
        height: element.offsetHeight,
        row: element.parentElement!.offsetHeight,
        padding: style.padding,
        margin: style.margin,
      };
    };
    assert.deepEqual(looks(outside), looks(inside));
    // Only the room that is open has a background.
    assert.strictEqual(
      getComputedStyle(outside).backgroundColor,
      'rgba(0, 0, 0, 0)',
    );
  });
});
