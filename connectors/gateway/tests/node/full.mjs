// Full mode: the whole account, first its state, then missed messages.
import { act, assert, content, current, person, room, say } from "./lib.mjs";

const bob = await current("bob");
const first = await current("alice", { auth: { mode: "full" } });
await first.message(act("join", "alice", { target: room("#full") }));
await bob.message(act("join", "bob", { target: room("#full") }));
const start = new Date(Date.now() - 1).toISOString();
const ids = [];
for (const text of ["one", "two", "three"]) ids.push((await bob.message(say("bob", room("#full"), text))).id);
await bob.message(say("bob", person("alice"), "direct"));
await first.wait("direct", content("direct"));
const own = await first.message(say("alice", person("bob"), "own"));
assert.ok(own.id && own.published);

const second = await current("alice", { auth: { mode: "full", since: start } });
await second.wait("own message from the other device", content("own"));
const order = second.got.map((v) => (v.type === "send" ? v.object.content : (v.object?.type ?? v.type)));
assert.deepEqual(order, ["connection", "join", "attendance", "one", "two", "three", "direct", "own"]);
const sent = second.got.filter((v) => v.type === "send");
assert.deepEqual(sent.slice(0, 3).map((v) => v.id), ids);
assert.equal(second.got[0].object.status, "online");

// Another device's messages, notices and every room, without joining anything.
await first.message(say("alice", person("bob"), "later"));
await second.wait("own direct message of the other device", content("later"));
await bob.message(say("bob", room("#full"), "notice me"));
assert.equal((await second.wait("notice", content("notice me"))).object.type, "notice");
assert.ok(!first.got.some(content("own")), "never to the sender");
for (const peer of [first, second, bob]) peer.close();
