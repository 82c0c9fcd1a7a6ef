// Nothing is acknowledged or shown before it is on disk.
import { mkdirSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { assert, act, current, room, say } from "./lib.mjs";

const { spool } = JSON.parse(process.env.SCENARIO).more;
const segments = () => readdirSync(spool, { withFileTypes: true }).filter((f) => f.isFile() && f.name.endsWith(".spool")).map((f) => f.name).sort();
const recorded = () =>
  segments().map((name) => readFileSync(join(spool, name), "latin1")).join("");
const has = (account, id) => recorded().includes(`"id":"${account}-${id.slice(1)}"`);

const alice = await current("alice");
const bob = await current("bob", { auth: { mode: "full" } });
await alice.message(act("join", "alice", { target: room("#disk") }));
await bob.message(act("join", "bob", { target: room("#disk") }));
let shown = 0;
bob.socket.on("message", (activity) => {
  if (activity.type !== "send") return;
  assert.ok(has("bob", activity.id), `${activity.id} was shown before it was recorded`);
  shown += 1;
});
const sent = [];
for (let n = 0; n < 60; n += 1) {
  const answer = alice.message(say("alice", room("#disk"), `text ${n}`));
  sent.push(answer.then((ack) => assert.ok(has("alice", ack.id), `${ack.id} was acknowledged before it was recorded`) ?? ack));
}
await Promise.all(sent);
await bob.wait("the last", (v) => v.object?.content === "text 59");
assert.equal(shown, 60);
const texts = bob.got.filter((v) => v.type === "send").map((v) => v.object.content);
assert.deepEqual(texts, Array.from({ length: 60 }, (_, n) => `text ${n}`), "in order");

// A disk that refuses: folders block every path of the next segment.
const last = parseInt(segments().at(-1), 16);
const blocks = Array.from({ length: 300 }, (_, n) => join(spool, `${(last + 1 + n).toString(16).padStart(16, "0")}.spool`));
for (const block of blocks) mkdirSync(block);
let acknowledged = false;
const held = alice.message(say("alice", room("#disk"), "held")).then(() => (acknowledged = true));
for (let n = 0; n < 20; n += 1) {
  for (const peer of [alice, bob]) await peer.ask("schemas", null);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
assert.ok(!acknowledged && !bob.got.some((v) => v.object?.content === "held"), "held back");
for (const block of blocks) rmdirSync(block);
await held;
await bob.wait("what was held back", (v) => v.object?.content === "held");
for (const peer of [alice, bob]) peer.close();
