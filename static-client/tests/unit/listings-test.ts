import { module, test } from 'qunit';
import { Walk } from 'subspace-client/lib/archive-walk';
import { closedSince } from 'subspace-client/lib/chat/room-keys';
import { Listings } from 'subspace-client/lib/listings';

module('Unit | listings of archives', function () {
  const folders: Record<string, string[]> = {
    '/chat-messages/': ['irc.example/'],
    '/chat-messages/irc.example/': ['channels/'],
    '/chat-messages/irc.example/channels/': ['general/', 'file'],
  };
  const base = '/chat-messages/irc.example';

  test('tell what is there, with one request for each folder', async function (assert) {
    const asked: string[] = [];
    const listings = new Listings((path) => {
      asked.push(path);
      return Promise.resolve(folders[path] ?? []);
    });
    const has = (folder: string) => listings.has(folder);
    assert.true(await has(`${base}/channels/general/`));
    for (let n = 0; n < 20; n++) {
      assert.false(await has(`${base}/channels/new-${n}/`));
    }
    assert.false(await has(`${base}/channels/file/`));
    assert.false(await has(`${base}/users/bob/`));
    assert.false(await has('/chat-messages/irc.other/channels/x/'));
    assert.deepEqual(asked, Object.keys(folders));
  });

  test('that could not be read are asked for again', async function (assert) {
    let down = true;
    const listings = new Listings((path) =>
      down
        ? Promise.reject(new Error('down'))
        : Promise.resolve(folders[path] ?? []),
    );
    await assert.rejects(listings.has(`${base}/channels/general/`), /down/);
    down = false;
    assert.true(await listings.has(`${base}/channels/general/`));
  });

  test('keep a walk from asking for what is not there', async function (assert) {
    const read: string[] = [];
    const walk = new Walk(
      [
        {
          id: '',
          has: () => Promise.resolve(false),
          list: () => Promise.resolve([]),
          read: (path) => {
            read.push(path);
            return Promise.resolve(undefined);
          },
        },
      ],
      `${base}/channels/new/`,
    );
    await walk.begin();
    assert.deepEqual(read, []);
    assert.strictEqual(walk.next, undefined);
    assert.true('' in walk.cursors, 'it was looked for');
  });
});

module('Unit | conversations that were closed', function () {
  test('stay closed, however their names were compared', function (assert) {
    const closed = { 'net/nick{x}': 5, 'net/other[y]': 7 };
    assert.strictEqual(closedSince(closed, 'net', 'Nick[x]'), 5);
    assert.strictEqual(closedSince(closed, 'net', 'Other[y]'), 7);
    assert.strictEqual(closedSince(closed, 'net', 'somebody'), undefined);
  });
});
