// Nothing is acknowledged or shown before it is on the disk.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { assert, act, current, room, say } from "./lib.mjs";

const { spool } = JSON.parse(process.env.SCENARIO).more;
const recorded = () =>
  readdirSync(spool).filter((name) => name.endsWith(".spool")).map((name) => readFileSync(join(spool, name), "latin1")).join("");
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
for (const peer of [alice, bob]) peer.close();
