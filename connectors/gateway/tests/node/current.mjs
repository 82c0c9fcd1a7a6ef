// The current dialect, over polling and over WebSocket.
import { Peer, act, assert, content, current, person, room, say, tickets, CTX } from "./lib.mjs";

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  const peer = await new Peer({ ticket: tickets.alice }, { transports }).open();
  const first = await peer.ask("schemas", null);
  assert.equal(first.platforms[0].id, "irc");
  assert.equal(first.platforms[0].contextUrl, CTX[2]);
  assert.deepEqual(first.platforms[0].schemas, { credentials: {}, messages: {} });
  assert.deepEqual(await peer.ask("schemas", first.fingerprint), { fingerprint: first.fingerprint, unchanged: true });
  peer.socket.emit("schemas", null);
  assert.deepEqual(await peer.wait("schemas without ack", (v) => v.fingerprint, peer.others), first);
  peer.close();
}

// The ticket may be in the URL.
const byUrl = await new Peer({}, { query: { ticket: tickets.alice } }).open();
assert.equal((await byUrl.message(act("connect", "alice"))).error, undefined);
byUrl.close();

const alice = await current("alice");
const tab = await current("alice");
const bob = await current("bob");

// Credentials: never echoed; sending them repeatedly is fine.
const credentials = { ...act("credentials", "alice"), object: { type: "credentials", nick: "alice", server: "irc.test", password: "secret" } };
for (const _ of [1, 2]) {
  const ack = await alice.ask("credentials", credentials);
  assert.deepEqual(ack, { "@context": CTX, type: "credentials", actor: person("alice") });
}
const wrong = await alice.ask("credentials", { ...credentials, object: { password: "secret" } });
assert.equal(wrong.error, "credentials need a server");
assert.ok(!JSON.stringify(wrong).includes("secret"));
assert.deepEqual(await alice.message(act("connect", "alice")), act("connect", "alice"));

// Joining: the ack in the client's own spelling, then who is there.
const slash = { id: "irc.test/#dev", type: "room", name: "#dev" };
let ack = await alice.message(act("join", "alice", { target: slash }));
assert.deepEqual(ack, act("join", "alice", { target: slash }));
let list = await alice.wait("attendance", (v) => v.object?.type === "attendance");
assert.equal(list.actor.id, "irc.test/#dev");
assert.equal((await bob.message(act("join", "bob", { target: { id: "dev@irc.test", type: "room" } }))).target.id, "dev@irc.test");
// The others are told, with the new list.
await alice.wait("bob's join", (v) => v.type === "join" && v.actor.name === "bob");
await alice.wait("new list", (v) => v.object?.members?.includes("bob") && v.actor.id === "irc.test/#dev");

// Sending: the ack has the id and the time; everyone receives the same.
ack = await alice.message(say("alice", slash, "hello"));
assert.match(ack.published, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
assert.equal(ack.target.id, "irc.test/#dev");
const heard = await bob.wait("hello", content("hello"));
assert.deepEqual([heard.id, heard.published, heard.target.id, heard.target.name], [ack.id, ack.published, "dev@irc.test", "#dev"]);

// Another tab receives only rooms that it joined itself, in its own spelling.
await tab.message(act("join", "alice", { target: room("#dev") }));
await tab.wait("list for a room the account is in already", (v) => v.object?.type === "attendance" && v.actor.id === "#dev@irc.test");
await alice.message(say("alice", slash, "second"));
assert.equal((await tab.wait("second", content("second"))).target.id, "#dev@irc.test");
assert.ok(!tab.got.some(content("hello")), "nothing from before it joined");

// Direct messages go to the recipient, never to the sender's other tabs.
await alice.message(say("alice", person("bob"), "psst"));
assert.deepEqual((await bob.wait("psst", content("psst"))).target, person("bob"));
await bob.message(say("bob", person("alice"), "what"));
for (const peer of [alice, tab]) assert.equal((await peer.wait("what", content("what"))).actor.name, "bob");

// Notices are messages here; topics have both keys; errors arrive in the ack.
await bob.message(say("bob", room("#dev"), "notice this"));
assert.equal((await alice.wait("notice", content("notice this"))).object.type, "message");
await bob.message(act("update", "bob", { target: room("#dev"), object: { type: "topic", topic: "New" } }));
const topic = await alice.wait("topic", (v) => v.object?.type === "topic");
assert.deepEqual([topic.object.topic, topic.object.content], ["New", "New"]);
ack = await alice.message(act("join", "alice", { target: room("#secret") }));
assert.equal(ack.error, "no such channel #secret");
ack = await alice.message(act("query", "alice", { target: slash, object: { type: "attendance" } }));
assert.ok(ack.object.members.includes("bob"));

// A quit arrives once, however many rooms are shared, with the server as target.
for (const [peer, nick] of [[alice, "alice"], [bob, "bob"]]) await peer.message(act("join", nick, { target: room("#two") }));
await alice.wait("bob in #two", (v) => v.type === "join" && v.target.name === "#two" && v.actor.name === "bob");
await bob.message(say("bob", room("#dev"), "quit"));
const quit = await alice.wait("quit", (v) => v.type === "leave" && v.actor.name === "bob");
assert.deepEqual([quit.target.type, quit.target.id, quit.object.content], ["service", "irc.test", "gone fishing"]);
await alice.wait("list without bob", (v) => v.object?.members && v.actor.name === "#two" && !v.object.members.includes("bob"));
assert.equal(alice.got.filter((v) => v.type === "leave" && v.actor.name === "bob").length, 1);

// Not here: states, own direct messages, anything without `published`.
for (const peer of [alice, tab]) {
  assert.ok(!peer.got.some((v) => v.object?.type === "connection"));
  assert.ok(!peer.got.some(content("psst")));
  assert.ok(peer.got.every((v) => v.published && v["@context"] && !("context" in v)));
}
assert.ok(!alice.got.some(content("hello")) && !alice.got.some(content("second")), "never echoed to the sender");

// Leaving stops it.
assert.equal((await tab.message(act("leave", "alice", { target: room("#dev"), object: {} }))).error, undefined);
assert.equal((await tab.message(act("disconnect", "alice"))).error, undefined);
ack = await tab.message(say("alice", room("#dev"), "x"));
assert.equal(ack.error, "no client found, and no credentials specified. you must connect first");
for (const peer of [alice, tab, bob]) peer.close();
