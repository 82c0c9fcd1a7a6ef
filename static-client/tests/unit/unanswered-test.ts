import { module, test } from 'qunit';
import {
  settleUnanswered,
  type Cache,
  type CachedNode,
} from 'subspace-client/lib/unanswered';

const MARKERS = '/subspace/read/net/';

/** What remotestorage.js keeps of a browser's documents. */
class Kept implements Cache {
  readonly nodes = new Map<string, CachedNode>();

  constructor(...nodes: CachedNode[]) {
    for (const node of nodes) this.nodes.set(node.path, node);
  }

  forAllNodes(look: (node: CachedNode) => void) {
    this.nodes.forEach((node) => look(node));
    return Promise.resolve();
  }

  getNodes(paths: string[]) {
    const found = paths.map((path) => [path, this.nodes.get(path)] as const);
    return Promise.resolve(Object.fromEntries(found));
  }

  setNodes(nodes: Record<string, CachedNode>) {
    for (const [path, node] of Object.entries(nodes)) {
      this.nodes.set(path, node);
    }
    return Promise.resolve();
  }
}

module('Unit | writes without an answer', function () {
  const local = { body: '{"at":2}' };
  const listed = (names: Record<string, string>) => {
    const asked: string[] = [];
    const list = (folder: string) => {
      asked.push(folder);
      return Promise.resolve(new Map(Object.entries(names)));
    };
    return { asked, list };
  };

  test('what the storage has by now is to be fetched, the others are to be written', async function (assert) {
    const paths = ['new', 'arrived', 'changed', 'waiting'].map(
      (name) => MARKERS + name,
    );
    const [fresh, arrived, changed, waiting] = paths as [
      string,
      string,
      string,
      string,
    ];
    const kept = new Kept(
      { path: fresh, common: {}, local },
      { path: arrived, common: {}, local },
      { path: changed, common: { revision: '1' }, local },
      { path: waiting, common: { revision: '3' }, local },
      { path: `${MARKERS}done`, common: { revision: '5' } },
      { path: MARKERS, common: {}, local: {} },
    );
    const { asked, list } = listed({
      arrived: '7',
      changed: '2',
      waiting: '3',
      done: '6',
    });
    assert.deepEqual(await settleUnanswered(kept, list), paths);
    assert.deepEqual(asked, [MARKERS], 'each folder is asked for once');
    const revisions = Object.fromEntries(
      [...kept.nodes].map(([path, { remote }]) => [path, remote?.revision]),
    );
    assert.deepEqual(revisions, {
      [fresh]: undefined,
      [arrived]: '7',
      [changed]: '2',
      [waiting]: undefined,
      [`${MARKERS}done`]: undefined,
      [MARKERS]: undefined,
    });
    assert.deepEqual(kept.nodes.get(arrived)?.local, local, 'nothing is lost');
  });

  test('without such documents nothing is asked', async function (assert) {
    const kept = new Kept(
      { path: `${MARKERS}done`, common: { revision: '5' } },
      // It is being fetched already.
      {
        path: `${MARKERS}known`,
        local,
        remote: { revision: '1', timestamp: 0 },
      },
    );
    const { asked, list } = listed({});
    assert.deepEqual(await settleUnanswered(kept, list), []);
    assert.deepEqual(asked, []);
  });
});
