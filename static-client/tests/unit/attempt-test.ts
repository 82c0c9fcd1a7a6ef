import { module, test } from 'qunit';
import { withTimeOfAttempt } from 'subspace-client/lib/attempt';

module('Unit | attempt', function () {
  const at = new Date(2026, 0, 2, 15, 4, 30).getTime();
  const said = (sentence: string) => withTimeOfAttempt(sentence, at);

  test('the next attempt is named by its time of day', function (assert) {
    assert.strictEqual(
      said('irc.far does not answer. Next attempt in 36 seconds.'),
      'irc.far does not answer. Next attempt at 15:05:06.',
    );
    assert.strictEqual(
      said('No. Next attempt in a second.'),
      'No. Next attempt at 15:04:31.',
    );
    assert.strictEqual(
      said('No. Next attempt in 2 minutes.'),
      'No. Next attempt at 15:06.',
    );
  });

  test('any other sentence stays as it is', function (assert) {
    for (const sentence of [
      '',
      'Connected.',
      'Try again in 36 seconds.',
      'Next attempt in some days.',
      'Next attempt in 3 seconds. Or not.',
    ]) {
      assert.strictEqual(said(sentence), sentence);
    }
  });
});
