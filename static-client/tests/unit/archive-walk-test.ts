import { module, test } from 'qunit';
import { Walk } from 'subspace-client/lib/archive-walk';
import type { ArchiveSource } from 'subspace-client/lib/archive-source';
import { authorizeUrl, parseReturn } from 'subspace-client/lib/oauth-return';

function source(id: string, days: string[]): ArchiveSource & { down: boolean } {
  return {
    id,
    down: false,
    read(path) {
      if (this.down) return Promise.reject(new Error(`${id} is down`));
      if (path === '/f/meta') {
        return Promise.resolve(days.length ? { last: days.at(-1) } : undefined);
      }
      const day = path.slice(3);
      const at = days.indexOf(day);
      if (at < 0) return Promise.resolve(undefined);
      const today = { '@id': day, previous: days[at - 1], messages: [] };
      return Promise.resolve({ id, today });
    },
    list: () => Promise.resolve([]),
  };
}

async function all(walk: Walk): Promise<string[]> {
  const seen: string[] = [];
  while (walk.next) {
    const day = walk.next;
    const found = (await walk.step()) as ({ id: string } | undefined)[];
    seen.push(`${day} ${found.map((document) => document?.id).join('+')}`);
  }
  return seen;
}

module('Unit | archives in two places', function () {
  const [d1, d2, d3] = ['2026/01/01', '2026/01/02', '2026/01/03'];

  test('are walked back as one', async function (assert) {
    const walk = new Walk(
      [source('a', [d1, d2]), source('b', [d2, d3])],
      '/f/',
    );
    await walk.begin();
    assert.deepEqual(await all(walk), [`${d3} b`, `${d2} a+b`, `${d1} a`]);
    assert.strictEqual(walk.trouble, undefined);
  });

  test('one that is down holds up the other not, and goes on later', async function (assert) {
    const [a, b] = [source('a', [d1, d3]), source('b', [d2])];
    b.down = true;
    const first = new Walk([a, b], '/f/');
    await first.begin();
    assert.deepEqual(await all(first), [`${d3} a`, `${d1} a`]);
    assert.strictEqual((first.trouble as Error).message, 'b is down');
    b.down = false;
    const second = new Walk([a, b], '/f/', first.cursors);
    await second.begin();
    assert.deepEqual(await all(second), [`${d2} b`]);
  });
});

module('Unit | coming back from an authorisation', function () {
  test('the fragment is told from a route', function (assert) {
    assert.deepEqual(parseReturn('#access_token=a%2Bb&state=s'), {
      state: 's',
      token: 'a+b',
    });
    assert.deepEqual(parseReturn('#error=access_denied&state=s'), {
      state: 's',
      error: 'access_denied',
    });
    for (const route of ['', '#', '#/settings/archives', '#/net/room']) {
      assert.strictEqual(parseReturn(route), undefined, route);
    }
  });

  test('the page is asked for what is needed', function (assert) {
    const page = { origin: 'https://chat.example', pathname: '/app/' };
    const url = authorizeUrl('https://a.test/oauth?x=1', 'm:rw', 's', page);
    assert.strictEqual(
      url,
      'https://a.test/oauth?x=1&response_type=token&client_id=https%3A%2F%2Fchat.example&redirect_uri=https%3A%2F%2Fchat.example%2Fapp%2F&scope=m%3Arw&state=s',
    );
  });
});
