// Ports that the suite chooses are exclusive.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { freePort, lockOf } from '../harness/ports.mjs';

test('a port is kept from the moment it is chosen', async () => {
  const ports = [];
  for (let n = 0; n < 20; n += 1) ports.push(await freePort());
  assert.equal(new Set(ports).size, ports.length);
  for (const port of ports) {
    assert.ok(port >= 20_000 && port < 32_768, `${port} may be the local end of a connection`);
    // Like the Rust tests and other processes of this suite.
    const asked = spawnSync('flock', ['--nonblock', lockOf(port), 'true']);
    assert.equal(asked.status, 1, `${port} is nobody's`);
  }
});

test('a port on which somebody listens is passed over', async () => {
  const port = await freePort();
  // The one after it, most likely.
  const servers = [];
  for (let n = 1; n <= 5; n += 1) {
    const server = createServer();
    servers.push(server);
    await new Promise((resolve) => {
      server.once('error', resolve);
      server.listen(port + n, '127.0.0.1', resolve);
    });
  }
  const taken = servers.filter((server) => server.listening).map((server) => server.address().port);
  const chosen = await freePort();
  assert.ok(!taken.includes(chosen), `${chosen} of ${taken}`);
  for (const server of servers) server.close();
});
