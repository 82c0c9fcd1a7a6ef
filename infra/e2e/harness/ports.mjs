// Ports for programs started by tests that cannot choose one themselves, as in infra/ports: below the range of
// ephemeral ports, and locked by the same files until this process ends, so that nobody else is given one before the
// program binds it.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** By default, Linux uses ephemeral ports from 32,768 on. */
const FIRST = 20_000;
const COUNT = 12_000;

const folder = join(tmpdir(), 'subspace-test-ports');
let next = process.pid * 31;

/** The file whose lock keeps a port. */
export function lockOf(port) {
  return join(folder, String(port));
}

/** Returns a port that belongs to this process until it ends, and on which nothing listens on 127.0.0.1. */
export async function freePort() {
  mkdirSync(folder, { recursive: true });
  for (let tries = 0; tries < COUNT; tries += 1) {
    next += 1;
    const port = FIRST + (next % COUNT);
    const giveBack = await lock(port);
    if (!giveBack) continue;
    if (await isFree(port)) return port;
    giveBack();
  }
  throw new Error(`none of the ports from ${FIRST} on is free`);
}

/** Locks a port; returns a function that releases it, or nothing if another process has it. */
function lock(port) {
  // Node has no flock. The holder of the lock reads until this process closes the pipe, or ends.
  const holder = spawn('flock', ['--nonblock', lockOf(port), 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return new Promise((resolve, reject) => {
    holder.once('error', reject);
    holder.once('close', () => resolve(undefined));
    holder.stdout.once('data', () => {
      for (const one of [holder, holder.stdin, holder.stdout]) one.unref();
      resolve(() => holder.stdin.end());
    });
  });
}

async function isFree(port) {
  return (
    (await binds(createServer(), 'listen', port)) &&
    (await binds(createSocket('udp4'), 'bind', port))
  );
}

function binds(socket, method, port) {
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket[method](port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
