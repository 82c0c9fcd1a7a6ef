import { module, test } from 'qunit';
import { newsLabel, newsSince } from 'subspace-client/lib/chat/news';
import { entry } from '../helpers/chat';

module('Unit | news', function () {
  test('what others said after a time is counted, and where it begins', function (assert) {
    const entries = [
      entry({ id: 'a', at: 10 }),
      entry({ id: 'b', at: 20, kind: 'join' }),
      entry({ id: 'c', at: 30 }),
      entry({ id: 'd', at: 40, own: true }),
      entry({ id: 'e', at: 50 }),
      entry({ id: 'f', at: 60, own: true, delivery: 'pending' }),
    ];
    assert.deepEqual(newsSince(entries, 10), {
      count: 2,
      first: 2,
      whole: true,
    });
    assert.deepEqual(newsSince(entries, 5), {
      count: 3,
      first: 0,
      whole: false,
    });
    assert.strictEqual(newsSince(entries, 50), undefined);
    assert.strictEqual(newsSince([], 0), undefined);
  });

  test('it is said in words', function (assert) {
    const now = new Date(2026, 0, 15, 18, 0).getTime();
    const says = (count: number, exact: boolean, at: number) =>
      newsLabel({ count, first: 0, whole: exact }, exact, at, now);
    const at = (day: number) => new Date(2026, 0, day, 14, 3).getTime();
    assert.strictEqual(says(1, true, at(15)), '1 new message since 14:03');
    assert.strictEqual(
      says(900, true, at(14)),
      '900 new messages since yesterday, 14:03',
    );
    assert.strictEqual(
      says(80, false, at(8)),
      '80+ new messages since Thursday, January 8',
    );
    assert.strictEqual(says(1, false, at(15)), '1+ new messages since 14:03');
    assert.strictEqual(says(3, true, 1), '3 new messages', 'never read');
  });
});
