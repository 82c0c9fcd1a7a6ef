import { click, fillIn, visit, waitFor, waitUntil } from '@ember/test-helpers';
import { module, test } from 'qunit';
import { setupApplicationTest } from '../helpers';
import { FakeServer } from '../helpers/server';

module('Acceptance | storage', function (hooks) {
  setupApplicationTest(hooks);

  let server: FakeServer;
  const home = { kind: 'installation' };
  const bucket = {
    kind: 'bucket',
    endpoint: 'https://s3.test',
    region: 'us-east-1',
    bucket: 'mine',
    prefix: '',
    path_style: true,
    access_key_id: 'AKID',
  };
  const view = (more: object) => ({
    body: { place: home, left: [], available: true, ...more },
  });
  const kept = (versions: number) => ({
    body: { versions, bytes: versions * 1_572_864, most_bytes: 9e8, days: 30 },
  });
  const moving = {
    to: bucket,
    phase: 'copying',
    objects: 128,
    bytes: 4096,
    started: '2026-01-01T00:00:00.000Z',
  };

  hooks.beforeEach(function () {
    server = new FakeServer();
    server.start();
    this.owner.lookup('service:gateway').openSocket = server.openSocket;
    server.answers['GET /api/store'] = view({});
    server.answers['GET /api/store/kept'] = kept(0);
    server.signIn();
  });

  hooks.afterEach(() => server.stop());

  async function fill() {
    await visit('/settings/storage');
    await waitFor('[data-test-store-form]');
    await fillIn('#store-endpoint', 'https://s3.test');
    await fillIn('#store-bucket', 'mine');
    await fillIn('#store-key', 'AKID');
    await fillIn('#store-secret', 'secret');
  }

  test('old versions are told and removed', async function (assert) {
    server.answers['GET /api/store/kept'] = kept(2);
    server.answers['DELETE /api/store/kept'] = { status: 204 };
    await visit('/settings/storage');
    await waitFor('[data-test-remove-kept]');
    assert.dom('[data-test-kept]').includesText('2 old versions');
    assert.dom('[data-test-kept]').includesText('3.0 MiB');
    server.answers['GET /api/store/kept'] = kept(0);
    await click('[data-test-remove-kept]');
    await waitUntil(() => !document.querySelector('[data-test-kept]'));
    assert.dom('[data-test-remove-kept]').doesNotExist();
  });

  test('one old version is said to be one', async function (assert) {
    server.answers['GET /api/store/kept'] = kept(1);
    await visit('/settings/storage');
    await waitFor('[data-test-kept]');
    assert
      .dom('[data-test-kept]')
      .hasText(
        '1 old version of a document that was changed or deleted takes 1.5 MiB. It is deleted after 30 days, or sooner if there are too many.',
      );
  });

  test('a bucket is tested, the documents move there, and the old copy goes', async function (assert) {
    server.answers['POST /api/store/test'] = {
      body: { works: false, detail: 'There is no bucket “mine”.' },
    };
    await fill();
    assert
      .dom('[data-test-store-place]')
      .hasText('Your data is stored in the store of this server.');
    await click('[data-test-store-test]');
    assert.dom('[data-test-store-tested]').hasClass('trouble');
    assert.dom('[data-test-store-tested]').includesText('no bucket “mine”');
    server.answers['POST /api/store/test'] = {
      body: { works: true, detail: 'All is well.' },
    };
    await click('[data-test-store-test]');
    assert.dom('[data-test-store-tested]').hasText('All is well.');
    assert.dom('#store-secret').hasValue('secret');

    server.answers['PUT /api/store'] = view({ moving });
    server.answers['POST /api/store/move'] = view({
      place: bucket,
      left: [home],
    });
    await click('[data-test-store-move]');
    await waitFor('[data-test-store-left]');
    assert
      .dom('[data-test-store-place]')
      .hasText('Your data is stored in the bucket “mine” at https://s3.test.');
    server.answers['DELETE /api/store/left'] = view({ place: bucket });
    await click('[data-test-remove-left]');
    await waitUntil(() => !document.querySelector('[data-test-store-left]'));
    assert.dom('[data-test-store-home]').exists();
  });

  test('what is wrong is said, and a move that stopped goes on', async function (assert) {
    await fill();
    server.answers['PUT /api/store'] = {
      status: 422,
      body: { detail: 'bucket is not the name of one' },
    };
    await click('[data-test-store-move]');
    assert.dom('[data-test-error]').includesText('is not the name of one');

    server.answers['GET /api/store'] = view({ moving });
    server.answers['POST /api/store/move'] = {
      status: 503,
      body: { detail: 'the bucket does not answer' },
    };
    await visit('/settings/apps');
    await visit('/settings/storage');
    await waitFor('[data-test-store-moving]');
    assert.dom('[data-test-store-moving]').includesText('128 objects');
    assert.dom('[data-test-error]').includesText('does not answer');
    server.answers['DELETE /api/store/move'] = view({ left: [bucket] });
    await click('[data-test-cancel-move]');
    await waitFor('[data-test-store-left]');
    assert.dom('[data-test-store-left]').includesText('“mine”');
  });

  test('a server that cannot do it says so', async function (assert) {
    server.answers['GET /api/store'] = view({ available: false });
    await visit('/settings/storage');
    await waitFor('.hint');
    assert.dom('[data-test-store-form]').doesNotExist();
  });
});
