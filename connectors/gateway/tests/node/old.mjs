// The older dialect, with a client of its time: @sockethub/client 5.0.0-alpha.11.
import { io } from "socket.io-client";
import "@sockethub/client";
import * as module from "@sockethub/client";
import { Peer, assert, content, current, room, say, act, tickets, url, within } from "./lib.mjs";

const Client = module.default;
const socket = io(url, { path: "/sockethub", auth: { ticket: tickets.alice }, forceNew: true });
const raw = [];
socket.onAny((event, value) => raw.push([event, value]));
const client = new Client(socket);
client.debug = false;
await within("connect", new Promise((resolve) => client.socket.on("connect", resolve)));
const ask = (event, value) => within(`ack of ${event}`, new Promise((resolve) => client.socket.emit(event, value, (...args) => resolve(args))));
const got = [];
let look = () => {};
client.socket.on("message", (value) => {
  got.push(value);
  look();
});
const wait = (what, test) =>
  within(what, new Promise((resolve) => {
    look = () => got.some(test) && resolve(got.find(test));
    look();
  }));

const me = "alice@irc.test";
const channel = "irc.test/#old";
assert.deepEqual(await ask("activity-object", { id: me, type: "person", name: "alice" }), []);
client.ActivityStreams.Object.create({ id: me, type: "person", name: "alice" });
client.ActivityStreams.Object.create({ id: channel, type: "room", name: "#old" });
// Error first: no argument means success.
const credentials = { context: "irc", type: "credentials", actor: me, object: { type: "credentials", nick: "alice", server: "irc.test", password: "secret" } };
assert.deepEqual(await ask("credentials", credentials), []);
let [ack] = await ask("message", { context: "irc", type: "connect", actor: me });
assert.deepEqual([ack.context, ack.actor.id, ack.error, "@context" in ack], ["irc", me, undefined, false]);
[ack] = await ask("message", { context: "irc", type: "join", actor: me, target: channel });
assert.deepEqual([ack.target.id, ack.target.name, ack.actor.id], [channel, "#old", me]);
const list = await wait("attendance", (v) => v.object?.type === "attendance");
assert.deepEqual([list.actor.id, list.object.members, list.context], [channel, ["alice"], "irc"]);
[ack] = await ask("message", { context: "irc", type: "query", actor: me, target: channel, object: { type: "attendance" } });
assert.deepEqual(ack.object.members, ["alice"]);

const bob = await current("bob");
await bob.message(act("join", "bob", { target: room("#old") }));
await wait("list with bob", (v) => v.object?.members?.includes("bob"));
await bob.message(say("bob", room("#old"), "to the old"));
const heard = await wait("message", content("to the old"));
assert.deepEqual([heard.actor.id, heard.target.id, heard.context], ["bob@irc.test", channel, "irc"]);
[ack] = await ask("message", { context: "irc", type: "send", actor: me, target: channel, object: { type: "me", content: "waves" } });
assert.deepEqual([ack.error, ack.object.content], [undefined, "waves"]);
await bob.wait("action", content("waves"));
[ack] = await ask("message", { context: "irc", type: "leave", actor: me, target: { id: channel, type: "room" }, object: {} });
assert.equal(ack.error, undefined);

// After a disconnect the client sends everything again; that succeeds.
const before = got.length;
socket.io.engine.close();
await within("connect again", new Promise((resolve) => client.socket.on("connect", resolve)));
[ack] = await ask("message", { context: "irc", type: "connect", actor: me });
assert.equal(ack.error, undefined);

// Never echo activity-object: the client would send it again, for ever.
assert.ok(!raw.some(([event]) => event === "activity-object"));
assert.ok(before <= got.length);

// The marks of both dialects in a message: both in the answers.
const both = await new Peer({ ticket: tickets.alice }).open();
ack = await both.message({ ...act("connect", "alice"), context: "irc" });
assert.deepEqual([ack.context, ack["@context"].length], ["irc", 3]);
for (const peer of [both, bob]) peer.close();
socket.close();
