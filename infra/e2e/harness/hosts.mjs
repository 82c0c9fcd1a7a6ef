// The hosts of the functions, each fresh, with nothing but a master key and a set-up token.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startFront } from './front.mjs';
import { freePort } from './ports.mjs';
import { Program, temporaryFolder } from './processes.mjs';
import { binary } from './subspace.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
/** Wasmtime compiles the component at first, and wrangler is slow on a busy machine; in ms. */
const START_MS = 180_000;
/** Variables that the developer's shell may have set. */
const FOREIGN = /^(SUBSPACE|CLOUDFLARE|CF|WRANGLER|MINIFLARE)_/;

/** Returns a variable that `cargo xtask e2e` sets. */
function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run the suite with cargo xtask e2e`);
  return value;
}

/** The environment without such variables, and with `more`. */
export function environment(more) {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return { ...Object.fromEntries(own), ...more };
}

/** The path of a program of this project. */
const own = (name) => join(dirname(binary()), name);

/** The environment in which programs of this project are found, as if they were installed. */
export function installed(more) {
  return environment({ PATH: `${dirname(binary())}:${process.env.PATH}`, ...more });
}

/** The variables of every host; `internal` is where it reaches connectors whose certificate it does not trust. */
function variables(origin, internal) {
  return {
    SUBSPACE_ORIGIN: origin,
    SUBSPACE_INTERNAL: JSON.stringify(internal),
    SUBSPACE_MASTER_KEY: randomBytes(32).toString('hex'),
    SUBSPACE_SETUP_TOKEN: randomBytes(16).toString('hex'),
  };
}

function host(name, told, parts) {
  return {
    name,
    origin: told.SUBSPACE_ORIGIN,
    /** The link with which its operator creates the first account. */
    setUpLink: `${told.SUBSPACE_ORIGIN}/#/setup/${told.SUBSPACE_SETUP_TOKEN}`,
    stop: () => Promise.all(parts.map((part) => part.stop())),
  };
}

/** A bucket, and the variables for it. */
async function startBucket(name) {
  const program = new Program(name, own('examples/s3_server'), []);
  await program.line(/^ready$/, START_MS);
  const pairs = program.lines.filter((line) => line.includes('=')).map((line) => line.split('='));
  return { program, settings: Object.fromEntries(pairs) };
}

/** `subspace-functions` over a bucket, behind a web server that has the client. */
async function native(internal) {
  const bucket = await startBucket('host-native-s3');
  const port = await freePort();
  const front = await startFront(given('SUBSPACE_CLIENT'), port);
  const told = variables(`http://127.0.0.1:${front.port}`, internal);
  const env = environment({
    ...told,
    ...bucket.settings,
    SUBSPACE_STORE: 's3',
    SUBSPACE_LISTEN: `127.0.0.1:${port}`,
    SUBSPACE_BEHIND_PROXY: 'true',
  });
  const program = new Program('host-native', own('subspace-functions'), [], { env });
  await program.line(/^ready /, START_MS);
  return host('native', told, [program, front, bucket.program]);
}

/** The component in `wasmtime serve`, over a bucket. */
async function spin(internal) {
  const bucket = await startBucket('host-spin-s3');
  const port = await freePort();
  const told = variables(`http://127.0.0.1:${port}`, internal);
  const set = { ...told, ...bucket.settings };
  const args = ['serve', '-Wcomponent-model-async=y', '-Sp3=y,cli=y', `--addr=127.0.0.1:${port}`];
  args.push(`--dir=${given('SUBSPACE_CLIENT')}::/client`);
  // Their values are in the environment: secrets are on no command line.
  args.push(...Object.keys(set).map((name) => `--env=${name}`), given('SUBSPACE_SPIN_COMPONENT'));
  const env = environment(set);
  const program = new Program('host-spin', given('SUBSPACE_WASMTIME'), args, { env });
  await program.line(/Serving HTTP on/, START_MS);
  return host('spin', told, [program, bucket.program]);
}

/** The Worker in workerd, over a bucket in a folder. */
async function workers(internal) {
  const home = temporaryFolder('wrangler');
  const port = await freePort();
  const told = variables(`http://127.0.0.1:${port}`, internal);
  const file = join(home, 'variables');
  const lines = Object.entries(told).map(([name, value]) => `${name}='${value}'\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  const args = ['dev', '--config', 'wrangler.toml', '--ip', '127.0.0.1', '--port', String(port)];
  args.push('--inspector-port', '0', '--show-interactive-dev-session=false');
  args.push('--persist-to', join(home, 'state'), '--env-file', file);
  const env = environment({
    HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    CI: 'true',
    NO_COLOR: '1',
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_LOG_PATH: join(home, 'logs'),
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    SUBSPACE_WORKER_IS_BUILT: '1',
  });
  // workerd is a child of wrangler: all are stopped together.
  const program = new Program('host-workers', join(ROOT, 'node_modules/.bin/wrangler'), args, {
    cwd: ROOT,
    env,
    detached: true,
  });
  await program.line(/Ready on http/, START_MS);
  return host('workers', told, [program]);
}

/**
 * Each starts a host, with the addresses of connectors by id, and returns its origin, its set-up link and a function
 * that stops it.
 */
export const HOSTS = { native, spin, workers };
