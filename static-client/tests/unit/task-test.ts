import { destroy } from '@ember/destroyable';
import { module, test } from 'qunit';
import { Task } from 'subspace-client/lib/task';

module('Unit | tasks', function () {
  test('it is busy meanwhile, and ignores whoever begins it again', async function (assert) {
    const task = new Task({});
    let finish = () => {};
    let begun = 0;
    const work = () => {
      begun += 1;
      return new Promise<void>((resolve) => (finish = resolve));
    };
    const first = task.run(work);
    assert.true(task.busy);
    assert.false(await task.run(work), 'it runs already');
    assert.strictEqual(begun, 1);
    finish();
    assert.true(await first);
    assert.false(task.busy);
    const second = task.run(work);
    finish();
    assert.true(await second, 'it can be run again');
    assert.strictEqual(begun, 2);
  });

  test('what went wrong is said until it is tried again', async function (assert) {
    const task = new Task({});
    const fails = () => Promise.reject(new Error('it rains'));
    assert.false(await task.run(fails));
    assert.strictEqual(task.sentence, 'It rains.');
    assert.false(task.busy);
    assert.true(await task.run(() => Promise.resolve()));
    assert.strictEqual(task.sentence, '');
    const told: unknown[] = [];
    assert.false(await task.run(fails, (error) => told.push(error)));
    assert.strictEqual(told.length, 1);
    assert.strictEqual(task.sentence, '', 'whoever takes it says it');
  });

  test('nothing follows once its owner is gone', async function (assert) {
    const owner = {};
    const task = new Task(owner);
    let end: [done: () => void, fail: (error: Error) => void];
    const work = () => new Promise<void>((done, fail) => (end = [done, fail]));
    const first = task.run(work);
    destroy(owner);
    end![0]();
    assert.false(await first);
    const second = task.run(work);
    end![1](new Error('too late'));
    assert.false(await second);
    assert.strictEqual(task.sentence, '');
  });
});
