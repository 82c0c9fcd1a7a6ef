// Drives the real remotestorage.js: discovery, the consent page, two devices, both directions, a conflict,
// a deletion, a revoked token. Arguments: user address, password, origin of the server.

import assert from 'node:assert/strict';

const [address, password, origin] = process.argv.slice(2);
const APP = 'https://app.example/notes/';
const LIMIT_MS = 20_000;

// remotestorage.js leaves the page to authorize; this stands for the page.
let left = null;
const page = {
  url: APP,
  get href() { return this.url; },
  set href(url) { left?.(url); },
  get hash() { return new URL(this.url).hash; },
  set hash(hash) { const url = new URL(this.url); url.hash = hash; this.url = url.href; },
  get origin() { return new URL(this.url).origin; },
  get pathname() { return new URL(this.url).pathname; },
  toString() { return this.url; },
};
globalThis.document = {
  get location() { return page; },
  addEventListener() {},
  removeEventListener() {},
  hidden: false,
};

const { default: RemoteStorage } = await import('remotestoragejs');

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took too long: ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function device() {
  const rs = new RemoteStorage({ cache: true, modules: [] });
  rs.access.claim('notes', 'rw');
  rs.caching.enable('/notes/');
  // The shortest interval that it accepts.
  rs.setSyncInterval(2_000);
  rs.on('error', (error) => { rs.lastError = error; });
  return rs;
}

const event = (rs, name) => within(new Promise((resolve) => {
  const handler = (value) => { rs.removeEventListener(name, handler); resolve(value); };
  rs.on(name, handler);
}), `event ${name}`);

/** Handles the consent page like a browser: sign in, read, allow. */
async function consent(url) {
  const form = (fields, cookie) => ({
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin, cookie },
    body: new URLSearchParams(fields).toString(),
  });
  const first = await fetch(url);
  assert.equal(first.status, 200);
  assert.match(await first.text(), /type="password"/);
  const signedIn = await fetch(url, form({ action: 'sign-in', password }, ''));
  assert.equal(signedIn.status, 303);
  const cookie = signedIn.headers.get('set-cookie').split(';')[0];
  const html = await (await fetch(new URL(signedIn.headers.get('location'), url), { headers: { cookie } })).text();
  assert.match(html, /https:\/\/app\.example/);
  assert.match(html, /Read and change your notes/);
  const csrf = /name="csrf" value="([^"]+)"/.exec(html)[1];
  const allowed = await fetch(url, form({ action: 'allow', csrf }, cookie));
  assert.equal(allowed.status, 303);
  return allowed.headers.get('location');
}

/** Connects like an app: goes to the consent page, and returns with the token in the fragment. */
async function connect() {
  page.url = `${APP}#/folder?x=1`;
  const before = device();
  const leaving = within(new Promise((resolve) => { left = resolve; }), 'leaving for the consent page');
  before.connect(address);
  const url = await leaving;
  left = null;
  assert.ok(url.startsWith(`${origin}/oauth/authorize/alice?`), url);
  const back = await consent(url);
  assert.ok(back.startsWith(`${APP}#access_token=`), back);
  page.url = back;
  const rs = device();
  await event(rs, 'connected');
  assert.equal(rs.remote.userAddress, address);
  assert.equal(rs.remote.href, `${origin}/storage/alice`);
  assert.equal(rs.remote.storageApi, 'draft-dejong-remotestorage-26');
  devices.push({ rs });
  return { rs, token: rs.remote.token };
}

/** Waits until a condition holds. Apps may request a synchronisation at any time; so does this. */
async function eventually(what, check) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await check();
    if (value) return value;
    assert.ok(Date.now() < end, `took too long: ${what}`);
    for (const { rs } of devices) rs.startSync();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

const text = async (client, name) => (await client.getFile(name, false)).data;
const names = async (client, folder = '') => Object.keys(await client.getListing(folder, false)).sort().join(' ');
const settled = (rs) => eventually('everything is sent', () => !rs.sync.hasTasks());

const devices = [];
const one = await connect();
const two = await connect();
assert.notEqual(one.token, two.token);
const [first, second] = [one.rs.scope('/notes/'), two.rs.scope('/notes/')];

// From one to two, with awkward names and binary data.
const documents = ['plain.txt', 'a b/ü 100%.txt', "deep/er/it's #1?.txt", 'emoji😀+.txt'];
for (const name of documents) await first.storeFile('text/plain', name, `content of ${name}`);
const bytes = new Uint8Array([0, 255, 1, 254]);
await first.storeFile('application/octet-stream', 'binary', bytes.buffer);
for (const name of documents) {
  await eventually(`${name} arrives`, async () => await text(second, name) === `content of ${name}`);
  assert.match((await second.getFile(name, false)).contentType, /^text\/plain/);
}
await eventually('binary data arrives', () => text(second, 'binary'));
// In Node the library returns binary data as text, so the bytes are compared with those on the server.
const binary = await fetch(`${origin}/storage/alice/notes/binary`, {
  headers: { authorization: `Bearer ${two.token}` },
});
assert.deepEqual([...new Uint8Array(await binary.arrayBuffer())], [...bytes]);
assert.equal(await names(second), 'a b/ binary deep/ emoji😀+.txt plain.txt');

// In the other direction, with a deletion deep in the tree.
await second.storeFile('text/plain', 'plain.txt', 'changed by two');
await second.remove("deep/er/it's #1?.txt");
await eventually('the change arrives', async () => await text(first, 'plain.txt') === 'changed by two');
await eventually('the deletion arrives', async () => await names(first) === 'a b/ binary emoji😀+.txt plain.txt');

// Both change the same document: the second one is notified of the conflict, and gets the first one's version.
await settled(one.rs);
await settled(two.rs);
const conflicts = [];
second.on('change', (change) => { if (change.origin === 'conflict') conflicts.push(change); });
two.rs.sync.numThreads = 0;
await eventually('two is quiet', () => Object.keys(two.rs.sync._running).length === 0);
await second.storeFile('text/plain', 'plain.txt', 'two was late');
await first.storeFile('text/plain', 'plain.txt', 'one was first');
await settled(one.rs);
two.rs.sync.numThreads = 10;
two.rs.startSync();
await eventually('the conflict shows', () => conflicts.length > 0);
assert.equal(conflicts.length, 1);
assert.equal(conflicts[0].oldValue, 'two was late');
assert.equal(conflicts[0].newValue, 'one was first');
await eventually('both agree', async () => await text(second, 'plain.txt') === 'one was first'
  && await text(first, 'plain.txt') === 'one was first');

// A poll without changes gets 304 and the version.
const listing = await fetch(`${origin}/storage/alice/notes/`, { headers: { authorization: `Bearer ${one.token}` } });
assert.equal(listing.status, 200);
const poll = await fetch(`${origin}/storage/alice/notes/`, {
  headers: { authorization: `Bearer ${one.token}`, 'if-none-match': listing.headers.get('etag') },
});
assert.equal(poll.status, 304);
assert.equal(poll.headers.get('etag'), listing.headers.get('etag'));

// A revoked token ends the connection of that device only.
const api = (path, init) => fetch(`${origin}/api/${path}`, init);
const session = await (await api('session', {
  method: 'POST',
  body: JSON.stringify({ name: 'alice', password }),
})).json();
const authorization = `Bearer ${session.token}`;
const revoked = await api(`grants/${two.token.split('.')[1]}`, { method: 'DELETE', headers: { authorization } });
assert.equal(revoked.status, 204);
await assert.rejects(async () => {
  await two.rs.remote.get('/notes/', {}).then(({ statusCode }) => {
    if (statusCode === 401) throw new Error('Unauthorized');
  });
});
assert.equal((await one.rs.remote.get('/notes/', {})).statusCode, 200);

one.rs.stopSync();
two.rs.stopSync();
console.log('remotestorage.js: all well');
process.exit(0);
