import { module, test } from 'qunit';
import {
  hooksOf,
  outcomeOf,
  readHookForm,
  SERVICES,
  SOURCES,
} from 'subspace-client/lib/webhooks';
import type { HookDelivery, HookView } from 'subspace-client/lib/protocol';

function form(values: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) data.append(name, value);
  return data;
}

module('Unit | webhooks', function () {
  test('the form becomes what the server takes', function (assert) {
    assert.deepEqual(
      readHookForm(
        form({
          name: ' CI ',
          events: 'push, issues.* -star',
          branches: '',
          quiet: 'on',
          from: '22:00',
          to: '07:00',
          notice: 'on',
          secret: 's3cret-s3cret',
        }),
        60,
      ),
      {
        name: 'CI',
        filter: { events: ['push', 'issues.*', '-star'], branches: [] },
        quiet_hours: { from: '22:00', to: '07:00', offset: 60 },
        mention_everybody: false,
        notice: true,
        template: null,
        secret: 's3cret-s3cret',
      },
    );
  });

  test('quiet hours need a beginning and an end', function (assert) {
    const read = readHookForm(form({ quiet: 'on', from: '22:00', to: '' }));
    assert.strictEqual(read, 'Enter when the quiet hours begin and end.');
    const same = readHookForm(form({ quiet: 'on', from: '1:00', to: '1:00' }));
    assert.strictEqual(typeof same, 'string');
  });

  test('a channel has its own hooks, whatever their case', function (assert) {
    const hook = (id: string, connection: string, channel: string) =>
      ({ id, connection, channel }) as HookView;
    const hooks = [
      hook('1', 'net', '#Dev'),
      hook('2', 'net', '#other'),
      hook('3', 'else', '#dev'),
    ];
    const network = { id: 'net', casemapping: 'ascii' as const };
    const ids = hooksOf(hooks, network, '#dev').map(({ id }) => id);
    assert.deepEqual(ids, ['1']);
  });

  test('every service says how it is set up', function (assert) {
    assert.strictEqual(SOURCES.length, 11);
    for (const { label, steps } of Object.values(SERVICES)) {
      assert.notStrictEqual(steps.length, 0, label);
    }
  });

  test('an outcome says why', function (assert) {
    const delivery = {
      outcome: 'ignored',
      reason: 'quiet hours',
    } as HookDelivery;
    assert.strictEqual(outcomeOf(delivery), 'Not posted: quiet hours');
    assert.strictEqual(
      outcomeOf({ outcome: 'queued' } as HookDelivery),
      'Waiting',
    );
  });
});
