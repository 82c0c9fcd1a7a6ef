import { module, test } from 'qunit';
import { make, person, room } from 'subspace-client/lib/activities';
import { platformOf } from 'subspace-client/lib/platforms';
import ROOMS from '../../../connectors/dummy/src/rooms.json';
import type { PlatformDescriptor } from 'subspace-client/lib/protocol';
import { connection, event, said, SERVER, World } from '../helpers/chat';

const DESCRIPTOR = ROOMS as PlatformDescriptor;
const ACTOR = { nick: 'alice', server: SERVER, platform: DESCRIPTOR.id };

function world(channels: string[] = ['lobby']): World {
  const rooms = connection({ platform: DESCRIPTOR.id, channels });
  return new World([rooms], [DESCRIPTOR]);
}

module('Unit | channels without a sign', function () {
  test('a channel is one because it is said to be', function (assert) {
    const here = world();
    assert.strictEqual(here.room('lobby').kind, 'channel');
    here.receive(
      event('join', 'alice', undefined, undefined, {
        target: room('attic', SERVER),
      }),
      said('bob', 'attic', 'hello', 1000, { target: room('attic', SERVER) }),
      said('bob', 'alice', 'psst', 2000),
    );
    assert.strictEqual(here.room('attic').kind, 'channel');
    assert.true(here.room('attic').joined);
    assert.deepEqual(here.texts('attic'), ['hello']);
    assert.strictEqual(here.room('bob').kind, 'direct');
    assert.deepEqual(here.texts('bob'), ['psst']);
  });

  test('what was taken for a person is a channel once it is joined', function (assert) {
    const here = world([]);
    here.change((draft) => draft.openRoom('net', 'attic'));
    assert.strictEqual(here.room('attic').kind, 'direct');
    here.receive(
      event('join', 'alice', undefined, undefined, {
        target: room('attic', SERVER),
      }),
    );
    assert.strictEqual(here.room('attic').kind, 'channel');
  });

  test('names compare as the platform compares them', function (assert) {
    const here = world(['lobby', 'Lobby']);
    const network = here.state.networks.get('net')!;
    assert.strictEqual(network.rooms.length, 2);
    assert.deepEqual(network.supports, DESCRIPTOR.supports);
  });

  test('a message goes to what the room is', function (assert) {
    const to = (kind: 'channel' | 'direct') =>
      make.send(ACTOR, { name: 'lobby', kind }, 'message', 'hello').target;
    assert.deepEqual(to('channel'), room('lobby', SERVER));
    assert.deepEqual(to('direct'), person('lobby', SERVER));
  });

  test('of a platform that is not offered nothing is assumed', function (assert) {
    const unknown = platformOf([DESCRIPTOR], 'elsewhere');
    assert.strictEqual(unknown.names.compare, 'exact');
    assert.strictEqual(unknown.conversations.channels, '');
    assert.deepEqual(unknown.supports, []);
    const network = new World(
      [connection({ platform: 'elsewhere', channels: [] })],
      [DESCRIPTOR],
    ).state.networks.get('net')!;
    assert.strictEqual(network.casemapping, 'exact');
    // Nor of what a descriptor does not say.
    const { supports: _, ...silent } = DESCRIPTOR;
    const lobby = connection({ platform: DESCRIPTOR.id, channels: ['lobby'] });
    const said = new World([lobby], [silent as PlatformDescriptor]);
    assert.deepEqual(said.state.networks.get('net')!.supports, []);
  });
});
